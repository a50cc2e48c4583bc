package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/logtable/logtable/internal/read"
)

// functionStats are what the platform's rows say of a function
// (LOGTABLE_PLATFORM=all).
type functionStats struct {
	module       string
	invocations  int
	inits        int // rows of cold starts
	initReports  int // reports of invocations that waited for one
	memory, used float64
	durations
}

// coldStarts: one that was provisioned is in no report, and the row of another
// may have been left out by a filter.
func (f *functionStats) coldStarts() int { return max(f.inits, f.initReports) }

// Locators and texts of the rows that the layer makes of platform events.
const (
	platformInit = "platform.initReport"
	reportBegins = "report: "
)

// addPlatform counts a row that has something to say of a function. Functions
// that come when there are maxGroups are left out.
func (s *statistics) addPlatform(row *read.Row) {
	figures, isReport := strings.CutPrefix(row.Text, reportBegins)
	isReport = isReport && row.Locator == read.PlatformReport
	if !isReport && row.Locator != platformInit {
		return
	}
	f := s.functions[row.Module]
	if f == nil {
		if len(s.functions) >= maxGroups {
			return
		}
		f = &functionStats{module: strings.Clone(row.Module)}
		s.functions[f.module] = f
	}
	if !isReport {
		f.inits++
		return
	}
	f.invocations++
	f.report(figures)
}

// report takes the figures of an invocation. What a function may have put there
// stands before the duration: the last one counts.
func (f *functionStats) report(figures string) {
	duration := -1.0
	for figure := range strings.SplitSeq(figures, ", ") {
		if ms, ok := strings.CutSuffix(figure, " ms"); ok {
			if n, ok := parseFigure(ms); ok {
				duration = n
			} else if strings.HasPrefix(ms, "init ") {
				f.initReports++
			}
			continue
		}
		mb, ok := strings.CutSuffix(figure, " MB")
		name, number, _ := strings.Cut(mb, " ")
		n, isNumber := parseFigure(number)
		switch {
		case !ok || !isNumber:
		case name == "memory":
			f.memory = max(f.memory, n)
		case name == "used":
			f.used = max(f.used, n)
		}
	}
	if duration >= 0 {
		f.durations.add(duration)
	}
}

// parseFigure reads a number as Lambda writes it.
func parseFigure(text string) (float64, bool) {
	const most = 1e9 // ms are eleven days
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && n >= 0 && n <= most
}

// sortedFunctions returns the functions, those with the most invocations first.
func (s *statistics) sortedFunctions() []*functionStats {
	return slices.SortedFunc(maps.Values(s.functions), func(a, b *functionStats) int {
		return cmp.Or(cmp.Compare(b.invocations, a.invocations), cmp.Compare(b.coldStarts(), a.coldStarts()),
			strings.Compare(a.module, b.module))
	})
}

// durations are many lengths of time, in milliseconds, in little memory: all
// that differ by less than a hundredth are counted as one.
type durations struct {
	n    int
	max  float64
	like map[int]int // how many there are, by the logarithm
}

const (
	durationStep     = 0.00995 // the logarithm of 1.01
	shortestDuration = 1e-3    // ms; what is shorter is counted as this
)

func (d *durations) add(ms float64) {
	if d.like == nil {
		d.like = map[int]int{}
	}
	d.n++
	d.max = max(d.max, ms)
	d.like[int(math.Round(math.Log(max(ms, shortestDuration))/durationStep))]++
}

// quantile returns the duration that a part of all does not exceed, within one
// percent.
func (d *durations) quantile(part float64) float64 {
	rank, n := int(math.Ceil(part*float64(d.n))), 0
	for _, at := range slices.Sorted(maps.Keys(d.like)) {
		if n += d.like[at]; n >= rank {
			return min(math.Exp(float64(at)*durationStep), d.max)
		}
	}
	return d.max
}
