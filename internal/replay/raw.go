package replay

import (
	"bytes"
	"errors"
	"io"
)

// other reads a value that is not a message. If it mentions a record the sink
// is told.
func (w *walker) other(limit int) (value []byte, ok bool, err error) {
	value, ok, err = w.raw(limit)
	if ok && w.tell && bytes.Contains(value, mention) {
		w.to.inside()
	}
	return value, ok, err
}

// raw reads a value as it stands, valid until the next. ok is false if it is
// longer than limit: then it is passed over, and if it mentions a record the
// sink is told.
func (w *walker) raw(limit int) (value []byte, ok bool, err error) {
	w.buf = w.buf[:0]
	s := scanner{limit: limit, w: w}
	err = s.scan()
	if s.long {
		s.seen.add(w.buf)
		if s.seen.found && w.tell {
			w.to.long()
		}
		return nil, false, err
	}
	return w.buf, true, err
}

// A scanner finds the end of a value, without judging what is in it.
type scanner struct {
	w     *walker
	limit int
	long  bool
	seen  mentions

	nesting int
	quoted  bool
	escaped bool
}

func (s *scanner) scan() error {
	if _, err := s.w.peek(); err != nil {
		return err
	}
	for {
		c, err := s.w.r.ReadByte()
		if errors.Is(err, io.EOF) {
			if s.nesting == 0 && !s.quoted && len(s.w.buf) > 0 {
				return nil // a number at the very end
			}
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if !s.quoted && s.nesting == 0 && len(s.w.buf) > 0 && ends(c) {
			return s.w.r.UnreadByte()
		}
		s.keep(c)
		switch done, err := s.step(c); {
		case err != nil:
			return err
		case done:
			return nil
		}
	}
}

// ends reports whether a byte ends a number or a word.
func ends(c byte) bool {
	switch c {
	case ',', ']', '}', ':', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

func (s *scanner) keep(c byte) {
	if len(s.w.buf) == s.limit {
		s.long = true
		s.seen.add(s.w.buf)
		s.w.buf = s.w.buf[:0]
	}
	s.w.buf = append(s.w.buf, c)
}

// step looks at one byte. done is true behind a value in brackets or quotation
// marks.
func (s *scanner) step(c byte) (done bool, err error) {
	switch {
	case s.escaped:
		s.escaped = false
	case s.quoted && c == '\\':
		s.escaped = true
	case c == '"':
		s.quoted = !s.quoted
		return !s.quoted && s.nesting == 0, nil
	case s.quoted:
		if c < ' ' {
			return false, errSyntax // no JSON string holds a line feed as it is
		}
	case c == '{' || c == '[':
		s.nesting++
	case c == '}' || c == ']':
		if s.nesting--; s.nesting < 0 {
			return false, errSyntax
		}
		return s.nesting == 0, nil
	case s.nesting == 0 && !isWord(c):
		return false, errSyntax
	}
	return false, nil
}

// isWord reports whether a byte may stand in a number, true, false or null.
func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == 'E' || c == '+' || c == '-' || c == '.'
}
