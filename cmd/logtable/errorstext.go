package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/read"
)

const (
	// leastCauseText is how many columns a text has at least, before others
	// are left out for it.
	leastCauseText = 20
	// sparkColumns and fewSparkColumns are how wide a histogram is beside other
	// columns: on a wide terminal, and on a narrow one.
	sparkColumns, fewSparkColumns = 28, 7
)

// A causeColumn is a column of the list of causes.
type causeColumn struct {
	header string
	cell   func(c *read.Cause) string
	sgr    func(c *read.Cause) string
	most   int  // columns that it takes, 0 for any number
	right  bool // aligned
	spare  int  // the column with the highest one is left out first; 0 for never
}

// columns are those of the list but for the text, which takes what is left.
func (r *causeReport) columns(narrow bool) []causeColumn {
	spark, name := sparkColumns, maxModuleColumn
	if narrow {
		spark, name = fewSparkColumns, compactModule
	}
	dim := func(*read.Cause) string { return sgrDim }
	return []causeColumn{
		{header: "state", cell: func(c *read.Cause) string { return stateText(c, narrow) }, sgr: stateColor},
		{header: "count", cell: func(c *read.Cause) string { return thousands(c.Count) }, right: true},
		{header: "requests", cell: requestsText, right: true, spare: 3},
		{header: "first", cell: func(c *read.Cause) string { return r.ago(c.First) }, sgr: dim, right: true, spare: 2},
		{header: "last", cell: func(c *read.Cause) string { return r.ago(c.Last) }, right: true},
		{header: "versions", cell: versionsText, sgr: dim, most: 20, spare: 4},
		{header: "by time", cell: func(c *read.Cause) string { return spread(c.Buckets, spark, r.plain) },
			sgr: func(*read.Cause) string { return sgrRed }, most: spark, spare: 1},
		{header: "module", cell: func(c *read.Cause) string { return c.Module }, most: name,
			sgr: func(*read.Cause) string { return sgrCyan }},
		{header: "locator", cell: func(c *read.Cause) string { return c.Locator }, most: name},
	}
}

