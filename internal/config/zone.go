package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

func (l *loader) zone() *time.Location {
	name, behind := strings.TrimSpace(l.getenv(Timezone)), strings.TrimSpace(l.getenv(TZOffset))
	if name != "" {
		if behind != "" {
			l.refuse(TZOffset, behind, "is ignored because "+Timezone+" is set", Timezone,
				"remove one of the two variables")
		}
		if zone, ok := ParseZone(name); ok {
			return zone
		}
		l.refuse(Timezone, name, "is not a valid time zone", "UTC",
			"write an IANA name such as Europe/Berlin, or an offset such as +05:30")
		return time.UTC
	}
	if behind == "" {
		return time.UTC
	}
	// The ancestor documented -12 to 14 hours behind UTC; the zones of the
	// world need -14 to 12.
	hours, err := strconv.Atoi(behind)
	if err != nil || hours < -14 || hours > 14 {
		l.refuse(TZOffset, behind, "is not a whole number of hours behind UTC (-14 to 14)", "UTC",
			"write 6 for US Central in winter, or better "+Timezone+"=America/Chicago")
		return time.UTC
	}
	return fixedZone(-hours * 3600)
}

// offsetForm is a distance from UTC: +02:00, -0330, +5, UTC+2.
var offsetForm = sync.OnceValue(func() *regexp.Regexp {
	// Compiled when it is first needed: it would take its part of every cold
	// start, for a setting that few functions have.
	return regexp.MustCompile(`^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?$`)
})

// ParseZone reads what LOGTABLE_TIMEZONE may be: an IANA name such as
// Europe/Berlin, UTC, or a distance from UTC of at most 14 hours, whose zone
// has a name such as +05:30. It reports false for anything else, "" and local
// among it, which would be whatever the machine says.
func ParseZone(name string) (*time.Location, bool) {
	if m := offsetForm().FindStringSubmatch(name); m != nil {
		hours, _ := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi("0" + m[3])
		seconds := hours*3600 + minutes*60
		if minutes > 59 || seconds > 14*3600 {
			return nil, false
		}
		if m[1] == "-" {
			seconds = -seconds
		}
		return fixedZone(seconds), true
	}
	// "Local" would be whatever the image says, and ":UTC" is how Lambda's
	// own TZ is written.
	name = strings.TrimPrefix(name, ":")
	if strings.EqualFold(name, "local") || name == "" {
		return nil, false
	}
	if strings.EqualFold(name, "utc") || name == "Z" {
		return time.UTC, true
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil
}

func fixedZone(seconds int) *time.Location {
	sign, abs := '+', seconds
	if seconds < 0 {
		sign, abs = '-', -seconds
	}
	return time.FixedZone(fmt.Sprintf("%c%02d:%02d", sign, abs/3600, abs/60%60), seconds)
}
