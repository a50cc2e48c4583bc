package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// A column is what --columns can name: a part of a row under the name that
// -o jsonl gives it.
type column struct {
	name  string
	value func(*shown) string // as it was stored
	sgr   func(*shown) string // its colour; nil is none
	flows bool                // is text: of any length, and so not padded
}

// allColumns are those that csv has by default, and then the others.
var allColumns = []column{
	{name: "time"}, // in the zone of whoever asks: see cell
	{name: "category", value: category},
	{name: "level", value: func(r *shown) string { return r.Level }, sgr: levelColor},
	{name: "module", value: func(r *shown) string { return r.Module }, sgr: always(sgrCyan)},
	{name: "locator", value: func(r *shown) string { return r.Locator }},
	{name: "request_id", value: func(r *shown) string { return r.RequestID }, sgr: always(sgrDim)},
	{name: "trace_id", value: func(r *shown) string { return r.TraceID }, sgr: always(sgrDim)},
	{name: "text", value: func(r *shown) string { return r.Text }, sgr: textColor, flows: true},
	{name: "exception", value: func(r *shown) string { return r.Exception }, sgr: exceptionColor, flows: true},
	{name: "fields", value: func(r *shown) string { return r.Fields }, sgr: always(sgrDim), flows: true},
	{name: "stamp_mod", value: func(r *shown) string { return r.StampMod }},

	{name: "date", value: func(r *shown) string { return r.Date }},
	{name: "table", value: func(r *shown) string { return r.Table }},
	{name: "message", value: func(r *shown) string { return r.Message }, sgr: textColor, flows: true},
	{name: "issues", value: func(r *shown) string { return r.Issues }, sgr: always(sgrYellow), flows: true},
	{name: "truncated", value: func(r *shown) string { return positive(r.Truncated) }},
	{name: "expiry", value: expiry},
	{name: "environment_id", value: func(r *shown) string { return r.EnvironmentID }},
	{name: "trace_id_line", value: func(r *shown) string { return r.TraceIDLine }, sgr: always(sgrDim)},
	{name: "tenant_id", value: func(r *shown) string { return r.TenantID }},
	{name: "execution", value: func(r *shown) string { return r.Execution }},
	{name: "operation", value: func(r *shown) string { return r.Operation }},
	{name: "attempt", value: func(r *shown) string { return positive(r.Attempt) }},
	{name: "version", value: func(r *shown) string { return r.Version }},
}

// csvColumns is how many of them csv has by default, in this order.
const csvColumns = 11

var onelineColumns = columnsNamed("time", "level", "module", "locator", "text", "exception", "fields")

func columnsNamed(names ...string) (chosen []column) {
	for _, name := range names {
		if i := slices.IndexFunc(allColumns, func(c column) bool { return c.name == name }); i >= 0 {
			chosen = append(chosen, allColumns[i])
		}
	}
	return chosen
}

func columnNames() (names []string) {
	for _, c := range allColumns {
		names = append(names, c.name)
	}
	return names
}

// parseColumns reads the value of --columns.
func parseColumns(names []string) ([]column, error) {
	for _, name := range names {
		if !slices.Contains(columnNames(), name) {
			return nil, usagef("--columns: there is no column %q: choose from %s", name,
				strings.Join(columnNames(), ", "))
		}
	}
	return columnsNamed(names...), nil
}

// completeList completes the last word of a list.
func completeList(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		var all []string
		for _, word := range words {
			all = append(all, before+word)
		}
		return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// category is which of the two tables a row is of, whatever they are called.
func category(r *shown) string {
	if r.Error {
		return categoryErrors
	}
	return categoryInfo
}

const (
	categoryInfo   = "info"
	categoryErrors = "errors"
)

func always(sgr string) func(*shown) string { return func(*shown) string { return sgr } }

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func expiry(r *shown) string {
	if r.Expiry.IsZero() {
		return ""
	}
	return strconv.FormatInt(r.Expiry.Unix(), 10)
}

// cell is a column's value for programs.
func (c *column) cell(r *shown, zone *time.Location) string {
	if c.value != nil {
		return c.value(r)
	}
	return jsonTime(r.Time, zone)
}

// short is a column's value for people, in one line.
func (c *column) short(r *shown, zone *time.Location) string {
	switch c.name {
	case "time":
		return clockCell(r, zone)
	case "locator":
		return locatorCell(r)
	case "fields":
		return fieldsText(r.Fields)
	}
	return visible(oneLine(c.value(r)))
}

func (c *column) color(r *shown) string {
	if c.sgr == nil {
		return ""
	}
	return c.sgr(r)
}

// maxCell is how wide a column grows; what is longer sticks out. A request ID
// and a key fit.
const maxCell = 48

// fitCells widens the columns of --columns to hold a row.
func (p *textPrinter) fitCells(row *shown) {
	if p.cells == nil {
		p.cells = make([]int, len(p.style.columns))
	}
	for i, c := range p.style.columns {
		if !c.flows {
			p.cells[i] = max(p.cells[i], min(columns(c.short(row, p.style.zone)), maxCell))
		}
	}
}

// oneLine prints a row in one line, which on a terminal is cut where that ends.
func (p *textPrinter) oneLine(row *shown) {
	if slices.ContainsFunc(p.style.columns, func(c column) bool { return c.name == "time" }) {
		p.heading(row)
	}
	b := &lineBuilder{style: p.style, room: p.style.width}
	b.add(sgrRed, mark(row))
	if row.late {
		b.add(sgrYellow, lateMark+" ")
	}
	for i, c := range p.style.columns {
		text := c.short(row, p.style.zone)
		if text != "" {
			b.add("", strings.Repeat(" ", b.padding))
			b.add(c.color(row), text)
			b.padding = max(p.cell(i)-columns(text), 0) + 2
		} else if !c.flows {
			b.padding += p.cell(i) + 2
		}
	}
	p.w.WriteString(b.String() + "\n")
}

// narrow is below how many columns a terminal has no room for wide modules.
const narrow = 100

// cell is the width of a column of --columns.
func (p *textPrinter) cell(i int) int {
	if p.style.columns[i].name == "module" && p.style.width > 0 && p.style.width < narrow {
		return min(p.cells[i], compactModule)
	}
	return p.cells[i]
}

// lineBuilder makes a line that ends where a terminal does.
type lineBuilder struct {
	strings.Builder
	style   textStyle
	room    int // columns that are left, if style.width is not 0
	padding int // spaces before the next text
	full    bool
}

func (b *lineBuilder) add(sgr, text string) {
	if b.full {
		return
	}
	if b.style.width > 0 {
		n := columns(text)
		if n > b.room {
			text, b.full = cutColumns(text, max(b.room-1, 0))+"…", true
		}
		b.room -= n
	}
	b.WriteString(b.style.marked(sgr, text, []string{text})[0])
}

// jsonTime is a time as programs read it; "" for none.
func jsonTime(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(cmp.Or(zone, time.UTC)).Format("2006-01-02T15:04:05.000Z07:00")
}
