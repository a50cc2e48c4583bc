package agent

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// hinting is an agent for its hints only, and what it says. Its look counts,
// and sees what see returns.
func hinting(fields string, see func(record string) parse.Look) (a *Agent, log *bytes.Buffer, looks *int) {
	log, looks = new(bytes.Buffer), new(int)
	a = New(Config{Rows: Rows{Scale: level.DefaultScale()}, Diag: diag.New(log), Hints: Hints{Fields: fields}})
	a.intake.hints.look = func(record []byte) (parse.Look, bool) {
		*looks++
		seen := see(string(record))
		return seen, seen != parse.Look{}
	}
	return a, log, looks
}

var (
	info, bad = level.DefaultScale().Info(), level.DefaultScale().Top()

	pino    = parse.Look{Shape: parse.LookLogger, Logger: "pino", Setting: "auto", Level: info}
	pinoBad = parse.Look{Shape: parse.LookLogger, Logger: "pino", Setting: "auto", Level: bad}
	pinoFew = parse.Look{Shape: parse.LookLogger, Logger: "pino", Setting: "pino", Level: info}
	winston = parse.Look{Shape: parse.LookLogger, Logger: "winston", Setting: "winston"}
	logrus  = parse.Look{Shape: parse.LookLogger, Logger: "logrus", Setting: "auto"}
	dict    = parse.Look{Shape: parse.LookPython, Level: info}
	dictBad = parse.Look{Shape: parse.LookPython, Level: bad}
	object  = parse.Look{Shape: parse.LookNode}
	aMap    = parse.Look{Shape: parse.LookMap}
	pretty  = parse.Look{Shape: parse.LookPretty}
	said    = parse.Look{Shape: parse.LookLogger, Logger: "lambda", Setting: "lambda", Level: info}
	text    = parse.Look{Shape: parse.LookLogger, Logger: "lambda", Setting: "auto", Level: bad}
)

func TestHintTexts(t *testing.T) {
	const ofDict = "look like a Python dict: print json.dumps(…)"
	kinds := []parse.Look{
		pino, pinoBad, pinoFew, winston, logrus, dict, dictBad, object, aMap, pretty, said, text,
	}
	for _, tt := range []struct {
		fields string
		seen   map[parse.Look]int
		want   string
	}{
		{"", map[parse.Look]int{pino: 38, pinoBad: 3},
			"41 lines look like pino's, 3 of them errors: LOGTABLE_FIELDS=auto stores them"},
		{"", map[parse.Look]int{pino: 1}, "1 line looks like pino's: LOGTABLE_FIELDS=auto stores it"},
		{"", map[parse.Look]int{pinoBad: 1}, "1 line looks like pino's, an error: LOGTABLE_FIELDS=auto stores it"},
		{"", map[parse.Look]int{pino: 1, pinoBad: 1},
			"2 lines look like pino's, 1 of them an error: LOGTABLE_FIELDS=auto stores them"},
		{"", map[parse.Look]int{logrus: 2}, "2 lines look like logrus': LOGTABLE_FIELDS=auto stores them"},
		{"", map[parse.Look]int{dict: 5}, "5 lines " + ofDict},
		{"", map[parse.Look]int{dict: 5, dictBad: 2},
			"7 lines look like a Python dict, 2 of them errors: print json.dumps(…)"},
		{"", map[parse.Look]int{object: 1}, "1 line looks like a JavaScript object: print JSON.stringify(…)"},
		{"", map[parse.Look]int{aMap: 1}, "1 line looks like a map as text: print JSON"},
		{"", map[parse.Look]int{pretty: 2}, "2 lines look like pretty-printed JSON: print each on one line"},
		{"", map[parse.Look]int{text: 4}, "4 lines at ERROR are plain text: LOGTABLE_FIELDS=auto stores them"},
		{"", map[parse.Look]int{text: 1, said: 9}, "1 line at ERROR is plain text: LOGTABLE_FIELDS=auto stores it"},
		// One preset is for all of a logger's lines.
		{"", map[parse.Look]int{pino: 2, pinoFew: 1}, "3 lines look like pino's: LOGTABLE_FIELDS=pino stores them"},
		// What is set stays set.
		{"pino", map[parse.Look]int{logrus: 2}, "2 lines look like logrus': LOGTABLE_FIELDS=pino;auto stores them"},
		{" zap ; text=message; ", map[parse.Look]int{winston: 2},
			"2 lines look like winston's: LOGTABLE_FIELDS=zap;text=message;winston stores them"},
		{"off", map[parse.Look]int{pino: 2}, "2 lines look like pino's: LOGTABLE_FIELDS=auto stores them"},
		// What is set already would be no help.
		{"AUTO; winston", map[parse.Look]int{winston: 9, pino: 9, dict: 5}, "5 lines " + ofDict},
	} {
		a, log, _ := hinting(tt.fields, nil)
		for _, look := range kinds {
			a.intake.hints.look = func([]byte) (parse.Look, bool) { return look, true }
			for range tt.seen[look] {
				a.foreign(nil)
			}
		}
		a.hint()
		if want := `"logtable":"seen, but not stored: ` + tt.want + `"`; !strings.Contains(log.String(), want) {
			t.Errorf("%q, %v: the log is\n%swant\n%s", tt.fields, tt.seen, log, want)
		}
		severity := `"level":"INFO"`
		if tt.seen[pinoBad]+tt.seen[dictBad]+tt.seen[text] > 0 {
			severity = `"level":"WARN"`
		}
		if !strings.Contains(log.String(), severity) {
			t.Errorf("%v: the log is\n%swant %s", tt.seen, log, severity)
		}
	}
}