// printList prints a line for each cause.
func (r *causeReport) printList(w io.Writer) error {
	out := bufio.NewWriter(w)
	cols := r.columns(r.style.width > 0 && r.style.width < narrow)
	widths := r.widths(&cols)
	line := func(cells []string, sgr func(i int) string) {
		b := &lineBuilder{style: r.style, room: r.style.width}
		for i, text := range cells {
			space := max(widths[i]-columns(text), 0)
			if cols[i].right {
				b.padding += space
			}
			b.add("", strings.Repeat(" ", b.padding))
			b.add(sgr(i), text)
			if b.padding = 2; !cols[i].right {
				b.padding += space
			}
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
	var headers []string
	for _, c := range cols {
		headers = append(headers, c.header)
	}
	line(headers, func(int) string { return sgrDim })
	for i := range r.All {
		c := &r.All[i]
		var cells []string
		for n, col := range cols {
			cells = append(cells, r.cut(visible(col.cell(c)), widths[n]))
		}
		line(cells, func(i int) string {
			if cols[i].sgr == nil {
				return ""
			}
			return cols[i].sgr(c)
		})
	}
	fmt.Fprintln(out)
	for _, note := range r.notes() {
		for _, line := range wrap(note, r.style.width) {
			fmt.Fprintln(out, r.style.paint(sgrDim, line))
		}
	}
	return out.Flush()
}

// cut is a cell's text on a terminal, where a column has only so much room.
func (r *causeReport) cut(text string, width int) string {
	if r.style.width <= 0 || columns(text) <= width {
		return text
	}
	return cutColumns(text, max(width-1, 0)) + "…"
}

// widths are those of the columns, of which as many are left out as the text
// needs, which is added.
func (r *causeReport) widths(cols *[]causeColumn) (widths []int) {
	all := slices.Clone(*cols)
	for _, c := range all {
		width := columns(c.header)
		for i := range r.All {
			width = max(width, columns(visible(c.cell(&r.All[i]))))
		}
		if c.most > 0 {
			width = min(width, max(c.most, columns(c.header)))
		}
		widths = append(widths, width)
	}
	for r.style.width > 0 && r.style.width-sum(widths)-2*len(widths) < leastCauseText {
		least := 0
		for i, c := range all {
			if c.spare > all[least].spare {
				least = i
			}
		}
		if all[least].spare == 0 {
			break
		}
		all, widths = slices.Delete(all, least, least+1), slices.Delete(widths, least, least+1)
	}
	room := r.style.width - sum(widths) - 2*len(widths)
	*cols = append(all, causeColumn{header: "text", cell: causeText})
	return append(widths, max(room, 1))
}

func sum(all []int) (n int) {
	for _, i := range all {
		n += i
	}
	return n
}

// notes say what is not there, and what there is to do.
func (r *causeReport) notes() (notes []string) {
	if r.more > 0 {
		notes = append(notes, fmt.Sprintf("and %s with %s: -n 0 prints all", counted(r.more, "more cause"),
			counted(r.rest, "error")))
	}
	if r.Others > 0 {
		notes = append(notes, fmt.Sprintf("%s of further causes than the %s that were seen last are not in any line",
			counted(r.Others, "error"), thousands(read.MaxCauses)))
	}
	if len(r.hidden) > 0 {
		notes = append(notes, r.hiddenText())
	}
	shown := fmt.Sprintf("%s from %s to %s (%s), %s", counted(r.total+r.Others, "error"),
		r.From.In(r.style.zone).Format(statsTime), r.To.In(r.style.zone).Format(statsTime),
		zoneName(r.style.zone, r.From), readUnits(r.meter))
	return append(notes, shown)
}

// stateText is how a cause stands.
func stateText(c *read.Cause, narrow bool) string {
	if c.New {
		return "new"
	}
	if version := c.StillSeenIn(); version != "" && !narrow {
		return c.Standing.String() + " in " + version
	}
	return c.Standing.String()
}

func stateColor(c *read.Cause) string {
	switch {
	case c.New, c.Standing == cause.CameBack:
		return sgrAlert
	case c.Standing == cause.IsOpen:
		return sgrBold
	case c.Standing == cause.IsStillSeen:
		return sgrYellow
	}
	return sgrDim
}

func requestsText(c *read.Cause) string {
	if c.Requests.About {
		return "~" + thousands(int(rounded(float64(c.Requests.N), func(f float64) float64 { return float64(int(f)) })))
	}
	return thousands(c.Requests.N)
}

// versionsText names the versions, the newest first.
func versionsText(c *read.Cause) string {
	var names []string
	for _, v := range c.Versions {
		names = append(names, v.Version)
	}
	return strings.Join(names, " ")
}

// causeText is what the last row says, but for the heading of what a function
// that died had printed.
func causeText(c *read.Cause) string {
	if c.Text == "" || c.Exception == "" || strings.Contains(c.Text, c.Exception) || c.Exception == "Last lines:" {
		return cmp.Or(c.Text, c.Exception)
	}
	return c.Text + "  " + c.Exception
}

// ago is how long ago something was, in a few characters.
func (r *causeReport) ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := r.now.Sub(t)
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 24*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + "d"
}

// squeezed adds numbers up so that at most so many are left.
func squeezed(all []uint32, most int) []uint64 {
	each := max((len(all)+most-1)/most, 1)
	var few []uint64
	for some := range slices.Chunk(all, each) {
		n := uint64(0)
		for _, one := range some {
			n += uint64(one)
		}
		few = append(few, n)
	}
	return few
}

// spread is a histogram in one line of at most so many columns. A place where
// there is nothing is blank.
func spread(all []uint32, width int, plain bool) string {
	marks := []rune("▁▂▃▄▅▆▇█")
	if plain {
		marks = []rune(".:-=+*#@")
	}
	few := squeezed(all, width)
	most := max(slices.Max(few), 1)
	var b strings.Builder
	for _, n := range few {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(marks[(n*uint64(len(marks))-1)/most])
	}
	return b.String()
}
