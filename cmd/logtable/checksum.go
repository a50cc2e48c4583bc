package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/logtable/logtable/internal/explain"
)

// Bounds of a summary.
const (
	maxKinds  = 30 // of lines that are missed: the rest count as others
	maxPlaces = 5  // of each kind
)

// A checkSum is what the lines of a log have become, in numbers.
type checkSum struct {
	lines, rows, errors, issues, ordinary int
	missing                               int // lines that look like log lines but are not rows
	kinds                                 []checkKind
}

// A checkKind is what is missed for one reason.
type checkKind struct {
	why    string
	count  int
	places []string
}

// add counts a result. label is the file's, "" for the only one.
func (s *checkSum) add(label string, r *explain.Result) {
	s.lines += r.Last - r.First + 1
	for i := range r.Rows {
		s.rows++
		if r.Rows[i].Error {
			s.errors++
		}
		if r.Rows[i].Issues != "" {
			s.issues++
		}
	}
	if len(r.Rows) == 0 {
		s.miss(label, r)
	}
}

// miss counts what is not a row.
func (s *checkSum) miss(label string, r *explain.Result) {
	if !r.Why.Log {
		s.ordinary += r.Last - r.First + 1
		return
	}
	s.missing++
	why := r.Why.String()
	i := slices.IndexFunc(s.kinds, func(k checkKind) bool { return k.why == why })
	if i < 0 {
		if i = len(s.kinds); i == maxKinds {
			i, why = maxKinds-1, "others"
			s.kinds[i].why = why
		} else {
			s.kinds = append(s.kinds, checkKind{why: why})
		}
	}
	kind := &s.kinds[i]
	if kind.count++; len(kind.places) < maxPlaces {
		kind.places = append(kind.places, linePlace(label, r))
	}
}

// linePlace is where a line is: "3", "3-9", "my.log:3".
func linePlace(label string, r *explain.Result) string {
	at := fmt.Sprint(r.First)
	if r.Last > r.First {
		at += fmt.Sprint("-", r.Last)
	}
	if label != "" {
		return visible(label) + ":" + at
	}
	return at
}

// print says what there was.
func (s *checkSum) print(w io.Writer, style textStyle) error {
	var b strings.Builder
	total := fmt.Sprintf("Summary: %s: %s (%s informational, %s)", counted(s.lines, "line"),
		counted(s.rows, "row"), thousands(s.rows-s.errors), counted(s.errors, "error"))
	if s.issues > 0 {
		total += fmt.Sprintf(", %s with issues", thousands(s.issues))
	}
	for _, piece := range wrap(total+"; "+ordinary(s.ordinary)+".", style.width) {
		b.WriteString(strings.Replace(piece, "Summary:", style.paint(sgrBold, "Summary:"), 1) + "\n")
	}
	b.WriteString(s.missed(style))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	return nil
}

// missed says which lines look like log lines and become no rows: "" if there
// are none.
func (s *checkSum) missed(style textStyle) string {
	var b strings.Builder
	switch s.missing {
	case 0:
	case 1:
		b.WriteString(style.paint(sgrYellow, "1 line looks like a log line and becomes no row:") + "\n")
	default:
		b.WriteString(style.paint(sgrYellow,
			thousands(s.missing)+" lines look like log lines and become no rows:") + "\n")
	}
	for _, kind := range s.kinds {
		where := "line "
		if kind.count > 1 {
			where = "lines "
		}
		where += strings.Join(kind.places, ", ")
		if kind.count > len(kind.places) {
			where += " …"
		}
		text := fmt.Sprintf("%s × %s (%s)", thousands(kind.count), visible(kind.why), where)
		for i, piece := range wrap(text, max(style.width-4, 0)) {
			b.WriteString([]string{"  ", "    "}[min(i, 1)] + piece + "\n")
		}
	}
	return b.String()
}

// ordinary is what is said of lines that are no log lines.
func ordinary(n int) string {
	switch n {
	case 0:
		return "no other text"
	case 1:
		return "1 line is other text, which stays in CloudWatch"
	}
	return thousands(n) + " lines are other text, which stays in CloudWatch"
}
