package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/signing"
)

const (
	// shownLines bounds the lines of an invocation that are shown: a function
	// that prints in a tight loop prints millions.
	shownLines = 1000
	// shownResponse bounds what is shown of a response, in bytes.
	shownResponse = 2000
	// readEvery is how often new rows are read while a function prints, and
	// readLonger how long after its last line: Logtable writes each half
	// second.
	readEvery  = time.Second
	readLonger = 3 * time.Second
)

// localConsole prints what a function does. Its methods may be called from any
// goroutine.
type localConsole struct {
	sh    *shell
	style textStyle

	reading sync.Mutex // guards tail; taken before mu
	tail    *read.Tail
	explain func(error) error
	quiet   bool // what the tail finds is not new yet; guarded by reading

	mu       sync.Mutex // guards what follows, and the output
	rows     *textPrinter
	judge    *judge    // nil without Logtable
	lines    int       // of the invocation under way
	lastLine time.Time // when one was printed
	env      *lambda.Environment
	told     int    // violations of env that have been shown
	trouble  string // of reading, as shown
}

func newLocalConsole(sh *shell, look *outputFlags) (*localConsole, error) {
	zone, err := look.zone(sh)
	if err != nil {
		return nil, err
	}
	c := &localConsole{sh: sh, style: styleFor(sh.stdout, look.color, sh.getenv)}
	c.style.zone = zone
	c.rows = &textPrinter{w: bufio.NewWriter(sh.stdout), style: c.style}
	return c, nil
}

// follow has new rows read from here; those that there are already are not new.
func (c *localConsole) follow(ctx context.Context, client *read.Client, explain func(error) error, o read.Options) {
	o.Now = time.Now()
	c.tail, c.explain = client.NewTail(o, time.Hour, c.style.zone, nil), explain
	c.quiet = true
	c.readRows(ctx)
}

// judgeBy judges lines by a function's settings from now on.
func (c *localConsole) judgeBy(cfg *lambda.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge = newJudge(cfg, c.verdict)
}

// print prints a line of the console's own, dimmed or not. mu must be held.
func (c *localConsole) print(sgr, format string, args ...any) {
	fmt.Fprintln(c.sh.stdout, c.style.paint(sgr, fmt.Sprintf(format, args...)))
}

func (c *localConsole) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.print(sgrYellow, "%s", visible(fmt.Sprintf(format, args...)))
}

// line shows a line that the function has printed.
func (c *localConsole) line(line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastLine = time.Now()
	if c.lines++; c.lines > shownLines {
		return
	}
	for _, text := range visibleLines(string(line)) {
		c.print("", "  | %s", text)
	}
	if c.judge != nil {
		c.judge.line(line)
	}
}

// verdict shows why what was printed is not a row. mu must be held.
func (c *localConsole) verdict(why string) { c.print(sgrYellow, "    no row: %s", visible(why)) }

// extensionLine shows what an extension says, but for Logtable's first line.
func (c *localConsole) extensionLine(line []byte) {
	if bytes.Contains(line, []byte(`"`+signing.Commitment+`":"`)) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range visibleLines(string(line)) {
		c.print(sgrDim, "  extension | %s", text)
	}
}

// started tells of an init phase.
func (c *localConsole) started(env *lambda.Environment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	init := env.Init()
	c.env, c.told, c.lines = env, 0, 0
	if init.Status == lambda.StatusSuccess {
		c.print(sgrDim, "INIT    %s", inMillis(init.Took))
	} else {
		c.print(sgrRed, "INIT    %s after %s; the next invocation tries again",
			cmp.Or(init.ErrorType, init.Status), inMillis(init.Took))
	}
	c.violations()
}

