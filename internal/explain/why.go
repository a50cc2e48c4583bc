package explain

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
)

// A Why says why a line yields no row, and what to do. The zero value is for an
// ordinary line of text, of which there is nothing to say.
type Why struct {
	Seen string // what the line is: "a Python dict"
	Do   string // what makes a row of it: "json.dumps it"; "" if nothing does
	Log  bool   // it looks like a log line, so that somebody may miss it
	// Level is the line's, as far as it can be made out.
	Level level.Level
}

// String is both in one sentence: "a Python dict: json.dumps it".
func (w Why) String() string {
	if w.Do == "" {
		return w.Seen
	}
	return w.Seen + ": " + w.Do
}

// maxLook is how much of a line is looked at for what is no JSON, in bytes.
const maxLook = 4 << 10

// A look finds out why.
type look struct {
	scale  *level.Scale
	fields []string // the parts of LOGTABLE_FIELDS
	inner  *parse.Parser
}

func newLook(o Options) look {
	l := look{scale: o.Rows.Scale, inner: o.Rows.Parser()}
	if l.scale == nil {
		l.scale = level.DefaultScale()
	}
	for part := range strings.SplitSeq(o.Fields, ";") {
		if part = strings.TrimSpace(part); part != "" && !strings.EqualFold(part, "off") {
			l.fields = append(l.fields, part)
		}
	}
	return l
}

// why says why a record yields no row. p has just read it.
func (l *look) why(p *parse.Parser, record []byte) Why {
	found, ok := p.Look(record)
	if ok && found.Shape == parse.LookLogger {
		if w, helps := l.whyLogger(found); helps {
			return w
		}
	} else if ok {
		w := whyShape(found.Shape)
		w.Log, w.Level = true, found.Level
		return w
	}
	text := bytes.TrimSpace(record)
	if u, ok := p.Unwrap(record); ok {
		text = bytes.TrimSpace(u.Text)
	}
	return l.whyText(bytes.Clone(text))
}

// whyLogger is for what looks like a logger's line. helps is false if the
// setting would not change anything, or what it would store is plain text.
func (l *look) whyLogger(found parse.Look) (w Why, helps bool) {
	for _, part := range l.fields {
		if strings.EqualFold(part, found.Setting) {
			return Why{}, false
		}
	}
	do := l.assignment(found.Setting)
	if found.Logger == "lambda" { // text in a runtime's envelope
		return Why{"text at " + found.Level.Name, do, true, found.Level}, found.Level.Error
	}
	return Why{"a line of " + found.Logger, do, true, found.Level}, true
}

// assignment is LOGTABLE_FIELDS as it is with more parts behind, as a shell
// takes it.
func (l *look) assignment(more ...string) string {
	parts := append(slices.Clone(l.fields), more...)
	if len(parts) == 1 {
		return "LOGTABLE_FIELDS=" + parts[0]
	}
	return `LOGTABLE_FIELDS="` + strings.Join(parts, ";") + `"`
}

// whyShape is for what a language prints instead of JSON.
func whyShape(shape parse.Shape) Why {
	switch shape {
	case parse.LookPython:
		return Why{Seen: "a Python dict", Do: "json.dumps it"}
	case parse.LookNode:
		return Why{Seen: "a JavaScript object", Do: "JSON.stringify it"}
	case parse.LookPretty:
		return Why{Seen: "JSON over several lines", Do: "print it on one line"}
	}
	return Why{Seen: "a map as text", Do: "print it as JSON"}
}

// whyText is for text in which no line with a level was seen.
func (l *look) whyText(text []byte) Why {
	switch {
	case len(text) == 0:
		return Why{}
	case text[0] == '{':
		if o := jsonscan.Whole(text); o != nil {
			return l.whyObject(o)
		}
	case text[0] == '[' || text[0] == '"':
		return l.whyInner(text)
	}
	return l.whyPrinted(text[:min(len(text), maxLook)])
}

// What lines are called whose names are not ours.
var (
	levelNames = []string{"level", "severity", "levelname", "log_level", "loglevel", "lvl"}
	textNames  = []string{"text", "message", "msg", "event", "description", "log", "body"}
)

// An objectLook is what is seen of a JSON object: the names of its members.
type objectLook struct {
	level, text string
	locator     bool
	found       level.Level // zero for one that is not known
}

func (l *look) lookAt(o jsonscan.Object) (seen objectLook) {
	for quoted, value := range o.Members {
		name := jsonscan.Text(quoted)
		switch {
		case seen.level == "" && oneOf(name, levelNames):
			found, ok := l.scale.Find(jsonscan.Text(value))
			if ok || strings.EqualFold(name, "level") {
				seen.level, seen.found = name, found
			}
		case seen.text == "" && oneOf(name, textNames):
			seen.text = name
		case name == "locator":
			seen.locator = true
		}
	}
	return seen
}

// whyObject is for a JSON object.
func (l *look) whyObject(o jsonscan.Object) Why {
	seen := l.lookAt(o)
	switch {
	case seen.locator:
		return Why{Seen: `JSON with a "locator" alone`, Do: `add "level" and "text"`, Log: true}
	case seen.level == "" && seen.text != "":
		return Why{Seen: "JSON without a level", Do: `add "level", such as "INFO", and "text" or "locator"`}
	case seen.level == "":
		return Why{Seen: "JSON that is no log line"}
	case seen.found.Name == "":
		return Why{
			Seen: "JSON with a level that is not known", Do: "write one of " + l.scale.String(), Log: seen.text != "",
		}
	case seen.text == "":
		return Why{"JSON with a level, but without a text", `add "text" or "locator"`, true, seen.found}
	}
	var names []string
	if seen.level != "level" {
		names = append(names, "level="+seen.level)
	}
	if seen.text != "text" {
		names = append(names, "text="+seen.text)
	}
	do := `call them "level" and "text", or set ` + l.assignment(names...)
	return Why{"JSON with a level and a text by other names", do, true, seen.found}
}

