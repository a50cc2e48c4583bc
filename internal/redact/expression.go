package redact

import (
	"regexp"
	"strings"
)

// An expression is one of the user's.
type expression struct {
	*regexp.Regexp
	// unbounded says that a match may be of any length.
	unbounded bool
	// anchored says that it asks where a text or a line begins or ends.
	anchored bool
}

// Looking for the next match of any length, RE2 may read all of the rest each
// time, so many matches in a long text can take quadratic time. The matches in
// a text of n bytes are therefore bounded to matchWork/n, but never below
// minMatches, which 4 KiB cannot exceed. From the last one on the rest is
// masked.
const (
	matchWork  = 16 << 20
	minMatches = 256
)

// appendMatches adds what an expression finds.
func appendMatches(spans []span, e expression, s string) []span {
	most := -1
	if e.unbounded {
		most = max(minMatches, matchWork/max(1, len(s)))
	}
	found := e.FindAllStringIndex(s, most)
	if found == nil {
		return spans
	}
	if len(found) == most {
		found[most-1][1] = len(s)
	}
	existing := findMarks(s)
	for _, m := range found {
		// Both are in order: a mark that ends before this match is before
		// all further ones.
		for len(existing) > 0 && existing[0].end <= m[0] {
			existing = existing[1:]
		}
		if start, end, ok := widen(m[0], m[1], existing); ok {
			spans = add(spans, start, end, markAny)
		}
	}
	return spans
}

// widen makes a match cover those marks whole that it touches a part of. It
// reports false for a match that lies in a mark: nothing is behind it.
func widen(start, end int, existing []span) (int, int, bool) {
	for _, m := range existing {
		if m.start >= end {
			break
		}
		if m.start <= start && end <= m.end {
			return 0, 0, false
		}
		start, end = min(start, m.start), max(end, m.end)
	}
	return start, end, true
}

// findMarks returns the marks that s has already.
func findMarks(s string) []span {
	var found []span
	for from := 0; ; {
		i := strings.Index(s[from:], markPrefix)
		if i < 0 {
			return found
		}
		start := from + i
		from = start + len(markPrefix)
		for i, text := range marks {
			if strings.HasPrefix(s[start:], text) {
				from = start + len(text)
				found = add(found, start, from, mark(i))
				break
			}
		}
	}
}

// isMark reports whether s is a mark and nothing else.
func isMark(s string) bool {
	found := findMarks(s)
	return len(found) == 1 && found[0].end-found[0].start == len(s)
}