// Several kinds are one line, with one setting for all of them.
func TestHintsAreOneLine(t *testing.T) {
	kinds := []parse.Look{pinoBad, winston, text, dict, object}
	n := 0
	a, log, _ := hinting("zap", func(string) parse.Look { n++; return kinds[n-1] })
	for range kinds {
		a.foreign(nil)
	}
	a.hint()
	const want = "seen, but not stored: 1 line looks like pino's, an error, 1 line looks like winston's, and 1 line " +
		"at ERROR is plain text: LOGTABLE_FIELDS=zap;auto;winston stores them; 1 line looks like a Python dict: " +
		"print json.dumps(…); 1 line looks like a JavaScript object: print JSON.stringify(…)"
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), want) {
		t.Errorf("the log is\n%swant\n%s", log, want)
	}
}

// Of a burst few records are looked at; what is said of all is an estimate, and
// a pattern that repeats does not mislead it.
func TestABurstIsSampled(t *testing.T) {
	const lines = 20_000
	for _, period := range []int{1, 2, 5, 10, 20, 25, 50, 100} {
		a, log, looks := hinting("", func(record string) parse.Look {
			if record == "last" {
				return pinoBad
			}
			return pino
		})
		for i := range lines {
			record := "one"
			if i%period == period-1 {
				record = "last"
			}
			a.foreign([]byte(record))
		}
		if want := lookFirst + (lines-lookFirst)/lookEvery; *looks != want {
			t.Errorf("%d looks, want %d", *looks, want)
		}
		a.hint()
		if want := "about 20000 lines look like pino's, "; !strings.Contains(log.String(), want) {
			t.Errorf("the log is %swant %s", log, want)
		}
		one := a.skipped.foreign[0]
		want := lines / period
		if one.errors < want-want/5-lookEvery || one.errors > want+want/5+lookEvery {
			t.Errorf("every %d-th of %d lines is an error, estimated are %d", period, lines, one.errors)
		}
	}
	a, log, looks := hinting("", func(string) parse.Look { return pino })
	for range lookFirst {
		a.foreign(nil)
	}
	if a.hint(); *looks != lookFirst || strings.Contains(log.String(), "about") {
		t.Errorf("%d looks, and the log is %s", *looks, log)
	}
}

func TestWhatIsNotLookedAtCostsACounter(t *testing.T) {
	a, _, looks := hinting("", func(string) parse.Look { return pino })
	a.intake.hints.count = lookFirst
	record := []byte(`"foreign"`)
	if n := testing.AllocsPerRun(lookEvery-2, func() { a.foreign(record) }); n > 0 || *looks > 0 {
		t.Errorf("%v allocations, %d looks", n, *looks)
	}
	if a.foreign(record); *looks != 1 {
		t.Errorf("%d looks at the %d-th", *looks, lookEvery)
	}
}

// SHUTDOWN adds what was not said after a minute, and no more.
func TestHintsSayWhatIsNew(t *testing.T) {
	seen := pino
	a, log, _ := hinting("", func(string) parse.Look { return seen })
	says := func(want string) {
		t.Helper()
		log.Reset()
		a.hint()
		if want == "" && log.Len() > 0 || !strings.Contains(log.String(), want) {
			t.Errorf("the log is %q, want %q", log, want)
		}
	}
	says("")
	a.foreign(nil)
	says("1 line looks like pino's:")
	says("")
	a.foreign(nil)
	says("")
	seen = pinoBad
	a.foreign(nil)
	says("3 lines look like pino's, 1 of them an error:")
	a.foreign(nil)
	says("")
	seen = dict
	a.foreign(nil)
	says("not stored: 1 line looks like a Python dict:")
	says("")
}

// A bug in a look costs the hints and nothing else.
func TestAPanicOfALookCostsTheHintsOnly(t *testing.T) {
	a, log, looks := hinting("", func(string) parse.Look { panic("secret contents") })
	a.cfg.Store = store.New(store.Config{Zone: time.UTC, TTL: time.Hour, MaxBytes: 1 << 20, Report: a.cfg.Diag})
	a.restored.Store(false)
	a.cfg.Snapshot = true // nothing leaves: there is no DynamoDB
	var body []string
	for _, record := range []string{`"foreign"`, `"foreign"`, `{\"locator\":\"1\",\"level\":\"INFO\",\"text\":\"x\"}`} {
		body = append(body, fmt.Sprintf(`{"time":"2026-11-22T10:52:00Z","type":"function","record":"%s"}`,
			strings.Trim(record, `"`)))
	}
	a.Intake([]byte("[" + strings.Join(body, ",") + "]"))
	if *looks != 1 || a.cfg.Store.Waiting() != 1 || a.noop.Load() || a.skipped.unreadable != 0 {
		t.Errorf("%d looks, %d rows, no-op %v, %d unreadable", *looks, a.cfg.Store.Waiting(), a.noop.Load(),
			a.skipped.unreadable)
	}
	if !strings.Contains(log.String(), "no more hints") || strings.Contains(log.String(), "secret") {
		t.Error(log)
	}
}
