package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progressPause is how long a report of progress stands at least.
const progressPause = 200 * time.Millisecond

// progress tells whoever waits at a terminal how far a long command is, in one
// line that is written over. Elsewhere it does nothing. It is not safe for
// concurrent use.
type progress struct {
	w     io.Writer // nil if nobody waits
	width int
	now   func() time.Time
	last  time.Time // of the last report; zero if none is seen
}

// newProgress reports to standard error, if that is a terminal.
func newProgress(sh *shell) *progress {
	p := &progress{now: sh.now}
	if file, ok := sh.stderr.(*os.File); ok && isTerminal(file) && sh.getenv("TERM") != "dumb" {
		p.w = file
		p.width, _, _ = term.GetSize(int(file.Fd())) // 0 if it does not say
	}
	return p
}

// report shows a text, unless another was just shown.
func (p *progress) report(text func() string) {
	now := p.now()
	if p.w == nil || now.Sub(p.last) < progressPause {
		return
	}
	p.last = now
	line := text()
	if p.width > 0 {
		line = cutColumns(line, p.width-1)
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
}

// clear removes what was shown, before anything else is printed.
func (p *progress) clear() {
	if p.w != nil && !p.last.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.last = time.Time{}
	}
}

// percent is a part of a whole, as it is shown.
func percent(part, whole float64) string {
	if whole <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*min(max(part/whole, 0), 1))
}
