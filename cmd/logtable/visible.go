package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// hidden reports whether a rune acts on a terminal or on the text around it
// instead of being seen: control characters, the bidirectional controls and
// other formatting characters, Unicode's line separators. A function may have
// printed what strangers sent it, so none of these is ever written as it is.
//
// The zero-width joiner and non-joiner are part of how words and emoji are
// spelled.
func hidden(r rune) bool {
	if r == '\u200c' || r == '\u200d' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// visible returns s with everything hidden written as an escape, so that it
// takes one line and is seen for what it is.
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // invalid UTF-8 becomes U+FFFD
		switch {
		case r == '\x1b':
			b.WriteString(`\e`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case !hidden(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// visibleLines splits s into lines and makes each visible. A lone carriage
// return ends a line too: Node's runtime in a container image puts one where
// the function printed a line feed. Tabs become spaces; trailing empty lines
// are dropped.
func visibleLines(s string) []string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	s = strings.ReplaceAll(s, "\t", "    ")
	s = strings.TrimRight(s, "\n")
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = visible(line)
	}
	return lines
}

// escapeJSON returns JSON text with everything hidden escaped. What is hidden
// can only be within strings there, where JSON's own encoder leaves DEL, C1
// and formatting characters as they are.
func escapeJSON(text []byte) []byte {
	var out []byte
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			out = append(out, `\ufffd`...)
		case r < 0x20 || !hidden(r):
			out = append(out, text[i:i+size]...) // below 0x20 it is white space between tokens
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
		i += size
	}
	return out
}

// columns returns how many terminal columns s takes: combining marks take
// none, East Asian wide characters and emoji two. Terminals differ in what is
// rare.
func columns(s string) (n int) {
	for clusters := displaywidth.StringGraphemes(s); clusters.Next(); {
		n += clusterColumns(clusters.Value(), clusters.Width())
	}
	return n
}

// clusterColumns returns the columns of a grapheme cluster of the given width.
// The library takes whatever has a variation selector behind it for an emoji;
// of ASCII that is a keycap only. A space behind which a text begins with such
// a selector would make the line wider than both.
func clusterColumns(cluster string, width int) int {
	const keycap = "\u20e3"
	if cluster[0] < utf8.RuneSelf && !strings.HasSuffix(cluster, keycap) {
		return min(width, 1)
	}
	return width
}

// wrap breaks a line into pieces of at most width columns, at spaces where
// there are any; width <= 0 does not break. Further pieces are indented like
// the first, so that a stack trace keeps its shape.
func wrap(line string, width int) []string {
	if width <= 0 || columns(line) <= width {
		return []string{line}
	}
	text := strings.TrimLeft(line, " ")
	indent := line[:min(len(line)-len(text), width/2)]
	room := width - len(indent)
	var pieces []string
	for {
		cut, next := breakAt(text, room)
		pieces = append(pieces, indent+text[:cut])
		if next == len(text) {
			return pieces
		}
		text = text[next:]
	}
}

// wrapAfter is wrap for a line whose first piece has another width than the
// rest, because something stands before it.
func wrapAfter(line string, first, width int) []string {
	if first == width || first <= 0 || columns(line) <= first {
		return wrap(line, first)
	}
	cut, next := breakAt(line, first)
	if next == len(line) {
		return []string{line[:cut]}
	}
	return append([]string{line[:cut]}, wrap(line[next:], width)...)
}

// cutColumns returns the beginning of s that takes at most n columns.
func cutColumns(s string, n int) string {
	at, used := 0, 0
	for clusters := displaywidth.StringGraphemes(s); clusters.Next(); {
		if used += clusterColumns(clusters.Value(), clusters.Width()); used > n {
			return s[:at]
		}
		at += len(clusters.Value())
	}
	return s
}

// breakAt finds where a line is cut and where it goes on; both are its end if
// it fits. It takes one character at least, and cuts none: an emoji stays
// whole, a letter has its marks.
func breakAt(line string, width int) (cut, next int) {
	at, used, space := 0, 0, 0
	for clusters := displaywidth.StringGraphemes(line); clusters.Next(); {
		cluster := clusters.Value()
		if cluster == " " {
			space = at
		}
		used += clusterColumns(cluster, clusters.Width())
		if used > width && at > 0 {
			if space > 0 {
				return space, space + 1
			}
			return at, at
		}
		at += len(cluster)
	}
	return len(line), len(line)
}
