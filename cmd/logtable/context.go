package main

import (
	"iter"
	"slices"
	"time"

	"github.com/logtable/logtable/internal/read"
)

// shown is a row on its way to the printer.
type shown struct {
	read.Row

	match  bool // --context was asked for, and the row is what --grep looks for
	beside bool // --context was asked for, and the row stands around one that is
	gap    bool // rows before it are left out: grep's "--"
	late   bool // rows of a later time were shown before
	atOnce bool // it must be seen before there is another row

	elapsed *time.Duration // since the first row of the story
}

// allShown shows rows as they are.
func allShown(rows iter.Seq2[read.Row, error]) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		for row, err := range rows {
			if !yield(shown{Row: row}, err) {
				return
			}
		}
	}
}

// around shows the rows that match, with up to n rows before and after each, in
// their order. As with grep, limit counts the matches, 0 being no limit, and
// what follows the last of them is shown up to the next one.
func around(
	rows iter.Seq2[read.Row, error], match func(*read.Row) bool, n, limit int,
) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		w := window{size: n}
		for row, err := range rows {
			switch {
			case err != nil:
				yield(shown{}, err)
				return
			case match(&row):
				if limit > 0 && w.matches == limit || !w.match(row, yield) {
					return
				}
			case w.after > 0:
				w.after--
				if !yield(shown{Row: row, beside: true}, nil) {
					return
				}
			case limit > 0 && w.matches == limit:
				return
			default:
				w.keep(row)
			}
		}
	}
}

// reversed shows rows in the other order. They are all in memory; nothing is
// shown of rows that could not be read to the end.
func reversed(rows iter.Seq2[shown, error]) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		var all []shown
		for row, err := range rows {
			if err != nil {
				yield(shown{}, err)
				return
			}
			all = append(all, row)
		}
		gap := false // of the row that was shown before this one, in the first order
		for _, row := range slices.Backward(all) {
			row.gap, gap = gap, row.gap
			if !yield(row, nil) {
				return
			}
		}
	}
}

// window is what around remembers.
type window struct {
	size    int        // rows before and after a match
	before  []read.Row // not shown, and directly before the next row
	after   int        // rows still to be shown behind the last match
	matches int
	skipped bool // a row since the last one that was shown is forgotten
}

// keep remembers a row that may turn out to stand before a match.
func (w *window) keep(row read.Row) {
	if w.before = append(w.before, row); len(w.before) > w.size {
		w.before, w.skipped = w.before[1:], true
	}
}

// match shows a match and what stands before it; false ends it all.
func (w *window) match(row read.Row, yield func(shown, error) bool) bool {
	gap := w.skipped && w.matches > 0
	for _, r := range w.before {
		if !yield(shown{Row: r, beside: true, gap: gap}, nil) {
			return false
		}
		gap = false
	}
	w.before, w.skipped, w.after = nil, false, w.size
	w.matches++
	return yield(shown{Row: row, match: true, gap: gap}, nil)
}
