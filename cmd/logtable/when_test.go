package main

import (
	"errors"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	now := at("2026-11-22T10:20:30Z")
	tests := []struct {
		flags    spanFlags
		from, to string
	}{
		{spanFlags{}, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
		{spanFlags{day: "today"}, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
		{spanFlags{day: "yesterday"}, "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"},
		{spanFlags{day: "2024-02-29"}, "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
		{spanFlags{day: "2026-11-20", from: "14:00", to: "14:30:15"}, "2026-11-20T14:00:00Z", "2026-11-20T14:30:15Z"},
		{spanFlags{from: "2h"}, "2026-11-22T08:20:30Z", "2026-11-23T00:00:00Z"},
		{spanFlags{from: "1d12h", to: "90m"}, "2026-11-20T22:20:30Z", "2026-11-22T08:50:30Z"},
		{spanFlags{from: "2026-11-01"}, "2026-11-01T00:00:00Z", "2026-11-23T00:00:00Z"},
		{spanFlags{from: "2026-11-01 06:00", to: "2026-11-01T07:00:01+01:00"}, "2026-11-01T06:00:00Z",
			"2026-11-01T06:00:01Z"},
		{spanFlags{since: "15m"}, "2026-11-22T10:05:30Z", "2026-11-22T10:21:30Z"},
		{spanFlags{since: "1w"}, "2026-11-15T10:20:30Z", "2026-11-22T10:21:30Z"},
		{spanFlags{since: "1w2d1h30m"}, "2026-11-13T08:50:30Z", "2026-11-22T10:21:30Z"},
		{spanFlags{since: "3d"}, "2026-11-19T10:20:30Z", "2026-11-22T10:21:30Z"},
	}
	for _, tt := range tests {
		got, err := tt.flags.resolve(now, time.UTC)
		if err != nil || !got.from.Equal(at(tt.from)) || !got.to.Equal(at(tt.to)) {
			t.Errorf("%+v is %v to %v, error %v; want %s to %s", tt.flags, got.from, got.to, err, tt.from, tt.to)
		}
	}
}

func TestADayIsAsLongAsItIs(t *testing.T) {
	berlin, err := parseZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]time.Duration{
		"2026-03-29": 23 * time.Hour, "2026-10-25": 25 * time.Hour, "2026-11-22": 24 * time.Hour,
	} {
		s, err := spanFlags{day: day}.resolve(at("2026-11-22T10:00:00Z"), berlin)
		if err != nil || s.to.Sub(s.from) != want {
			t.Errorf("%s in Berlin is %v long, error %v; want %v", day, s.to.Sub(s.from), err, want)
		}
	}
}

func TestSpanRefuses(t *testing.T) {
	for _, flags := range []spanFlags{
		{day: "22.11.2026"}, {day: "2026-02-30"}, {from: "noon"}, {to: "25:00"}, {from: "-2h"}, {from: "0s"},
		{since: "yesterday"}, {since: "-1h"}, {since: "0d"}, {since: "99999999d"}, {since: "1h", day: "today"},
		{since: "1h", from: "2h"},
		{from: "14:00", to: "13:00"}, {from: "1h", to: "1h"}, {day: "yesterday", from: "2026-12-24T00:00:00Z"},
	} {
		s, err := flags.resolve(at("2026-11-22T10:20:30Z"), time.UTC)
		if usage := (usageError{}); !errors.As(err, &usage) {
			t.Errorf("%+v is %v to %v, error %v; want a usage error", flags, s.from, s.to, err)
		}
	}
}

func TestParseZone(t *testing.T) {
	winter := at("2026-11-22T10:00:00Z")
	for s, want := range map[string]string{
		"": "10:00", "UTC": "10:00", "Europe/Berlin": "11:00", "+02:00": "12:00", "-0330": "06:30", "+05": "15:00",
		"UTC+2": "12:00", "-9": "01:00", ":UTC": "10:00",
	} {
		zone, err := parseZone(s)
		if err != nil {
			t.Errorf("parseZone(%q): %v", s, err)
			continue
		}
		if got := winter.In(zone).Format("15:04"); got != want {
			t.Errorf("10:00 UTC is %s in %q, want %s", got, s, want)
		}
	}
	for _, s := range []string{"Mars/Olympus", "+2h", "+25:00", "+01:75", "../etc/passwd"} {
		if zone, err := parseZone(s); err == nil {
			t.Errorf("parseZone(%q) = %v, want an error", s, zone)
		}
	}
}

// In some zones the clocks are put forward at midnight, so that a day begins at
// 01:00, or back, so that a day has midnight twice.
func TestDaysWithoutAMidnight(t *testing.T) {
	for _, tc := range []struct {
		zone, day, from, to string // in UTC
	}{
		{"America/Santiago", "2026-09-05", "2026-09-05 04:00", "2026-09-06 04:00"},
		{"America/Santiago", "2026-09-06", "2026-09-06 04:00", "2026-09-07 03:00"}, // begins at 01:00
		{"America/Santiago", "2026-04-04", "2026-04-04 03:00", "2026-04-05 04:00"}, // 23:00 twice
		{"Africa/Cairo", "2026-04-23", "2026-04-22 22:00", "2026-04-23 22:00"},
		{"Africa/Cairo", "2026-04-24", "2026-04-23 22:00", "2026-04-24 21:00"},   // begins at 01:00
		{"Asia/Beirut", "2026-03-29", "2026-03-28 22:00", "2026-03-29 21:00"},    // begins at 01:00
		{"America/Havana", "2026-03-08", "2026-03-08 05:00", "2026-03-09 04:00"}, // begins at 01:00
		{"America/Havana", "2026-11-01", "2026-11-01 04:00", "2026-11-02 05:00"}, // midnight twice
		{"Europe/Berlin", "2026-03-29", "2026-03-28 23:00", "2026-03-29 22:00"},
		{"UTC", "2026-11-22", "2026-11-22 00:00", "2026-11-23 00:00"},
	} {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := spanFlags{day: tc.day}.resolve(time.Date(2026, 12, 1, 12, 0, 0, 0, zone), zone)
		const layout = "2006-01-02 15:04"
		if err != nil || got.from.UTC().Format(layout) != tc.from || got.to.UTC().Format(layout) != tc.to {
			t.Errorf("%s in %s is %s to %s (%v), want %s to %s", tc.day, tc.zone, got.from.UTC().Format(layout),
				got.to.UTC().Format(layout), err, tc.from, tc.to)
		}
	}
}

// A day of any zone begins with the first instant that has its date, and the
// days of a year touch.
func TestDaysTouchInEveryZone(t *testing.T) {
	for _, name := range []string{"Africa/Cairo", "America/Asuncion", "America/Havana", "America/Santiago",
		"America/Scoresbysund", "America/Sao_Paulo",
		"Antarctica/Troll", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Tehran", "Atlantic/Azores",
		"Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, year := range []int{2011, 2018, 2026} {
			for n := range 366 {
				date := time.Date(year, 1, 1+n, 0, 0, 0, 0, time.UTC)
				begin := clock(date, zone)
				if name == "Pacific/Apia" && date.Format(time.DateOnly) == "2011-12-30" {
					if got := begin.Format(time.DateOnly); got != "2011-12-31" {
						t.Errorf("the day that Samoa left out begins on %s", got)
					}
					continue
				}
				if got := begin.Format(time.DateOnly); got != date.Format(time.DateOnly) {
					t.Fatalf("%s in %s begins on %s", date.Format(time.DateOnly), name, begin)
				}
				if got := begin.Add(-time.Second).Format(time.DateOnly); got >= date.Format(time.DateOnly) {
					t.Fatalf("%s in %s begins at %s, but a second before it is %s", date.Format(time.DateOnly), name,
						begin, got)
				}
			}
		}
	}
}

func TestTimesThatClocksJumpOver(t *testing.T) {
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"00:30", "2026-09-06 00:30", "2026-09-06"} {
		got, err := spanFlags{day: "2026-09-06", from: from}.resolve(time.Date(2026, 12, 1, 12, 0, 0, 0, zone), zone)
		if want := time.Date(2026, 9, 6, 4, 0, 0, 0, time.UTC); err != nil || !got.from.Equal(want) {
			t.Errorf("--from %q is %s, want %s, %v", from, got.from, want, err)
		}
	}
}
