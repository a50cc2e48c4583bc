package main

import (
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/explain"
	"github.com/logtable/logtable/internal/extension"
	"github.com/logtable/logtable/internal/sandbox/lambda"
)

// excerpt is how much of a line is repeated where others stand between it and
// what is said of it, in bytes.
const excerpt = 60

// A judge says why lines are not rows, by a function's settings. It is guarded
// by the console's mu.
type judge struct {
	reader *explain.Reader
	lines  int  // that it was given
	plain  bool // this invocation was told that ordinary text is not a row
	tell   func(why string)
}

// newJudge makes a judge, which tells why a line is not a row.
func newJudge(cfg *lambda.Config, tell func(why string)) *judge {
	getenv := func(name string) string { return cfg.Env[name] }
	var environ []string
	for name, value := range cfg.Env {
		environ = append(environ, name+"="+value)
	}
	settings, _ := config.Load(getenv, environ) // the extension tells of problems
	j := &judge{tell: tell}
	j.reader = explain.NewReader(explain.Options{
		Rows:   extension.Rows(&settings.Lines, cfg.FunctionName, ""),
		Fields: settings.FieldsAsSet, JSON: cfg.LogFormat == "JSON",
	}, j.result)
	return j
}

// line takes the next line that the function has printed.
func (j *judge) line(printed []byte) {
	j.lines++
	j.reader.Line(printed)
}

// end says what is left at the end of an invocation.
func (j *judge) end() {
	j.reader.Flush()
	j.plain = false
}

func (j *judge) result(r explain.Result) {
	if len(r.Rows) > 0 {
		return
	}
	why := r.Why.String()
	if why == "" {
		if j.plain {
			return
		}
		j.plain, why = true, "ordinary text"
	}
	if r.Last != j.lines {
		why += ": " + clipped(r.Text, excerpt)
	}
	j.tell(why)
}