// ended tells of an invocation, after its rows.
func (c *localConsole) ended(result lambda.Result, err error) {
	c.mu.Lock()
	if c.judge != nil {
		c.judge.end()
	}
	if more := c.lines - shownLines; more > 0 {
		c.print(sgrDim, "  | … and %s more lines", thousands(more))
	}
	c.lines = 0
	c.mu.Unlock()
	c.readRows(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.print(sgrYellow, "REPORT  %v", err)
		return
	}
	color := sgrDim
	text := fmt.Sprintf("REPORT  %s  %s in %s",
		short(result.RequestID), result.Status, inMillis(result.Duration))
	if result.Held > 0 {
		text += ", and " + inMillis(result.Held) + " more for its extensions"
	}
	if result.Init > 0 {
		text += ", init " + inMillis(result.Init)
	}
	if result.FunctionError != "" {
		color, text = sgrRed, text+": "+describeError(result)
	}
	c.print(color, "%s", text)
	c.violations()
}

// describeError is what the caller is told.
func describeError(result lambda.Result) string {
	var document struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(result.Payload, &document) // what is not there is ""
	text := strings.TrimPrefix(document.ErrorMessage, "RequestId: "+result.RequestID+" Error: ")
	text = clipped(text, shownResponse)
	return visible(strings.TrimSuffix(cmp.Or(document.ErrorType, result.FunctionError)+": "+text, ": "))
}

// violations shows what Lambda would have refused. mu must be held.
func (c *localConsole) violations() {
	if c.env == nil {
		return
	}
	all := c.env.Violations()
	for _, v := range all[min(c.told, len(all)):] {
		c.print(sgrYellow, "Lambda does not allow: %s", visible(v))
	}
	c.told = len(all)
}

// response shows what an invocation with --event returned.
func (c *localConsole) response(result lambda.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := visible(clipped(string(result.Payload), shownResponse))
	if len(result.Payload) > shownResponse {
		text += fmt.Sprintf(" (%s bytes)", thousands(len(result.Payload)))
	}
	c.print("", "RESPONSE %s", text)
}

func (c *localConsole) reloading(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.print(sgrBold, "\nRELOAD  %s changed", visible(path))
}

// banner says what can be done now.
func (c *localConsole) banner(r *localRun) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, name := "http://"+r.ln.Addr().String(), r.flags.function.name
	c.print(sgrBold, "The function %s is ready.", name)
	c.print("", "  invoke it   curl -d '{}' %s/", at)
	c.print("", "              aws lambda invoke --function-name %s --endpoint-url %s out.json", name, at)
	if !r.flags.noLogtable {
		where := "--endpoint-url " + r.tables
		if r.tables == localEndpoint {
			where = "--local"
		}
		c.print("", "  its rows    %s tail -f %s", os.Args[0], where)
	}
	c.print("", "Ctrl-C stops it.\n")
}

// keepReading shows rows while a function prints.
func (c *localConsole) keepReading(ctx context.Context) {
	ticker := time.NewTicker(readEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		busy := time.Since(c.lastLine) < readLonger
		c.mu.Unlock()
		if busy {
			c.readRows(ctx)
		}
	}
}

// last shows the end: rows, and what was not allowed.
func (c *localConsole) last() {
	c.mu.Lock()
	if c.judge != nil {
		c.judge.end()
	}
	c.violations()
	c.mu.Unlock()
	c.readRows(context.Background())
}

// readRows shows the rows that are new.
func (c *localConsole) readRows(ctx context.Context) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.tail == nil {
		return
	}
	var rows []read.TailedRow
	var err error
	if c.quiet {
		_, err = c.tail.Last(ctx)
		c.quiet = err != nil
	}
	if err == nil {
		rows, err = c.tail.Poll(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range rows {
		row := shown{Row: rows[i].Row}
		c.rows.fit(&row)
		c.rows.row(&row)
	}
	_ = c.rows.w.Flush() // a reader that has gone ends the command
	text := ""
	if err != nil && ctx.Err() == nil {
		text = c.explain(err).Error()
	}
	if text != c.trouble && text != "" {
		c.print(sgrYellow, "%s", visible(text))
	}
	c.trouble = text
}

// clipped is the beginning of a text, at most so many bytes of it.
func clipped(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

func short(requestID string) string { return requestID[:min(shortRequest, len(requestID))] }

func inMillis(d time.Duration) string { return fmt.Sprintf("%.0f ms", milliseconds(d)) }
