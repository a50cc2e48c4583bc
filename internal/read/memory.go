package read

import "time"

// A Memory keeps from one Query to the next what looking for a table's shards
// has shown. What it returns may be wrong in any way: it is judged. Both are
// called from the goroutine of the Query.
type Memory interface {
	Recall(table string) Looked
	Remember(table string, l Looked)
}

// Looked is what looking for a table's shards has shown. The zero value is
// nothing.
type Looked struct {
	// At is when the present was looked at: all days that rows could come to
	// then. Present is the number of their partitions.
	At      time.Time
	Present int
	// Days are over how many partitions days were spread that were over when
	// they were looked at, by date.
	Days map[string]int
}

// lookEvery is how long a look at the present is good for. Who spreads a table
// that was not spread before, and does not say so in it, is seen after this
// time at the latest.
const lookEvery = 24 * time.Hour

// shards is the number of partitions of a day, as far as is known; known
// is false if it must be looked at.
func (l *Looked) shards(day string, now time.Time) (n int, known bool) {
	if n, known = l.Days[day]; !known {
		age := now.Sub(l.At)
		if known = age >= 0 && age < lookEvery && !over(day, l.At); known {
			n = l.Present
		}
	}
	return min(max(n, 1), maxShards), known
}

// over reports whether a day has ended for every writer.
func over(day string, now time.Time) bool {
	begin, err := time.Parse(time.DateOnly, day)
	return err == nil && !now.Before(begin.Add(24*time.Hour+farthestZone))
}

// present are the days that rows may come to now: two or three.
func present(now time.Time) (days []string) {
	for _, p := range partitions(now, now.Add(time.Millisecond)) {
		days = append(days, p.date)
	}
	return days
}
