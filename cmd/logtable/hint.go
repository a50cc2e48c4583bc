package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logtable/logtable/internal/read"
)

const (
	// hintRows is how many rows are looked at for a hint, the newest: what it
	// may cost is bounded.
	hintRows = 1000
	// hintNames is how many names a hint has.
	hintNames = 10
)

// hint says which levels, modules and locators there are, of each that was
// asked for and does not occur. Without rows, or if they cannot be read, it
// says nothing.
func hint(ctx context.Context, client *read.Client, o read.Options) string {
	asked := o.Filter
	if len(asked.Levels) == 0 && len(asked.Modules) == 0 && len(asked.Locators) == 0 {
		return ""
	}
	o.Filter = read.Filter{}
	o.NewestFirst, o.Limit = true, hintRows
	levels, modules, locators := map[string]bool{}, map[string]bool{}, map[string]bool{}
	rows := 0
	for row, err := range client.Query(ctx, o) {
		if err != nil {
			return ""
		}
		levels[row.Level], modules[row.Module], locators[row.Locator] = true, true, true
		rows++
	}
	where := "in that time"
	if rows == hintRows {
		where = fmt.Sprintf("of the newest %d rows", hintRows)
	}
	var hints []string
	for _, kind := range []struct {
		name    string
		asked   []string
		present map[string]bool
	}{{"levels", asked.Levels, levels}, {"modules", asked.Modules, modules}, {"locators", asked.Locators, locators}} {
		delete(kind.present, "")
		occurs := func(name string) bool { return read.MatchPattern(kind.asked, name) }
		names := slices.Sorted(maps.Keys(kind.present))
		if len(kind.asked) > 0 && len(names) > 0 && !slices.ContainsFunc(names, occurs) {
			hints = append(hints, fmt.Sprintf("the %s %s are %s", kind.name, where, nameList(names)))
		}
	}
	return strings.Join(hints, "; ")
}

// nameList lists the first names.
func nameList(names []string) string {
	more := ""
	if n := len(names) - hintNames; n > 0 {
		names, more = names[:hintNames], fmt.Sprintf(" and %d more", n)
	}
	return visible(strings.Join(names, ", ")) + more
}
