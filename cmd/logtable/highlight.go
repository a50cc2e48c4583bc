package main

import (
	"regexp"
	"strings"
)

// sgrMatch is added to the colour of what --grep looks for: reversed, which is
// seen beside every other.
const sgrMatch = "7"

// marks finds the places in a line of what --grep and --match look for: the
// bounds of each, in bytes. It is nil where neither is given.
func (f *textFlags) marks() func(line string) [][]int {
	expression := f.match
	if f.grep != "" {
		expression = regexp.QuoteMeta(visible(f.grep))
	}
	if f.ignoreCase {
		expression = "(?i)" + expression
	}
	found, err := regexp.Compile(expression)
	if f.grep+f.match == "" || err != nil { // what is not valid is refused later
		return nil
	}
	return func(line string) [][]int { return found.FindAllStringIndex(line, -1) }
}

// marked paints the pieces that a line was broken into, with what is looked for
// in it, even across a break.
func (s textStyle) marked(sgr, line string, pieces []string) []string {
	painted := make([]string, len(pieces))
	var found [][]int
	if s.color && s.marks != nil {
		found = s.marks(line)
	}
	at := 0
	for i, piece := range pieces {
		text := strings.TrimLeft(piece, " ") // further pieces are indented as the first is
		indent := piece[:len(piece)-len(text)]
		at += max(strings.Index(line[at:], text), 0)
		painted[i] = indent + s.parts(sgr, text, at, found)
		at += len(text)
	}
	return painted
}

// parts paints a part of a line that begins at a place of it.
func (s textStyle) parts(sgr, text string, at int, found [][]int) string {
	var b strings.Builder
	done := 0
	for _, bounds := range found {
		from, to := max(bounds[0]-at, done), min(bounds[1]-at, len(text))
		if from >= to {
			continue
		}
		b.WriteString(s.paint(sgr, text[done:from]))
		b.WriteString(s.paint(strings.TrimPrefix(sgr+";"+sgrMatch, ";"), text[from:to]))
		done = to
	}
	b.WriteString(s.paint(sgr, text[done:]))
	return b.String()
}
