package main

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"slices"
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

// An invocation is the rows that one has, as far as they tell.
type invocation struct {
	module, request string // the module is the function's, where a row tells that
	number          int    // from 0 on; its color
	first, last     int    // places of its rows
	rows            int
	death, report   int // places of what ends it; -1 if there is none
}

// Locators of the layer's rows that say how an invocation ended. platform.init
// and platform.restore are of environments.
const platformReport = "platform.report"

var deathLocators = []string{"platform.timeout", "platform.crash", "platform.oom", "platform.error"}

// retryAfter is less than the time after which Lambda tries an asynchronous
// event again, with the same request ID and often in the same environment, and
// more than rows of an invocation that has ended come late by.
const retryAfter = 30 * time.Second

// invocationsOf finds out which invocation each row belongs to.
func invocationsOf(rows []read.Row) (all []*invocation, of []*invocation) {
	type key struct{ module, request, environment string }
	open := map[key]*invocation{}
	of = make([]*invocation, len(rows))
	for i := range rows {
		row := &rows[i]
		k := key{row.Module, row.RequestID, row.EnvironmentID}
		if k.request != "" && k.environment != "" {
			k.module = "" // a line may name one of its own
		}
		v := open[k]
		if v == nil || v.retried(rows, i) {
			v = &invocation{module: row.Module, request: row.RequestID, number: len(all), first: i}
			v.death, v.report = -1, -1
			open[k], all = v, append(all, v)
		}
		v.last, v.rows, of[i] = i, v.rows+1, v
		if strings.HasPrefix(row.Locator, "platform.") {
			v.module = row.Module
		}
		switch {
		case slices.Contains(deathLocators, row.Locator):
			v.death = i
		case row.Locator == platformReport:
			v.report = i
		}
	}
	return all, of
}

// retried reports whether a row is of another attempt at the same request. The
// report of the first may come after the second has begun.
func (v *invocation) retried(rows []read.Row, i int) bool {
	end := max(v.death, v.report)
	return end >= 0 && !strings.HasPrefix(rows[i].Locator, "platform.") &&
		rows[i].Time.Sub(rows[end].Time) >= retryAfter
}

// end is the place of the row that ends the invocation: nothing tells as much
// as a death.
func (v *invocation) end() int {
	switch {
	case v.death >= 0:
		return v.death
	case v.report >= 0:
		return v.report
	}
	return v.last
}

// tellsEnd reports whether a row says how the invocation ended.
func (v *invocation) tellsEnd(i int) bool {
	return i == v.end() && (i == v.death || i == v.report)
}

// label names an invocation by its function and the beginning of its request.
func (v *invocation) label() string {
	if v.request == "" {
		return visible(v.module) + ", no request"
	}
	return visible(v.module) + " " + visible(v.request[:min(len(v.request), shortRequest)])
}

// storyColors tell invocations apart.
var storyColors = []string{sgrCyan, "35", "32", "34"}

// storyPrinter prints a story for people: the rows below the invocations that
// they belong to.
type storyPrinter struct {
	*textPrinter
	rows []read.Row
	of   []*invocation
	now  *invocation // whose rows are being printed

	silence string // what is said of an invocation whose end is not told
}

// printStory prints a story with what it is of above it.
func printStory(w io.Writer, story *read.Story, title string, style textStyle) error {
	style.story = true
	p := storyPrinter{textPrinter: &textPrinter{w: bufio.NewWriter(w), style: style}, rows: story.Rows}
	if p.silence = "no further rows"; story.More {
		p.silence = "further rows were not read"
	}
	var all []*invocation
	all, p.of = invocationsOf(p.rows)
	p.summary(title, all)
	for i := range p.rows {
		row := p.shown(i)
		if p.of[i].tellsEnd(i) {
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
func (p *storyPrinter) summary(title string, all []*invocation) {
	functions, invocations, errors := map[string]bool{}, 0, 0
	for _, v := range all {
		functions[v.module] = true
		if v.request != "" {
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
	case i == v.first:
		text := "--> " + v.label()
		if v.request != "" && len(v.request) > shortRequest {
			text = "--> " + visible(v.module) + " " + visible(v.request)
		}
		p.mark(v, &row, text+p.coldStart(v))
	case p.now != v && i != v.end():
		p.mark(v, nil, "... "+v.label())
	}
	p.now = v
	if v.tellsEnd(i) {
		p.mark(v, &row, "<-- "+v.label()+": "+visible(strings.TrimPrefix(row.Text, "report: ")))
		p.under(&row, visibleLines(row.Exception))
	} else {
		p.row(&row)
	}
	if i != v.end() {
		return
	}
	if p.now = nil; !v.tellsEnd(i) && v.request != "" {
		p.mark(v, nil, "<-- "+v.label()+": "+p.silence)
	}
}

// shown is a row, with the time since the first. Its function stands above it;
// where the line names another module, that stands before its locator.
func (p *storyPrinter) shown(i int) shown {
	row := shown{Row: p.rows[i], elapsed: sinceFirst(p.rows, i)}
	if row.Module != p.of[i].module {
		row.Locator = strings.TrimSpace(row.Module + ": " + row.Locator)
	}
	return row
}

// coldStart says what the end has about the function's initialization.
func (p *storyPrinter) coldStart(v *invocation) string {
	end := v.end()
	if !v.tellsEnd(end) {
		return ""
	}
	if _, figure, ok := strings.Cut(p.rows[end].Text, ", init "); ok {
		return ", cold start " + visible(figure)
	}
	return ""
}

// mark prints a line about an invocation, with the time of a row if there is
// one.
func (p *storyPrinter) mark(v *invocation, row *shown, text string) {
	color := storyColors[v.number%len(storyColors)]
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
