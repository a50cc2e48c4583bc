package main

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/read"
)

const (
	// maxGroups bounds the memory, however many values there are. Further ones
	// are counted together.
	maxGroups = 10_000
	// maxValue is how long a value that rows are grouped by may be, in bytes;
	// of a longer one the beginning is kept, with what tells it from others.
	maxValue = 256
)

// What rows are grouped by.
var dimensionNames = []string{"module", "locator", "level", "hour", "day"}

// fieldDimension stands before the name of a field.
const fieldDimension = "field:"

// A dimension is one of what rows are grouped by.
type dimension struct {
	name   string
	value  func(*read.Row) value
	bucket *bucket // of hours and days: where value is; nil for others
}

// A value is what a row has of a dimension.
type value struct {
	text string
	has  bool      // false if the row has none
	at   time.Time // where an hour or a day begins; its text is empty
}

// parseDimensions reads the value of --by.
func parseDimensions(names []string, zone *time.Location) (all []dimension, err error) {
	if len(names) == 0 {
		return nil, usagef("--by is empty: give it a value, or leave it out")
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, usagef("--by names %s twice", visible(name))
		}
		d := dimension{name: name}
		text := func(of func(*read.Row) string) func(*read.Row) value {
			return func(r *read.Row) value { return value{text: of(r), has: of(r) != ""} }
		}
		field, isField := strings.CutPrefix(name, fieldDimension)
		switch {
		case name == "module":
			d.value = text(func(r *read.Row) string { return r.Module })
		case name == "locator":
			d.value = text(func(r *read.Row) string { return r.Locator })
		case name == "level":
			d.value = text(func(r *read.Row) string { return r.Level })
		case name == "hour", name == "day":
			d.bucket = &bucket{zone: zone, days: name == "day"}
			d.value = d.bucket.value
		case isField && field != "":
			d.value = func(r *read.Row) value {
				text, ok := read.FieldValue(r.Fields, field)
				return value{text: text, has: ok}
			}
		default:
			return nil, usagef("--by: there is no %q: choose from %s, %sNAME", name,
				strings.Join(dimensionNames, ", "), fieldDimension)
		}
		all = append(all, d)
	}
	return all, nil
}

// A bucket is an hour or a day of a zone: [begin, end). Rows come in order of
// time, so that it is seldom another one than that of the row before.
type bucket struct {
	zone       *time.Location
	days       bool
	begin, end time.Time
}

// move makes the bucket that of an instant.
func (b *bucket) move(t time.Time) {
	if !b.begin.IsZero() && !t.Before(b.begin) && t.Before(b.end) {
		return
	}
	t = t.In(b.zone)
	if b.days {
		year, month, day := t.Date()
		b.begin = clock(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), b.zone)
		b.end = dayAfter(b.begin)
		if !t.Before(b.end) { // the clocks were put back over midnight
			b.begin, b.end = b.end, dayAfter(b.end)
		}
		return
	}
	b.begin = t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second -
		time.Duration(t.Nanosecond()))
	b.end = b.begin.Add(time.Hour)
	// Clocks that were put forward or back by half an hour.
	if begin, end := t.ZoneBounds(); begin.After(b.begin) {
		b.begin = begin.In(b.zone)
	} else if !end.IsZero() && end.Before(b.end) {
		b.end = end.In(b.zone)
	}
}

func (b *bucket) value(r *read.Row) value {
	if r.Time.IsZero() {
		return value{}
	}
	b.move(r.Time)
	return value{has: true, at: b.begin}
}

// label is a bucket's name for people. Of an hour that the clocks show twice it
// names the offset.
func (b *bucket) label(at time.Time) string {
	const hour = "2006-01-02 15:04"
	at = at.In(b.zone)
	if b.days {
		return at.Format("2006-01-02 Mon")
	}
	text := at.Format(hour)
	if at.Add(-time.Hour).Format(hour) == text || at.Add(time.Hour).Format(hour) == text {
		return at.Format(hour + " -07:00")
	}
	return text
}

