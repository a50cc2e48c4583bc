package jsonscan

import "slices"

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
	// NewLine reports whether text, which follows a line break, begins
	// something new. Then the object ends before it, unless it is
	// pretty-printed and the line break is in no string. nil means that
	// nothing does.
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

// comma reads a comma. more reports whether something follows it; otherwise it
// is dropped. ok is false where nothing more can be read.
func (r *Repairer) comma() (more, ok bool) {
	at := r.i
	if r.beginsItem(at + 1) {
		r.i = at + 1
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

// beginsItem reports whether at i there is, as nearly always, something that
// plainly begins a member or an element.
func (r *Repairer) beginsItem(i int) bool {
	if i == len(r.b) {
		return false
	}
	switch c := r.b[i]; c {
	case '"':
		return true
	case ',', '}', ']':
		return false
	default:
		return !r.object && plain[c]
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
