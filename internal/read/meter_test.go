package read

import (
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// What DynamoDB says that queries cost is added up, those for shards included.
func TestMeter(t *testing.T) {
	f := newFixture(t)
	f.fill("info", 100, day.Add(12*time.Hour))
	read := func(o Options) float64 {
		t.Helper()
		m := NewMeter(f.api)
		o.From, o.To, o.InfoTable = day, day.AddDate(0, 0, 1), "info"
		for _, err := range New(m).Query(ctx, o) {
			if err != nil {
				t.Fatal(err)
			}
		}
		return m.Units()
	}
	// A row of fill has less than 80 bytes, and a unit reads 8 KB. The days
	// beside it are empty, and cost a half each.
	one := read(Options{Shards: 1})
	if one != 2 {
		t.Errorf("100 rows and two empty partitions cost %g read units, want 2", one)
	}
	if got := read(Options{}); got <= one {
		t.Errorf("with shards looked for, %g read units, want more than %g", got, one)
	}
}

func TestMeterCountsOnlyAnswers(t *testing.T) {
	server := table.Start(t)
	m := NewMeter(server.Client())
	for _, err := range New(m).Query(ctx, Options{From: day, To: day.Add(1), InfoTable: "info"}) {
		if err == nil || m.Units() != 0 {
			t.Errorf("error %v, %g read units for a table that is not there", err, m.Units())
		}
	}
}
