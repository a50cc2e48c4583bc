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

// decoded returns the view of v's text with its escapes decoded, those of JSON
// (and of the languages that write the same), of URLs, and \x41; nil if there
// are none. Backslashes before backslashes are layers of JSON: all are taken
// off at once. A text that only looks escaped loses nothing by it, as nothing
// but the search goes by the view.
func (v *view) decoded() *view {
	s := v.text
	if strings.IndexByte(s, '\\') < 0 && strings.IndexByte(s, '%') < 0 {
		return nil
	}
	next := &view{under: v, stops: []stop{{}}}
	b := make([]byte, 0, len(s))
	from := 0 // of what is not copied yet
	for i := 0; i < len(s); {
		var unit [utf8.UTFMax]byte
		n, size := 0, 0
		switch s[i] {
		case '\\':
			n, size = readBackslashes(&unit, s[i:])
		case '%':
			n, size = readPercent(&unit, s[i:])
		}
		if size == 0 {
			i++
			continue
		}
		b = append(append(b, s[from:i]...), unit[:n]...)
		next.add(stop{len(b) - n, i, true}, stop{len(b), i + size, false})
		i += size
		from = i
	}
	if from == 0 {
		return nil
	}
	next.text = string(append(b, s[from:]...))
	return next
}

// add adds the stop of an escape and the one behind it.
func (v *view) add(unit, behind stop) {
	if last := len(v.stops) - 1; v.stops[last].at == unit.at {
		v.stops = v.stops[:last]
	}
	v.stops = append(v.stops, unit, behind)
}

// readBackslashes decodes the escape that s begins with into unit, n bytes, and
// returns how long it was printed: 0 if it is none.
func readBackslashes(unit *[utf8.UTFMax]byte, s string) (n, size int) {
	run := 1
	for run < len(s) && s[run] == '\\' {
		run++
	}
	if run < len(s) {
		switch c := s[run]; c {
		case 'n', 't', 'r', 'b', 'f':
			unit[0] = map1(c)
			return 1, run + 1
		case '"', '\'', '/':
			unit[0] = c
			return 1, run + 1
		case 'x':
			if r, ok := hexByte(s[run+1:]); ok {
				return utf8.EncodeRune(unit[:], rune(r)), run + len("x41")
			}
		case 'u':
			if r := hex4(s[run-1:]); r >= 0 {
				return readUnit(unit, r, s, run+len("u0041"))
			}
		}
	}
	if run == 1 {
		return 0, 0
	}
	unit[0] = '\\'
	return 1, run
}

// map1 is the control character that an escape of one letter stands for.
func map1(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	}
	return '\f'
}

// readUnit is readBackslashes for a code unit: half a pair takes the other half
// with it, which is printed in the same number of layers.
func readUnit(unit *[utf8.UTFMax]byte, r rune, s string, size int) (int, int) {
	if utf16.IsSurrogate(r) {
		next := size
		for next < len(s) && s[next] == '\\' {
			next++
		}
		if next > size {
			if both := utf16.DecodeRune(r, hex4(s[next-1:])); both != utf8.RuneError {
				return utf8.EncodeRune(unit[:], both), next + len("u0041")
			}
		}
	}
	return utf8.EncodeRune(unit[:], r), size // U+FFFD for half a pair
}

// readPercent is readBackslashes for URLs: %2F, and %252F for one in another.
func readPercent(unit *[utf8.UTFMax]byte, s string) (n, size int) {
	i := 1
	c, ok := hexByte(s[i:])
	if !ok {
		return 0, 0
	}
	for c == '%' {
		inner, ok := hexByte(s[i+2:])
		if !ok {
			break
		}
		i, c = i+2, inner
	}
	unit[0] = c
	return 1, i + 2
}

// hexByte reads two hexadecimal digits.
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
	if known || len(r.expressions) > 0 {
		return strings.IndexByte(s, '\\') >= 0 || strings.IndexByte(s, '%') >= 0
	}
	hides, sign := hidden(s)
	// No letter is hidden, but perhaps what separates: the words of a name,
	// the groups of a card's number, the parts of an address.
	return hides || sign && (r.kinds&(card|email) != 0 || beginsName(s))
}

// hidden reports whether letters or digits are written as escapes, or other
// printable ASCII is.
func hidden(s string) (letter, sign bool) {
	look := func(high, low byte) {
		if '2' <= high && high <= '7' && isHex(low) {
			c := hexDigit(high)<<4 | hexDigit(low)
			letter = letter || isAlnum(c) || c == '%' || c == '\\'
			sign = true
		}
	}
	for rest := s; !letter; {
		i := strings.IndexByte(rest, '\\')
		if i < 0 {
			break
		}
		rest = rest[i+1:]
		switch {
		case len(rest) >= 5 && rest[0] == 'u' && rest[1] == '0' && rest[2] == '0':
			look(rest[3], rest[4])
		case len(rest) >= 3 && rest[0] == 'x':
			look(rest[1], rest[2])
		}
	}
	for rest := s; !letter; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			break
		}
		if rest = rest[i+1:]; len(rest) >= 2 {
			look(rest[0], rest[1])
		}
	}
	return letter, sign
}

// beginsName reports whether the first word of a credential's name is in s.
func beginsName(s string) bool {
	for _, first := range [...]byte{'s', 'S'} {
		for rest := s; ; {
			i := strings.IndexByte(rest, first)
			if i < 0 {
				break
			}
			if foldAt(rest, i, "secret") || foldAt(rest, i, "session") || foldAt(rest, i, "security") {
				return true
			}
			rest = rest[i+1:]
		}
	}
	return false
}
