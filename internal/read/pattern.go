package read

import (
	"slices"
	"strings"
)

// MatchPattern reports whether a text matches one of the patterns, in which *
// stands for any characters, none among them, and ? for one. Nothing else is
// special: a module or a locator may have all other characters.
func MatchPattern(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches([]rune(p), []rune(text)) })
}

func matches(pattern, text []rune) bool {
	star, from := -1, 0 // the last *, and where the text goes on behind what it stands for
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0: // it stands for one more
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// patternPrefix is what all texts that match a pattern begin with; all reports
// whether the pattern is nothing else.
func patternPrefix(pattern string) (prefix string, all bool) {
	i := strings.IndexAny(pattern, "*?")
	if i < 0 {
		return pattern, true
	}
	return pattern[:i], false
}
