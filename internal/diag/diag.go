// Package diag writes the extension's own diagnostics: single JSON lines on
// standard error, which Lambda forwards to the function's CloudWatch log.
//
// They are for the people who attached the layer, they cost money by the
// byte, and they must never carry what a function printed. So a failure that
// repeats is said once, when it begins, and once more when it ends.
package diag

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// maxKeys bounds the memory of failures; past it the oldest knowledge is
// forgotten, which at worst repeats a line.
const maxKeys = 256

// maxSays bounds the lines of one process that are no failures beginning or
// ending, so that nothing can turn our stderr into a bill.
const maxSays = 200

// A Logger writes diagnostics. Its methods may be called from any goroutine;
// a nil Logger is silent.
type Logger struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex // held for map work and one write of a line
	failing map[string]*failure
	said    int
	out     output
}

type failure struct {
	since time.Time
	count int
}

// New returns a Logger that writes to w, usually os.Stderr.
func New(w io.Writer) *Logger {
	l := &Logger{now: time.Now, failing: make(map[string]*failure), out: output{w: w}}
	l.log = slog.New(slog.NewJSONHandler(&l.out, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.MessageKey {
				a.Key = "logtable" // marks the line as ours among the function's
			}
			return a
		},
	}))
	return l
}

// Mask has every line that is written from now on, a JSON object, masked first: an
// error may repeat what nobody should read, such as a request that was refused.
// mask is called by one goroutine at a time and must not call the Logger.
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

func (o *output) Write(line []byte) (int, error) {
	if o.mask == nil {
		return o.w.Write(line)
	}
	return o.w.Write([]byte(o.mask(string(line))))
}

// Say writes one line. advice says what to do next; "" leaves it out.
func (l *Logger) Say(level slog.Level, message, advice string, args ...any) {
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
// counted until Recover. It reports whether a line was written.
func (l *Logger) Fail(key, message, advice string, args ...any) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.failing[key]; ok {
		f.count++
		return false
	}
	if len(l.failing) >= maxKeys {
		clear(l.failing)
	}
	l.failing[key] = &failure{since: l.now(), count: 1}
	l.write(slog.LevelWarn, message, advice, args)
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
	f, ok := l.failing[key]
	if !ok {
		return
	}
	delete(l.failing, key)
	l.write(slog.LevelInfo, message, "", []any{
		"failures", f.count, "after", l.now().Sub(f.since).Round(time.Millisecond).String()})
}

// write must be called with mu held.
func (l *Logger) write(level slog.Level, message, advice string, args []any) {
	if advice != "" {
		args = append([]any{"do", advice}, args...)
	}
	l.log.Log(context.Background(), level, message, args...)
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
	l.Fail("panic "+where, "internal error: Logtable does nothing from now on, the function is not affected",
		"please report this line", "where", where, "panic", what, "stack", stackOfPanic())
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
