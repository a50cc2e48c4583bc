package read

import (
	"slices"
	"strings"
	"time"
)

// An Invocation is the rows that one has, as far as they tell. Its places are
// indexes of the rows it was made from.
type Invocation struct {
	Module, Request string // the module is the function's, where a row tells that
	Number          int    // from 0 on
	First, Last     int    // places of its rows
	Rows            int
	Death, Report   int // places of what ends it; -1 if there is none
}

// PlatformReport is the locator of the layer's rows that say how long an
// invocation took.
const PlatformReport = "platform.report"

// Locators of the layer's rows that say how an invocation failed. platform.init
// and platform.restore are of environments.
var deathLocators = []string{"platform.timeout", "platform.crash", "platform.oom", "platform.error"}

// retryAfter is less than the time after which Lambda tries an asynchronous
// event again, with the same request ID and often in the same environment, and
// more than rows of an invocation that has ended come late by.
const retryAfter = 30 * time.Second

// Invocations finds out which invocation each row of a story belongs to.
func Invocations(rows []Row) (all, of []*Invocation) {
	type key struct{ module, request, environment string }
	open := map[key]*Invocation{}
	of = make([]*Invocation, len(rows))
	for i := range rows {
		row := &rows[i]
		k := key{row.Module, row.RequestID, row.EnvironmentID}
		if k.request != "" && k.environment != "" {
			k.module = "" // a line may name one of its own
		}
		v := open[k]
		if v == nil || v.retried(rows, i) {
			v = &Invocation{Module: row.Module, Request: row.RequestID, Number: len(all), First: i}
			v.Death, v.Report = -1, -1
			open[k], all = v, append(all, v)
		}
		v.Last, v.Rows, of[i] = i, v.Rows+1, v
		if strings.HasPrefix(row.Locator, "platform.") {
			v.Module = row.Module
		}
		switch {
		case slices.Contains(deathLocators, row.Locator):
			v.Death = i
		case row.Locator == PlatformReport:
			v.Report = i
		}
	}
	return all, of
}

// retried reports whether a row is of another attempt at the same request. The
// report of the first may come after the second has begun.
func (v *Invocation) retried(rows []Row, i int) bool {
	end := max(v.Death, v.Report)
	return end >= 0 && !strings.HasPrefix(rows[i].Locator, "platform.") &&
		rows[i].Time.Sub(rows[end].Time) >= retryAfter
}

// End is the place of the row that ends the invocation: nothing tells as much
// as a death.
func (v *Invocation) End() int {
	switch {
	case v.Death >= 0:
		return v.Death
	case v.Report >= 0:
		return v.Report
	}
	return v.Last
}

// TellsEnd reports whether the row at a place says how the invocation ended.
func (v *Invocation) TellsEnd(i int) bool {
	return i == v.End() && (i == v.Death || i == v.Report)
}

// ColdStart is how long the function's initialization took, as its end says;
// "" if it does not.
func (v *Invocation) ColdStart(rows []Row) string {
	end := v.End()
	if !v.TellsEnd(end) {
		return ""
	}
	_, figure, _ := strings.Cut(rows[end].Text, ", init ")
	return figure
}
