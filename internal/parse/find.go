package parse

import "bytes"

// Bounds on the search of a text.
const (
	// maxTries is how many times the length of a text (at least minTry) may be
	// read in vain, in objects and arrays that turn out to be broken, before no
	// further object is looked for. Each costs at least minTry. What is whole
	// is read once.
	maxTries = 8
	minTry   = 256 // bytes
)

// A finder is the second stage: it finds the objects in a text that may be, or
// hold, a line of ours.
//
// An object is one where a line begins (see mayBegin). Before any was found, it
// is also one behind any text if it reaches to the end or is among the first so
// many broken objects: what comes later is likelier to be a part of something
// else.
type finder struct {
	p           *Parser
	text        []byte
	brokenTries int

	from    int // where to look on
	budget  int // how many bytes may still be read in vain
	found   bool
	damaged int // broken objects since the last that was taken
	gap     gap
}

// place is where an object stands in a text.
type place struct {
	line  int // where its line begins, or the text that is beside it
	start int // of the object
}

func newFinder(p *Parser, text []byte, brokenTries int) finder {
	return finder{p: p, text: text, brokenTries: brokenTries, budget: maxTries * max(len(text), minTry)}
}

// next finds the next object.
func (f *finder) next() (at place, ok bool) {
	start, torn := f.p.nextObject(f.text, f.from, &f.budget)
	if start < 0 {
		return place{}, false
	}
	if torn {
		f.damaged++
	}
	f.gap.extend(f.text, start)
	return place{f.gap.line, start}, true
}

// take goes on behind an object that is, or holds, lines of ours.
func (f *finder) take(at place, o *object) {
	end := at.start + o.end
	f.gap = gap{line: end, seen: end}
	f.from, f.damaged, f.found = end, 0, true
	if o.state == broken {
		f.damaged = 1
	}
}

// pass goes on behind an object that is not ours or, if it is broken, in it.
func (f *finder) pass(at place, o *object) {
	f.gap.said = true
	if o.state != broken {
		f.from = at.start + o.end
		return
	}
	f.from = at.start + 1
	f.damaged++
	f.budget -= max(o.cost, minTry)
}

// mayBegin reports whether an object may be a line of ours, judging by the gap
// before it. It may if it is the first, the first on a new line, or separated
// from the last one by nothing that says anything, or only by a logger's
// prefix: Java's LambdaLogger ends no line in a container image. After a broken
// object, of which it may be a part, it must be alone on a new line but for a
// logger's prefix.
func (f *finder) mayBegin(at place, o *object) bool {
	if !f.found && (o.state == whole || f.damaged < f.brokenTries) {
		return true
	}
	newLine := !f.found || f.gap.broken
	lead := f.text[at.line:at.start]
	if f.damaged > 0 {
		return newLine && f.p.isPrefix(lead)
	}
	return newLine || !f.gap.said || f.p.isPrefix(lead)
}

// gap is the text since the last object of ours, as far as it has been looked
// at. It is looked at once, however many objects of others are in it.
type gap struct {
	line   int  // where its last line begins, at first the gap itself
	seen   int  // where it has been looked at up to
	broken bool // it holds a line break
	said   bool // it holds something that says something
}

// extend looks at the text up to the object at start.
func (g *gap) extend(text []byte, start int) {
	if g.seen == start {
		return
	}
	more := text[g.seen:start]
	if k := lineStart(more); k > 0 {
		g.line, g.broken = g.seen+k, true
	}
	g.said = g.said || len(skipFiller(more)) > 0
	g.seen = start
}

// nextObject returns the first position from i on where an object with a member
// may begin that is no element of an array, -1 if there is none. torn says that
// on the way to it there was an array that breaks off. What is read in arrays
// is taken off the budget; without any left, there is no object.
func (p *Parser) nextObject(text []byte, i int, budget *int) (start int, torn bool) {
	for {
		start = nextBrace(text, i)
		if start < 0 {
			return -1, torn
		}
		end, broke := p.arrayAround(text, i, start, budget)
		if *budget <= 0 {
			return -1, torn
		}
		if end == 0 {
			return start, torn
		}
		i, torn = end, torn || broke
	}
}

// arrayAround returns the end of the array that begins at from or later and
// has the object at position brace as an element, 0 if there is none. broke
// says that the array cannot be read beyond end.
func (p *Parser) arrayAround(text []byte, from, brace int, budget *int) (end int, broke bool) {
	before := bytes.TrimRight(text[from:brace], " \t\r\n")
	if len(before) == 0 || before[len(before)-1] != '[' && before[len(before)-1] != ',' {
		return 0, false // the common case, behind any prefix
	}
	const slow = 4 // token by token, times the cost of an object
	for i := from; i < brace && *budget > 0; {
		k := bytes.IndexByte(text[i:brace], '[')
		if k < 0 {
			return 0, false
		}
		i += k
		size, inside, ok := p.readArray(text[i:], brace-i)
		*budget -= slow * size
		i += size
		if inside || ok && i > brace {
			return i, !ok
		}
	}
	return 0, false
}

// readArray reads the array with which text may begin. size is how far it could
// be read, at least 1; inside says that the brace at position brace opens an
// object in it; ok that it is whole.
func (p *Parser) readArray(text []byte, brace int) (size int, inside, ok bool) {
	p.buf = *bytes.NewBuffer(text)
	p.dec.Reset(&p.buf, lenient...)
	for depth := 1; depth > 0; depth = p.dec.StackDepth() {
		token, err := p.dec.ReadToken()
		size = max(int(p.dec.InputOffset()), 1)
		if err != nil {
			return size, inside, false
		}
		inside = inside || token.Kind() == '{' && size == brace+1
	}
	return size, inside, true
}

// nextBrace returns the first position from i on where an object with a member
// may begin, -1 if there is none. It is a cheap test: most braces in log lines
// that are not JSON end here.
func nextBrace(b []byte, i int) int {
	for {
		k := bytes.IndexByte(b[i:], '{')
		if k < 0 {
			return -1
		}
		i += k + 1
		for k = i; k < len(b) && isSpace(b[k]); k++ {
		}
		if k < len(b) && b[k] == '"' {
			return i - 1
		}
	}
}
