package read

import (
	"fmt"
	"time"
)

// farthestZone is the largest distance of a writer's zone from UTC, either
// way: zones go from -12:00 to +14:00, and the ancestor's setting, in hours
// behind UTC, allowed as much the other way round.
const farthestZone = 14 * time.Hour

// partition is one value of the partition key and the instants that its rows
// can have.
type partition struct {
	date     string
	from, to time.Time
}

// partitions lists every partition that may hold a row of [from, to), oldest
// first.
//
// A row's date is in its writer's zone, which the reader does not know and
// which may differ from writer to writer, so the neighbouring days are asked
// too. Where they hold nothing of that span, the sort key condition makes
// the question cost half a read unit.
func partitions(from, to time.Time) []partition {
	var all []partition
	day := from.UTC().Add(-farthestZone).Truncate(24 * time.Hour)
	for ; day.Add(-farthestZone).Before(to); day = day.Add(24 * time.Hour) {
		p := partition{
			date: day.Format(time.DateOnly),
			from: day.Add(-farthestZone),
			to:   day.Add(24*time.Hour + farthestZone),
		}
		if p.to.After(from) {
			all = append(all, p)
		}
	}
	return all
}

// stampBound returns the string that sorts before every stamp_mod of instant
// t or later, and after every one before it. Being part of no key itself, it
// serves as either end of a BETWEEN.
//
// On a whole second it has no fraction, so that "<sec>+<module>", the
// ancestor's key, sorts after it: '+' is before '.' and digits.
func stampBound(t time.Time) string {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++ // rows have whole milliseconds, so the next one bounds the same rows
	}
	ms = min(max(ms, 0), 9_999_999_999_999) // what ten digits of seconds can say
	if ms%1000 == 0 {
		return fmt.Sprintf("%010d", ms/1000)
	}
	return fmt.Sprintf("%010d.%03d", ms/1000, ms%1000)
}
