package main

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// lookAhead is how many rows are collected before the first is printed, to see
// how wide the columns must be. Later ones widen them as they need.
const lookAhead = 200

// Columns may grow up to these; what is longer sticks out.
const (
	maxLevelColumn   = 10
	maxModuleColumn  = 24
	maxLocatorColumn = 18 // (platform.timeout)
	compactModule    = 12
	compactLocator   = 6
)

// shortRequest is how much of a request ID is shown: eight hexadecimal digits,
// which --request takes as they are.
const shortRequest = 8

// minText is the narrowest column for text; on a narrower terminal text goes
// below the rest.
const minText = 30

// textPrinter prints rows for people.
type textPrinter struct {
	w       *bufio.Writer
	style   textStyle
	day     string // the last heading
	level   int    // widths of the columns
	module  int
	locator int
	request int
	elapsed int
	cells   []int // of --columns
}

// printText prints rows aligned, a heading a day, and returns how many. It
// stops at the first error of rows, after printing those before it.
func printText(w io.Writer, rows iter.Seq2[shown, error], style textStyle) (int, error) {
	if style.zone == nil {
		style.zone = time.UTC
	}
	p := &textPrinter{w: bufio.NewWriter(w), style: style}
	n, err := p.print(rows)
	if ferr := p.w.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("cannot print: %w", ferr)
	}
	return n, err
}

func (p *textPrinter) print(rows iter.Seq2[shown, error]) (n int, err error) {
	var ahead []shown
	flush := func() {
		for i := range ahead {
			p.row(&ahead[i])
		}
		ahead = ahead[:0]
	}
	for row, err := range rows {
		if err != nil {
			flush()
			return n, err
		}
		n++
		p.fit(&row)
		if ahead = append(ahead, row); n >= lookAhead || row.atOnce {
			flush()
		}
		if row.atOnce {
			if err := p.w.Flush(); err != nil {
				return n, fmt.Errorf("cannot print: %w", err)
			}
		}
	}
	flush()
	return n, nil
}

// fit widens the columns to hold a row.
func (p *textPrinter) fit(row *shown) {
	if len(p.style.columns) > 0 {
		p.fitCells(row)
		return
	}
	p.level = max(p.level, min(columns(visible(row.Level)), maxLevelColumn))
	p.module = max(p.module, min(columns(visible(row.Module)), maxModuleColumn))
	p.locator = max(p.locator, min(columns(locatorCell(row)), maxLocatorColumn))
	if row.RequestID != "" {
		p.request = shortRequest
	}
	if row.elapsed != nil {
		p.elapsed = max(p.elapsed, len(elapsedText(*row.elapsed)))
	}
}

// elapsedText is a time since the first row.
func elapsedText(d time.Duration) string {
	if d < 1000*time.Second {
		return fmt.Sprintf("+%.3f s", d.Seconds())
	}
	return "+" + d.Round(time.Second).String()
}

// locatorCell is the locator as in the stored message.
func locatorCell(row *shown) string {
	if row.Locator == "" {
		return "(?)"
	}
	return "(" + visible(row.Locator) + ")"
}

// lateMark stands before what was written when later rows had been shown.
const lateMark = "late"

// belowIndent is where exceptions and all else below the text begin: under the
// level, since stack traces are wide.
const belowIndent = len("!15:04:05.000  ")

// row prints one row: its columns, then text and all that goes below.
func (p *textPrinter) row(row *shown) {
	if row.gap {
		fmt.Fprintln(p.w, p.style.paint(sgrDim, "--"))
	}
	if len(p.style.columns) > 0 {
		p.oneLine(row)
		return
	}
	p.heading(row)
	head, indent := p.head(row)
	hang := indent
	if p.compact() {
		hang = p.belowIndent()
	}
	if width := p.style.width; width > 0 && width-indent < minText {
		fmt.Fprintln(p.w, strings.TrimRight(head, " "))
		indent = p.belowIndent()
		head = strings.Repeat(" ", indent)
	}
	exception := visibleLines(row.Exception)
	text := visibleLines(row.Text)
	if row.Text == "" { // the place beside the columns is not left empty
		text, exception = exception[:1], exception[1:]
	}
	p.text(head, margins{indent, hang}, textColor(row), text, fieldsText(row.Fields))
	p.under(row, exception)
}

// under prints all that goes below the text.
func (p *textPrinter) under(row *shown, exception []string) {
	if row.Exception != "" {
		p.below(exceptionColor(row), exception...)
	}
	if row.Issues != "" {
		p.below(sgrYellow, visibleLines("issue: "+row.Issues)...)
	}
	if row.Truncated > 0 {
		p.below(sgrYellow, fmt.Sprintf("%d more bytes were cut off to fit into an item", row.Truncated))
	}
	if p.style.verbose {
		p.below(sgrDim, details(row, p.style.zone)...)
	}
}

// compact reports whether the columns would take more than half of the
// terminal. Then the request is left out, other columns are narrower, and the
// text's further lines begin where those below it do. A story has neither
// column.
func (p *textPrinter) compact() bool {
	if p.style.story {
		return false
	}
	all := belowIndent + p.level + 2 + p.module + 2 + p.locator + 2
	if p.request > 0 && !p.style.verbose {
		all += p.request + 2
	}
	return p.style.width > 0 && all > p.style.width/2
}

