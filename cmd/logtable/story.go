package main

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/read"
)

// storyRows shows the rows of a story, with the time since the first.
func storyRows(rows []read.Row) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		for i := range rows {
			if !yield(shown{Row: rows[i], elapsed: sinceFirst(rows, i)}, nil) {
				return
			}
		}
	}
}

// sinceFirst is the time between the first row and another; nil if either has
// none.
func sinceFirst(rows []read.Row, i int) *time.Duration {
	if rows[0].Time.IsZero() || rows[i].Time.IsZero() {
		return nil
	}
	d := rows[i].Time.Sub(rows[0].Time)
	return &d
}

// label names an invocation by its function and the beginning of its request.
func label(v *read.Invocation) string {
	if v.Request == "" {
		return visible(v.Module) + ", no request"
	}
	return visible(v.Module) + " " + visible(v.Request[:min(len(v.Request), shortRequest)])
}

// storyColors tell invocations apart.
var storyColors = []string{sgrCyan, "35", "32", "34"}

// storyPrinter prints a story for people: the rows below the invocations that
// they belong to.
type storyPrinter struct {
	*textPrinter
	rows []read.Row
	of   []*read.Invocation
	now  *read.Invocation // whose rows are being printed

	silence string // what is said of an invocation whose end is not told
}

// printStory prints a story with what it is of above it.
func printStory(w io.Writer, story *read.Story, title string, style textStyle) error {
	style.story = true
	p := storyPrinter{textPrinter: &textPrinter{w: bufio.NewWriter(w), style: style}, rows: story.Rows}
	if p.silence = "no further rows"; story.More {
		p.silence = "further rows were not read"
	}
	var all []*read.Invocation
	all, p.of = read.Invocations(p.rows)
	p.summary(title, all)
	for i := range p.rows {
		row := p.shown(i)
		if p.of[i].TellsEnd(i) {
			row.Level, row.Locator = "", "" // they are not printed
		}
		p.fit(&row)
	}
	for i := range p.rows {
		p.event(i)
	}
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	return nil
}

// summary says how much there is.
func (p *storyPrinter) summary(title string, all []*read.Invocation) {
	functions, invocations, errors := map[string]bool{}, 0, 0
	for _, v := range all {
		functions[v.Module] = true
		if v.Request != "" {
			invocations++
		}
	}
	for i := range p.rows {
		if p.rows[i].Error {
			errors++
		}
	}
	took := ""
	if d := sinceFirst(p.rows, len(p.rows)-1); d != nil {
		took = ", " + strings.TrimPrefix(elapsedText(*d), "+")
	}
	p.lines(0, sgrBold, title)
	p.lines(0, "", fmt.Sprintf("%s of %s, %s, %s%s", count(invocations, "invocation"),
		count(len(functions), "function"), count(len(p.rows), "row"), count(errors, "error"), took), "")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprint(n, " ", what, "s")
}

// event prints a row, and what begins or ends with it.
func (p *storyPrinter) event(i int) {
	row, v := p.shown(i), p.of[i]
	p.heading(&row)
	switch {
	case i == v.First:
		text := "--> " + label(v)
		if v.Request != "" && len(v.Request) > shortRequest {
			text = "--> " + visible(v.Module) + " " + visible(v.Request)
		}
		p.mark(v, &row, text+p.coldStart(v))
	case p.now != v && i != v.End():
		p.mark(v, nil, "... "+label(v))
	}
	p.now = v
	if v.TellsEnd(i) {
		p.mark(v, &row, "<-- "+label(v)+": "+visible(strings.TrimPrefix(row.Text, "report: ")))
		p.under(&row, visibleLines(row.Exception))
	} else {
		p.row(&row)
	}
	if i != v.End() {
		return
	}
	if p.now = nil; !v.TellsEnd(i) && v.Request != "" {
		p.mark(v, nil, "<-- "+label(v)+": "+p.silence)
	}
}

// shown is a row, with the time since the first. Its function stands above it;
// where the line names another module, that stands before its locator.
func (p *storyPrinter) shown(i int) shown {
	row := shown{Row: p.rows[i], elapsed: sinceFirst(p.rows, i)}
	if row.Module != p.of[i].Module {
		row.Locator = strings.TrimSpace(row.Module + ": " + row.Locator)
	}
	return row
}

// coldStart says what the end has about the function's initialization.
func (p *storyPrinter) coldStart(v *read.Invocation) string {
	if figure := v.ColdStart(p.rows); figure != "" {
		return ", cold start " + visible(figure)
	}
	return ""
}

// mark prints a line about an invocation, with the time of a row if there is
// one.
func (p *storyPrinter) mark(v *read.Invocation, row *shown, text string) {
	color := storyColors[v.Number%len(storyColors)]
	if row != nil && row.Error {
		color = sgrRed
	}
	indent := belowIndent + p.elapsed + 2
	below := strings.Repeat(" ", indent)
	head := below
	if row != nil {
		head, _ = p.times(row)
	}
	for _, piece := range wrap(text, p.room(indent)) {
		fmt.Fprintln(p.w, head+p.style.paint(color, piece))
		head = below
	}
}
