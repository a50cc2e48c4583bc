package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func source() *Source {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return &Source{
		Function: "shop", Version: "$LATEST", Region: "eu-central-1", Zone: berlin,
		InfoTable: "logtable-info", ErrorsTable: "my-errors",
	}
}

func example() *Alert {
	return &Alert{
		Time:  time.Date(2026, 11, 22, 14, 27, 38, 270e6, time.UTC),
		Level: "ERROR", Module: "orders", Locator: "12", Text: "db time-out\nwhile booking",
		Exception: "Traceback:\n  line 1\nTimeout: no answer",
		RequestID: "8f0a2c1e-0000-4000-8000-000000000001", TraceID: "6352a70e1e2c2db1583c0d1f5e7a9b3c",
		ErrorsTable: true,
		Date:        "2026-11-22", StampMod: "1795300058.2700001+orders+2p4thtomb9",
	}
}

const exampleText = `ERROR orders 12: db time-out

function  shop
version   $LATEST
region    eu-central-1
time      2026-11-22 15:27:38.270 CET
request   8f0a2c1e-0000-4000-8000-000000000001
trace     1-6352a70e-1e2c2db1583c0d1f5e7a9b3c

db time-out
while booking

Traceback:
  line 1
Timeout: no answer

Similar alerts held back: about 12, the first at 2026-11-22 15:20:00, the last at 2026-11-22 15:24:59.

logtable show 1-6352a70e-1e2c2db1583c0d1f5e7a9b3c --timezone Europe/Berlin --region eu-central-1 --errors-table my-errors

https://eu-central-1.console.aws.amazon.com/dynamodbv2/home?region=eu-central-1#edit-item?itemMode=2&pk=2026-11-22&route=ROUTE_ITEM_EXPLORER&sk=1795300058.2700001%2Borders%2B2p4thtomb9&table=my-errors
`

// fitting returns the message of an alert whose size does not matter.
func fitting(a *Alert, d delivery, held beside) Message {
	return source().message(a, d, held, func(Message) bool { return true })
}

func TestTheMessage(t *testing.T) {
	held := Held{12, time.Date(2026, 11, 22, 14, 20, 0, 0, time.UTC), time.Date(2026, 11, 22, 14, 24, 59, 0, time.UTC)}
	m := fitting(example(), delivery{}, beside{same: held})
	if diff := cmp.Diff(exampleText, m.Text); diff != "" {
		t.Error(diff)
	}
	if m.Subject != "ERROR orders 12: db time-out" || m.Short != m.Subject || m.Group != "shop" ||
		m.Level != "ERROR" || m.Module != "orders" || m.Locator != "12" {
		t.Errorf("%+v", m)
	}
	var data map[string]string
	if err := json.Unmarshal([]byte(m.Data), &data); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"kind": "alert", "level": "ERROR", "text": "db time-out\nwhile booking",
		"time": "2026-11-22T14:27:38.270Z", "date": "2026-11-22", "stamp_mod": example().StampMod, "table": "my-errors",
		"held_back": "12", "held_back_first": "2026-11-22T14:20:00.000Z",
	} {
		if data[name] != want {
			t.Errorf("%s is %q, want %q", name, data[name], want)
		}
	}
	if data["trace_id"] != example().TraceID {
		t.Errorf("trace_id is %q", data["trace_id"])
	}
	// Without a trace, and with one that has been masked, it is the request's.
	for _, id := range []string{"", "[redacted]", "$(x)"} {
		a := example()
		a.TraceID = id
		m := fitting(a, delivery{}, beside{})
		if !strings.Contains(m.Text, "\nlogtable show "+a.RequestID+" --timezone") ||
			strings.Contains(m.Text, "trace ") || strings.Contains(m.Data, "trace_id") {
			t.Errorf("%q: %s", id, m.Text)
		}
	}
	// An ID that show would take for something else is searched for on its day.
	for _, id := range []string{"17", "a/b", "--since=1h", "6352a70e1e2c2db1583c0d1f5e7a9b3c",
		"--region-0000-4000-8000-000000000001", "1-6352a70e-1e2c2db1583c0d1f5e7a9b3c"} {
		a := example()
		a.TraceID, a.RequestID = "", id
		want := "\nlogtable query 2026-11-22 --request " + quoted(id) + " -v --timezone"
		if m := fitting(a, delivery{}, beside{}); !strings.Contains(m.Text, want) {
			t.Errorf("%q: %s", id, m.Text)
		}
	}
	asked := fitting(example(), delivery{message: "call Ada", own: true}, beside{})
	if asked.Subject != "ERROR orders 12: call Ada" || strings.Contains(asked.Text, "held back") ||
		!strings.Contains(asked.Text, "\ncall Ada\n\ndb time-out\n") {
		t.Errorf("%s", asked.Text)
	}
}

