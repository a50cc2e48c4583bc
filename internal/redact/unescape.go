package redact

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxViews bounds how often a text is decoded. Once takes off any number of
// layers of the same kind (JSON in a JSON string in a JSON string); more often
// is for kinds in one another, such as JSON in a URL in JSON.
const maxViews = 8

// A view is a text as it reads when the escapes in it are decoded.
type view struct {
	text  string
	stops []stop
	under *view // what it was decoded from; nil for the printed text
}

// A stop is a place in a view's text from which on it stands at raw in the text
// that it was decoded from. One of a unit is a single escape.
type stop struct {
	at, raw int
	unit    bool
}

// place returns the part of the printed text that stands for a part, which is
// not empty, of the view's. A character whose escape is only touched is in it.
func (v *view) place(start, end int) (int, int) {
	for ; v.under != nil; v = v.under {
		first, last := v.stop(start), v.stop(end-1)
		if s := v.stops[first]; s.unit {
			start = s.raw
		} else {
			start += s.raw - s.at
		}
		if s := v.stops[last]; s.unit {
			end = v.stops[last+1].raw
		} else {
			end += s.raw - s.at
		}
	}
	return start, end
}

// stop returns the index of the last stop that is not behind a place.
//
//go:noinline
func (v *view) stop(place int) int {
	low, high := 0, len(v.stops)
	for high-low > 1 {
		if middle := (low + high) / 2; v.stops[middle].at <= place {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// placeAll replaces parts of the view's text by those of the printed one.
func (v *view) placeAll(spans []span) {
	for i := range spans {
		spans[i].start, spans[i].end = v.place(spans[i].start, spans[i].end)
	}
}

// decoded returns the view of v's text with its escapes decoded, those of JSON
// (and of the languages that write the same), of URLs, and \x41; nil if there
// are none. Backslashes before backslashes are layers of JSON: all are taken
// off at once. A text that only looks escaped loses nothing by it, as nothing
// but the search goes by the view. With json the text is the contents of a JSON
// string, and decoded as such.
func (v *view) decoded(json bool) *view {
	s := v.text
	if strings.IndexByte(s, '\\') < 0 && strings.IndexByte(s, '%') < 0 {
		return nil
	}
	next := &view{under: v, stops: []stop{{}}}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		from := len(b)
		size := 0
		switch s[i] {
		case '\\':
			b, size = readBackslashes(b, s[i:], json)
		case '%':
			if !json {
				b, size = readPercent(b, s[i:])
			}
		}
		if size == 0 {
			b = append(b, s[i])
			i++
			continue
		}
		next.add(stop{from, i, true}, stop{len(b), i + size, false})
		i += size
	}
	if len(next.stops) == 1 {
		return nil
	}
	next.text = string(b)
	return next
}

// add adds the stop of an escape and the one behind it.
func (v *view) add(unit, behind stop) {
	if last := len(v.stops) - 1; v.stops[last].at == unit.at {
		v.stops = v.stops[:last]
	}
	v.stops = append(v.stops, unit, behind)
}

// readBackslashes appends what the escape stands for that s begins with, and
// returns how long it was printed: 0 if it is none.
func readBackslashes(b []byte, s string, json bool) ([]byte, int) {
	const letters, meanings = "ntrbf\"'/\\", "\n\t\r\b\f\"'/\\"
	run := 1
	for !json && run < len(s) && s[run] == '\\' {
		run++
	}
	rest := s[run:]
	if rest != "" {
		if i := strings.IndexByte(letters, rest[0]); i >= 0 {
			return append(b, meanings[i]), run + 1
		}
		if c, ok := hexByte(rest[1:]); ok && rest[0] == 'x' && !json {
			return utf8.AppendRune(b, rune(c)), run + len("x41")
		}
		if r := hex4(rest); r >= 0 {
			size := run + len("u0041")
			if utf16.IsSurrogate(r) {
				// The other half is printed in as many layers.
				next := strings.TrimLeft(s[size:], `\`)
				if both := utf16.DecodeRune(r, hex4(next)); both != utf8.RuneError {
					r, size = both, len(s)-len(next)+len("u0041")
				}
			}
			return utf8.AppendRune(b, r), size // U+FFFD for half a pair
		}
	}
	if run == 1 {
		return b, 0
	}
	return append(b, '\\'), run
}

// readPercent is readBackslashes for URLs: %2F, and %252F for one in another.
func readPercent(b []byte, s string) ([]byte, int) {
	c, ok := hexByte(s[1:])
	if !ok {
		return b, 0
	}
	i := 1
	for c == '%' {
		inner, ok := hexByte(s[i+2:])
		if !ok {
			break
		}
		i, c = i+2, inner
	}
	return append(b, c), i + 2
}

// hex4 returns the code unit that s begins with as uXXXX, -1 if it does not.
func hex4(s string) rune {
	if len(s) < 5 || s[0] != 'u' {
		return -1
	}
	high, ok := hexByte(s[1:])
	low, too := hexByte(s[3:])
	if !ok || !too {
		return -1
	}
	return rune(high)<<8 | rune(low)
}

// hexByte reads two hexadecimal digits.
//
//go:noinline
func hexByte(s string) (byte, bool) {
	if len(s) < 2 || !isHex(s[0]) || !isHex(s[1]) {
		return 0, false
	}
	return hexDigit(s[0])<<4 | hexDigit(s[1]), true
}

func hexDigit(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// mayHide reports whether escapes in s may hide what the setting names. It is
// asked of every line. known says that something was mentioned in s as it is
// printed, or is given by a name before it: any escape may then stand in the
// middle of it.
func (r *Redactor) mayHide(s string, known bool) bool {
	any := known || len(r.expressions) > 0
	sign := false
	for _, escape := range [...]byte{'\\', '%'} {
		for rest := s; ; {
			i := strings.IndexByte(rest, escape)
			if i < 0 {
				break
			}
			if any {
				return true
			}
			rest = rest[i+1:]
			c, ok := escapedByte(escape, rest)
			if ok && (isAlnum(c) || c == '%' || c == '\\') {
				return true
			}
			sign = sign || ok && c >= ' '
		}
	}
	// No letter is hidden, but perhaps what separates: the words of a name,
	// the groups of a card's number, the parts of an address.
	return sign && (r.kinds&(card|email) != 0 || beginsName(s))
}

// escapedByte reads the digits behind an escape: %41, \u0041, \x41.
func escapedByte(escape byte, rest string) (byte, bool) {
	if escape == '%' {
		return hexByte(rest)
	}
	for _, sign := range [...]string{"u00", "x"} {
		if digits, ok := strings.CutPrefix(rest, sign); ok {
			return hexByte(digits)
		}
	}
	return 0, false
}

// beginsName reports whether the first word of a credential's name is in s.
func beginsName(s string) bool {
	for i := range len(s) {
		for _, word := range [...]string{"secret", "session", "security"} {
			if s[i]|0x20 == 's' && foldAt(s, i, word) {
				return true
			}
		}
	}
	return false
}
