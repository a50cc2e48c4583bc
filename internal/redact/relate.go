package redact

import "strings"

// Credentials do not always stand right behind their names:
//
//	{"SecretAccessKey":{"S":"…"}}            DynamoDB's JSON, objects as text
//	{"name":"SecretAccessKey","value":"…"}   in any order, anything between
//	<Key>SecretAccessKey</Key><Value>…       without brackets around them
//	"text":"SecretAccessKey:", "exception":"…"
//
// What stands apart must look more like a credential than what its name is in
// front of: 40 characters of base64 are also the end of a path.

const (
	// minApart is the least length of a session token that stands apart.
	minApart = 64 // bytes
	// maxNest is how deep brackets are told apart.
	maxNest = 32
	// nearby is how far a value is looked for from a name that no brackets
	// are around, in either direction.
	nearby = 64 // bytes
)

// A relation is what the names and values in a text say about one another.
type relation struct {
	s      string
	object bool // s is a JSON object, whose members are as good as texts

	// Of findAcross: s is what the view shows of a part of a text.
	view       *view
	text, from int

	frames [maxNest + 1]frame // the outermost is the text itself
	depth  int                // may be larger than there are frames

	opens   int     // where the bracket is that a name's value begins with; -1 for none
	opensAs context // what that name says

	near      context // what the last name outside of brackets says
	nearUntil int

	direct []span // values right behind their names
	values []apart
	loose  [tokenContext + 1]bool // names whose value may be in another text
}

// A frame is what is between two brackets.
type frame struct {
	inherited context // it is, or is in, the value of a name that says this
	paired    context // a value in it is a name that says this
	from      int     // the first of its values
}

// An apart is what may be a credential, if something says so.
type apart struct {
	start, end int
	as         context
	taken      bool
}

// read reads the text once, whatever it is.
func (r *relation) read() {
	s := r.s
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '{' || c == '[' || c == '(':
			r.open(i)
			i++
		case c == '}' || c == ']' || c == ')':
			i++
			r.close(i)
		case isBase64(c):
			i = r.run(i)
		default:
			i++
		}
	}
	for r.depth > 0 { // a text may end anywhere
		r.close(len(s))
	}
	r.close(len(s))
}

func isBase64(c byte) bool { return isAlnum(c) || c == '+' || c == '/' }

// frame returns the innermost frame that is told apart.
func (r *relation) frame() *frame { return &r.frames[min(r.depth, maxNest)] }

func (r *relation) open(i int) {
	inherited := r.frame().inherited
	if r.opens == i {
		inherited = r.opensAs
	}
	if r.depth++; r.depth <= maxNest {
		r.frames[r.depth] = frame{inherited: inherited, from: len(r.values)}
	}
}

// close ends a frame before end: whether a value belongs to a name in it is
// known only now, as it may come first.
func (r *relation) close(end int) {
	f := r.frame()
	top := r.depth == 0 || r.depth == 1 && r.object
	if f.paired != noContext && r.depth <= maxNest && (r.depth > 0 || r.object) {
		for i := f.from; i < len(r.values); i++ {
			r.values[i].take(f.paired)
		}
		r.loose[f.paired] = r.loose[f.paired] || top
		if r.depth == 1 {
			r.near, r.nearUntil = f.paired, end+nearby
		}
	}
	r.depth = max(r.depth-1, 0)
}

func (a *apart) take(c context) { a.taken = a.taken || a.as == c }

// run reads the run of base64 that begins at i, which may be a value, or hold
// names.
func (r *relation) run(i int) (end int) {
	for end = i; end < len(r.s) && isBase64(r.s[end]); end++ {
		if r.s[end]|0x20 == 'k' {
			if c, start, after := credentialName(r.s, end); c != noContext {
				r.name(c, start, after)
			}
		}
	}
	r.value(i, end)
	return end
}

// value notes what may be a credential.
func (r *relation) value(start, end int) {
	s, n := r.s, end-start
	after := skip(s, end, "=")
	v := apart{start: start, end: after}
	switch {
	case n == secretLength && after == end:
		v.as = secretContext
	case n >= minApart:
		v.as = tokenContext
	default:
		return
	}
	if start > 0 && isJoint(s[start-1]) || after < len(s) && isJoint(s[after]) || !isRandom(s[start:end]) {
		return
	}
	v.take(r.frame().inherited)
	if r.depth == 0 && start <= r.nearUntil {
		v.take(r.near)
	}
	r.values = append(r.values, v)
}

