package redact

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON returns a JSON object with everything masked in its strings that the
// setting names, as String would in what they stand for: an escape hides
// nothing. Names of members are masked too, and they tell what a value is
// (SecretAccessKey); a number that is a card's becomes the string of its mark.
// All else stays byte for byte as it was. It returns object itself if there is
// nothing to mask. What is no valid JSON is treated as String does.
//
// Names that differ in masked parts only may be the same afterwards.
func (r *Redactor) JSON(object string) string {
	// What the built-in kinds look for is in the text as it is printed,
	// unless escapes hide it.
	if len(r.expressions) == 0 && (r.kinds == 0 || mentioned(object, r.kinds) == 0 && !escapesASCII(object)) {
		return object
	}
	return untilStable(object, func(text string, whole bool) (string, bool) {
		if !valid(text) {
			return r.stringPass(text, whole)
		}
		return r.jsonPass(text, whole)
	})
}

// valid allows what lines may have that are stored: names that occur twice,
// and invalid UTF-8.
func valid(text string) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// escapesASCII says whether a printable ASCII character may be written as
// \u00xx: a letter or digit of what is looked for.
func escapesASCII(text string) bool {
	const escape = `\u00`
	for {
		i := strings.Index(text, escape)
		if i < 0 {
			return false
		}
		text = text[i+len(escape):]
		if len(text) > 0 && '2' <= text[0] && text[0] <= '7' {
			return true
		}
	}
}

// jsonPass masks in the strings of valid JSON. whole is as for untilStable.
func (r *Redactor) jsonPass(text string, whole bool) (string, bool) {
	var spans []span // of text
	var c context    // what the last name says
	for from := 0; ; {
		i := strings.IndexByte(text[from:], '"')
		if i < 0 {
			spans = r.appendNumbers(spans, text, from, len(text))
			break
		}
		start := from + i + 1
		spans = r.appendNumbers(spans, text, from, start-1)
		end := stringEnd(text, start)
		from = end + 1
		raw := text[start:end]
		decoded := decode(raw)
		isName := isName(text, from)
		if isName {
			c = noContext
		}
		found := r.find(decoded, c)
		if isName {
			c = r.context(decoded)
		}
		if len(found) == 0 {
			continue
		}
		if whole {
			spans = append(spans, span{start, end, markAny})
			continue
		}
		spans = appendRaw(spans, found, raw, start)
	}
	if len(spans) == 0 {
		return text, false
	}
	return mask(text, spans), true
}

// context returns what a name says, as far as the setting asks for that.
func (r *Redactor) context(name string) context {
	if r.kinds&(credential|bearer) == 0 {
		return noContext
	}
	return nameContext(name)
}

// stringEnd returns where the quote is that ends the string whose contents
// begin at i. In valid JSON there is one.
func stringEnd(text string, i int) int {
	for from := i; ; {
		k := strings.IndexByte(text[from:], '"')
		if k < 0 {
			return len(text)
		}
		end := from + k
		backslashes := 0
		for end-backslashes > i && text[end-backslashes-1] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return end
		}
		from = end + 1
	}
}

// isName says whether the string that ends at i is the name of a member.
func isName(text string, i int) bool {
	for ; i < len(text); i++ {
		switch text[i] {
		case ' ', '\t', '\r', '\n':
		default:
			return text[i] == ':'
		}
	}
	return false
}

// appendNumbers finds the cards among the numbers in text[from:to], where no
// string is.
func (r *Redactor) appendNumbers(spans []span, text string, from, to int) []span {
	if r.kinds&card == 0 || to-from < minCard {
		return spans
	}
	for i := from; i < to; i++ {
		if !isNumberByte(text[i]) {
			continue
		}
		start := i
		for i < to && isNumberByte(text[i]) {
			i++
		}
		// A sign, a fraction or an exponent is no digit.
		if n := i - start; n >= minCard && n <= maxCard && countDigits(text[start:i]) == n && cardAt(text[start:i], 0) == n {
			spans = append(spans, span{start, i, `"` + markCard + `"`})
		}
	}
	return spans
}

func isNumberByte(c byte) bool {
	return isDigit(c) || c == '.' || c == '-' || c == '+' || c|0x20 == 'e'
}

// decode returns what a JSON string's contents stand for: raw itself if there
// is no escape.
func decode(raw string) string {
	i := strings.IndexByte(raw, '\\')
	if i < 0 {
		return raw
	}
	b := append(make([]byte, 0, len(raw)), raw[:i]...)
	for raw = raw[i:]; raw != ""; {
		var size int
		b, size = appendUnit(b, raw)
		raw = raw[size:]
	}
	return string(b)
}

// appendUnit decodes the first escape or byte of raw and says how long it was.
func appendUnit(b []byte, raw string) ([]byte, int) {
	if raw[0] != '\\' || len(raw) < 2 {
		return append(b, raw[0]), 1
	}
	switch c := raw[1]; c {
	case 'n':
		return append(b, '\n'), 2
	case 't':
		return append(b, '\t'), 2
	case 'r':
		return append(b, '\r'), 2
	case 'b':
		return append(b, '\b'), 2
	case 'f':
		return append(b, '\f'), 2
	case 'u':
		first := hex4(raw)
		if utf16.IsSurrogate(first) {
			if both := utf16.DecodeRune(first, hex4(raw[6:])); both != utf8.RuneError {
				return utf8.AppendRune(b, both), 12
			}
		}
		return utf8.AppendRune(b, first), 6 // U+FFFD for half a pair
	default:
		return append(b, c), 2 // " \ /
	}
}

// hex4 returns the code unit that raw begins with as \uXXXX, -1 if it does
// not.
func hex4(raw string) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	var r rune
	for i := 2; i < 6; i++ {
		c := raw[i]
		switch {
		case isDigit(c):
			c -= '0'
		case isHex(c):
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// appendRaw adds the spans of a decoded string as spans of the text in which
// it is printed as raw, from offset on.
func appendRaw(spans, decoded []span, raw string, offset int) []span {
	var unit [utf8.UTFMax]byte
	i, at := 0, 0 // the same place in raw and in the decoded string
	place := func(target int) int {
		for at < target {
			b, size := appendUnit(unit[:0], raw[i:])
			i, at = i+size, at+len(b)
		}
		return offset + i
	}
	for _, d := range decoded {
		spans = append(spans, span{place(d.start), place(d.end), d.mark})
	}
	return spans
}
