package redact

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON returns a JSON object with everything masked in its strings that the
// setting names, as String would in what they stand for. Names of members are
// masked too, and they tell what a value is (SecretAccessKey). An expression
// that matches a name with its value masks the value; one that finds a part of
// a number masks all of it. A masked number, as well as a card's, becomes a
// string. All else stays byte for byte as it was. It returns object itself if
// there is nothing to mask. What is not valid JSON is treated as String does.
//
// Names that differ in masked parts only may be the same afterwards.
func (r *Redactor) JSON(object string) string {
	texts := [1]Text{{S: object, JSON: true}}
	r.Row(texts[:])
	return texts[0].S
}

// valid allows what lines may have that are stored: names that occur twice,
// and invalid UTF-8.
func valid(text string) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// A token is a name or a scalar value of a JSON text. Of a string, it is what
// is between the quotes.
type token struct {
	start, end int
	kind       tokenKind
}

type tokenKind uint8

const (
	nameToken   tokenKind = iota + 1
	stringToken           // that is no name
	bareToken             // a number, true, false or null
)

// nextToken returns the first token of valid JSON from i on; its kind is 0 if
// there is none. next is where to go on.
// depth follows the brackets on the way.
func nextToken(text string, i int, depth *int) (t token, next int) {
	for ; i < len(text); i++ {
		switch text[i] {
		case ' ', '\t', '\r', '\n', ':', ',':
		case '{', '[':
			*depth++
		case '}', ']':
			*depth--
		case '"':
			end := stringEnd(text, i+1)
			t = token{i + 1, end, stringToken}
			if isName(text, end+1) {
				t.kind = nameToken
			}
			return t, end + 1
		default:
			end := i
			for end < len(text) && strings.IndexByte(" \t\r\n,]}", text[end]) < 0 {
				end++
			}
			return token{i, end, bareToken}, end
		}
	}
	return token{}, i
}

// findJSON returns what is to be masked in valid JSON, in order and without
// overlaps. whole tells it to mask from end to end what it would mask a part of.
func (r *Redactor) findJSON(text string, whole bool) []span {
	var spans []span
	var name token // the last one
	var c context  // what it says
	depth, saidAt := 0, 0
	apart := r.findApart(text)
	for i := 0; i < len(text); {
		var t token
		if t, i = nextToken(text, i, &depth); t.kind == 0 {
			break
		}
		before := len(spans)
		switch t.kind {
		case nameToken:
			decoded := decode(text[t.start:t.end])
			spans = appendRaw(spans, r.find(decoded, noContext), text[t.start:t.end], t.start)
			name = t
			// What is in a header's value is, whatever it is called there.
			if said := r.context(decoded); said != noContext || c != authorization || depth <= saidAt {
				c, saidAt = said, depth
			}
		case stringToken:
			spans = appendRaw(spans, r.find(decode(text[t.start:t.end]), c), text[t.start:t.end], t.start)
		case bareToken:
			spans = r.appendNumber(spans, text, t)
		}
		if t.kind != nameToken && r.matchesMember(text, name, t) {
			spans = append(spans, t.span(markAny))
		}
		for len(apart) > 0 && apart[0].end <= t.start {
			apart = apart[1:]
		}
		for ; len(apart) > 0 && t.start <= apart[0].start && apart[0].end <= t.end; apart = apart[1:] {
			if t.kind != bareToken {
				spans = append(spans, apart[0])
			}
		}
		if whole && len(spans) > before {
			spans = append(spans[:before], t.span(markAny))
		}
	}
	if len(spans) < 2 {
		return spans
	}
	return merge(spans)
}

// span is the span of all of the token, under a mark. What was not a string
// becomes one.
func (t token) span(mark string) span {
	if t.kind == bareToken {
		mark = `"` + mark + `"`
	}
	return span{t.start, t.end, mark}
}

// findApart returns the credentials that other names and values tell of than
// those that they stand behind. The text is searched as if it were no JSON;
// what is found is in one string each.
func (r *Redactor) findApart(text string) []span {
	if r.kinds&credential == 0 {
		return nil
	}
	credentials := Redactor{kinds: credential}
	return credentials.find(text, noContext)
}

// matchesMember reports whether an expression matches in a member from its name
// into its value t, as both are printed, but with the escapes of the strings
// decoded.
func (r *Redactor) matchesMember(text string, name, t token) bool {
	if len(r.expressions) == 0 || name.kind == 0 || name.end >= t.start {
		return false
	}
	between := strings.TrimSuffix(text[name.end+1:t.start], `"`)
	if strings.Trim(between, " \t\r\n:") != "" || isMark(text[t.start:t.end]) {
		return false
	}
	quote := ""
	if t.kind == stringToken {
		quote = `"`
	}
	named, value := decode(text[name.start:name.end]), decode(text[t.start:t.end])
	member := text[name.start-1 : t.end+len(quote)]
	if len(named) < name.end-name.start || len(value) < t.end-t.start {
		member = `"` + named + `"` + between + quote + value + quote
	}
	valueStart := len(`""`) + len(named) + len(between) + len(quote)
	for _, e := range r.expressions {
		for _, m := range appendMatches(nil, e, member) {
			if m.start < valueStart && m.end > valueStart {
				return true
			}
		}
	}
	return false
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

// appendNumber looks at a value that is no string.
func (r *Redactor) appendNumber(spans []span, text string, t token) []span {
	number := text[t.start:t.end]
	n := len(number)
	// A sign, a fraction or an exponent is no digit.
	if r.kinds&card != 0 && n >= minCard && n <= maxCard && countDigits(number) == n && cardAt(number, 0) == n {
		return append(spans, t.span(markCard))
	}
	if !isDigit(number[n-1]) {
		return spans // true, false or null
	}
	for _, e := range r.expressions {
		if e.MatchString(number) {
			return append(spans, t.span(markAny))
		}
	}
	return spans
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
