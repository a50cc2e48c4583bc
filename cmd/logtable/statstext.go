package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// statsTime is how instants are shown.
const statsTime = "2006-01-02 15:04:05"

// printText prints the groups with a histogram, the functions, and what all of
// it took.
func (r *report) printText(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, line := range wrap(fmt.Sprintf("%s to %s (%s), by %s", r.from.In(r.zone).Format(statsTime),
		r.to.In(r.zone).Format(statsTime), zoneName(r.zone, r.from), visible(strings.Join(r.names(), ", "))),
		r.style.width) {
		fmt.Fprintln(out, r.style.paint(sgrBold, line))
	}
	fmt.Fprintln(out)
	r.groupTable().print(out)
	for _, note := range r.notes() {
		for _, line := range wrap(note, r.style.width) {
			fmt.Fprintln(out, r.style.paint(sgrDim, line))
		}
	}
	if len(r.functions) > 0 {
		fmt.Fprintln(out)
		r.functionTable().print(out)
	}
	fmt.Fprintln(out)
	total := fmt.Sprintf("%s, %s (%s), about %s to store, %s to count", counted(r.total.rows, "row"),
		counted(r.total.errors, "error"), rateText(&r.total), counted(r.writeUnits, "write unit"), readUnits(r.meter))
	for _, line := range wrap(total, r.style.width) {
		fmt.Fprintln(out, line)
	}
	return out.Flush()
}

func (r *report) names() (names []string) {
	for _, d := range r.by {
		names = append(names, d.name)
	}
	return names
}

// notes say which groups are not there.
func (r *report) notes() (notes []string) {
	if r.more > 0 {
		which := "more"
		if r.by[0].bucket != nil {
			which = "before these"
		}
		notes = append(notes, fmt.Sprintf("and %s %s with %s, %s: -n 0 prints all", thousands(r.more), which,
			counted(r.rest.rows, "row"), counted(r.rest.errors, "error")))
	}
	if r.others.rows > 0 {
		notes = append(notes, fmt.Sprintf("(others) are the rows of all groups after the first %s",
			thousands(maxGroups)))
	}
	return notes
}

// groupTable has a line for each group that is printed. Of hours and days, the
// times of the first and the last row say little.
func (r *report) groupTable() *textTable {
	t := &textTable{style: r.style, names: len(r.by), barHeader: r.bar(1, 1, 1) + " errors"}
	if r.total.errors == 0 {
		t.barHeader = ""
	}
	timely := r.by[0].bucket != nil
	header := append(r.names(), "rows", "errors", "rate")
	if !timely {
		header = append(header, "first", "last")
	}
	t.add(sgrDim, header...)
	shown := r.groups
	if r.others.rows > 0 {
		shown = append(shown[:len(shown):len(shown)], &group{counts: r.others})
	}
	most := 1
	for _, g := range shown {
		most = max(most, g.rows)
	}
	for _, g := range shown {
		cells := r.values(g)
		cells = append(cells, tableCell{text: thousands(g.rows)}, tableCell{text: thousands(g.errors)},
			tableCell{text: rateText(&g.counts)})
		if g.errors > 0 {
			cells[len(r.by)+1].sgr, cells[len(r.by)+2].sgr = sgrRed, sgrRed
		}
		if !timely {
			cells = append(cells, tableCell{text: r.clock(g.first)}, tableCell{text: r.clock(g.last)})
		}
		t.lines = append(t.lines, tableLine{cells: cells, bar: func(room int) string {
			if g.rows == 0 {
				return ""
			}
			length := max(1, int(int64(g.rows)*int64(room)*8/int64(most)))
			errors := 0
			if g.errors > 0 { // one of many is to be seen
				errors = max(1, int(int64(length)*int64(g.errors)/int64(g.rows)+7)/8)
			}
			return r.bar(length, errors, room)
		}})
	}
	return t
}

// values are what a group has of each dimension.
func (r *report) values(g *group) []tableCell {
	cells := make([]tableCell, len(r.by))
	if g.values == nil {
		cells[0] = tableCell{"(others)", sgrDim}
	}
	for i, v := range g.values {
		switch {
		case !v.has:
			cells[i] = tableCell{"(none)", sgrDim}
		case r.by[i].bucket != nil:
			cells[i].text = r.by[i].bucket.label(v.at)
		case v.text == "":
			cells[i].text = `""`
		default:
			cells[i] = tableCell{visible(v.text), sgrCyan}
		}
	}
	return cells
}

// clock is a time as long as it must be in this span.
func (r *report) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	day := func(t time.Time) string { return t.In(r.zone).Format(time.DateOnly) }
	if day(r.total.first) == day(r.total.last) {
		return t.In(r.zone).Format(time.TimeOnly)
	}
	return t.In(r.zone).Format("01-02 15:04")
}

