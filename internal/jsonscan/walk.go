package jsonscan

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Lenient are the options of a jsontext reader that takes what functions,
// emulators and proxies print: a name that occurs twice, and bytes that are no
// UTF-8.
var Lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// An Object is a JSON object that is known to be valid, or nil for one without
// members. Ranging over it allocates nothing and keeps nothing outside of the
// loop, so that a value can be gone through within another.
type Object []byte

// Whole returns the object that b is but for white space around it; nil if it
// is none, if it is not valid, or if it is nested more than 64 deep.
func Whole(b []byte) Object {
	from := Space(b, 0)
	end := from + Value(b[from:])
	if end == from || b[from] != '{' || Space(b, end) < len(b) {
		return nil
	}
	return b[from:end]
}

// Members is the sequence of the members: their names, which are JSON strings,
// and their raw values. Both are parts of the object.
//
//	for name, value := range jsonscan.Object(text).Members {
func (o Object) Members(yield func(name, value []byte) bool) {
	o.Placed(func(name []byte, m Placed) bool { return yield(name, m.Value) })
}

// Find returns the value of the first member with a name, which is given as it
// is printed, in quotes; nil if there is none.
func (o Object) Find(quoted string) []byte {
	for name, value := range o.Members {
		if string(name) == quoted {
			return value
		}
	}
	return nil
}

// Strings puts the texts of members where into says, by their names. null is
// like a missing member; any other value that is not a string is an error.
func (o Object) Strings(into map[string]*string) error {
	for name, value := range o.Members {
		text := into[string(name[1:len(name)-1])]
		switch {
		case text == nil || value[0] == 'n':
		case value[0] != '"':
			return fmt.Errorf("%s is not a string", name)
		default:
			*text = Text(value)
		}
	}
	return nil
}

// Text returns the text of a value that is a string, and "" of any other.
func Text(value []byte) string {
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	text, _, _ := AppendUnquote(nil, value)
	return string(text)
}

// A Placed value is one that knows where it begins in the text around it.
type Placed struct {
	Value []byte
	At    int
}

// Placed is Members with the places of the values.
func (o Object) Placed(yield func(name []byte, value Placed) bool) {
	if len(o) == 0 || o[0] != '{' {
		return
	}
	for i := Space(o, 1); i < len(o) && o[i] == '"'; {
		nameEnd := valueEnd(o, i)
		at := Space(o, Space(o, nameEnd)+1) // behind the colon
		end := valueEnd(o, at)
		if end == at || !yield(o[i:nameEnd:nameEnd], Placed{o[at:end:end], at}) {
			return
		}
		i = following(o, end)
	}
}

// An Array is a JSON array that is known to be valid, or nil for an empty one.
type Array []byte

// Elements is the sequence of the elements, as raw JSON. They are parts of the
// array. See Object.
func (a Array) Elements(yield func(value []byte) bool) {
	if len(a) == 0 || a[0] != '[' {
		return
	}
	for i := Space(a, 1); i < len(a) && a[i] != ']'; {
		end := valueEnd(a, i)
		if end == i || !yield(a[i:end:end]) {
			return
		}
		i = following(a, end)
	}
}

// following returns where the next member or element begins behind a value that
// ends before i, or the bracket that closes.
func following(b []byte, i int) int {
	if i = Space(b, i); i < len(b) && b[i] == ',' {
		i = Space(b, i+1)
	}
	return i
}

// valueEnd returns where the value ends that begins at i, in valid JSON.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	if c := b[i]; c != '"' && c != '{' && c != '[' { // a number or a literal
		for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != ']' && b[i] != '}' {
			i++
		}
		return i
	}
	if n := Value(b[i:]); n > 0 {
		return i + n
	}
	return i + bracketed(b[i:]) // nested more deeply than Value likes
}

// ClosingQuote returns the position of the quote that ends the string which the
// quote at i begins, len(b) or more if there is none. What is in the string is
// not looked at.
//
//go:noinline
func ClosingQuote(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}
