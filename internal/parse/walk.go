package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// What walks through values that are known to be valid keeps no state, so that
// one walk may be done within another.

// eachMember calls visit for the members of a valid object, or of none, until it
// returns false. at is where the value begins in the object.
func eachMember(object []byte, visit func(quoted, value jsontext.Value, at int) bool) {
	if len(object) == 0 || object[0] != '{' {
		return
	}
	for i := jsonscan.Space(object, 1); i < len(object) && object[i] == '"'; {
		nameEnd := valueEnd(object, i)
		at := jsonscan.Space(object, jsonscan.Space(object, nameEnd)+1) // behind the colon
		end := valueEnd(object, at)
		if end == at || !visit(object[i:nameEnd:nameEnd], object[at:end:end], at) {
			return
		}
		i = jsonscan.Space(object, end)
		if i < len(object) && object[i] == ',' {
			i = jsonscan.Space(object, i+1)
		}
	}
}

// eachElement calls visit for the elements of a valid array.
func eachElement(array []byte, visit func(value jsontext.Value)) {
	for i := jsonscan.Space(array, 1); i < len(array) && array[i] != ']'; {
		end := valueEnd(array, i)
		if end == i {
			return
		}
		visit(array[i:end:end])
		i = jsonscan.Space(array, end)
		if i < len(array) && array[i] == ',' {
			i = jsonscan.Space(array, i+1)
		}
	}
}

// valueEnd returns where the value ends that begins at i, in valid JSON.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	if c := b[i]; c != '"' && c != '{' && c != '[' { // a number or a literal
		k := i
		for k < len(b) && b[k] > ' ' && b[k] != ',' && b[k] != ']' && b[k] != '}' {
			k++
		}
		return k
	}
	if n := jsonscan.Value(b[i:]); n > 0 {
		return i + n
	}
	depth := 0 // nested more deeply than jsonscan likes
	for k := i; k < len(b); k++ {
		switch b[k] {
		case '"':
			k = stringEnd(b, k)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth == 0 {
			return k + 1
		}
	}
	return len(b)
}

// stringEnd returns the position of the quote that closes the string which the
// quote at i opens, in valid JSON.
//
//go:noinline
func stringEnd(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

// each calls visit for the members of a valid object, or of none. quoted is the
// name as JSON; name is valid until the next call.
func (p *Parser) each(object jsontext.Value, visit func(name, quoted []byte, value jsontext.Value)) {
	eachMember(object, func(quoted, value jsontext.Value, _ int) bool {
		visit(p.memberName(quoted), quoted, value)
		return true
	})
}

// memberName returns the contents of a name. They are valid until the next call.
//
//go:noinline
func (p *Parser) memberName(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	// The reader has accepted the name; invalid UTF-8 is in none of ours.
	p.name, _ = jsontext.AppendUnquote(p.name[:0], quoted)
	return p.name
}
