package main

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/read"
)

// timelineLines is how many lines a cause's histogram has at most.
const timelineLines = 14

// printOne prints a cause: how it stands, how it developed, what was said of
// it, and its last row.
func (r *causeReport) printOne(w io.Writer) error {
	out, c := bufio.NewWriter(w), &r.All[0]
	fmt.Fprintf(out, "%s  %s (%s)\n", r.style.paint(stateColor(c), stateText(c, false)),
		r.style.paint(sgrCyan, visible(c.Module)), visible(c.Locator))
	line := func(text string) {
		for _, piece := range wrap("  "+text, r.style.width) {
			fmt.Fprintln(out, piece)
		}
	}
	if c.Said.Rev > 0 {
		line(r.change(&c.Said.Change))
	}
	if c.Count == 0 {
		line("no errors since " + r.when(r.From))
	} else {
		line(fmt.Sprintf("%s of %s", counted(c.Count, "error"), requestsOf(c)))
		line("first seen " + r.when(c.First) + ", last seen " + r.when(c.Last))
		fmt.Fprintln(out)
		r.development(out, c)
	}
	if len(c.Said.History) > 0 {
		fmt.Fprintln(out, "\n"+r.style.paint(sgrDim, "said before"))
		for i := range c.Said.History {
			line(r.change(&c.Said.History[i]))
		}
	}
	if c.LastRow != nil {
		fmt.Fprintln(out, "\n"+r.style.paint(sgrDim, "the last one"))
		style := r.style
		style.verbose = true
		if _, err := printText(out, oneRow(c.LastRow), style); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "\n"+r.style.paint(sgrDim, r.advice(c)))
	return out.Flush()
}

// development is in which versions a cause was seen, and when.
func (r *causeReport) development(out *bufio.Writer, c *read.Cause) {
	if len(c.Versions) > 0 {
		r.versions(c).print(out)
		fmt.Fprintln(out)
	}
	r.timeline(c).print(out)
}

func oneRow(r *read.Row) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) { yield(shown{Row: *r}, nil) }
}

func requestsOf(c *read.Cause) string {
	if c.Requests.N == 1 {
		return "1 request"
	}
	return requestsText(c) + " requests"
}

// change is what somebody said, and when.
func (r *causeReport) change(c *cause.Change) string {
	own := *c
	own.Until = time.Time{}
	words := visible(own.Words())
	if !c.Until.IsZero() {
		until := " until " + c.Until.In(r.style.zone).Format(statsTime)
		before, note, _ := strings.Cut(words, ": ")
		if words = before + until; note != "" {
			words += ": " + note
		}
	}
	return r.when(c.At) + "  " + words
}

// when is an instant, and how long ago it was.
func (r *causeReport) when(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	ago := r.ago(t)
	if ago != "now" {
		ago += " ago"
	}
	return fmt.Sprintf("%s (%s)", t.In(r.style.zone).Format(statsTime), ago)
}

func (r *causeReport) versions(c *read.Cause) *textTable {
	t := &textTable{style: r.style, names: 1}
	t.add(sgrDim, "version", "errors", "first", "last")
	for _, v := range c.Versions {
		t.add("", v.Version, thousands(v.Count), v.First.In(r.style.zone).Format(statsTime),
			v.Last.In(r.style.zone).Format(statsTime))
	}
	return t
}

// timeline has a line for each part of the span.
func (r *causeReport) timeline(c *read.Cause) *textTable {
	few := squeezed(c.Buckets, timelineLines)
	each := r.Bucket * time.Duration(max((len(c.Buckets)+timelineLines-1)/timelineLines, 1))
	t := &textTable{style: r.style, names: 1}
	t.add(sgrDim, "from", "errors")
	most := uint64(1)
	for _, n := range few {
		most = max(most, n)
	}
	bars := &report{style: r.style, plain: r.plain}
	for i, n := range few {
		t.add("", r.From.Add(time.Duration(i)*each).In(r.style.zone).Format("2006-01-02 15:04"), thousands(int(n)))
		t.lines[len(t.lines)-1].bar = func(room int) string {
			if n == 0 {
				return ""
			}
			return bars.bar(max(1, int(n*uint64(room)*8/most)), 0, room)
		}
	}
	return t
}

// advice says what to do with the cause.
func (r *causeReport) advice(c *read.Cause) string {
	name := shellWord(c.Module) + " " + shellWord(c.Locator)
	if c.Standing == cause.IsResolved || c.Standing == cause.IsIgnored {
		return "logtable reopen " + name
	}
	return "logtable resolve " + name + " --note TEXT"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-]+$`)

// shellWord is a text as a shell takes it for one word.
func shellWord(text string) string {
	switch {
	case plainWord.MatchString(text):
		return text
	case strings.Contains(text, "'") && !strings.ContainsAny(text, "\"$`\\!"):
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
