package level_test

import (
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/level"
)

func TestDefaultScale(t *testing.T) {
	s := level.DefaultScale()
	tests := []struct {
		name  string
		want  string
		rank  int
		error bool
	}{
		{"DEBUG", "DEBUG", 0, false},
		{"info", "INFO", 1, false},
		{"Warn", "WARN", 2, false},
		{"ALARM", "ALARM", 6, true},
		{"error", "ERROR", 7, true},
		{"trace", "DEBUG", 0, false},
		{"Verbose", "DEBUG", 0, false},
		{"trce", "DEBUG", 0, false},
		{"dbug", "DEBUG", 0, false},
		{"Information", "INFO", 1, false},
		{"notice", "INFO", 1, false},
		{"WARNING", "WARN", 2, false},
		{"err", "ERROR", 7, true},
		{"fail", "ERROR", 7, true},
		{"severe", "ERROR", 7, true},
		{"crit", "ERROR", 7, true},
		{"critical", "ERROR", 7, true},
		{"fatal", "ERROR", 7, true},
		{"panic", "ERROR", 7, true},
		{"alert", "ERROR", 7, true},
		{"emergency", "ERROR", 7, true},
	}
	for _, tt := range tests {
		got, ok := s.Find(tt.name)
		if want := (level.Level{Name: tt.want, Rank: tt.rank, Error: tt.error}); !ok || got != want {
			t.Errorf("Find(%q) = %+v, %v; want %+v", tt.name, got, ok, want)
		}
	}
	for _, name := range []string{"", "LOUD", " INFO", "INFO ", strings.Repeat("I", 1000)} {
		if got, ok := s.Find(name); ok {
			t.Errorf("Find(%q) = %+v, want nothing", name, got)
		}
	}
	if got := s.Warn().Name; got != "WARN" {
		t.Errorf("Warn() = %s, want WARN", got)
	}
}

func TestParseScale(t *testing.T) {
	tests := []struct {
		name, levels, errorsFrom string
		list                     string // names in order
		errors                   string // those that are errors
		warn                     int    // Warn's rank
		warnIsError              bool
		top, info                string            // Top and Info
		find                     map[string]string // "" for none
	}{
		{
			name: "default with errors from ERROR", errorsFrom: "error",
			list: "DEBUG, INFO, WARN, ALARM, ERROR", errors: "ERROR", warn: 2, top: "ERROR", info: "INFO",
		},
		{
			name: "errors from an alias", errorsFrom: "warning",
			list: "DEBUG, INFO, WARN, ALARM, ERROR", errors: "WARN ALARM ERROR", warn: 2, warnIsError: true,
			top: "ERROR", info: "INFO",
		},
		{
			name: "replaced, in any order, with spaces", levels: " error=70, info = 10 ,warning=30,critical=80 ",
			list: "INFO, WARNING, ERROR, CRITICAL", errors: "ERROR CRITICAL", warn: 30, top: "CRITICAL", info: "INFO",
			find: map[string]string{"WARN": "WARNING", "fatal": "CRITICAL", "DEBUG": "", "TRACE": "",
				"crit": "CRITICAL"},
		},
		{
			name: "a name on the scale is no alias", levels: "TRACE=-1,DEBUG=0,ERROR=5,FATAL=9",
			list: "TRACE, DEBUG, ERROR, FATAL", errors: "ERROR FATAL", warn: 0, top: "FATAL", info: "TRACE",
			find: map[string]string{"TRACE": "TRACE", "VERBOSE": "TRACE", "FATAL": "FATAL", "CRITICAL": "FATAL",
				"INFO": ""},
		},
		{
			name: "own names", levels: "green=1,amber=2,red=3", errorsFrom: "red",
			list: "GREEN, AMBER, RED", errors: "RED", warn: 2, top: "RED", info: "GREEN",
		},
		{
			name: "all are errors", levels: "ALARM=1,ERROR=2",
			list: "ALARM, ERROR", errors: "ALARM ERROR", warn: 1, warnIsError: true, top: "ERROR", info: "ALARM",
		},
		{
			name: "INFO is an error", levels: "DEBUG=3,INFO=4,ERROR=5", errorsFrom: "INFO",
			list: "DEBUG, INFO, ERROR", errors: "INFO ERROR", warn: 3, top: "ERROR", info: "DEBUG",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := level.ParseScale(tt.levels, tt.errorsFrom)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.String(); got != tt.list {
				t.Errorf("scale %s, want %s", got, tt.list)
			}
			var errs []string
			for name := range strings.SplitSeq(tt.list, ", ") {
				if l, ok := s.Find(name); ok && l.Error {
					errs = append(errs, l.Name)
				}
			}
			if got := strings.Join(errs, " "); got != tt.errors {
				t.Errorf("errors %s, want %s", got, tt.errors)
			}
			if got, want := s.Warn(), (level.Level{Name: "WARN", Rank: tt.warn, Error: tt.warnIsError}); got != want {
				t.Errorf("Warn() = %+v, want %+v", got, want)
			}
			for name, got := range map[string]level.Level{tt.top: s.Top(), tt.info: s.Info()} {
				if want, ok := s.Find(name); !ok || got != want {
					t.Errorf("Top() or Info() = %+v, want %+v", got, want)
				}
			}
			for name, want := range tt.find {
				if got, _ := s.Find(name); got.Name != want {
					t.Errorf("Find(%s) = %q, want %q", name, got.Name, want)
				}
			}
		})
	}
}

func TestParseScaleErrors(t *testing.T) {
	tests := []struct{ levels, errorsFrom, want string }{
		{"INFO", "", `cannot read level "INFO": write NAME=number`},
		{"INFO=1,,WARN=2", "", `cannot read level "": write NAME=number`},
		{"IN FO=1", "", `cannot read level "IN FO=1"`},
		{"INFÖ=1", "", `cannot read level "INFÖ=1"`},
		{strings.Repeat("X", 33) + "=1", "", `cannot read level`},
		{"INFO=one", "", `"one" is not a whole number; write, for example, INFO=3`},
		{"INFO=1.5", "", `"1.5" is not a whole number`},
		{"INFO=1,info=2", "", "level INFO occurs twice"},
		{"INFO=1,WARN=2", "",
			"cannot tell where errors begin: the scale has neither ALARM nor ERROR; " +
				"name the lowest error level, one of INFO, WARN"},
		{"INFO=1,WARN=2", "ALARM",
			`errors cannot begin at level "ALARM", which is not on the scale; write one of INFO, WARN`},
		{"", "LOUD", `errors cannot begin at level "LOUD"`},
		{"A=1" + manyLevels(33), "A", "more than 32 levels"},
	}
	for _, tt := range tests {
		if _, err := level.ParseScale(tt.levels, tt.errorsFrom); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseScale(%.40q, %q): %v, want %q", tt.levels, tt.errorsFrom, err, tt.want)
		}
	}
}

func manyLevels(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(",L" + strings.Repeat("I", i%30) + string(rune('A'+i%26)) + "=1")
	}
	return b.String()
}
