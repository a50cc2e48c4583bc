package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// String returns the length of the JSON string with which b begins, quotes
// included, 0 if there is none. plain says that nothing in it is escaped.
func String(b []byte) (n int, plain bool) {
	if len(b) == 0 || b[0] != '"' {
		return 0, false
	}
	plain = true
	for i := 1; i < len(b); {
		if i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			found := special(x)
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) / 8
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, plain
		case c == '\\':
			plain = false
			if i+1 < len(b) && escaped[b[i+1]] != 0 {
				i += 2
				continue
			}
			if _, ok := unit(b[i:]); !ok {
				return 0, false
			}
			i += len(`\u0000`)
		case c < ' ':
			return 0, false
		default:
			i++ // near the end, one by one
		}
	}
	return 0, false
}

// special looks for quotes, backslashes and control characters in eight bytes:
// they have their highest bit in what it returns. Above the lowest such bit
// others may have, too.
func special(x uint64) uint64 {
	quote, back := x^('"'*ones), x^('\\'*ones)
	return ((quote-ones)&^quote | (back-ones)&^back | (x-' '*ones)&^x) & highs
}

// escaped is what the letter after a backslash stands for, 0 for nothing.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unit reads \uXXXX.
func unit(b []byte) (r rune, ok bool) {
	if len(b) < len(`\u0000`) || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// units returns the character that b begins with as \uXXXX or, if it takes two,
// as \uXXXX\uXXXX: 0 for half of one. size is how long that is, 0 if it is
// none.
func units(b []byte) (r rune, size int) {
	const length = len(`\u0000`)
	r, ok := unit(b)
	switch {
	case !ok:
		return 0, 0
	case !utf16.IsSurrogate(r):
		return r, length
	}
	low, _ := unit(b[length:])
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, length
	}
	return r, 2 * length
}

// AppendUnquote appends the contents of a JSON string. Invalid UTF-8 and lone
// surrogates become U+FFFD; clean says that there were none, and no NUL either.
// valid is false if quoted is not a string that String accepts, all of it: then
// what is appended is what jsontext makes of it.
func AppendUnquote(dst, quoted []byte) (_ []byte, clean, valid bool) {
	out, clean, valid := unquote(dst, quoted)
	if clean && valid {
		return out, true, true
	}
	out, _ = jsontext.AppendUnquote(dst, quoted) // what it replaces is an error, too
	return out, false, valid
}

// unquote is AppendUnquote for what is clean. Of anything else it says so, and
// what is appended is of no use.
func unquote(dst, quoted []byte) (_ []byte, clean, valid bool) {
	if len(quoted) < len(`""`) || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
		return dst, false, false
	}
	from := len(dst)
	// An escape sequence is longer than what it stands for, and eight bytes are
	// written at a time.
	dst = slices.Grow(dst, len(quoted)+8)
	out, n := dst[:cap(dst)], from
	src := quoted[1 : len(quoted)-1]
	clean = true
	seen := uint64(0) // all bytes, one over the other
	for i := 0; i < len(src); {
		if i+8 <= len(src) {
			x := binary.LittleEndian.Uint64(src[i:])
			binary.LittleEndian.PutUint64(out[n:], x)
			seen |= x
			found := special(x)
			if found == 0 {
				i += 8
				n += 8
				continue
			}
			k := bits.TrailingZeros64(found) / 8
			i += k
			n += k
		}
		switch c := src[i]; {
		case c == '"', c < ' ':
			return dst, false, false
		case c != '\\': // near the end, one by one
			out[n] = c
			seen |= uint64(c)
			i++
			n++
		case i+1 < len(src) && escaped[src[i+1]] != 0:
			out[n] = escaped[src[i+1]]
			i += 2
			n++
		default:
			r, size := units(src[i:])
			if size == 0 {
				return dst, false, false
			}
			clean = clean && r != 0
			i += size
			n += utf8.EncodeRune(out[n:n+utf8.UTFMax], r)
		}
	}
	clean = clean && (seen&highs == 0 || utf8.Valid(out[from:n]))
	return out[:n], clean, true
}

// AppendQuote appends s as a JSON string, as jsontext does: what must be
// escaped is, and nothing else. s must be valid UTF-8, or what is appended is
// not.
func AppendQuote(dst []byte, s string) []byte {
	from := len(dst)
	// Two bytes for each, the quotes, and eight bytes that are written at a
	// time.
	dst = slices.Grow(dst, 2*len(s)+len(`""`)+8)
	out, n := dst[:cap(dst)], from
	out[n] = '"'
	n++
	src := unsafe.Slice(unsafe.StringData(s), len(s))
	for i := 0; i < len(src); {
		if i+8 <= len(src) {
			x := binary.LittleEndian.Uint64(src[i:])
			binary.LittleEndian.PutUint64(out[n:], x)
			found := special(x)
			if found == 0 {
				i += 8
				n += 8
				continue
			}
			k := bits.TrailingZeros64(found) / 8
			i += k
			n += k
		}
		switch c := src[i]; {
		case c < ' ':
			dst, _ = jsontext.AppendQuote(dst[:from], s) // fails on invalid UTF-8 only
			return dst
		case c == '"', c == '\\':
			out[n], out[n+1] = '\\', c
			i++
			n += 2
		default: // near the end, one by one
			out[n] = c
			i++
			n++
		}
	}
	out[n] = '"'
	return out[:n+1]
}