// A group is the rows that have the same values.
type group struct {
	values []value // one for each dimension; of a time without rows only the first
	counts
}

// statistics are what is counted of all rows.
type statistics struct {
	by         []dimension
	zone       *time.Location
	from, to   time.Time // the span
	known      map[string]*group
	others     counts // of the values that came when there were maxGroups
	total      counts
	writeUnits int
	functions  map[string]*functionStats
	key        []byte // reused
}

func newStatistics(names []string, o *read.Options, zone *time.Location) (*statistics, error) {
	by, err := parseDimensions(names, zone)
	if err != nil {
		return nil, err
	}
	s := &statistics{
		by: by, zone: zone, from: o.From, to: o.To,
		known: map[string]*group{}, functions: map[string]*functionStats{},
	}
	if first := by[0].bucket; first != nil {
		most := maxGroups * time.Hour
		if first.days {
			most *= 24
		}
		if s.end(o.Now).Sub(o.From) > most {
			return nil, usagef("--by %s of this span has more than %s groups: choose a shorter one, or --by day",
				by[0].name, thousands(maxGroups))
		}
		s.to = s.end(o.Now)
	}
	return s, nil
}

// end is the end of the span as far as there can be rows.
func (s *statistics) end(now time.Time) time.Time {
	if s.from.Before(now) && now.Before(s.to) {
		return now
	}
	return s.to
}

// add counts a row.
func (s *statistics) add(row *read.Row) {
	s.total.add(row)
	s.writeUnits += row.WriteUnits
	s.addPlatform(row)
	values := make([]value, len(s.by))
	s.key = s.key[:0]
	for i := range s.by {
		v := s.by[i].value(row)
		v.text = bounded(v.text)
		values[i] = v
		s.key = fmt.Appendf(s.key, "%t %d %d %s ", v.has, v.at.Unix(), len(v.text), v.text)
	}
	g := s.known[string(s.key)]
	if g == nil {
		if len(s.known) >= maxGroups {
			s.others.add(row)
			return
		}
		for i := range values { // which else would keep the whole row
			values[i].text = strings.Clone(values[i].text)
		}
		g = &group{values: values}
		s.known[string(s.key)] = g
	}
	g.add(row)
}

// bounded is a value that is not too long to be kept.
func bounded(text string) string {
	if len(text) <= maxValue {
		return text
	}
	const beginning = 200
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s… (%s bytes, SHA-256 %x…)", strings.ToValidUTF8(text[:beginning], ""),
		thousands(len(text)), sum[:8])
}

// sorted returns the groups in order: of time, with those that have no rows, if
// that is what they are grouped by first, and else of the number of rows.
func (s *statistics) sorted() []*group {
	var all []*group
	for _, g := range s.known {
		all = append(all, g)
	}
	if s.by[0].bucket != nil {
		all = append(all, s.empty()...)
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(a.values[0].at.Compare(b.values[0].at), cmp.Compare(b.rows, a.rows),
			cmp.Compare(b.errors, a.errors), slices.CompareFunc(a.values, b.values, compareValues))
	})
	return all
}

func compareValues(a, b value) int {
	order := cmp.Or(a.at.Compare(b.at), strings.Compare(a.text, b.text))
	if order == 0 && a.has != b.has {
		return map[bool]int{true: -1, false: 1}[a.has]
	}
	return order
}

// empty returns the hours or days of the span without rows.
func (s *statistics) empty() (all []*group) {
	seen := map[time.Time]bool{}
	for _, g := range s.known {
		seen[g.values[0].at.UTC()] = true
	}
	b := *s.by[0].bucket
	for t := s.from; t.Before(s.to); t = b.end {
		b.move(t)
		if !seen[b.begin.UTC()] {
			all = append(all, &group{values: []value{{has: true, at: b.begin}}})
		}
	}
	return all
}
