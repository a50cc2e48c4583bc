package parse

import "bytes"

// search is the state of looking for lines in a record: what bounds it, and
// what the layers around a line said. The lines are collected in Parser.lines.
type search struct {
	limit       int  // no more lines than this
	brokenTries int  // the line may be among the first so many broken objects
	event       bool // the text is an event that broke, with the record in it
	ownOnly     bool // lines by our own names only: what is around is a line by mapped ones

	requestID     // of the innermost layer that has one
	layer     int // of the object that was last found to be a line
}

// requestID is a request id as it was found: a JSON string if idQuoted, else
// text.
type requestID struct {
	id       []byte
	idQuoted bool
}

// passage is an object of ours in a text: the line itself, or an envelope
// around one or several.
type passage struct {
	start, end int  // of the object, as far as it could be read; end 0 is none
	line       int  // index in Parser.lines of its (last) line
	direct     bool // it is the line itself
	first      bool // of the text
}

// inText looks for lines of ours in the text of layer n and says whether there
// are any.
//
// An object is tried where a line begins (see begins). Before any was found, it
// is also tried behind any text if it reaches to the end or is among the first
// so many broken objects: what comes later is likelier to be a part of
// something else.
func (p *Parser) inText(text []byte, n int, s *search) bool {
	text, id := splitPrefix(trimSpace(text))
	if id != nil {
		s.requestID = requestID{id, false}
	}
	around := s.requestID
	var last passage
	var g gap
	damaged := 0 // broken objects since last
	budget := maxTries * max(len(text), minTry)
	for from := 0; len(p.lines) < s.limit; {
		start, torn := p.nextObject(text, from, &budget)
		if start < 0 {
			break
		}
		if torn {
			damaged++
		}
		s.requestID = around
		o := p.scan(text[start:], n)
		g.extend(text, start)
		first := last.end == 0
		likely := first && (o.state == whole || damaged < s.brokenTries)
		if (likely || p.begins(&g, text[g.line:start], first, damaged > 0)) && p.take(text[start:], text[g.line:start], n, &o, s) {
			p.close(text, last, start, s)
			last = passage{start, start + o.end, len(p.lines) - 1, s.layer == n, first}
			g = gap{line: last.end, seen: last.end}
			from, damaged = last.end, 0
			if o.state == broken {
				damaged = 1
			}
			continue
		}
		g.said = true
		if o.state != broken {
			from = start + o.end
			continue
		}
		from = start + 1
		damaged++
		budget -= max(o.cost, minTry)
	}
	p.close(text, last, len(text), s)
	return last.end > 0
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

// begins says whether an object may be a line of ours, judging by the gap
// before it, of which lead is the last line. It is if it is the first, the
// first on a new line, or separated from the last one by nothing that says
// anything, or only by a logger's prefix: Java's LambdaLogger ends no line in a
// container image. After a broken object, of which it may be a part, it must be alone
// on a new line but for a logger's prefix.
func (p *Parser) begins(g *gap, lead []byte, first, damaged bool) bool {
	newLine := first || g.broken
	if damaged {
		return newLine && p.isPrefix(lead)
	}
	return newLine || !g.said || p.isPrefix(lead)
}

// take adds the lines that the object o, with which text begins, is or holds,
// and says whether there are any. lead is what is before it on its line.
func (p *Parser) take(text, lead []byte, n int, o *object, s *search) bool {
	around := s.requestID
	if len(lead) > 0 && len(lead) <= maxPrefix {
		if _, id := splitPrefix(skipFiller(lead)); id != nil {
			s.requestID = requestID{id, false}
		}
	}
	if o.state == broken {
		return (o.own || s.takes(o)) && p.found(text, n, o, s)
	}
	if p.inObject(text, n, o, s) {
		return true
	}
	if o.state == trailed {
		s.requestID = around // a plain line's id is that of what is around all of it
	}
	return false
}

// close completes the line of an object of ours, after which the next one
// begins at next or the text ends, with the text beside it.
func (p *Parser) close(text []byte, at passage, next int, s *search) {
	if at.end == 0 {
		return
	}
	line := &p.lines[at.line]
	if line.Kind != Invalid && at.start == 0 && at.end == len(text) {
		return // the common case: nothing is beside it
	}
	front, tail := []byte(nil), text[at.end:next]
	if at.first && at.start > 0 && !(s.event && isEventHead(text[:at.start])) {
		front = p.beside(text[:at.start])
	}
	if next < len(text) {
		tail = p.beside(tail)
	} else {
		tail = skipFiller(tail)
	}
	if line.Kind == Invalid && at.direct {
		from := at.start
		if len(front) > 0 {
			from = 0
		}
		to := at.end
		if len(trimSpace(text[at.end:next])) > 0 {
			to = next
		}
		line.Raw = p.printed(trimSpace(text[from:to]))
		return
	}
	if len(front) > 0 {
		line.Issues = append(line.Issues, p.issueBeside("stands in front of", front))
	}
	if tail = trimSpace(tail); len(tail) > 0 {
		line.Issues = append(line.Issues, p.issueBeside("follows", tail))
	}
}

// beside returns what of the text before an object says something: without the
// logger's prefix on the object's own line.
func (p *Parser) beside(lead []byte) []byte {
	if line := lineStart(lead); p.isPrefix(lead[line:]) {
		lead = lead[:line]
	}
	return trimSpace(skipFiller(lead))
}

// isEventHead says whether text is the part of an event before its record.
func isEventHead(text []byte) bool {
	return bytes.HasSuffix(trimSpace(text), []byte(`"record":`))
}

// lineStart returns where the last line of text begins. Runtimes that write a
// record as several lines may put '\r' for '\n'.
func lineStart(text []byte) int {
	return bytes.LastIndexAny(text, "\r\n") + 1
}

// inObject adds the lines in an object of layer n that has just been scanned:
// it is the line itself, or an envelope around it.
func (p *Parser) inObject(text []byte, n int, o *object, s *search) bool {
	if o.own && !o.isEnvelope() {
		return p.found(text, n, o, s)
	}
	if o.requestID != nil {
		s.requestID = requestID{o.requestID, true}
	}
	inner := *s
	inner.ownOnly = s.ownOnly || o.foreign
	ok := p.inMessage(o.message, n+1, &inner)
	s.requestID, s.layer = inner.requestID, inner.layer
	if ok {
		return true
	}
	// As an additional key of the runtime's own logger.
	return (o.ownLocator || s.takes(o)) && p.found(text, n, o, s)
}

// takes says whether an object is a line by mapped names where such count.
func (s *search) takes(o *object) bool {
	return o.foreign && !s.ownOnly
}

// inMessage adds the lines in an envelope's message.
func (p *Parser) inMessage(message []byte, n int, s *search) bool {
	if len(message) == 0 || n == maxLayers {
		return false
	}
	switch message[0] {
	case '{':
		o := p.scan(message, n)
		if !p.inObject(message, n, &o, s) {
			return false
		}
		if line := &p.lines[len(p.lines)-1]; line.Kind == Invalid && s.layer == n {
			line.Raw = p.printed(message)
		}
		return true
	case '"':
		text, _ := p.unquote(n, message) // the decoder has accepted it
		inner := *s
		inner.event = false
		ok := p.inText(text, n, &inner)
		s.layer = n
		if !ok {
			s.requestID = inner.requestID // a plain line's
		}
		return ok
	}
	return false
}

// found adds the line that the object o, with which text begins, is. It is true
// for its callers' convenience.
func (p *Parser) found(text []byte, n int, o *object, s *search) bool {
	s.layer = n
	p.lines = append(p.lines, Line{})
	p.build(&p.lines[len(p.lines)-1], o, text, n, s)
	return true
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

// isSpace says whether c is JSON white space. Runtimes that write a record as
// several lines may put '\r' for '\n', which JSON takes as well.
func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

// trimSpace takes white space off both ends. It runs several times a line, and
// bytes.Trim would first make a set of the characters each time.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// skipFiller takes off b's beginning what says nothing: blanks, control
// characters, commas, semicolons and the terminal's control sequences (ECMA-48:
// ESC [ … and a letter) that coloured loggers write.
func skipFiller(b []byte) []byte {
	for len(b) > 0 {
		switch c := b[0]; {
		case c == 0x1b && len(b) > 1 && b[1] == '[':
			b = bytes.TrimLeft(b[2:], "0123456789:;<=>? !\"#$%&'()*+,-./")
			b = b[min(1, len(b)):]
		case c <= ' ' || c == 0x7f || c == ',' || c == ';':
			b = b[1:]
		default:
			return b
		}
	}
	return nil
}
