// Package diag writes the extension's own diagnostics: single JSON lines on
// standard error, which Lambda forwards to the function's CloudWatch log.
//
// They are for the people who attached the layer, they cost money by the byte,
// and they must never carry what a function printed. So a failure that repeats
// is said once, when it begins, and once more when it ends. One that comes and
// goes is said three times a minute, and what was left out is counted.
package diag

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/version"
)

// Report is the advice on what should never happen. With it goes the version.
const Report = "please report this line at " + version.ReportAt

// maxKeys bounds the memory of failures. Causes beyond it share one entry, and
// its lines a minute, until others have been quiet for a while.
const maxKeys = 256

// maxLines bounds the lines of one cause in any perTime.
const (
	maxLines = 3
	perTime  = time.Minute
)

// maxSays bounds the lines of one process that are no failures beginning or
// ending, so that nothing can turn our stderr into a bill.
const maxSays = 200

// A Logger writes diagnostics. Its methods may be called from any goroutine;
// a nil Logger is silent.
type Logger struct {
	now func() time.Time

	mu      sync.Mutex // held for map work and one write of a line
	causes  map[string]*cause
	crowded cause // all that found no room in causes
	said    int
	out     output
}

// A cause is what is known of one key. What was last said of it may differ from
// what is: lines are left out when too many have been written.
type cause struct {
	failing bool
	told    bool // that it fails, was the last word
	since   time.Time
	count   int                 // failures since then
	unsaid  int                 // lines left out since the last one
	pending bool                // a line of what is has still to be written
	lines   [maxLines]time.Time // when the last ones were written, in a ring
	next    int                 // the oldest of lines
}

// turn notes that the cause begins or ceases to fail. If the last word said so
// already, because the line between was left out, there is nothing to say.
func (c *cause) turn(failing bool) {
	if c.pending {
		c.unsaid++
	}
	c.failing, c.pending = failing, failing != c.told
	if !c.pending {
		c.unsaid++
	}
}

// room reports whether a line may be written of the cause now.
func (c *cause) room(now time.Time) bool {
	oldest := c.lines[c.next]
	return oldest.IsZero() || now.Sub(oldest) >= perTime
}

// idle reports whether forgetting the cause would lose nothing.
func (c *cause) idle(now time.Time) bool {
	newest := c.lines[(c.next+maxLines-1)%maxLines]
	return !c.failing && !c.told && now.Sub(newest) >= perTime
}

// New returns a Logger that writes to w, usually os.Stderr.
func New(w io.Writer) *Logger {
	return &Logger{now: time.Now, causes: make(map[string]*cause), out: output{w: w}}
}

// Mask has every line that is written from now on, a JSON object, masked first:
// an error may repeat what nobody should read, such as a request that was
// refused. mask is called by one goroutine at a time and must not call the
// Logger.
func (l *Logger) Mask(mask func(object string) string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.mask = mask
}

// An output writes lines. It is used with the Logger's mu held.
type output struct {
	w    io.Writer
	mask func(string) string // nil for none
}

func (o *output) write(line []byte) {
	if o.mask != nil {
		line = []byte(o.mask(string(line)))
	}
	_, _ = o.w.Write(line) // there is nobody to tell
}

// Say writes one line. advice says what to do next; "" leaves it out.
func (l *Logger) Say(level Level, message, advice string, args ...any) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said++; l.said > maxSays {
		return
	}
	l.write(level, message, advice, args)
}

// Fail says that what key names fails, the first time; repetitions are only
// counted until Recover. Of one key at most 3 lines are written in any minute,
// by Fail and Recover together; the next one says how many were left out
// ("unsaid"). It reports whether a line was written.
func (l *Logger) Fail(key, message, advice string, args ...any) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	c := l.cause(key, now)
	if !c.failing {
		c.since, c.count = now, 0
		c.turn(true)
	}
	c.count++
	if c.told || !c.room(now) {
		return false
	}
	l.writeOf(c, now, Warn, message, advice, args)
	c.told = true
	return true
}

// Recover says that what key names works again, if Fail had said that it
// does not; otherwise it does nothing, cheaply.
func (l *Logger) Recover(key, message string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.causes[key]
	if c == nil {
		return
	}
	now := l.now()
	if c.failing {
		c.turn(false)
	}
	if !c.told || !c.room(now) {
		return
	}
	l.writeOf(c, now, Info, message, "", []any{
		"failures", c.count, "after", now.Sub(c.since).Round(time.Millisecond).String()})
	c.told = false
}

// cause is what is known of a key; mu must be held.
func (l *Logger) cause(key string, now time.Time) *cause {
	if c := l.causes[key]; c != nil {
		return c
	}
	if len(l.causes) >= maxKeys {
		for key, c := range l.causes {
			if c.idle(now) {
				delete(l.causes, key)
			}
		}
	}
	if len(l.causes) >= maxKeys {
		l.crowded.failing, l.crowded.told = false, false // whose it was is not known
		return &l.crowded
	}
	c := new(cause)
	l.causes[key] = c
	return c
}

// writeOf writes a line of a cause, which must have room for it. mu must be
// held.
func (l *Logger) writeOf(c *cause, now time.Time, level Level, message, advice string, args []any) {
	if c.unsaid > 0 {
		args = append(args[:len(args):len(args)], "unsaid", c.unsaid)
		c.unsaid = 0
	}
	c.pending = false
	c.lines[c.next] = now
	c.next = (c.next + 1) % maxLines
	l.write(level, message, advice, args)
}

// write must be called with mu held.
func (l *Logger) write(level Level, message, advice string, args []any) {
	if advice != "" {
		args = append([]any{"do", advice}, args...)
	}
	l.out.write(appendLine(nil, l.now(), level, message, args))
}

// Guard is deferred at the top of a goroutine: it turns a panic into one line
// and calls then, which must leave the extension a silent guest.
//
// The value of the panic is not printed when it could hold a function's data;
// runtime errors (index out of range, nil dereference) are, and the place is.
func (l *Logger) Guard(where string, then func()) {
	v := recover()
	if v == nil {
		return
	}
	l.Panic(where, v)
	if then != nil {
		then()
	}
}

// Panic writes the line of a recovered panic.
func (l *Logger) Panic(where string, v any) {
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(interface{ RuntimeError() }); ok {
		what = fmt.Sprint(err)
	}
	l.Fail("panic "+where, "internal error: Logtable is disabled from now on; the function is not affected",
		Report, "version", version.Number(), "where", where, "panic", what, "stack", stackOfPanic())
}

// stackOfPanic is the innermost part of the stack, as function names and
// lines without arguments.
func stackOfPanic() string {
	lines := strings.Split(string(debug.Stack()), "\n")
	var frames []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if i := strings.LastIndex(line, "/"); strings.Contains(line, ".go:") && i >= 0 {
			frames = append(frames, strings.SplitN(line[i+1:], " ", 2)[0])
		}
	}
	return strings.Join(frames[:min(len(frames), 12)], " < ")
}