func oneOf(name string, names []string) bool {
	for _, one := range names {
		if strings.EqualFold(name, one) {
			return true
		}
	}
	return false
}

// whyInner is for a JSON array, or a JSON string, that holds what would be a
// row by itself.
func (l *look) whyInner(text []byte) Why {
	if text[0] == '"' && json.Valid(text) {
		if w, ok := l.inside([]byte(jsonscan.Text(text))); ok {
			return Why{"JSON that was made a string twice", "serialize it once", true, w.Level}
		}
	}
	if text[0] == '[' && json.Valid(text) {
		for element := range jsonscan.Array(text).Elements {
			if w, ok := l.inside(element); ok {
				return Why{"a JSON array", "print each object on a line of its own", true, w.Level}
			}
			break
		}
	}
	return l.whyPrinted(text[:min(len(text), maxLook)])
}

// inside reports whether text would be a row by itself, or looks like a log
// line.
func (l *look) inside(text []byte) (w Why, ok bool) {
	if text = bytes.TrimSpace(text); len(text) == 0 || text[0] != '{' {
		return Why{}, false
	}
	record := quote(string(text))
	l.inner.Lines(record, func(line parse.Line) {
		if ok = ok || line.Kind == parse.Ours; ok {
			w.Level = line.Level
		}
	})
	if ok {
		return w, true
	}
	found, ok := l.inner.Look(record)
	return Why{Level: found.Level}, ok && found.Logger != "lambda"
}

// printed is what languages and libraries print of something that would be a
// log line as JSON. The first group is the level.
var printed = []struct {
	expr *regexp.Regexp
	why  Why
}{
	{regexp.MustCompile(`\[object Object\]`),
		Why{Seen: "an object that was joined to a string", Do: "JSON.stringify it"}},
	{regexp.MustCompile(`^(?:.{0,80}[\s:])?&?map\[.*\b(?i:level|severity):(\w+)`),
		Why{Seen: "a Go map", Do: "json.Marshal it"}},
	{regexp.MustCompile(`^(?:.{0,80}\s)?\{(?:.*,)?\s*:?"?(?i:level|severity)"?\s*=>\s*[":]?(\w+)`),
		Why{Seen: "a Ruby hash", Do: "JSON.generate it"}},
	{regexp.MustCompile(`^(?:\{\s*)?'(?:level|levelname|severity)'\s*:\s*'(\w+)'\s*[,}]?$`),
		Why{Seen: "a Python dict over several lines", Do: "json.dumps it"}},
	{regexp.MustCompile(`^(?:\{\s*)?(?:level|severity)\s*:\s*'(\w+)'\s*[,}]?$`),
		Why{Seen: "a JavaScript object over several lines", Do: "JSON.stringify it"}},
	{regexp.MustCompile(`^\{.*"(?:level|severity|levelname)"\s*:\s*"?(\w+)`),
		Why{Seen: "JSON that is broken", Do: "print valid JSON, each line in one piece"}},
	{regexp.MustCompile(`^\[(?:level|severity|level_name)\]\s*=>\s*(\w+)$`),
		Why{Seen: "a PHP array", Do: "json_encode it"}},
	{regexp.MustCompile(`^(?:[\w.@]+=(?:"(?:[^"\\]|\\.)*"|[^"\s]\S*)\s+){0,8}` +
		`(?:level|lvl|severity)="?(\w+)"?(?:\s+[\w.@]+=|$)`),
		Why{Seen: "key=value pairs", Do: "have the logger print JSON"}},
}

// whyPrinted is for text that is no JSON.
func (l *look) whyPrinted(text []byte) Why {
	for i := range printed {
		found := printed[i].expr.FindSubmatch(text)
		if found == nil {
			continue
		}
		w := printed[i].why
		if w.Log = true; len(found) > 1 {
			w.Level, w.Log = l.scale.FindBytes(found[1])
		}
		if w.Log {
			return w
		}
	}
	return l.whyLevelled(text)
}

// levelled is how loggers print a level in front of text: AWS's runtimes for
// Python and Node.js, and others. The group is the level.
var levelled = []*regexp.Regexp{
	regexp.MustCompile(`^\[([A-Z]{3,9})\][\t ]`),
	regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S{8,24}\t\S+\t([A-Z]{3,9})\t`),
	regexp.MustCompile(`^\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*\s(?:.{0,60}\s)?\[?([A-Z]{4,9})\]?[\s:]`),
	regexp.MustCompile(`^([A-Z]{4,9}):[^\s:]+:`),
}

// uncaught is what the runtimes print of an exception that nobody caught. The
// layer makes a row of the failure that Lambda reports.
var uncaught = regexp.MustCompile(`^\[ERROR\] \w.*\s?Traceback \(most recent|\tERROR\t(?:Invoke Error|Uncaught ` +
	`|Unhandled )`)

// whyLevelled is for text with a level in front. What is no warning is not
// worth a word.
func (l *look) whyLevelled(text []byte) Why {
	for _, expr := range levelled {
		found := expr.FindSubmatch(text)
		if found == nil {
			continue
		}
		at, ok := l.scale.FindBytes(found[1])
		if !ok || at.Rank < l.scale.Warn().Rank || uncaught.Match(text) {
			return Why{}
		}
		return Why{"text at " + at.Name, "print JSON, or set LOGTABLE_PLAIN=INFO to store all text", true, at}
	}
	return Why{}
}
