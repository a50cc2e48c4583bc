package read

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestPartitionsHoldEveryWritersDate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		from := time.UnixMilli(1_700_000_000_000 + random.Int64N(200_000_000_000))
		to := from.Add(time.Duration(1 + random.Int64N(int64(100*time.Hour))))
		instant := from.Add(time.Duration(random.Int64N(int64(to.Sub(from)))))
		writer := time.FixedZone("writer", random.IntN(2*14*60*60+1)-14*60*60)
		date := instant.In(writer).Format(time.DateOnly)

		all := partitions(from, to)
		i := slices.IndexFunc(all, func(p partition) bool { return p.date == date })
		if i < 0 {
			t.Fatalf("partitions(%v, %v) = %v lacks %s of %v", from, to, all, date, instant.In(writer))
		}
		if p := all[i]; instant.Before(p.from) || !instant.Before(p.to) {
			t.Fatalf("partition %v does not hold %v", p, instant)
		}
	}
}

func TestPartitionsOfADay(t *testing.T) {
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	var dates []string
	for _, p := range partitions(day, day.AddDate(0, 0, 1)) {
		dates = append(dates, p.date)
	}
	if want := []string{"2026-11-21", "2026-11-22", "2026-11-23"}; !slices.Equal(dates, want) {
		t.Errorf("a UTC day is looked for in %v, want %v", dates, want)
	}
}

// Of every key and bound, the string order is the order in time.
func TestStampBoundSplitsKeysByTime(t *testing.T) {
	const second = 1795300002
	key := func(ms int) string { return fmt.Sprintf("%d.%03d0000+m+e", second, ms) }
	for _, bound := range []struct {
		t             time.Time
		before, after []string
	}{
		{time.Unix(second, 0),
			[]string{fmt.Sprintf("%d.9999999+m+e", second-1), fmt.Sprintf("%d+~", second-1)},
			[]string{fmt.Sprintf("%d+m", second), fmt.Sprintf("%d+", second), key(0), key(999)}},
		{time.UnixMilli(second*1000 + 500),
			[]string{fmt.Sprintf("%d+m", second), key(0), fmt.Sprintf("%d.4999999+m+e", second)},
			[]string{key(500), key(501), fmt.Sprintf("%d+m", second+1)}},
		{time.UnixMilli(second*1000 + 500).Add(1),
			[]string{fmt.Sprintf("%d.5009999+m+e", second)},
			[]string{key(501)}},
		{time.Time{}, nil, []string{"0000000001+m", key(0)}},
		{time.Unix(1<<40, 0), []string{key(0), "9999999999+m"}, nil},
	} {
		s := stampBound(bound.t)
		for _, k := range bound.before {
			if k >= s {
				t.Errorf("key %s is not before bound %s of %v", k, s, bound.t)
			}
		}
		for _, k := range bound.after {
			if k <= s {
				t.Errorf("key %s is not after bound %s of %v", k, s, bound.t)
			}
		}
	}
}
