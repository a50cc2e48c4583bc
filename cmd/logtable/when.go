package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/config"
)

// span is the time that is asked for, end not included.
type span struct{ from, to time.Time }

// spanFlags is how it is asked for; "" is what was left out.
type spanFlags struct{ day, from, to, since string }

// resolve works out the span. Without anything it is today; DAY is another
// day, --from and --to move its ends, and --since is a span of its own.
func (f spanFlags) resolve(now time.Time, zone *time.Location) (span, error) {
	now = now.In(zone)
	if f.since != "" {
		if f.day != "" || f.from != "" || f.to != "" {
			return span{}, usagef("--since ends now and cannot be combined with DAY, --from or --to")
		}
		ago, ok := parseAgo(f.since)
		if !ok {
			return span{}, usagef("--since %q is not a duration: write, for example, 15m, 2h, 3d or 1w", f.since)
		}
		// Functions' clocks may be a little ahead of this one.
		return span{now.Add(-ago), now.Add(time.Minute)}, nil
	}
	day, err := parseDay(f.day, now)
	if err != nil {
		return span{}, err
	}
	s := span{day, dayAfter(day)}
	if f.from != "" {
		if s.from, err = parseInstant("--from", f.from, day, now); err != nil {
			return span{}, err
		}
	}
	if f.to != "" {
		if s.to, err = parseInstant("--to", f.to, day, now); err != nil {
			return span{}, err
		}
	}
	if !s.from.Before(s.to) {
		return span{}, usagef("the span from %s to %s is empty: the end must be after the start",
			s.from.Format(time.RFC3339), s.to.Format(time.RFC3339))
	}
	return s, nil
}

// parseDay returns the first instant of a day in now's zone.
func parseDay(s string, now time.Time) (time.Time, error) {
	year, month, day := now.Date()
	switch s {
	case "", "today":
	case "yesterday":
		day--
	default:
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return time.Time{}, usagef("%q is not a day: write today, yesterday or a date such as %s",
				s, now.Format(time.DateOnly))
		}
		year, month, day = t.Date()
	}
	return clock(time.Date(year, month, day, 0, 0, 0, 0, time.UTC), now.Location()), nil
}

// dayAfter returns the first instant of the day after the one that begins at
// day.
func dayAfter(day time.Time) time.Time {
	year, month, d := day.Date()
	return clock(time.Date(year, month, d+1, 0, 0, 0, 0, time.UTC), day.Location())
}

// clock returns the first instant at which the clocks of a zone show what UTC's
// show at wall, or later: in some zones a day begins at 01:00, because the
// clocks are put forward at midnight, or has an hour twice.
func clock(wall time.Time, zone *time.Location) time.Time {
	// No zone is farther from UTC than this.
	const farthest = 26 * time.Hour
	for at := wall.Add(-farthest).In(zone); ; {
		begin, end := at.ZoneBounds()
		_, offset := at.Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if t.Before(begin) {
			t = begin // what the clocks jumped over
		}
		if end.IsZero() || t.Before(end) {
			return t
		}
		at = end
	}
}

// Layouts of a time without a zone, and of one without a date.
var (
	dateTimes = []string{
		"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.DateOnly,
	}
	dayTimes = []string{"15:04", "15:04:05"}
)

// parseInstant reads the value of --from or --to: RFC 3339, the same without
// a zone, a time of the given day, or so long ago.
func parseInstant(flag, s string, day, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	zone := day.Location()
	for _, layout := range dateTimes {
		if t, err := time.Parse(layout, s); err == nil {
			return clock(t, zone), nil
		}
	}
	for _, layout := range dayTimes {
		if t, err := time.Parse(layout, s); err == nil {
			year, month, d := day.Date()
			wall := time.Date(year, month, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
			return clock(wall, zone), nil
		}
	}
	if ago, ok := parseAgo(s); ok {
		return now.Add(-ago), nil
	}
	return time.Time{}, usagef("%s %q is not a time: write, for example, 14:30, 2h (ago) or %s",
		flag, s, now.Truncate(time.Minute).Format(time.RFC3339))
}

// parseAgo reads a positive length of time: Go's form (1h30m), with weeks and
// days allowed in front (1w, 3d, 1d12h).
func parseAgo(s string) (total time.Duration, ok bool) {
	const most = 36500 * 24 * time.Hour // far within a Duration's 292 years
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, rest, found := strings.Cut(s, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return 0, false
		}
		if total, s = total+time.Duration(n)*unit.length, rest; total > most {
			return 0, false
		}
	}
	if s == "" {
		return total, total > 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || total+d <= 0 {
		return 0, false
	}
	return total + d, true
}

// parseZone reads what LOGTABLE_TIMEZONE may be, and local. An offset's name
// says that it is one.
func parseZone(s string) (*time.Location, error) {
	switch strings.ToLower(s) {
	case "", "z":
		return time.UTC, nil
	case "local":
		return localZone(os.Getenv("TZ"), "/etc/localtime"), nil
	}
	zone, ok := config.ParseZone(s)
	if !ok {
		return nil, usagef("%q is not a time zone: write a name such as Europe/Berlin, "+
			"an offset such as +02:00, or local", s)
	}
	if name := zone.String(); name[0] == '+' || name[0] == '-' {
		_, seconds := time.Time{}.In(zone).Zone()
		zone = time.FixedZone("UTC"+name, seconds)
	}
	return zone, nil
}

// localZone is this machine's zone under its own name, where it is known: Go
// calls it Local. It is named by TZ, or else by the file that localtime links
// to, as on Linux and macOS.
func localZone(tz, localtime string) *time.Location {
	name := strings.TrimPrefix(tz, ":")
	if target, err := os.Readlink(localtime); tz == "" && err == nil {
		_, name, _ = strings.Cut(target, "zoneinfo/")
	}
	if zone, err := time.LoadLocation(name); err == nil && name != "" {
		return zone
	}
	return time.Local
}

// zoneName is a zone's name as it is shown: where this machine's is not known,
// that of the clocks at an instant.
func zoneName(zone *time.Location, at time.Time) string {
	if zone == time.Local {
		return at.In(zone).Format("MST, UTC-07:00")
	}
	return zone.String()
}
