package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Faults are what Repair found wrong, as a set.
type Faults uint16

// What people's serialisers print that is not JSON, and what becomes of it.
const (
	Word      Faults = 1 << iota // NaN, None, 0x1F, an unquoted name: a string, or null for what means nothing
	Comma                        // one too many is dropped, a missing one inserted
	Control                      // raw control characters in a string are escaped, others dropped
	Quote                        // an unescaped quote in a string is escaped
	Backslash                    // a single backslash is doubled
	Bracket                      // a bracket that does not fit is closed or dropped
	Deep                         // what is nested too deeply is kept as a string of its text
	Cut                          // the text ends, or something else begins, before the object is closed
)

// A Repairer reads objects that are not quite JSON. Its zero value is ready.
type Repairer struct {
	// MaxDepth is how deep an object may be nested, itself included, at most
	// 127: what is deeper is kept as a string.
	MaxDepth int
	// NewLine reports whether text, which follows a line break, begins something
	// new. Then the object ends before it, unless it is pretty-printed and the
	// line break is in no string. nil means that nothing does.
	NewLine func(text []byte) bool

	b       []byte
	out     []byte
	copied  int // what is before it in b is in out, or was left out
	i       int
	faults  Faults
	objects [2]uint64 // a bit for each open bracket: it is an object's
	depth   int
	object  bool // the innermost is one
	pretty  bool // a line break follows the first brace
	opened  bool // the last value was a bracket that opens
	stopped int  // up to here, the strict reader has read
	vain    int  // how much it has read in vain
}

// Object appends to dst the object with which b begins as valid JSON. n is how
// much of b that is. What Value accepts is appended byte by byte, with no
// faults. It takes time and memory that grow with len(b) only: a byte of b
// becomes at most six, besides the brackets that have to be closed.
func (r *Repairer) Object(dst, b []byte) (out []byte, n int, faults Faults) {
	dst = slices.Grow(dst, len(b)+len(b)/8+64)
	r.b, r.out, r.copied, r.i, r.faults, r.depth, r.opened, r.stopped, r.vain = b, dst, 0, 0, 0, 0, false, 0, 0
	r.push('{')
	first := Space(b, 1)
	r.pretty = hasBreak(b[1:first])
	for r.depth > 0 && r.member() {
	}
	if r.depth > 0 {
		r.faults |= Cut
		r.keep(r.i)
		r.closeAll()
	}
	r.keep(r.i)
	out, r.b, r.out = r.out, nil, nil
	return out, r.i, r.faults
}

// keep appends what has not been appended of the text up to i.
//
//go:noinline
func (r *Repairer) keep(i int) {
	if i > r.copied {
		r.out = append(r.out, r.b[r.copied:i]...)
		r.copied = i
	}
}

// replace appends the text up to from, and s for the text from there to to.
//
//go:noinline
func (r *Repairer) replace(from, to int, s string, why Faults) {
	r.keep(from)
	r.out = append(r.out, s...)
	r.copied = to
	r.faults |= why
}

func (r *Repairer) push(bracket byte) {
	word, bit := &r.objects[r.depth/64], uint64(1)<<(r.depth%64)
	*word &^= bit
	if r.object = bracket == '{'; r.object {
		*word |= bit
	}
	r.depth++
	r.i++
}

// pop leaves the innermost bracket.
//
//go:noinline
func (r *Repairer) pop() {
	r.depth--
	r.object = r.depth > 0 && r.isObject(r.depth-1)
}

func (r *Repairer) isObject(level int) bool { return r.objects[level/64]>>(level%64)&1 == 1 }

// closeAll closes the brackets that are open.
//
//go:noinline
func (r *Repairer) closeAll() {
	for ; r.depth > 0; r.depth-- {
		r.out = append(r.out, "]}"[r.objects[(r.depth-1)/64]>>((r.depth-1)%64)&1])
	}
}

// space skips white space, and drops what is none but looks like it. It is
// false at the end, which is also where something new begins.
func (r *Repairer) space() bool {
	if r.i < len(r.b) && plain[r.b[r.i]] {
		return true
	}
	return r.spaceSlowly()
}

// plain are the characters that begin something, and nothing odd.
var plain = [256]bool{'"': true, ',': true, ':': true, '{': true, '}': true, '[': true, ']': true, '-': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true}

