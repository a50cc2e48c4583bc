// Package jsonscan does the three things to JSON that cost most when a batch of
// log lines is read and written: finding where a value ends, decoding a string,
// and encoding one. It reads eight bytes at a time.
//
// It is only ever a short cut. What it accepts is valid JSON (RFC 8259), but
// that strings may hold invalid UTF-8, which functions print; what it does not
// accept may be valid all the same, and is for package jsontext to judge.
package jsonscan

// maxDepth is how deep a value may be nested: one bit of a word each.
const maxDepth = 64

// Space returns the first position from i on that is not JSON white space.
func Space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// Value returns the length of the JSON value with which b begins, without what
// may follow it. It is 0 if there is none, if it is not valid or not complete,
// or if it is nested more than 64 deep.
func Value(b []byte) int {
	n, _ := value(b)
	return n
}

// Prefix is Value. Where n is 0, stop is how far b could be read.
func Prefix(b []byte) (n, stop int) { return value(b) }

// value is Value. Where that is 0, stop is how far b could be read.
func value(b []byte) (n, stop int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch b[0] {
	case '{', '[':
		return bracket(b)
	case '"':
		n, _ = String(b)
	default:
		n = scalar(b)
	}
	return n, n
}

// bracket is value for an object or an array.
func bracket(b []byte) (n, stop int) {
	var open brackets
	for i := 0; i < len(b); {
		n := 0
		switch c := b[i]; c {
		case '"':
			n, _ = String(b[i:])
		case '{', '[':
			i = Space(b, i+1)
			if i < len(b) && b[i] == c+2 { // the closing bracket, in ASCII
				n = 1
				break
			}
			if open.depth == maxDepth {
				return 0, i
			}
			open.push(c)
			var ok bool
			if i, ok = open.item(b, i); !ok {
				return 0, i
			}
			continue
		default:
			n = scalar(b[i:])
		}
		if n == 0 {
			return 0, i
		}
		var ok bool
		if i, ok = open.after(b, i+n); !ok {
			return 0, i
		}
		if open.depth == 0 {
			return i, i
		}
	}
	return 0, len(b)
}

// brackets are those around a place.
type brackets struct {
	depth   int
	objects uint64 // a bit for each, the lowest for the innermost: it is an object's
}

func (o *brackets) push(bracket byte) {
	o.depth++
	o.objects <<= 1
	if bracket == '{' {
		o.objects |= 1
	}
}

func (o *brackets) pop() {
	o.depth--
	o.objects >>= 1
}

// item returns where the value of the member, or the element, begins that is at
// i. ok is false if there is no such member.
func (o *brackets) item(b []byte, i int) (at int, ok bool) {
	if o.objects&1 == 0 {
		return i, true
	}
	if at = name(b, i); at == 0 {
		return i, false
	}
	return at, true
}

// after returns where the next value begins behind the one that ends at i: past
// the brackets that close there, which may be all, and a comma. ok is false if
// something else is there.
func (o *brackets) after(b []byte, i int) (next int, ok bool) {
	for o.depth > 0 {
		i = Space(b, i)
		if i == len(b) {
			return i, false
		}
		switch c, object := b[i], o.objects&1 == 1; {
		case c == ',':
			return o.item(b, Space(b, i+1))
		case c == '}' && object, c == ']' && !object:
			i++
			o.pop()
		default:
			return i, false
		}
	}
	return i, true
}

// Member reads the member that is at i in an object. Its name ends before
// nameEnd, its value begins at value and ends before end, which is 0 if there
// is not a valid member.
func Member(b []byte, i int) (nameEnd, value, end int) {
	n, _ := String(b[i:])
	if n == 0 {
		return 0, 0, 0
	}
	nameEnd = i + n
	if i = Space(b, nameEnd); i == len(b) || b[i] != ':' {
		return 0, 0, 0
	}
	value = Space(b, i+1)
	if n = Value(b[value:]); n == 0 {
		return 0, 0, 0
	}
	return nameEnd, value, value + n
}

// name returns where the value begins whose name is at i, 0 if there is none.
func name(b []byte, i int) int {
	if i == len(b) || b[i] != '"' {
		return 0
	}
	n, _ := String(b[i:])
	if n == 0 {
		return 0
	}
	if i = Space(b, i+n); i == len(b) || b[i] != ':' {
		return 0
	}
	return Space(b, i+1)
}

// scalar returns the length of the number or literal with which b begins, 0 if
// there is none.
func scalar(b []byte) int {
	switch b[0] {
	case 't':
		return literal(b, "true")
	case 'f':
		return literal(b, "false")
	case 'n':
		return literal(b, "null")
	}
	return number(b)
}

func literal(b []byte, word string) int {
	if len(b) < len(word) || string(b[:len(word)]) != word {
		return 0
	}
	return len(word)
}

// number returns the length of the number with which b begins, 0 if there is
// none. What follows it is not looked at: it cannot be a part of it.
func number(b []byte) int {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch whole := digits(b, i); {
	case whole == i, b[i] == '0' && whole > i+1:
		return 0
	default:
		i = whole
	}
	if i < len(b) && b[i] == '.' {
		end := digits(b, i+1)
		if end == i+1 {
			return 0
		}
		i = end
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		end := digits(b, i)
		if end == i {
			return 0
		}
		i = end
	}
	return i
}

// digits returns the first position from i on that is not a digit.
func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
