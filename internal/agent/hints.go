package agent

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/version"
)

// Hints configures the line of the log that says what the function printed that
// looks like log lines and is not stored.
type Hints struct {
	Off    bool
	Fields string // what Rows.Mapping was made of, as it was written
}

const (
	// lookFirst is how many foreign records of an environment are looked at,
	// each, before it is one in lookEvery. That is a prime, so that the places
	// of a pattern that repeats are looked at in turn, not one of them always.
	lookFirst = 200
	lookEvery = 101
	// hintAfter is how long after the first that is known the line is written,
	// with the telemetry that comes then; SHUTDOWN does not wait for it.
	hintAfter = time.Minute
)

// hints is what the intake knows of foreign records: those that yield no row.
// intake.mu guards it.
type hints struct {
	off    atomic.Bool // needs no lock
	look   func(record []byte) (parse.Look, bool)
	fields []string  // the parts of the mapping's setting
	count  int       // of foreign records
	known  bool      // there is something to say
	since  time.Time // the end of the first body by which there was
	said   bool      // what was known a minute later
}

func (h *hints) init(cfg Hints, p *parse.Parser) {
	h.off.Store(cfg.Off)
	h.look, h.fields = p.Look, settingParts(cfg.Fields)
}

// settingParts splits LOGTABLE_FIELDS; "off" is none.
func settingParts(setting string) (parts []string) {
	for part := range strings.SplitSeq(setting, ";") {
		if part = strings.TrimSpace(part); part != "" && !strings.EqualFold(part, "off") {
			parts = append(parts, part)
		}
	}
	return parts
}

// sample counts a record that yields no row, and returns for how many of them
// it is to be looked at; 0 if it is not.
func (h *hints) sample() (weight int) {
	if h.off.Load() {
		return 0
	}
	h.count++
	more := h.count - lookFirst
	switch {
	case more <= 0:
		return 1
	case more%lookEvery == 0:
		return lookEvery
	}
	return 0
}

// foreign takes a record that yields no row. It is called with intake.mu held.
func (a *Agent) foreign(record []byte) {
	if weight := a.intake.hints.sample(); weight > 0 {
		a.look(record, weight)
	}
}

// look looks at a record that stands for as many as weight says.
func (a *Agent) look(record []byte, weight int) {
	h := &a.intake.hints
	defer a.noHints()
	look, ok := h.look(record)
	if !ok || !h.helps(look) {
		return
	}
	h.known = true
	a.mu.Lock()
	defer a.mu.Unlock()
	a.skipped.foreign.add(look, weight)
}

// helps reports whether it is worth saying what was seen. Text in a runtime's
// envelope is if it is an error.
func (h *hints) helps(look parse.Look) bool {
	if look.Logger == envelopes && !look.Level.Error {
		return false
	}
	return look.Setting == "" || !slices.ContainsFunc(h.fields, func(part string) bool {
		return strings.EqualFold(part, look.Setting)
	})
}

// envelopes is the preset for the runtimes' own envelopes, and all what stores
// every line that is recognised by itself: the errors among them, too.
const (
	envelopes = "lambda"
	all       = "auto"
)

// noHints is for deferring: a panic over a hint costs the hints only.
func (a *Agent) noHints() {
	if v := recover(); v != nil {
		a.intake.hints.off.Store(true)
		a.cfg.Diag.Fail("hints panic", "internal error: Logtable gives no more hints; rows are still stored",
			diag.Report, "version", version.Number(), "panic", fmt.Sprintf("%T", v))
	}
}

// hintInTime says what is known if it has been for long enough. It is called at
// a body's end: it is worth no wake-up of its own.
func (a *Agent) hintInTime() {
	h := &a.intake.hints
	if h.said || !h.known || a.beforeSnapshot() {
		return
	}
	now := a.cfg.Now()
	if h.since.IsZero() {
		h.since = now
	}
	if now.Sub(h.since) >= hintAfter {
		h.said = true
		a.hint()
	}
}

// hint writes the line of what is known, if it says something new. It is called
// once in time and once at SHUTDOWN.
func (a *Agent) hint() {
	if a.noop.Load() || a.intake.hints.off.Load() {
		return
	}
	defer a.noHints()
	a.mu.Lock()
	news, errors := a.skipped.foreign.news()
	a.mu.Unlock()
	if len(news) == 0 {
		return
	}
	severity := diag.Info
	if errors {
		severity = diag.Warn
	}
	text := hintText(news, a.cfg.Hints.Fields)
	a.cfg.Diag.Say(severity, "seen, but not stored: "+text, "LOGTABLE_HINTS=off switches these hints off")
}

