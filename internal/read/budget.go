package read

import (
	"fmt"
	"time"
)

// A Budget bounds what the queries of a Client may read, all together. It never
// ends one that stays below Units.
type Budget struct {
	Meter *Meter  // which the Client has been made from
	Units float64 // read units; 0 for no bound

	// Ask is told about how many units it will be, as soon as that can be
	// judged and is more than Units, and decides; then it is asked no more,
	// unless it becomes twice that. Without it, a query ends when Units have
	// been read and it is not done.
	Ask func(units float64) bool
	// BeforeRows says that Ask is called before the first row of a query only:
	// whoever looks at rows cannot be asked any more. Otherwise it is called
	// when another page is needed.
	BeforeRows bool

	refused *PriceError
}

// PriceError says that a query would read more than it may.
type PriceError struct {
	Read     float64 // read units so far
	Estimate float64 // of all, about
	Bound    float64
}

func (e *PriceError) Error() string {
	return fmt.Sprintf("stopped after %.0f read units, of about %.0f: the most is %.0f", e.Read, e.Estimate, e.Bound)
}

// evidence is which share of a budget has to be read before what is still to
// come is judged by it.
const evidence = 0.01

// exceeded reports whether a query must not go on unasked, and about what it
// will have read.
func (b *Budget) exceeded(judge bool, estimate func(read float64) float64) (read, all float64, yes bool) {
	if b == nil || b.Units == 0 {
		return 0, 0, false
	}
	read = b.Meter.Units()
	if read < b.Units && (!judge || read < b.Units*evidence) {
		return 0, 0, false
	}
	all = max(estimate(read), read)
	return read, all, read >= b.Units || all > b.Units
}

// clear reports whether more can be read without asking.
func (m *merge) clear() bool {
	b := m.budget
	_, _, yes := b.exceeded(m.asks(), m.estimate)
	return !yes
}

// asks reports whether there is somebody who can be asked.
func (m *merge) asks() bool {
	return m.budget != nil && m.budget.Ask != nil && !(m.budget.BeforeRows && m.handing)
}

// allow asks if need be, and returns the refusal.
func (m *merge) allow() error {
	b, ask := m.budget, m.asks()
	read, all, yes := b.exceeded(ask, m.estimate)
	switch {
	case !yes:
		return nil
	case b.refused != nil:
		return b.refused
	case ask && b.Ask(all):
		b.Units = 2 * all
		return nil
	}
	b.refused = &PriceError{Read: read, Estimate: all, Bound: b.Units}
	return b.refused
}

// allowMore is allow for a query beside those for rows.
func (b *Budget) allowMore() error {
	read, all, yes := b.exceeded(false, func(read float64) float64 { return read })
	switch {
	case !yes:
		return nil
	case b.refused != nil:
		return b.refused
	case b.Ask != nil && !b.BeforeRows && b.Ask(all):
		b.Units = 2 * all
		return nil
	}
	b.refused = &PriceError{Read: read, Estimate: all, Bound: b.Units}
	return b.refused
}

// estimate is about what a query will have read. Each partition is judged by
// the share of it that its pages have covered, and what has not been asked yet
// by the others of its table.
func (m *merge) estimate(read float64) float64 {
	type mean struct{ units, n float64 }
	known := map[string]mean{}
	for _, s := range m.all {
		if !s.begun() {
			continue
		}
		units := s.units / s.share()
		read += units - s.units
		if mean := known[s.table]; s.inside() {
			mean.units += units
			mean.n++
			known[s.table] = mean
		}
	}
	const empty = 0.5 // what a partition without rows costs
	for _, s := range m.all {
		switch mean := known[s.table]; {
		case s.begun():
		case mean.n > 0 && s.inside():
			read += mean.units / mean.n
		default:
			read += empty
		}
	}
	if found := m.options.Limit - m.wanted + m.buffered(); m.options.Limit > 0 && found > 0 {
		read = min(read, m.budget.Meter.Units()*max(float64(m.options.Limit)/float64(found), 1))
	}
	return read
}

// begun reports whether a page has come.
func (f *fetcher) begun() bool { return f.scanned > 0 || !f.more }

// span is when the source may have rows that are wanted, and the day in UTC of
// its date.
func (s *source) span() (from, to, midnight time.Time) {
	from, to = later(s.options.From, s.partition.from), earlier(s.options.To, s.partition.to)
	return from, earlier(to, s.options.Now), s.partition.from.Add(farthestZone)
}

// inside reports whether the source's day in UTC has a part in the span:
// otherwise it has rows of other time zones only, which few tables have.
func (s *source) inside() bool {
	from, to, midnight := s.span()
	return from.Before(midnight.Add(24*time.Hour)) && to.After(midnight)
}

// share is about which share of the source's rows has been fetched: of the time
// that it has rows of, a day at most. Where that begins nobody knows if no row
// has been found, but most writers have UTC.
func (s *source) share() float64 {
	if !s.more {
		return 1
	}
	const least = 0.001
	at, first := parseKey("", s.end).Time, parseKey("", s.first).Time
	from, to, midnight := s.span()
	if s.options.NewestFirst {
		// As if time ran backward from midnight.
		turn := func(t time.Time) time.Time { return midnight.Add(midnight.Add(24 * time.Hour).Sub(t)) }
		from, to, at = turn(to), turn(from), turn(at)
		if !first.IsZero() {
			first = turn(first)
		}
	}
	if first.IsZero() {
		if first = later(from, midnight); first.After(at) {
			first = from
		}
	}
	last := earlier(to, first.Add(24*time.Hour))
	if last.Before(at) {
		last = to
	}
	if !last.After(first) {
		return 1
	}
	return min(max(float64(at.Sub(first))/float64(last.Sub(first)), least), 1)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
