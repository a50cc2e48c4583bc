package level

import (
	"math"
	"strconv"
	"strings"
)

// A Numbering says what the numbers mean that a logger prints for levels.
type Numbering uint8

const (
	// Ranks means that numbers are those of the scale itself.
	Ranks Numbering = iota
	// Pino is that of pino's and Bunyan's documents.
	Pino
	// Python is that of Python's logging.
	Python
	// Slog is that of Go's log/slog, whose names carry a difference: INFO+2.
	Slog
	// Zap is zapcore.Level.
	Zap
	// Syslog is that of RFC 5424, section 6.2.1.
	Syslog
	// Log4j has 100 to 600, and those of syslog, which its GELF template
	// prints.
	Log4j
	// DotNet is Microsoft.Extensions.Logging.LogLevel; Serilog's own numbers
	// agree.
	DotNet
	// OpenTelemetry is the log data model's SeverityNumber: four to a name, 0
	// where none is given.
	OpenTelemetry
	// Zerolog is zerolog.Level.
	Zerolog
	// Monolog is that of Monolog's documents.
	Monolog
)

// numbers are what a Numbering stands for.
type numbers struct {
	steps []step
	exact bool // numbers between and beyond the steps mean nothing
	// If it is not 0, fractions, and numbers below the first step and above
	// this one mean nothing.
	most float64
}

// A step is the level that begins at a number. A number between two steps means
// the lower one.
type step struct {
	from float64
	name string
}

var numberings = [...]numbers{
	Pino: {steps: []step{
		{10, "TRACE"}, {20, "DEBUG"}, {30, "INFO"}, {40, "WARN"}, {50, "ERROR"}, {60, "FATAL"},
	}},
	Python: {steps: []step{
		{0, "TRACE"}, {10, "DEBUG"}, {20, "INFO"}, {30, "WARN"}, {40, "ERROR"}, {50, "CRITICAL"},
	}},
	Slog: {steps: []step{
		{-8, "TRACE"}, {-4, "DEBUG"}, {0, "INFO"}, {4, "WARN"}, {8, "ERROR"},
	}},
	Zap: {exact: true, steps: []step{
		{-1, "DEBUG"}, {0, "INFO"}, {1, "WARN"}, {2, "ERROR"}, {3, "DPANIC"}, {4, "PANIC"}, {5, "FATAL"},
	}},
	Syslog: {exact: true, steps: []step{
		{0, "EMERG"}, {1, "ALERT"}, {2, "CRIT"}, {3, "ERR"}, {4, "WARNING"}, {5, "NOTICE"}, {6, "INFO"}, {7, "DEBUG"},
	}},
	Log4j: {exact: true, steps: []step{
		{100, "FATAL"}, {200, "ERROR"}, {300, "WARN"}, {400, "INFO"}, {500, "DEBUG"}, {600, "TRACE"},
		{0, "EMERG"}, {1, "ALERT"}, {2, "CRIT"}, {3, "ERR"}, {4, "WARNING"}, {5, "NOTICE"}, {6, "INFO"}, {7, "DEBUG"},
	}},
	DotNet: {exact: true, steps: []step{
		{0, "TRACE"}, {1, "DEBUG"}, {2, "INFORMATION"}, {3, "WARNING"}, {4, "ERROR"}, {5, "CRITICAL"},
	}},
	OpenTelemetry: {most: 24, steps: []step{
		{0, "INFO"}, {1, "TRACE"}, {5, "DEBUG"}, {9, "INFO"}, {13, "WARN"}, {17, "ERROR"}, {21, "FATAL"},
	}},
	Zerolog: {exact: true, steps: []step{
		{-1, "TRACE"}, {0, "DEBUG"}, {1, "INFO"}, {2, "WARN"}, {3, "ERROR"}, {4, "FATAL"}, {5, "PANIC"},
	}},
	Monolog: {exact: true, steps: []step{
		{100, "DEBUG"}, {200, "INFO"}, {250, "NOTICE"}, {300, "WARNING"}, {400, "ERROR"}, {500, "CRITICAL"},
		{550, "ALERT"}, {600, "EMERGENCY"},
	}},
}

// Find returns the level that a number in text means, or a name that carries a
// number, as some of the numberings have.
func (n Numbering) Find(s *Scale, text string) (Level, bool) {
	if text == "" || len(text) > MaxName {
		return Level{}, false
	}
	if text == "UNDEFINED" { // Java's LambdaLogger without a level
		return s.Find("INFORMATION")
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		return n.level(s, number)
	}
	if n == Slog {
		return slogLevel(s, text)
	}
	last := len(text) - 1
	if n == OpenTelemetry && text[last] >= '2' && text[last] <= '4' { // INFO2, as the data model displays them
		return find(s, text[:last])
	}
	return Level{}, false
}

// level returns the level that a number means.
func (n Numbering) level(s *Scale, number float64) (Level, bool) {
	if n != Ranks {
		name, ok := numberings[n].name(number)
		if !ok {
			return Level{}, false
		}
		return s.Find(name)
	}
	for _, l := range s.levels {
		if float64(l.Rank) == number {
			return l, true
		}
	}
	return Level{}, false
}

// name returns the name of the level that a number means.
func (n *numbers) name(number float64) (string, bool) {
	if n.most != 0 && (number < n.steps[0].from || number > n.most || number != math.Trunc(number)) {
		return "", false
	}
	for i := len(n.steps) - 1; i >= 0; i-- {
		if s := n.steps[i]; number == s.from || !n.exact && number > s.from {
			return s.name, true
		}
	}
	if n.exact {
		return "", false
	}
	return n.steps[0].name, true
}

// slogLevel reads what slog prints for levels between the named ones: INFO+2.
func slogLevel(s *Scale, text string) (Level, bool) {
	i := strings.IndexAny(text, "+-")
	if i < 0 {
		return Level{}, false
	}
	more, err := strconv.Atoi(text[i:])
	slog := &numberings[Slog]
	for _, base := range slog.steps {
		if err == nil && base.name == text[:i] {
			name, _ := slog.name(base.from + float64(more))
			return s.Find(name)
		}
	}
	return Level{}, false
}
