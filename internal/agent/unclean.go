package agent

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// A mark says that the process lives, and is taken away when it ends properly.
type mark struct {
	mu      sync.Mutex // guards what follows; held while a mark is written
	left    bool       // the first one
	removed bool       // no more marks
}

// leaveMark leaves word that the process lives and which request is open, ""
// for none. It costs one small write to /tmp.
func (a *Agent) leaveMark(request string) {
	a.mark.mu.Lock()
	defer a.mark.mu.Unlock()
	a.writeMark(request)
}

// writeMark must be called with mark.mu held.
func (a *Agent) writeMark(request string) {
	if a.cfg.Mark.Marker == nil || a.mark.removed || a.noop.Load() {
		return
	}
	a.mark.left = true
	payload := []byte(`{"request":`)
	payload, _ = jsontext.AppendQuote(payload, request) // invalid UTF-8 is replaced
	payload = append(payload, `,"for":"`+a.cfg.Mark.Owner+`"}`...)
	if err := a.cfg.Mark.Marker.Mark(payload); err != nil {
		a.cfg.Diag.Fail("mark",
			"cannot write a marker to /tmp: if this process is killed, that will not be "+
				"reported", "", "error", err.Error())
	}
}

// Started leaves the first mark, unless an invocation has left one already. It
// is for calling when the first next is on its way: a write to /tmp need not
// delay the function's init.
func (a *Agent) Started() {
	a.mark.mu.Lock()
	defer a.mark.mu.Unlock()
	if !a.mark.left {
		a.writeMark("")
	}
}

// removeMark takes the mark away, at the proper end.
func (a *Agent) removeMark() {
	a.mark.mu.Lock()
	defer a.mark.mu.Unlock()
	a.mark.removed = true
	if a.cfg.Mark.Marker != nil {
		_ = a.cfg.Mark.Marker.Unmark() // a mark that stays says too much, not too little
	}
}

// Unclean stores that an earlier process of this environment did not end
// properly, given the mark that it left. How many lines died in its memory is
// not known. It is called before Run.
func (a *Agent) Unclean(mark []byte) {
	var request, owner string
	if jsonscan.Value(mark) == len(mark) {
		said := jsonscan.Object(mark)
		request, owner = jsonscan.Text(said.Find(`"request"`)), jsonscan.Text(said.Find(`"for"`))
	}
	if owner != a.cfg.Mark.Owner && len(mark) > 0 {
		return // another function's, on a developer's machine
	}
	when := "between invocations"
	if request != "" {
		when = "during request " + request
	}
	line := parse.Line{
		Level: a.cfg.Rows.Scale.Warn(), Locator: "logtable.unclean",
		Text: "an earlier Logtable process of this environment was killed " + when +
			"; lines that were only in its memory are lost",
	}
	a.add(a.row(line, request, a.cfg.Now()))
	// The mark that tells of it is about to be replaced by our own: should we
	// be killed at once as well, the row is on /tmp.
	a.cfg.Store.Persist()
}

// Losses is the record that tells of losses, when writing works again. The
// Store calls it with its own lock held.
func (a *Agent) Losses(lost map[store.Loss]int) store.Entry {
	var losses []string
	for _, loss := range sorted(lost) {
		losses = append(losses, fmt.Sprintf("%d × %s, %s", lost[loss], loss.Level, loss.Reason))
	}
	text := "rows were lost: " + strings.Join(losses, "; ")
	r := a.row(parse.Line{Level: a.cfg.Rows.Scale.Alarm(), Locator: "logtable.lost", Text: text}, "", a.cfg.Now())
	if a.alerts != nil {
		a.expect(&r, nil)
	}
	return r.Entry
}
