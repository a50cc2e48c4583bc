package agent

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// mark leaves word that the process lives and which request is open, "" for
// none. It costs one small write to /tmp.
func (a *Agent) mark(request string) {
	a.marking.Lock()
	defer a.marking.Unlock()
	a.writeMark(request)
}

// writeMark must be called with marking held.
func (a *Agent) writeMark(request string) {
	if a.cfg.Marker == nil || a.unmarked || a.silent.Load() {
		return
	}
	a.marked = true
	payload := []byte(`{"request":`)
	payload, _ = jsontext.AppendQuote(payload, request) // invalid UTF-8 is replaced
	payload = append(payload, `,"for":"`+a.cfg.Owner+`"}`...)
	if err := a.cfg.Marker.Mark(payload); err != nil {
		a.cfg.Diag.Fail("mark", "cannot leave a mark on /tmp: an unclean end of this process will not be noticed", "", "error", err.Error())
	}
}

// Started leaves the first mark, unless an invocation has left one already. It
// is for calling when the first next is on its way: a write to /tmp need not
// delay the function's init.
func (a *Agent) Started() {
	a.marking.Lock()
	defer a.marking.Unlock()
	if !a.marked {
		a.writeMark("")
	}
}

// unmark takes the mark away, at the proper end.
func (a *Agent) unmark() {
	a.marking.Lock()
	defer a.marking.Unlock()
	a.unmarked = true
	if a.cfg.Marker != nil {
		_ = a.cfg.Marker.Unmark() // a mark that stays says too much, not too little
	}
}

// Unclean stores that an earlier process of this environment did not end
// properly, given the mark that it left. How many lines died in its memory is
// not known. It is called before Run.
func (a *Agent) Unclean(mark []byte) {
	var request, owner string
	readScalars(jsontext.NewDecoder(bytes.NewBuffer(mark)), func(name string) (*string, map[string]*string) {
		return map[string]*string{"request": &request, "for": &owner}[name], nil
	})
	if owner != a.cfg.Owner && len(mark) > 0 {
		return // another function's, on a developer's machine
	}
	text := "an earlier Logtable process of this environment was killed between invocations; lines that it had in memory only are lost"
	if request != "" {
		text = "an earlier Logtable process of this environment was killed during request " + request + "; lines that it had in memory only are lost"
	}
	line := parse.Line{Level: a.cfg.Scale.Warn(), Locator: "logtable.unclean", Text: text}
	a.add(a.entry(&line, request, a.cfg.Now()))
	// The mark that tells of it is about to be replaced by our own: should we
	// be killed at once as well, the row is on /tmp.
	a.cfg.Store.Persist()
}

// Losses is the record that tells of losses, when writing works again.
func (a *Agent) Losses(lost map[store.Loss]int) store.Entry {
	var parts []string
	for _, loss := range sorted(lost) {
		parts = append(parts, fmt.Sprintf("%d × %s, %s", lost[loss], loss.Level, loss.Reason))
	}
	line := parse.Line{Level: a.cfg.Scale.Alarm(), Locator: "logtable.lost", Text: "messages were lost: " + strings.Join(parts, "; ")}
	e := a.entry(&line, "", a.cfg.Now())
	if a.alerts != nil {
		a.expect(&e, nil)
	}
	return e
}
