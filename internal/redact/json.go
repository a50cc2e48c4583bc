package redact

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
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
	return jsontext.Value(text).IsValid(jsonscan.Lenient...)
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
	stringToken           // that is not a name
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
// overlaps. whole tells it to mask from end to end what it would mask a part
// of.
func (r *Redactor) findJSON(text string, whole bool) []span {
	f := jsonFinder{r: r, text: text, apart: r.findApart(text)}
	for i := 0; i < len(text); {
		var t token
		if t, i = nextToken(text, i, &f.depth); t.kind == 0 {
			break
		}
		before := len(f.spans)
		if t.kind == bareToken {
			f.spans = r.appendNumber(f.spans, text, t)
		} else {
			f.find(t)
		}
		if t.kind != nameToken && r.matchesMember(text, f.name, t) {
			f.spans = add(f.spans, t.start, t.end, t.mark(markAny))
		}
		f.takeApart(t)
		if whole && len(f.spans) > before {
			f.spans = add(f.spans[:before], t.start, t.end, t.mark(markAny))
		}
	}
	return merge(f.spans)
}

// A jsonFinder goes through the tokens of a JSON text.
type jsonFinder struct {
	r     *Redactor
	text  string
	spans []span // found so far
	apart []span // what findApart has found, behind the last token

	name   token   // the last one
	says   context // what it says of its value
	depth  int     // of brackets
	saidAt int     // the depth of that name
}

// find looks at a name or a string.
func (f *jsonFinder) find(t token) {
	before := len(f.spans)
	v := decode(f.text[t.start:t.end])
	context := f.says
	if t.kind == nameToken {
		context = noContext
		f.name = t
		// What is in a header's value is, whatever it is called there.
		if said := f.r.context(v.text); said != noContext || f.says != authorization || f.depth <= f.saidAt {
			f.says, f.saidAt = said, f.depth
		}
	}
	f.spans = append(f.spans, f.r.find(v.text, context)...)
	v.placeAll(f.spans[before:])
	shift(f.spans[before:], t.start)
}

// takeApart takes over what findApart has found in a token.
func (f *jsonFinder) takeApart(t token) {
	for ; len(f.apart) > 0 && f.apart[0].start < t.end; f.apart = f.apart[1:] {
		if a := f.apart[0]; t.kind != bareToken && t.start <= a.start && a.end <= t.end {
			f.spans = add(f.spans, a.start, a.end, a.mark)
		}
	}
}

// mark is the mark for the token. What was not a string becomes one.
func (t token) mark(m mark) mark {
	if t.kind == bareToken {
		return m | quoted
	}
	return m
}

// shift moves spans by so many bytes.
//
//go:noinline
func shift(spans []span, by int) {
	for i := range spans {
		spans[i].start += by
		spans[i].end += by
	}
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
	if len(r.expressions) == 0 || name.kind == 0 {
		return false
	}
	between := text[name.end:t.start]
	if strings.ContainsAny(between, ",[]{}") || isMark(text[t.start:t.end]) {
		return false // not its value, or masked already
	}
	head := `"` + decode(text[name.start:name.end]).text + between
	member := head + decode(text[t.start:t.end]).text + `"`
	if t.kind == bareToken {
		member = member[:len(member)-1]
	}
	for _, e := range r.expressions {
		for _, m := range appendMatches(nil, e, member) {
			if m.start < len(head) && m.end > len(head) {
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

// isName reports whether the string that ends at i is the name of a member.
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

// appendNumber looks at a value that is not a string. It is masked as a whole:
// what is a part of it only is not a card.
func (r *Redactor) appendNumber(spans []span, text string, t token) []span {
	number := text[t.start:t.end]
	if !isDigit(number[len(number)-1]) {
		return spans // true, false or null
	}
	for _, found := range r.find(number, noContext) {
		if found.mark == markAny || found.end-found.start == len(number) {
			return add(spans, t.start, t.end, t.mark(found.mark))
		}
	}
	return spans
}

// decode returns what a JSON string's contents stand for.
//
//go:noinline
func decode(raw string) *view {
	v := &view{text: raw}
	if d := v.decoded(true); d != nil {
		return d
	}
	return v
}
