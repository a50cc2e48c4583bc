package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// str reads a string, which is a member's name or a value. It is false if the
// text ends in it, or something new begins.
func (r *Repairer) str(isName bool) bool {
	if n, _ := String(r.b[r.i:]); n > 0 && r.ends(r.i+n, isName) {
		r.i += n
		return true
	}
	for i := r.i + 1; i < len(r.b); {
		if i+8 <= len(r.b) {
			found := special(binary.LittleEndian.Uint64(r.b[i:]))
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) / 8
		}
		switch c := r.b[i]; {
		case c == '"':
			if r.ends(i+1, isName) {
				r.i = i + 1
				return true
			}
			r.keep(i)
			r.out = append(r.out, '\\')
			r.faults |= Quote
			i++
		case c == '\\':
			n, end := r.escape(i, isName)
			if i += n; end {
				r.i = i
				return true
			}
		case c < ' ':
			if (c == '\n' || c == '\r') && r.NewLine != nil && r.NewLine(r.b[i+1:]) {
				return r.breaks(i)
			}
			r.keep(i)
			r.out = appendControl(r.out, c)
			i++
			r.copied = i
			r.faults |= Control
		default:
			i++
		}
	}
	return r.breaks(len(r.b))
}

// breaks closes a string that breaks off at i.
func (r *Repairer) breaks(i int) bool {
	r.keep(i)
	r.out = append(r.out, '"')
	r.faults |= Cut
	r.i = i
	return false
}

// escape reads the backslash at i and returns how much was read. end says that
// the string ends with it: a path may end in a backslash.
func (r *Repairer) escape(i int, isName bool) (n int, end bool) {
	rest := r.b[i:]
	_, isUnit := unit(rest)
	switch {
	case isUnit:
		return len(`\u0000`), false
	case len(rest) == 1 || rest[1] == 'u' && len(rest) < len(`\u0000`): // cut off in it
		r.keep(i)
		r.copied = len(r.b)
		return len(rest), false
	case rest[1] == '"' && !isName && len(rest) > 2 && rest[2] == ',' && r.ends(i+2, false):
		r.replace(i, i, `\`, Backslash)
		return 2, true
	case escaped[rest[1]] != 0:
		return 2, false
	}
	r.replace(i, i, `\`, Backslash)
	return 1, false
}

// appendControl appends a control character as it is written in a string.
//
//go:noinline
func appendControl(dst []byte, c byte) []byte {
	switch c {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(append(dst, `\u00`...), hex[c>>4], hex[c&15])
}

// ends reports whether a string may end before i, judging by what follows.
func (r *Repairer) ends(i int, isName bool) bool {
	i = Space(r.b, i)
	if i == len(r.b) {
		return true
	}
	c := r.b[i]
	switch {
	case isName:
		return c == ':'
	case c == ',':
		return !r.object || r.named(i+1)
	case c == '}':
		// A text may go on behind a brace and a quote.
		if i = Space(r.b, i+1); i == len(r.b) {
			return true
		}
		c = r.b[i]
		return c != '"' && (r.b[i-1] <= ' ' || delimits(r.b[i:]) || c == '{' || c == '[')
	case c == '"': // a missing comma
		return r.object && r.b[i-1] != '"' && r.named(i)
	}
	return c == ']' && !r.object
}

// named reports whether the next member, or the object's end, begins at i.
func (r *Repairer) named(i int) bool {
	const longest = 128 // bytes of a name, beyond which it is taken for one
	i = Space(r.b, i)
	switch {
	case i == len(r.b), r.b[i] == '}', r.b[i] == ',', blank(r.b[i:]) > 0:
		return true
	case r.b[i] != '"':
		return bareName(r.b[i:]) > 0
	}
	for k := i + 1; k < len(r.b); k++ {
		switch r.b[k] {
		case '\\':
			k++
		case '"':
			k = Space(r.b, k+1)
			return k == len(r.b) || r.b[k] == ':'
		}
		if k > i+longest {
			return true
		}
	}
	return true
}