// isJoint reports whether a byte beside a run of base64 makes it a part of
// something longer.
func isJoint(c byte) bool { return strings.IndexByte("-_.%~@\\", c) >= 0 }

// isRandom tells a credential from a path, a hash or words.
func isRandom(s string) bool {
	var small, capital, other bool
	slashes := 0
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z':
			small = small || c > 'f'
		case 'A' <= c && c <= 'Z':
			capital = true
		case c == '/':
			if i > 0 && s[i-1] != '/' {
				slashes++
			}
		default:
			other = true // a digit or +
		}
	}
	return small && capital && other && slashes <= len(s)/8
}

const (
	quotes = "\"'`\\"
	blanks = " \t\r\n"
	words  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-/&*@"

	// mostSkipped bounds how far is looked, in bytes: what is further away
	// belongs to something else.
	mostSkipped = 64
)

// name notes a credential's name, which is s[start:end]: one whose value is in
// brackets, or one that is a value itself.
func (r *relation) name(c context, start, end int) {
	s := r.s
	value := assigned(s, end)
	if after, mark := credentialValue(s, value, c); after > 0 {
		r.direct = add(r.direct, value, after, mark)
	}
	if after := skip(s, end, "_-."); after < len(s) && isAlnum(s[after]) {
		return // a longer name, such as SecretAccessKeyId
	}
	after := skip(s, skip(s, end, quotes), blanks)
	sign := skip(s, after, ":=>")
	inner := skip(s, sign, quotes+blanks)
	if inner == len(s) {
		r.loose[c] = true // the text ends with it
	}
	switch {
	case r.endsString(end, inner):
	case sign > after && s[after] != '>':
		if inner = skip(s, inner, words); isOneOf(s, inner, "{[(") {
			r.opens, r.opensAs = inner, c
		}
		return
	case !r.isWhole(start):
		return
	}
	r.pair(c, start, end)
}

// endsString reports whether the name that ends at end is at the end of a
// string, whatever is before it there. What follows it begins at next.
func (r *relation) endsString(end, next int) bool {
	return isOneOf(r.s, next, ",}])") && isOneOf(r.s, skip(r.s, end, ":=> "), quotes)
}

// isOneOf reports whether the byte at i is one of some.
//
//go:noinline
func isOneOf(s string, i int, bytes string) bool {
	return i < len(s) && strings.IndexByte(bytes, s[i]) >= 0
}

// pair gives the name s[start:end], which is a value itself, to what may be a
// credential beside it.
func (r *relation) pair(c context, start, end int) {
	if r.depth > 0 {
		r.frame().paired = c
		return
	}
	r.near, r.nearUntil = c, end+nearby
	for i := len(r.values) - 1; i >= 0 && r.values[i].end >= start-nearby; i-- {
		r.values[i].take(c)
	}
}

// skip returns where in s, from i on, none of the bytes stands any more.
//
//go:noinline
func skip(s string, i int, bytes string) int {
	for end := min(len(s), i+mostSkipped); i < end && strings.IndexByte(bytes, s[i]) >= 0; {
		i++
	}
	return i
}

// skipBack is skip in the other direction, for what stands in front of i.
//
//go:noinline
func skipBack(s string, i int, bytes string) int {
	for least := max(0, i-mostSkipped); i > least && strings.IndexByte(bytes, s[i-1]) >= 0; {
		i--
	}
	return i
}

// isWhole reports whether the word that ends with a name that begins at i is
// all of a value, and not a word in a sentence.
func (r *relation) isWhole(i int) bool {
	i = skipBack(r.s, skipBack(r.s, i, words), blanks)
	return i == 0 || strings.IndexByte(quotes+":=>,|[{(", r.s[i-1]) >= 0
}

func (a *apart) mark() mark {
	if a.as == tokenContext {
		return markToken
	}
	return markSecret
}
