package main_test

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/logtable/logtable/internal/sandbox/sns"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// The topics of the stories, in a region and an account of their own.
const topicPrefix = "arn:aws:sns:eu-central-1:123456789012:"

var storyTopics = []string{"oncall", "second", "oncall.fifo"}

// snsMood sets the local SNS's mood, starting it if need be: sns MOOD. It comes
// before lambda, whose settings may then say @SNS.
func (w *world) snsMood(ts *testscript.TestScript, args []string) {
	if w.sns == nil {
		var err error
		w.sns, err = sns.Listen("127.0.0.1:0")
		ts.Check(err)
		ts.Defer(w.sns.Close)
		for _, name := range storyTopics {
			w.sns.AddTopic(topicPrefix+name, 1, 0)
		}
	}
	faults := map[string]sns.FaultFunc{
		"well": nil, "hangs": sns.Always(sns.Fault{Hang: true}), "denies": sns.Always(sns.AccessDenied),
		"throttles":          sns.Always(sns.Throttled),
		"resets":             sns.Always(sns.Fault{ResetBefore: true}),
		"loses-first-answer": sns.First(1, sns.Fault{ResetAfter: true}),
		"slow":               sns.Always(sns.Fault{Delay: 300 * time.Millisecond}),
	}
	f, ok := faults[args[0]]
	if !ok {
		ts.Fatalf("unknown mood %s of sns", args[0])
	}
	w.sns.OnRequest(f)
}

// snsURL is what @SNS stands for.
func (w *world) snsURL() string {
	if w.sns == nil {
		return ""
	}
	return w.sns.URL()
}

// lock sets the mood of the table as far as alerts ask it: lock
// denies|hangs|well.
func (w *world) lock(ts *testscript.TestScript, args []string) {
	w.startTable(ts)
	moods := map[string]table.FaultFunc{
		"well": nil, "denies": table.Only(table.AccessDenied(), "UpdateItem"),
		"hangs": table.Only(table.Always(table.Fault{Hang: true}), "UpdateItem"),
	}
	f, ok := moods[args[0]]
	if !ok {
		ts.Fatalf("unknown mood %s of lock", args[0])
	}
	w.table.OnRequest(f)
}

// alerts prints what SNS has delivered, in order: topic and subject, then with
// -v the text that e-mail subscribers get, indented.
func (w *world) alerts(ts *testscript.TestScript, args []string) {
	var out bytes.Buffer
	for _, m := range w.sns.Messages() {
		fmt.Fprintf(&out, "%s: %s\n", strings.TrimPrefix(m.TopicARN, topicPrefix), m.Subject)
		if len(args) > 0 {
			for line := range strings.Lines(m.ByProtocol["email"]) {
				fmt.Fprintf(&out, "    %s", line)
			}
		}
	}
	_, err := ts.Stdout().Write(out.Bytes())
	ts.Check(err)
}

// requests checks how often SNS was asked: requests N.
func (w *world) requests(ts *testscript.TestScript, args []string) {
	if n := w.sns.Requests(); n != number(ts, args[0]) {
		ts.Fatalf("%d requests to SNS, want %s", n, args[0])
	}
}

// isLock reports whether an item of the informational table is not a row but a
// lock of alerts.
func isLock(item table.Item) bool { return strings.HasPrefix(item.Str("date"), "alert#") }