// bar is a line of a histogram, so many eighths of a column long, of which so
// many columns stand for errors; room is the most columns.
func (r *report) bar(eighths, errors, room int) string {
	full, rest := eighths/8, eighths%8
	if r.plain {
		all := min(max(full, 1), room)
		errors = min(errors, all)
		return r.style.paint(sgrRed, strings.Repeat("!", errors)) + strings.Repeat("#", all-errors)
	}
	if errors > full || full == 0 && errors > 0 {
		full, rest = max(full, errors), 0
	}
	text := strings.Repeat("█", full-errors)
	if rest > 0 {
		text += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return r.style.paint(sgrRed, strings.Repeat("▒", errors)) + text
}

// rateText is the rate of errors; what is not nothing is more than 0.
func rateText(c *counts) string {
	switch rate := c.rate() * 100; {
	case c.rows == 0:
		return ""
	case c.errors == 0:
		return "0%"
	case c.errors == c.rows:
		return "100%"
	case rate < 0.1:
		return "<0.1%"
	case rate > 99.9:
		return ">99.9%"
	default:
		return strconv.FormatFloat(rate, 'f', 1, 64) + "%"
	}
}

// functionTable has a line for each function of which there are platform rows.
func (r *report) functionTable() *textTable {
	t := &textTable{style: r.style, names: 1}
	t.add(sgrDim, "function", "invocations", "cold starts", "p50", "p95", "max", "memory used")
	all := r.sortedFunctions()
	for i, f := range all {
		if i == r.topFunctions && i > 0 {
			t.add(sgrDim, fmt.Sprintf("and %s more", thousands(len(all)-i)))
			break
		}
		line := []string{visible(f.module), thousands(f.invocations), thousands(f.coldStarts()), "", "", "", ""}
		if f.durations.n > 0 {
			line[3], line[4] = length(f.quantile(0.5)), length(f.quantile(0.95))
			line[5] = length(f.durations.max)
		}
		if f.used > 0 {
			line[6] = fmt.Sprintf("%g of %g MB", f.used, f.memory)
		}
		t.add("", line...)
		t.lines[len(t.lines)-1].cells[0].sgr = sgrCyan
	}
	return t
}

// length is a length of time with three digits.
func length(ms float64) string {
	unit := " ms"
	if ms >= 999.5 {
		ms, unit = ms/1000, " s"
	}
	digits := 2
	for at := ms; at >= 9.995 && digits > 0; at /= 10 {
		digits--
	}
	return strconv.FormatFloat(ms, 'f', digits, 64) + unit
}

// A textTable is lines of cells, the first of which are names, and the others
// numbers and times.
type textTable struct {
	style     textStyle
	names     int
	lines     []tableLine // the first one is the header
	barHeader string
}

type tableLine struct {
	cells []tableCell
	bar   func(room int) string // nil for none
}

type tableCell struct{ text, sgr string }

func (t *textTable) add(sgr string, texts ...string) {
	line := tableLine{}
	for _, text := range texts {
		line.cells = append(line.cells, tableCell{visible(text), sgr})
	}
	t.lines = append(t.lines, line)
}

const (
	// leastBar and mostBar are how many columns a histogram takes; where there
	// is not a terminal, usualBar.
	leastBar, usualBar, mostBar = 12, 24, 60
	// leastName is to how many columns a name is cut.
	leastName = 8
)

// widths are those of the columns, and that of the histogram. Where a terminal
// has no room, long names are cut, and then the columns on the right left out.
func (t *textTable) widths() (widths []int, room int) {
	for _, line := range t.lines {
		for i, cell := range line.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell.text))
		}
	}
	if t.style.width <= 0 {
		for i := range t.names {
			widths[i] = min(widths[i], maxCell) // what is longer sticks out
		}
		return widths, usualBar
	}
	least := 0
	if t.lines[len(t.lines)-1].bar != nil {
		least = leastBar
	}
	room = t.style.width
	for _, width := range widths {
		room -= width + 2
	}
	for room < least {
		widest := 0
		for i := range t.names {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastName {
			break
		}
		widths[widest]--
		room++
	}
	for room < 0 && len(widths) > t.names+1 {
		room += widths[len(widths)-1] + 2
		widths = widths[:len(widths)-1]
	}
	return widths, max(min(room, mostBar), 0)
}

func (t *textTable) print(out *bufio.Writer) {
	widths, room := t.widths()
	for n, line := range t.lines {
		var b strings.Builder
		for i, cell := range line.cells[:min(len(line.cells), len(widths))] {
			text := cell.text
			if t.style.width > 0 && columns(text) > widths[i] {
				text = cutColumns(text, widths[i]-1) + "…"
			}
			space := strings.Repeat(" ", max(widths[i]-columns(text), 0))
			if i < t.names {
				b.WriteString(t.style.paint(cell.sgr, text) + space + "  ")
			} else {
				b.WriteString(space + t.style.paint(cell.sgr, text) + "  ")
			}
		}
		switch {
		case n == 0 && columns(t.barHeader) <= room:
			b.WriteString(t.barHeader)
		case line.bar != nil && room > 0:
			b.WriteString(line.bar(room))
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}
