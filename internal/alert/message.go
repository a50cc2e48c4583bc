package alert

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/traceid"
)

const (
	// maxSubject is SNS's limit, which its reference gives as "less than 100
	// characters".
	maxSubject = 99
	// maxText bounds the text of an alert, in bytes: about what fits into SNS's
	// 256 KB. It is cut further until the Channel is content.
	maxText = 200_000
	// The exception's end is shown: in most languages, that is where the cause
	// stands, or the innermost frame.
	exceptionLines = 15
	maxException   = 4 << 10 // bytes
	maxHead        = 300     // bytes of the text's first line
)

// A Source says what everybody who reads an alert wants to know first.
type Source struct {
	Function, Version, Region string
	Zone                      *time.Location
	InfoTable, ErrorsTable    string // names or ARNs
}

// The names of the tables where none is set.
const (
	defaultInfoTable   = "logtable-info"
	defaultErrorsTable = "logtable-errors"
)

// beside is what a message says beside its record: how many alerts were held
// back, of the same kind and of others, and what people had said of the cause.
type beside struct {
	same, others Held
	past         past
}

// message renders an alert for one of its topics, cut to what fits.
func (s *Source) message(a *Alert, d delivery, more beside, fits func(Message) bool) Message {
	for limit := maxText; ; limit /= 2 {
		if m := s.render(a, d, more, limit); limit < 1000 || fits(m) {
			return m
		}
	}
}

func (s *Source) render(printed *Alert, d delivery, more beside, limit int) Message {
	a := printed.cleaned()
	said, exception := a.Text, lastLines(a.Exception)
	if d.message != "" {
		said = clean(d.message)
	}
	said = cut(said, limit)
	head := line(a.Level + " " + a.Module + " " + a.Locator)
	if first := firstLine(said, exception); first != "" {
		head = line(head + ": " + first)
	}
	m := s.envelope(a, d, head)
	command := s.command(a, printed)
	var b strings.Builder
	fmt.Fprintln(&b, cut(head, maxHead))
	if past := more.past.line(); past != "" {
		fmt.Fprintln(&b, past)
	}
	b.WriteByte('\n')
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-9s %s\n", name, line(value))
		}
	}
	row("function", s.Function)
	row("version", s.Version)
	row("region", s.Region)
	row("time", a.Time.In(s.Zone).Format("2006-01-02 15:04:05.000 MST"))
	row("request", a.RequestID)
	row("trace", traceid.XRay(a.TraceID))
	paragraph := func(text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s\n", text)
		}
	}
	paragraph(said)
	if d.message != "" && a.Text != said {
		paragraph(cut(a.Text, limit/4))
	}
	paragraph(exception)
	paragraph(s.sentence(more.same, "Similar alerts"))
	paragraph(s.sentence(more.others, "Other alerts"))
	paragraph(command)
	paragraph(s.link(a))
	m.Text = b.String()
	m.Data = s.data(a, said, exception, command, more)
	return m.seal()
}

// envelope is a message without its texts.
func (s *Source) envelope(a *Alert, d delivery, head string) Message {
	return Message{
		Topic: d.topic, Subject: head, Short: head, Group: s.Function,
		Level: a.Level, Module: a.Module, Locator: a.Locator,
	}
}

// sentence says how many alerts were held back.
func (s *Source) sentence(h Held, what string) string {
	switch {
	case h.Count <= 0:
		return ""
	case h.First.IsZero() || h.Last.IsZero():
		return fmt.Sprintf("%s held back before: about %d.", what, h.Count)
	}
	const layout = "2006-01-02 15:04:05"
	return fmt.Sprintf("%s held back: about %d, the first at %s, the last at %s.",
		what, h.Count, h.First.In(s.Zone).Format(layout), h.Last.In(s.Zone).Format(layout))
}

// notice says that from now on alerts are held back, whatever they are about.
func (s *Source) notice(printed *Alert, d delivery, most int, window time.Duration, until time.Time) Message {
	a := printed.cleaned()
	end := until.In(s.Zone).Format("15:04 MST")
	head := fmt.Sprintf("%s: further alerts are held back until %s", s.Function, end)
	m := s.envelope(a, d, head)
	m.Text = fmt.Sprintf("%s\n\n"+
		"The function has sent %d messages within %v, the limit (LOGTABLE_ALERT_MAX). Further alerts are "+
		"held back; the first was: %s %s %s. Their rows are stored as usual:\n\n%s\n",
		head, most, window, a.Level, a.Module, a.Locator, s.listing(a))
	m.Data = object("kind", "held back", "function", s.Function, "version", s.Version, "region", s.Region,
		"until", until.UTC().Format(time.RFC3339), "max", strconv.Itoa(most), "command", s.listing(a))
	return m.seal()
}

// data is the alert for programs, all values strings.
func (s *Source) data(a *Alert, said, exception, command string, more beside) string {
	number := func(n int) string {
		if n <= 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return object(append([]string{"kind", "alert", "level", a.Level, "module", a.Module, "locator", a.Locator,
		"text", said, "exception", exception,
		"function", s.Function, "version", s.Version, "region", s.Region,
		"time", stamp(a.Time), "request_id", a.RequestID, "trace_id", a.TraceID,
		"held_back", number(more.same.Count), "held_back_first", stamp(more.same.First),
		"held_back_last", stamp(more.same.Last), "held_back_others", number(more.others.Count),
		"table", s.table(a), "date", a.Date, "stamp_mod", a.StampMod, "command", command, "console", s.link(a)},
		more.past.members()...)...)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// object is a JSON object of strings, given as name, value, name, value, each
// cleaned; empty ones are left out.
func object(pairs ...string) string {
	b := []byte{'{'}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, pairs[i]) // invalid UTF-8 is replaced
		b = append(b, ':')
		b, _ = jsontext.AppendQuote(b, clean(pairs[i+1]))
	}
	return string(append(b, '}'))
}