//go:noinline
func (r *Repairer) spaceSlowly() bool {
	for {
		from := r.i
		r.i = Space(r.b, r.i)
		if r.i > from && r.newLine(from, r.i) {
			r.i = from
			return false
		}
		n := blank(r.b[r.i:])
		if n == 0 {
			return r.i < len(r.b)
		}
		r.replace(r.i, r.i+n, "", Control)
		r.i += n
	}
}

//go:noinline
func hasBreak(space []byte) bool {
	for _, c := range space {
		if c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

// peek returns the first position from i on that space would stop at.
//
//go:noinline
func (r *Repairer) peek(i int) int {
	for {
		i = Space(r.b, i)
		n := blank(r.b[i:])
		if n == 0 {
			return i
		}
		i += n
	}
}

// blank returns the length of a control character or byte order mark.
//
//go:noinline
func blank(b []byte) int {
	switch {
	case len(b) == 0:
	case b[0] < ' ' || b[0] == 0x7f:
		return 1
	case len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF:
		return 3
	}
	return 0
}

// member reads what comes next in the innermost bracket: a member, an element,
// or its end. It is false where nothing more can be read.
func (r *Repairer) member() bool {
	if !r.space() {
		return false
	}
	switch c := r.b[r.i]; {
	case c == '}' || c == ']':
		return !r.close(c) || r.after()
	case c == ',':
		r.replace(r.i, r.i+1, "", Comma)
		r.i++
		return true
	case r.object && !r.name(), !r.value():
		return false
	}
	if r.opened {
		r.opened = false
		return true
	}
	return r.after()
}

// close closes a bracket, and the one in it that was not. It is false for one
// that does not fit.
func (r *Repairer) close(c byte) bool {
	if r.object != (c == '}') {
		if r.depth < 2 || r.isObject(r.depth-2) != (c == '}') {
			r.replace(r.i, r.i+1, "", Bracket)
			r.i++
			return false
		}
		r.replace(r.i, r.i, string("]}"[r.objects[(r.depth-1)/64]>>((r.depth-1)%64)&1]), Bracket)
		r.pop()
	}
	r.pop()
	r.i++
	return true
}

// after reads what follows a value: a comma, unless the bracket ends.
func (r *Repairer) after() bool {
	for r.depth > 0 {
		if !r.space() {
			return false
		}
		switch c := r.b[r.i]; c {
		case '}', ']':
			r.close(c)
		case ',':
			if more, ok := r.comma(); !ok || more {
				return ok
			}
		case '"', '{', '[':
			if c != '"' && r.object {
				return false
			}
			r.replace(r.i, r.i, ",", Comma)
			return true
		default:
			return false
		}
	}
	return true
}

// comma reads a comma. more reports whether something follows it; otherwise it is
// dropped. ok is false where nothing more can be read.
func (r *Repairer) comma() (more, ok bool) {
	at := r.i
	if k := at + 1; k < len(r.b) && (r.b[k] == '"' || !r.object && plain[r.b[k]] && r.b[k] != ',' && r.b[k] != '}' && r.b[k] != ']') {
		r.i = k
		return true, true
	}
	for {
		next := r.peek(at + 1)
		switch {
		case next == len(r.b):
			r.replace(at, next, "", Cut)
			r.i = next
			return false, false
		case r.b[next] == '}' || r.b[next] == ']':
			r.replace(at, at+1, "", Comma)
			r.i = at + 1
			return false, true
		case r.b[next] == ',':
			r.replace(at, next, "", Comma)
			at = next
			continue
		case r.object && r.b[next] != '"' && bareName(r.b[next:]) == 0, r.newLine(at+1, next):
			r.keep(at) // nothing that can be read follows
			r.i = at
			return false, false
		}
		r.i = at + 1
		return true, true
	}
}

// newLine reports whether something new begins at to, behind the white space
// from from on.
//
//go:noinline
func (r *Repairer) newLine(from, to int) bool {
	return !r.pretty && r.NewLine != nil && hasBreak(r.b[from:to]) && r.NewLine(r.b[to:])
}

// name reads a member's name and the colon. A name whose value is missing is
// given null.
func (r *Repairer) name() bool {
	if r.b[r.i] == '"' {
		if !r.str(true) {
			r.out = append(r.out, ":null"...)
			return false
		}
	} else {
		n := bareName(r.b[r.i:])
		if n == 0 {
			return false
		}
		r.quote(r.i, r.i+n, Word)
		r.i += n
	}
	if !r.space() || r.b[r.i] != ':' {
		r.keep(r.i)
		r.out = append(r.out, ":null"...)
		return false
	}
	r.i++
	return true
}

// bareName returns the length of an unquoted name that a colon follows.
//
//go:noinline
func bareName(b []byte) int {
	const longest = 64
	i := 0
	for i < min(len(b), longest) && (letter(b[i]) || i > 0 && '0' <= b[i] && b[i] <= '9') {
		i++
	}
	if k := Space(b, i); i > 0 && k < len(b) && b[k] == ':' {
		return i
	}
	return 0
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '$' }

// value reads a value.
func (r *Repairer) value() bool {
	if !r.space() {
		r.keep(r.i)
		r.out = append(r.out, "null"...)
		return false
	}
	switch c := r.b[r.i]; c {
	case '"':
		return r.str(false)
	case '{', '[':
		if k := r.i + 1; k < len(r.b) && r.b[k] == c+2 && r.depth < r.MaxDepth {
			r.i += len("{}")
			return true
		}
		if r.depth >= r.MaxDepth {
			end := r.i + bracketed(r.b[r.i:])
			r.quote(r.i, end, Deep)
			r.i = end
			return true
		}
		if r.strictly() {
			return true
		}
		r.push(c)
		r.opened = true
		return true
	case ',', '}', ']', ':': // a value that is missing
		r.replace(r.i, r.i, "null", Word)
		return c != ':'
	}
	n := scalar(r.b[r.i:])
	if end := r.i + n; n > 0 && (end == len(r.b) || delimits(r.b[end:])) {
		r.i = end
		return true
	}
	return r.word()
}

// strictly leaves a bracket to the strict reader, if that takes it. What it reads
// in vain is at most one and a half times the text.
func (r *Repairer) strictly() bool {
	if r.i < r.stopped && r.vain > len(r.b)/2 || r.depth+maxDepth > r.MaxDepth {
		return false
	}
	n, stop := value(r.b[r.i:])
	if n > 0 && (r.pretty || r.NewLine == nil || !hasBreak(r.b[r.i:r.i+n])) {
		r.i += n
		return true
	}
	r.stopped = r.i + max(stop, n)
	r.vain += max(stop, n)
	return false
}

// delimits reports whether a number or a word ends before b.
func delimits(b []byte) bool {
	switch c := b[0]; c {
	case ',', '}', ']', '"', ' ':
		return true
	default:
		return blank(b) > 0
	}
}

// scalar returns the length of the number or literal with which b begins.
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

// word reads what is no value as a string, up to what may end a value.
func (r *Repairer) word() bool {
	end := r.i
	for end < len(r.b) && r.b[end] != ',' && r.b[end] != '}' && r.b[end] != ']' && (r.b[end] >= ' ' || r.b[end] == '\t') {
		end++
	}
	to := end
	for to > r.i && (r.b[to-1] == ' ' || r.b[to-1] == '\t') {
		to--
	}
	switch string(r.b[r.i:to]) {
	case "None", "undefined", "nil", "NULL", "Null", "":
		r.replace(r.i, to, "null", Word)
	case "True", "TRUE":
		r.replace(r.i, to, "true", Word)
	case "False", "FALSE":
		r.replace(r.i, to, "false", Word)
	default:
		r.quote(r.i, to, Word)
	}
	r.i = end
	return true
}

// quote replaces a part of the text by a string of it.
func (r *Repairer) quote(from, to int, why Faults) {
	r.keep(from)
	r.out, _ = jsontext.AppendQuote(r.out, r.b[from:to]) // invalid UTF-8 is replaced
	r.copied = to
	r.faults |= why
}

// bracketed returns the length of what b's first bracket encloses.
func bracketed(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}

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
		i = Space(r.b, i+1)
		return i == len(r.b) || r.b[i] != '"' && (r.b[i-1] <= ' ' || delimits(r.b[i:]) || r.b[i] == '{' || r.b[i] == '[')
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