// sightings is what was seen among the foreign records, by kind.
type sightings []sighting

// A sighting is what was seen of one kind.
type sighting struct {
	kind          parse.Look // but for the level; a preset's Setting is for all of a logger's lines
	lines, errors int
	estimated     bool

	told, toldErrors bool
}

func (s *sightings) add(look parse.Look, weight int) {
	failed := look.Level.Error
	look.Level = level.Level{}
	i := slices.IndexFunc(*s, func(one sighting) bool {
		return one.kind.Shape == look.Shape && one.kind.Logger == look.Logger
	})
	if i < 0 {
		i = len(*s)
		*s = append(*s, sighting{kind: look})
	}
	one := &(*s)[i]
	if one.kind.Setting == all {
		one.kind.Setting = look.Setting
	}
	one.lines += weight
	one.estimated = one.estimated || weight > 1
	if failed {
		one.errors += weight
	}
}

// news returns the sightings that have not been told of, or not of their
// errors, which they are from now on, and whether there are errors among them.
func (s sightings) news() (news []sighting, errors bool) {
	for i := range s {
		one := &s[i]
		if one.told && (one.toldErrors || one.errors == 0) {
			continue
		}
		one.told, one.toldErrors = true, one.errors > 0
		news = append(news, *one)
		errors = errors || one.errors > 0
	}
	return news, errors
}

// hintText says what was seen, and how it is stored: by a setting, of which
// fields is what it is now, or if it is printed in another way.
func hintText(news []sighting, fields string) string {
	var mapped, settings, hints []string
	lines := 0
	for i := range news {
		one := &news[i]
		if one.kind.Setting == "" {
			continue
		}
		mapped = append(mapped, one.text())
		lines += one.lines
		if !slices.Contains(settings, one.kind.Setting) {
			settings = append(settings, one.kind.Setting)
		}
	}
	if len(mapped) > 0 {
		them := " stores them"
		if lines == 1 {
			them = " stores it"
		}
		hints = append(hints, enumerate(mapped)+": "+assignment(fields, settings)+them)
	}
	for i := range news {
		if advice := printAdvice(news[i].kind.Shape); news[i].kind.Setting == "" {
			hints = append(hints, news[i].text()+": "+advice)
		}
	}
	return strings.Join(hints, "; ")
}

// assignment is LOGTABLE_FIELDS as it is, and with more presets behind.
func assignment(fields string, more []string) string {
	return "LOGTABLE_FIELDS=" + strings.Join(append(settingParts(fields), more...), ";")
}

// printAdvice says how to print what no setting stores.
func printAdvice(shape parse.Shape) string {
	switch shape {
	case parse.LookPython:
		return "print json.dumps(…)"
	case parse.LookNode:
		return "print JSON.stringify(…)"
	case parse.LookPretty:
		return "print each on one line"
	}
	return "print JSON"
}

// text is how many there are, and what they look like.
func (s *sighting) text() string {
	count := strconv.Itoa(s.lines)
	if s.estimated {
		count = "about " + strconv.Itoa(rounded(s.lines))
	}
	noun, look, are := " lines", " look like ", " are "
	if s.lines == 1 {
		noun, look, are = " line", " looks like ", " is "
	}
	if s.kind.Logger == envelopes {
		return count + noun + " at ERROR" + are + "plain text"
	}
	return count + noun + look + s.like() + s.errorText()
}

// like is what the lines look like.
func (s *sighting) like() string {
	switch s.kind.Shape {
	case parse.LookPython:
		return "a Python dict"
	case parse.LookNode:
		return "a JavaScript object"
	case parse.LookPretty:
		return "pretty-printed JSON"
	case parse.LookMap:
		return "a map as text"
	}
	if strings.HasSuffix(s.kind.Logger, "s") {
		return s.kind.Logger + "'"
	}
	return s.kind.Logger + "'s"
}

// errorText says how many of the lines are errors.
func (s *sighting) errorText() string {
	switch {
	case s.errors == 0:
		return ""
	case s.lines == 1:
		return ", an error"
	case s.errors == 1:
		return ", 1 of them an error"
	case s.estimated:
		return ", " + strconv.Itoa(rounded(s.errors)) + " of them errors"
	}
	return ", " + strconv.Itoa(s.errors) + " of them errors"
}

// rounded is an estimate, to two digits.
func rounded(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// enumerate joins the parts of a list.
func enumerate(parts []string) string {
	last := len(parts) - 1
	if last == 0 {
		return parts[0]
	}
	return strings.Join(parts[:last], ", ") + ", and " + parts[last]
}