// table is the name or ARN of the table that has the row.
func (s *Source) table(a *Alert) string {
	if a.ErrorsTable {
		return s.ErrorsTable
	}
	return s.InfoTable
}

// command is what shows the story of the trace, or else of the invocation:
// whole, ready to be pasted into a shell. A member that cannot be shown as it
// was printed would find nothing, and is left out.
func (s *Source) command(a, printed *Alert) string {
	switch {
	case a.TraceID != "":
		return s.tool("show", traceid.XRay(a.TraceID))
	case isLambdas(a.RequestID):
		return s.tool("show", a.RequestID)
	case a.RequestID != "" && a.RequestID != "init" && a.RequestID == printed.RequestID:
		return s.tool("query", day(a), "--request", a.RequestID, "-v")
	}
	args := []string{day(a)}
	if a.Module != "" && a.Module == printed.Module {
		args = append(args, "--module", a.Module)
	}
	if a.Locator != "" && a.Locator == printed.Locator {
		args = append(args, "--locator", a.Locator)
	}
	return s.tool("query", append(args, "-v")...)
}

// isLambdas reports whether a request ID has the form of Lambda's, a UUID. A
// line may name any other, which `logtable show` might take for something else.
func isLambdas(id string) bool {
	const example = "8f0a2c1e-0000-4000-8000-000000000001"
	if len(id) != len(example) {
		return false
	}
	for i, c := range []byte(id) {
		if (example[i] == '-') != (c == '-') || c != '-' && !isName(string(c), "") {
			return false
		}
	}
	return true
}

// listing is what shows everything severe of the day.
func (s *Source) listing(a *Alert) string { return s.tool("query", day(a), "--errors") }

// day is the day of the row, whose partition may be a shard of it.
func day(a *Alert) string {
	date, _, _ := strings.Cut(a.Date, "#")
	return date
}

// tool is a command of the command-line tool for the tables.
func (s *Source) tool(command string, args ...string) string {
	if s.Zone != time.UTC {
		args = append(args, "--timezone", s.Zone.String())
	}
	if s.Region != "" {
		args = append(args, "--region", s.Region)
	}
	if s.InfoTable != defaultInfoTable {
		args = append(args, "--info-table", s.InfoTable)
	}
	if s.ErrorsTable != defaultErrorsTable {
		args = append(args, "--errors-table", s.ErrorsTable)
	}
	all := "logtable " + command
	for _, arg := range args {
		if arg != "" {
			all += " " + quoted(arg)
		}
	}
	return all
}

// quoted makes an argument harmless for a shell: what a function printed, its
// locator and request ID, is not to be run by whoever pastes the command.
func quoted(arg string) string {
	arg = line(arg)
	if isName(arg, "-_.:/+") {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// link leads to the row in DynamoDB's console; "" where there is none.
func (s *Source) link(a *Alert) string {
	host := awsenv.Console(awsenv.Partition(s.Region))
	if host == "" || s.Region == "" || a.Date == "" {
		return ""
	}
	name := s.table(a)
	if i := strings.LastIndexByte(name, '/'); i >= 0 { // an ARN
		name = name[i+1:]
	}
	escape := func(v string) string { return strings.ReplaceAll(url.QueryEscape(v), "+", "%20") }
	return fmt.Sprintf("https://%s.%s/dynamodbv2/home?region=%s"+
		"#edit-item?itemMode=2&pk=%s&route=ROUTE_ITEM_EXPLORER&sk=%s&table=%s",
		s.Region, host, s.Region, escape(a.Date), escape(a.StampMod), escape(name))
}

// subject makes a line of printable ASCII out of anything.
func subject(text string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, line(text))
	if ascii == "" || ascii[0] == ' ' {
		ascii = "alert"
	}
	if len(ascii) > maxSubject {
		ascii = strings.TrimRight(ascii[:maxSubject-3], " ") + "..."
	}
	return ascii
}

// firstLine is the first line with something in it, of the texts given; of an
// exception alone, the last.
func firstLine(text, exception string) string {
	for first := range strings.Lines(text) {
		if first = strings.TrimSpace(first); first != "" {
			return first
		}
	}
	lines := strings.Split(strings.TrimSpace(exception), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if over := len(lines) - exceptionLines; over > 0 {
		lines = append([]string{"…"}, lines[over:]...)
	}
	s = strings.Join(lines, "\n")
	if over := len(s) - maxException; over > 0 {
		for over < len(s) && !utf8.RuneStart(s[over]) {
			over++
		}
		s = "…" + s[over:]
	}
	return s
}

// cut returns s or its head and how much is missing.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	kept := whole(s, n)
	return fmt.Sprintf("%s… (%d more bytes in the row)", kept, len(s)-len(kept))
}

// Sample is an alert as a function would send it to the topic, that says what
// it is, for whoever wants to see whether alerts arrive.
func Sample(topic Topic, at time.Time, zone *time.Location) Message {
	s := Source{
		Function: "logtable-alert-test", Region: topic.Region, Zone: zone,
		InfoTable: defaultInfoTable, ErrorsTable: defaultErrorsTable,
	}
	a := &Alert{
		Time: at, Level: "INFO", Module: "logtable", Locator: "test", Text: "this is a test: alerts from Logtable " +
			"reach you",
		Date: at.In(zone).Format(time.DateOnly), StampMod: "none", ErrorsTable: true,
	}
	m := s.render(a, delivery{topic: topic}, beside{}, maxText)
	m.DeduplicationID = deduplicationID("test", at.String())
	return m
}
