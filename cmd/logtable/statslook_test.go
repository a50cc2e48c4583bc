package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// manyGroups counts so many errors of as many modules.
func manyGroups(t *testing.T, n int) *statistics {
	t.Helper()
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	o := read.Options{From: day, To: day.AddDate(0, 0, 1), Now: day}
	s, err := newStatistics([]string{"module", "field:v"}, &o, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	padding := strings.Repeat("x", 2*maxValue)
	for i := range n {
		row := read.Row{Error: true, Locator: read.PlatformReport, Text: "report: 1 ms",
			Fields: fmt.Sprintf(`{"v":"%s%d"}`, padding, i)}
		row.Module, row.Time = fmt.Sprint("m", i), day
		s.add(&row)
	}
	return s
}

func testMeter(t *testing.T, server *table.Server) *read.Meter {
	t.Helper()
	return read.NewMeter(server.Client())
}

// Empty hours stand between the others, up to now; -n prints the last.
func TestStatsByHour(t *testing.T) {
	server, env := application(t)
	put(t, server.Client(), "late", "INFO", "1", "text", 3*3600*1000, "r")
	now := time.Date(2026, 11, 22, 15, 59, 0, 0, time.UTC)
	got := logtableAt(t, now, env, "stats", "--by", "hour", "-n", "6", "--endpoint-url", server.URL())
	var hours []string
	for line := range strings.Lines(got.stdout) {
		if rest, ok := strings.CutPrefix(line, "2026-11-22 1"); ok && len(rest) > 4 && rest[1:4] == ":00" {
			hours = append(hours, strings.Join(strings.Fields(rest)[:2], " "))
		}
	}
	if diff := cmp.Diff([]string{"0:00 0", "1:00 10", "2:00 0", "3:00 0", "4:00 1", "5:00 0"}, hours); diff != "" ||
		!strings.Contains(got.stdout, "and 10 before these with 0 rows") {
		t.Errorf("%s\n%s", diff, got.stdout)
	}
	got = logtableAt(t, now, env, "stats", "--module", "nobody", "--endpoint-url", server.URL())
	if got.code != exitOK || got.stdout != "" || !strings.Contains(got.stderr, "no matching rows") ||
		!strings.Contains(got.stderr, "the modules in that time are billing") {
		t.Errorf("%+v", got)
	}
}

// Buckets cover all time, whatever clocks do: each instant is in one, and no
// two beside each other are called the same.
func TestBuckets(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia",
		"America/Sao_Paulo", "Asia/Kolkata", "Africa/Monrovia"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			b := &bucket{zone: zone, days: random.IntN(2) == 0}
			at := time.Unix(random.Int64N(2e9), random.Int64N(1e9))
			// Half of them around the next time that clocks are changed.
			if _, end := at.In(zone).ZoneBounds(); !end.IsZero() && random.IntN(2) == 0 {
				at = end.Add(time.Duration(random.Int64N(int64(6*time.Hour))) - 3*time.Hour)
			}
			b.move(at)
			first := *b
			if at.Before(b.begin) || !at.Before(b.end) || b.end.Sub(b.begin) > 49*time.Hour {
				t.Fatalf("%v is not in %v to %v", at.In(zone), b.begin, b.end)
			}
			for range 4 {
				before := *b
				b.move(b.end)
				if !b.begin.Equal(before.end) || b.label(b.begin) == b.label(before.begin) {
					t.Fatalf("after %s, %v to %v, comes %s, %v to %v", b.label(before.begin), before.begin, before.end,
						b.label(b.begin), b.begin, b.end)
				}
			}
			again := bucket{zone: zone, days: b.days}
			again.move(first.begin)
			if !again.begin.Equal(first.begin) || !again.end.Equal(first.end) {
				t.Fatalf("%v to %v is %v to %v for its beginning", first.begin, first.end, again.begin, again.end)
			}
		}
	}
}

// Quantiles are within one percent of those of who sorts all durations, in
// little memory.
func TestDurations(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 6))
	for range 200 {
		var d durations
		var all []float64
		for range 1 + random.IntN(2000) {
			ms := math.Round(math.Exp(random.NormFloat64()*3+3)*100) / 100
			d.add(ms)
			all = append(all, ms)
		}
		slices.Sort(all)
		if d.max != all[len(all)-1] || d.n != len(all) {
			t.Errorf("the longest of %d is %g, want %g", d.n, d.max, all[len(all)-1])
		}
		for _, part := range []float64{0.5, 0.95} {
			want := all[int(math.Ceil(part*float64(len(all))))-1]
			if got := d.quantile(part); math.Abs(got-want) > want*0.01+shortestDuration {
				t.Fatalf("p%g is %g, want %g", part*100, got, want)
			}
		}
	}
	var d durations
	for range 100_000 {
		d.add(random.Float64() * 900_000)
	}
	if len(d.like) > 2500 {
		t.Errorf("%d numbers are kept", len(d.like))
	}
}

// Figures are what the layer writes; what a function has put there counts for
// nothing.
func TestReports(t *testing.T) {
	s := manyGroups(t, 0)
	for _, r := range []struct{ locator, text string }{
		{"platform.initReport", "cold start: on-demand, 312.4 ms"},
		{"platform.report", "report: 12.5 ms, billed 13 ms, memory 128 MB, used 77 MB, init 312.4 ms"},
		{"platform.report", "report: Runtime.ExitError, 3000 ms, memory 128 MB, used 80 MB"},
		{"platform.report", "report: X, 9 ms, used 999 GB, 2 ms, billed 1e9 ms, memory many MB"},
		{"platform.report", "report: NaN ms, 1e300 ms, -5 ms, used Inf MB"},
		{"platform.report", "something else, 5 ms"},
		{"1", "report: 7000 ms"},
		{"platform.oom", "the function ran out of memory: 8000 ms"},
	} {
		row := read.Row{Locator: r.locator, Text: r.text}
		row.Module = "orders"
		s.add(&row)
	}
	f := s.functions["orders"]
	if f.invocations != 4 || f.coldStarts() != 1 || f.n != 3 || f.max != 3000 || f.used != 80 || f.memory != 128 {
		t.Errorf("%+v", f)
	}
	if got := f.quantile(0.5); math.Abs(got-12.5) > 0.125 {
		t.Errorf("p50 is %g", got)
	}
	for ms, want := range map[float64]string{0: "0.00 ms", 1.234: "1.23 ms", 12.34: "12.3 ms", 99.96: "100 ms",
		123.4: "123 ms", 999.4: "999 ms", 999.6: "1.00 s", 900_000: "900 s", 9.996: "10.0 ms"} {
		if got := length(ms); got != want {
			t.Errorf("%g ms are %s, want %s", ms, got, want)
		}
	}
}
