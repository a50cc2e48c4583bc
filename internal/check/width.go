package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The widths of lines, in columns; a tab has four.
const (
	maxCode  = 120
	maxProse = 80
)

// wideLines are the lines of a Go file that are too wide. Exempt are directives
// and the lines of strings that go over several, which are data.
func (f *file) wideLines() (findings []string) {
	for i, line := range f.lines {
		trimmed := strings.TrimSpace(line)
		limit := maxCode
		if strings.HasPrefix(trimmed, "//") {
			limit = maxProse
		}
		if strings.HasPrefix(trimmed, "//go:") || f.literal[i+1] {
			continue
		}
		if tooWide(line, limit) {
			findings = append(findings, wide(f.name, i+1, line, limit))
		}
	}
	return findings
}

// linkOnly is a line of Markdown that is nothing but a link, perhaps of a list.
var linkOnly = regexp.MustCompile(`^\s*([-*+]\s+)?!?\[[^\]]*\](\([^)]*\)|\[[^\]]*\]|:\s+\S+)[.,;:]?$`)

// wideProse are the lines of a Markdown file that are too wide. Exempt are
// tables, code and links.
func wideProse(name, text string) (findings []string) {
	fence := ""
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if fence != "" {
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
			continue
		}
		for _, mark := range []string{"```", "~~~"} {
			if strings.HasPrefix(trimmed, mark) {
				fence = mark
			}
		}
		if fence != "" || strings.HasPrefix(trimmed, "|") || linkOnly.MatchString(line) {
			continue
		}
		if tooWide(line, maxProse) {
			findings = append(findings, wide(name, i+1, line, maxProse))
		}
	}
	return findings
}

// tooWide reports whether a line is wider than the limit and could be broken: a
// word that is too long for any line is nobody's fault.
func tooWide(line string, limit int) bool {
	if columns(line) <= limit {
		return false
	}
	indent := columns(line) - columns(strings.TrimLeft(line, " \t"))
	for word := range strings.FieldsSeq(line) {
		if indent+columns(word) > limit {
			return false
		}
	}
	return true
}

func columns(s string) int { return utf8.RuneCountInString(s) + 3*strings.Count(s, "\t") }

func wide(name string, line int, text string, limit int) string {
	return fmt.Sprintf("%s:%d: %d columns, more than %d: break the line", name, line, columns(text), limit)
}
