package config

import (
	"maps"
	"slices"
	"strings"
)

// misspelt complains of LOGTABLE_ variables that do not exist: a setting that
// silently does nothing is the hardest to find.
func (l *loader) misspelt(environ []string) {
	found := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "LOGTABLE_") && !slices.Contains(variables, name) {
			found[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		advice := "remove it, or see docs/settings.md"
		if near := nearest(name); near != "" {
			advice = "did you mean " + near + "?"
		}
		l.problems = append(l.problems, Problem{
			Variable: name,
			Message:  shorten(name, 80) + " is not a Logtable setting and has no effect",
			Advice:   advice,
			Harmless: true,
		})
	}
}

// nearest returns the variable within three edits of name, if there is one.
func nearest(name string) string {
	best, least := "", 4
	for _, v := range variables {
		if d := distance(name, v); d < least {
			best, least = v, d
		}
	}
	return best
}

// distance is the number of inserted, deleted or changed bytes between two
// names; long names count as far away.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