// TestOddLines: what a function printed must not mislead whoever reads it on a
// terminal, or pastes the command into a shell.
// A row may lie in a shard of its day. The command names the day, which is all
// that a reader needs; the link and what is for programs name the key.
func TestTheMessageOfARowInAShard(t *testing.T) {
	a := example()
	a.Date += "#3"
	plain, m := fitting(example(), delivery{}, beside{}), fitting(a, delivery{}, beside{})
	if got := strings.Replace(m.Text, "pk=2026-11-22%233&", "pk=2026-11-22&", 1); got != plain.Text ||
		got == m.Text || !strings.Contains(m.Data, `"date":"2026-11-22#3"`) {
		t.Errorf("%s\n%s", m.Text, m.Data)
	}
	if c := source().listing(a); !strings.HasPrefix(c, "logtable query 2026-11-22 --errors") {
		t.Error(c)
	}
}

func TestOddLines(t *testing.T) {
	a := example()
	a.Module, a.Locator = "größe", "7'; rm -rf / #$(x)"
	a.Text, a.Exception, a.RequestID, a.TraceID = strings.Repeat("é", 200), "", "", ""
	m := fitting(a, delivery{}, beside{})
	isUnprintable := func(r rune) bool { return r < ' ' || r > '~' }
	if len(m.Subject) > 99 || strings.ContainsFunc(m.Subject, isUnprintable) ||
		!strings.HasPrefix(m.Subject, "ERROR gr??e 7'; rm -rf / #") {
		t.Errorf("subject %q", m.Subject)
	}
	if !strings.Contains(m.Text, `--locator '7'\''; rm -rf / #$(x)' -v`) {
		t.Errorf("%s", m.Text)
	}
	a.Locator += "\x1b[2J" // as it was printed it cannot be shown, and otherwise would find nothing
	if m := fitting(a, delivery{}, beside{}); strings.Contains(m.Text, "--locator") ||
		!strings.Contains(m.Text, "--module 'größe' -v") || strings.ContainsRune(m.Text, '\x1b') {
		t.Errorf("%s", m.Text)
	}
	for _, empty := range []Alert{{}, {Exception: "a\nb\n"}, {Text: "\n \n", RequestID: "init"}} {
		if m := fitting(&empty, delivery{}, beside{}); m.Subject == "" || m.Subject[0] == ' ' {
			t.Errorf("%+v", m)
		}
	}
	m = fitting(&Alert{Level: "ERROR", Exception: "a\nb\n"}, delivery{}, beside{})
	if m.Subject != "ERROR: b" {
		t.Errorf("%q", m.Subject)
	}
}

func TestTheMessageIsCutToWhatFits(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("x", 1<<20), strings.Repeat("\"\\\n", 1<<18), strings.Repeat("é", 1<<18),
	} {
		a := example()
		a.Text, a.Exception = text, strings.Repeat("frame\n", 100_000)
		limit := 250_000
		size := func(m Message) int { return 2*len(m.Text) + 2*len(m.Data) }
		m := source().message(a, delivery{}, beside{}, func(m Message) bool { return size(m) < limit })
		if n := size(m); n >= limit || n < limit/8 || !json.Valid([]byte(m.Data)) ||
			!strings.Contains(m.Text, "more bytes in the row") {
			t.Errorf("%d bytes", n)
		}
		if strings.Count(m.Text, "frame") != exceptionLines {
			t.Errorf("%d lines of the exception", strings.Count(m.Text, "frame"))
		}
	}
}

// TestMemoryIsBounded: what is remembered by groups and topics does not grow
// with what strangers have a function print, nor does that displace what is
// known of a group that was sent.
func TestMemoryIsBounded(t *testing.T) {
	s := New(Config{Window: time.Minute, Max: 1})
	g := s.gate
	for i := range 2560 {
		g.window(time.Now(), fmt.Sprint(i)).until = time.Now().Add(time.Minute)
	}
	if len(g.windows) > 256 {
		t.Errorf("%d windows", len(g.windows))
	}
	g.windows = map[string]*window{}
	g.hold("sent", Held{}, time.Now().Add(time.Minute), time.Now().Add(time.Minute))
	total := 0
	for i := range 2560 {
		g.hold(fmt.Sprint("forged ", i), Held{Count: 1}, time.Time{}, time.Time{})
	}
	for _, w := range g.windows {
		total += w.held.Count
	}
	if !g.muted("sent", true) || len(g.windows) > 65 || total+g.others.Count != 2560 {
		t.Errorf("%d windows, %d and %d counted", len(g.windows), total, g.others.Count)
	}
	for i := range 1000 {
		d := &delivery{topic: Topic{ARN: fmt.Sprint(i)}}
		s.failed(&pending{Alert: &Alert{}}, d)
	}
	if len(s.troubled) > 64 {
		t.Errorf("%d topics", len(s.troubled))
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"größe, 日本, हिन्दी, שלום":           "größe, 日本, हिन्दी, שלום",
		"👩\u200d🚀 🏳\ufe0f\u200d🌈 👩🏽\u200d🚀": "👩\u200d🚀 🏳\ufe0f\u200d🌈 👩🏽\u200d🚀",
		"pass\u200dword\u200c":              "pass word ", "a\u200d🚀": "a 🚀", "🚀\u200d": "🚀 ",
		"a\r\nb\tc\rd": "a\nb\tc d", "a\xffb": "a\ufffdb",
		"\u200e\u200f\u061c\u202e\u2066\ufeff\u00ad\U000e0041\u2028\u0085\x1b[2J": strings.Repeat(" ", 11) + "[2J",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
