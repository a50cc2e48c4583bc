package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A loader reads settings one after the other and keeps what is wrong with
// them.
type loader struct {
	getenv   func(string) string
	problems []Problem
}

func (l *loader) refuse(variable, value, why, instead, advice string) {
	l.problems = append(l.problems, Problem{
		Variable: variable,
		Message:  fmt.Sprintf("%s=%q %s; using %s", variable, shorten(value, 80), shorten(why, 400), instead),
		Advice:   advice,
	})
}

// shorten keeps what is far too long from filling a log line: most is in bytes.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// integer reads a whole number. The example is one that most who set the
// variable may want.
func (l *loader) integer(variable string, fallback, least, most, example int) int {
	v := strings.TrimSpace(l.getenv(variable))
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err == nil && n >= least && n <= most {
		return n
	}
	instead := strconv.Itoa(fallback)
	if fallback == 0 {
		instead = "no limit"
	}
	l.refuse(variable, v, fmt.Sprintf("is not a whole number from %d to %d", least, most), instead,
		fmt.Sprintf("write a whole number, for example %s=%d", variable, example))
	return fallback
}

func (l *loader) boolean(variable string) bool {
	v := strings.TrimSpace(l.getenv(variable))
	switch strings.ToLower(v) {
	case "", "false", "0", "no", "off":
		return false
	case "true", "1", "yes", "on":
		return true
	}
	l.refuse(variable, v, "is neither true nor false", "false", "write "+variable+"=true or remove it")
	return false
}

// choice reads one of some words; the first is the default.
func (l *loader) choice(variable string, words ...string) string {
	v := strings.ToLower(strings.TrimSpace(l.getenv(variable)))
	if v == "" {
		return words[0]
	}
	if !slices.Contains(words, v) {
		l.refuse(variable, v, "is not one of "+strings.Join(words, ", "), words[0], "write one of these words, for "+
			"example "+variable+"="+words[0])
		return words[0]
	}
	return v
}

// duration reads bare seconds, or a whole number with s, m, h, d or w, or
// what Go reads (1h30m, 1.5h). Values beyond time.Duration's range are
// returned as its ends, which every caller refuses.
func duration(v string) (time.Duration, bool) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	digits, unit := v, time.Second
	if u, ok := units[v[len(v)-1]]; ok {
		digits, unit = v[:len(v)-1], u
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64); err == nil {
		const most = 1<<63 - 1
		if n > most/int64(unit) {
			return most, true
		}
		if n < -most/int64(unit) {
			return -most, true
		}
		return time.Duration(n) * unit, true
	}
	d, err := time.ParseDuration(v)
	return d, err == nil
}
