package parse

import (
	"bytes"

	"github.com/logtable/logtable/internal/jsonscan"
)

// Bounds on the search of a text.
const (
	// A text may be read in vain maxTries times over, in objects and arrays
	// that turn out to be broken, and at least leastTries objects may be. Each
	// costs at least minTry. What is whole is read once. After that only
	// objects that stand on a line of their own are looked for.
	maxTries   = 2
	leastTries = 8
	minTry     = 256 // bytes
	// leastLine is how short a line of anybody's may be: {"level":0,"msg":1}
	leastLine = 16 // bytes
)

// A finder is the second stage: it finds the objects in a text that may be, or
// hold, a line of ours.
//
// An object is one where a line begins (see mayBegin). Before any was found, it
// is also one behind any text if it reaches to the end or is the first: what
// comes later is likelier to be a part of something else.
type finder struct {
	p    *Parser
	text []byte

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
	end   int // how far it may reach
}

func newFinder(p *Parser, text []byte) finder {
	return finder{p: p, text: text, budget: max(maxTries*len(text), leastTries*minTry)}
}

// next finds the next object.
func (f *finder) next() (at place, ok bool) {
	if f.budget <= 0 {
		return f.nextLine()
	}
	start, torn := f.nextObject()
	if start < 0 {
		if f.budget <= 0 {
			return f.nextLine()
		}
		return place{}, false
	}
	if torn {
		f.damaged++
	}
	f.gap.extend(f.text, start)
	return place{f.gap.line, start, len(f.text)}, true
}

// nextLine finds the next object that a line of the text begins with, but for a
// logger's prefix, and reaches no further than the line. So each line is read
// once.
func (f *finder) nextLine() (at place, ok bool) {
	for f.from < len(f.text) {
		start := f.from
		if f.from > 0 && f.text[f.from-1] != '\n' && f.text[f.from-1] != '\r' {
			start += lineEnd(f.text[f.from:])
		}
		end := start + lineEnd(f.text[start:])
		f.from = end
		if end-start >= leastLine && f.p.beginsLine(f.text[start:end]) {
			at = place{start, start + bytes.IndexByte(f.text[start:end], '{'), end}
			f.damaged++
			f.gap.extend(f.text, at.start)
			return at, true
		}
	}
	return place{}, false
}

// lineEnd returns the length of text's first line, with its end.
func lineEnd(text []byte) int {
	end := len(text)
	if k := bytes.IndexByte(text, '\n'); k >= 0 {
		end = k + 1
	}
	if k := bytes.IndexByte(text[:end], '\r'); k >= 0 {
		end = k + 1
	}
	return end
}

// gaveUp reports whether there may be objects that were not looked at.
func (f *finder) gaveUp() bool { return f.budget <= 0 }

// take goes on behind an object that is, or holds, lines of ours.
func (f *finder) take(at place, o *object) {
	end := at.start + o.end
	f.gap = gap{line: end, seen: end}
	f.from, f.damaged, f.found = end, 0, true
	if o.state == broken {
		f.damaged = 1
	}
}

// skip goes on behind an object that is not ours or, if it is broken, in it.
func (f *finder) skip(at place, o *object) {
	f.gap.said = true
	if o.faults != 0 {
		f.budget -= max(o.end, minTry)
	}
	switch {
	case f.budget <= 0 && at.end < len(f.text):
		f.from = at.end
	case o.state != broken:
		f.from = at.start + o.end
	default:
		f.from = at.start + 1
		f.damaged++
	}
}

// mayBegin reports whether an object may be a line of ours, judging by the gap
// before it. It may if it is the first, the first on a new line, or separated
// from the last one by nothing that says anything, or only by a logger's
// prefix: Java's LambdaLogger ends no line in a container image. After a broken
// object, of which it may be a part, it must be alone on a new line but for a
// logger's prefix.
func (f *finder) mayBegin(at place, o *object) bool {
	if !f.found && (o.state == whole || f.damaged == 0) {
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
	if g.seen >= start {
		return
	}
	more := text[g.seen:start]
	if k := lineStart(more); k > 0 {
		g.line, g.broken = g.seen+k, true
	}
	g.said = g.said || len(skipFiller(more)) > 0
	g.seen = start
}

// nextObject returns the next position where an object with a member may begin
// that is no element of an array, -1 if there is none. torn says that on the
// way to it there was an array that breaks off. What is read in arrays is
// taken off the budget; without any left, there is no object.
func (f *finder) nextObject() (start int, torn bool) {
	for i := f.from; ; {
		start = nextBrace(f.text, i)
		if start < 0 {
			return -1, torn
		}
		end, broke := f.arrayAround(i, start)
		if f.budget <= 0 {
			f.from = i
			return -1, torn
		}
		torn = torn || broke
		if end == 0 {
			return start, torn
		}
		i = end
	}
}

// arrayAround returns the end of the array that begins at from or later and
// has the object at position brace as an element, 0 if there is none. broke
// says that there is one that cannot be read to its end.
func (f *finder) arrayAround(from, brace int) (end int, broke bool) {
	before := bytes.TrimRight(f.text[from:brace], " \t\r\n")
	if len(before) == 0 || before[len(before)-1] != '[' && before[len(before)-1] != ',' {
		return 0, false // the common case, behind any prefix
	}
	for i := from; i < brace && f.budget > 0; {
		k := bytes.IndexByte(f.text[i:brace], '[')
		if k < 0 {
			return 0, broke
		}
		i += k
		size, read := jsonscan.Prefix(f.text[i:])
		if size > 0 {
			if i += size; i > brace {
				return i, false
			}
			continue
		}
		f.budget -= max(read, 1)
		broke = broke || i+read > brace && !inString(f.text[i:brace])
		i += max(min(read, brace-i), 1)
	}
	return 0, broke
}

// inString reports whether text, which begins outside of a string, ends in one.
func inString(text []byte) bool {
	in := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			in = !in
		case '\\':
			i++
		}
	}
	return in
}

// nextBrace returns the first position from i on where an object with a member
// may begin, -1 if there is none. It is a cheap test: most braces in log lines
// that are not JSON end here.
//
//go:noinline
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