// margins are where a text's first line begins, and where the others do.
type margins struct{ first, rest int }

// text prints the text beside its columns, and the fields behind its last line
// if there is room, else on lines of their own.
func (p *textPrinter) text(head string, at margins, color string, lines []string, fields string) {
	var all []string
	indent, used := at.first, 0
	for i, line := range lines {
		pieces := wrap(line, p.room(at.rest))
		if i == 0 {
			pieces = wrapAfter(line, p.room(at.first), p.room(at.rest))
		}
		if i > 0 || len(pieces) > 1 {
			indent = at.rest
		}
		used = columns(pieces[len(pieces)-1])
		all = append(all, p.style.marked(color, line, pieces)...)
	}
	room := p.room(indent)
	beside := fields != "" && (room == 0 || used == 0 || used+2+columns(fields) <= room)
	for i, line := range all {
		if i == len(all)-1 && beside {
			if used > 0 {
				line += "  "
			}
			line += p.style.marked(sgrDim, fields, []string{fields})[0]
		}
		fmt.Fprintln(p.w, strings.TrimRight(head+line, " "))
		head = strings.Repeat(" ", at.rest)
	}
	if fields != "" && !beside {
		p.lines(at.rest, sgrDim, fields)
	}
}

// below prints lines under the text.
func (p *textPrinter) below(color string, lines ...string) {
	p.lines(p.belowIndent(), color, lines...)
}

func (p *textPrinter) belowIndent() int {
	if p.style.width > 0 {
		return min(belowIndent, p.style.width/4)
	}
	return belowIndent
}

func (p *textPrinter) lines(indent int, color string, lines ...string) {
	for _, line := range lines {
		for _, piece := range p.style.marked(color, line, wrap(line, p.room(indent))) {
			fmt.Fprintln(p.w, strings.TrimRight(strings.Repeat(" ", indent)+piece, " "))
		}
	}
}

// room is how many columns are left of an indent; 0 means no limit.
func (p *textPrinter) room(indent int) int {
	if p.style.width <= 0 {
		return 0
	}
	return max(p.style.width-indent, 8)
}

// heading prints the date when it has changed.
func (p *textPrinter) heading(row *shown) {
	day := visible(row.Date)
	if !row.Time.IsZero() {
		day = row.Time.In(p.style.zone).Format("2006-01-02 Monday")
	}
	if day == p.day {
		return
	}
	if p.day != "" {
		fmt.Fprintln(p.w)
	}
	p.day = day
	zone := "(" + zoneName(p.style.zone, row.Time) + ")"
	fmt.Fprintf(p.w, "%s %s\n", p.style.paint(sgrBold, day), p.style.paint(sgrDim, zone))
}

// head is what precedes the text, and its width in columns.
func (p *textPrinter) head(row *shown) (string, int) {
	var b strings.Builder
	times, width := p.times(row)
	b.WriteString(times)
	cell := func(sgr, text string, to int) {
		b.WriteString(p.style.paint(sgr, text))
		pad := max(to-columns(text), 0) + 2
		b.WriteString(strings.Repeat(" ", pad))
		width += columns(text) + pad
	}
	compact, module, locator := p.compact(), p.module, p.locator
	if compact {
		module, locator = min(module, compactModule), min(locator, compactLocator)
	}
	cell(levelColor(row), visible(row.Level), p.level)
	if p.request > 0 && !p.style.verbose && !p.style.story && !compact {
		cell(sgrDim, visible(row.RequestID[:min(len(row.RequestID), shortRequest)]), p.request)
	}
	if !p.style.story {
		cell(sgrCyan, visible(row.Module), module)
	}
	cell("", locatorCell(row), locator)
	if row.late {
		cell(sgrYellow, lateMark, 0)
	}
	return b.String(), width
}

// times is the first columns: the mark of an error, the time, and in a story
// the time since its first row; and their width.
func (p *textPrinter) times(row *shown) (string, int) {
	clock := clockCell(row, p.style.zone)
	sign := " "
	switch { // as grep has it
	case row.match:
		sign = ":"
	case row.beside:
		sign = "-"
	}
	text, width := p.style.paint(sgrRed, mark(row))+clock+sign+" ", len(mark(row))+len(clock)+2
	if p.style.story {
		elapsed := ""
		if row.elapsed != nil {
			elapsed = elapsedText(*row.elapsed)
		}
		text += p.style.paint(sgrDim, fmt.Sprintf("%*s", p.elapsed, elapsed)) + "  "
		width += p.elapsed + 2
	}
	return text, width
}

// mark is the first column: without colour, errors must stand out too.
func mark(row *shown) string {
	if row.Error {
		return "!"
	}
	return " "
}

func clockCell(row *shown, zone *time.Location) string {
	if row.Time.IsZero() {
		return "--:--:--.---"
	}
	return row.Time.In(zone).Format("15:04:05.000")
}

// details is what -v adds.
func details(row *shown, zone *time.Location) []string {
	line := "table " + visible(row.Table) + ", date " + visible(row.Date) + ", stamp_mod " + visible(row.StampMod)
	if !row.Expiry.IsZero() {
		line += ", expires " + row.Expiry.In(zone).Format("2006-01-02 15:04")
	}
	return append(linkDetails(row), line)
}
