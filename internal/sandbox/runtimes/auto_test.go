package runtimes_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

// withAuto is what a sample leaves with LOGTABLE_FIELDS=auto: what it leaves
// with its own setting, but for the runtime's own JSON, of which auto takes
// errors only.
func (s sample) withAuto(format string) []row {
	rows := s.want
	if s.auto != nil {
		rows = s.auto
	}
	if slices.Contains(strings.Split(s.fields, ";"), "lambda") {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool {
			return r.level != "ERROR" && !r.ours()
		})
	}
	if s.uncaught != nil && format == "JSON" {
		rows = append(slices.Clone(rows), *s.uncaught)
	}
	return rows
}

// ours reports whether the row's line has Logtable's own names.
func (r row) ours() bool { return r.locator == hello.locator || r.locator == noPears.locator }

// A recording is what a function printed, as the platform made events of it, so
// that it can be played again where its language is not started.
type recording struct {
	mu          sync.Mutex
	invocations []printed // the first is init
}

// printed is what one invocation printed.
type printed struct {
	request string
	records []json.RawMessage
}

// keep takes one event of the function.
func (r *recording) keep(e *lambda.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := len(r.invocations) - 1; k < 0 || r.invocations[k].request != e.RequestID {
		if k < 0 && e.RequestID != "" {
			r.invocations = append(r.invocations, printed{})
		}
		r.invocations = append(r.invocations, printed{request: e.RequestID})
	}
	last := &r.invocations[len(r.invocations)-1]
	last.records = append(last.records, bytes.Clone(e.Record))
}

// take returns the next record for a line that was printed in the request, with
// its ID in the place of the recorded one's.
func (r *recording) take(request string) json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.invocations[0].records) == 0 {
		r.invocations = r.invocations[1:]
	}
	from := &r.invocations[0]
	record := from.records[0]
	from.records = from.records[1:]
	if from.request != "" {
		record = bytes.ReplaceAll(record, []byte(from.request), []byte(request))
	}
	return record
}

// play returns a play in which this test binary prints as many lines, each of
// which becomes the event that was recorded, and then ends as the sample does.
func (r *recording) play(t *testing.T, as play) *play {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	type step map[string]any
	lines := func(n int) []step {
		if n == 0 {
			return nil
		}
		return []step{{"print": "a line", "times": n}}
	}
	again := &play{sample: as.sample, format: as.format, line: func(e *lambda.Event) { e.Record = r.take(e.RequestID) }}
	again.function = function{command: []string{self}, handler: "again", dir: t.TempDir(),
		env: map[string]string{scriptfn.Switch: "1"}}
	for n, invocation := range r.invocations {
		steps := lines(len(invocation.records))
		switch {
		case n == 0:
			text, err := json.Marshal(steps)
			check(t, err)
			again.env[scriptfn.Init] = string(text)
			continue
		case as.dies == "platform.crash":
			steps = append(steps, step{"exit": 2})
		case as.dies != "":
			steps = append(steps, step{"error": map[string]string{"errorType": "Unhandled", "errorMessage": "again"}})
		}
		text, err := json.Marshal(map[string]any{"steps": steps})
		check(t, err)
		again.payloads = append(again.payloads, string(text))
	}
	return again
}

// String is what was printed, one event a line.
func (r *recording) String() string {
	var b strings.Builder
	for _, invocation := range r.invocations {
		for _, record := range invocation.records {
			fmt.Fprintf(&b, "%s %s\n", cmp.Or(invocation.request, "init"), record)
		}
	}
	return b.String()
}
