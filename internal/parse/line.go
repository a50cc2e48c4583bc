package parse

import (
	"slices"
	"strings"

	"github.com/logtable/logtable/internal/level"
)

// Kind says what a line is.
type Kind uint8

const (
	// Ours is a line of ours, a JSON object, whose level is known. What is
	// wrong with the rest of it is in its Issues.
	Ours Kind = iota
	// Invalid is one of our lines whose level cannot be made out.
	Invalid
	// Plain is any other line.
	Plain
)

// Line is what a function's log line says.
//
// Its strings are valid UTF-8 and hold no NUL (U+2400 stands for it). Other
// control characters are as the function printed them: whoever shows them
// escapes them. How long the strings are valid says who hands out the line.
type Line struct {
	Kind  Kind
	Level level.Level

	// Locator, Text, Exception, Module and RequestID are "" where the line has
	// none. RequestID comes from the line or else from what was around it. The
	// Locator of a line that tells none is "?". Of an Invalid line, those are
	// set that could be read, but for Text and Exception, which are in the Raw.
	Locator, Text, Exception, Module, RequestID string

	// Fields is the line's remaining members as one JSON object, "" if there
	// are none. Names and values are the printed text, in the printed order.
	Fields string

	// Links says what the line belongs to beside its request; nil for nothing.
	// Of its members those are not among the Fields that say nothing else.
	Links *Links

	// Raw is the text of an Invalid line or of a Plain one, without the line
	// end. A Plain line's is the whole record. An Invalid line's is the record
	// without the envelope or prefix around it; if the record holds several
	// lines, the part from this line's object (the first: from the beginning)
	// to the next one's.
	Raw string

	// Issues says what is wrong with the line and what to write instead. An
	// Invalid line has at least one. The text in front of an object and the
	// text behind it that would be lost otherwise have one each, which repeats
	// up to 500 bytes of it, and says its length if there is more.
	Issues []string

	// HasAlert says that there may be a member `alert` among the Fields, by
	// which a line asks for an alert; if it is false there is none.
	HasAlert bool

	// NoAlert says that what the line asks for in its member `alert` does not
	// count: the line was repaired, or is quoted in another's message, so that
	// somebody else may have written that.
	NoAlert bool
}

// Clone returns the line in memory of its own, which is one allocation, and one
// for its Links. The Issues are shared: they are never a part of a buffer.
func (l *Line) Clone() Line {
	c := *l
	var links Links
	if l.Links != nil {
		links = *l.Links
	}
	parts := [...]*string{
		&c.Locator, &c.Text, &c.Exception, &c.Module, &c.RequestID, &c.Fields, &c.Raw,
		&links.TraceID, &links.OtherTraceID, &links.TenantID, &links.Execution, &links.Operation,
	}
	n := 0
	for _, part := range parts {
		n += len(*part)
	}
	var all strings.Builder
	all.Grow(n)
	for _, part := range parts {
		all.WriteString(*part)
	}
	rest := all.String()
	for _, part := range parts {
		*part, rest = rest[:len(*part)], rest[len(*part):]
	}
	if l.Links != nil {
		own := links
		c.Links = &own
	}
	return c
}

// AppendMessage appends the row's message to dst, as
// "LEVEL: (locator) text exception", parts joined by one space, where a part
// that is empty leaves none. exceptionAt is the exception's byte offset in what
// was appended, -1 if there is no exception.
//
// An Invalid line is "WARN: (locator) raw text", with "?" for a locator that
// could not be read; a Plain one is "LEVEL: (plain) raw text".
func (l *Line) AppendMessage(dst []byte) (message []byte, exceptionAt int) {
	start := len(dst)
	locator, text, exception := l.Locator, l.Text, l.Exception
	switch l.Kind {
	case Invalid:
		text, exception = l.Raw, ""
		if locator == "" {
			locator = "?"
		}
	case Plain:
		locator, text, exception = "plain", l.Raw, ""
	}
	dst = slices.Grow(dst, len(l.Level.Name)+len(locator)+len(text)+len(exception)+len(": ()  "))
	dst = append(append(append(append(dst, l.Level.Name...), ": ("...), locator...), ')')
	if text != "" {
		dst = append(append(dst, ' '), text...)
	}
	if exception == "" {
		return dst, -1
	}
	dst = append(dst, ' ')
	exceptionAt = len(dst) - start
	return append(dst, exception...), exceptionAt
}
