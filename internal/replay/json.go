package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxDepth is how deep the answers of AWS's tools nest, and more.
	maxDepth = 16
	// maxName bounds what names and short values are kept, in bytes.
	maxName = 1 << 10
)

// errSyntax says that a text is not JSON.
var errSyntax = errors.New("it is not JSON")

// A walker reads JSON values one after the other in bounded memory: answers of
// AWS's commands and libraries, arrays of events, events one a line, however
// they are laid out. Events are objects with a message and something that only
// CloudWatch gives an event, the rows of Logs Insights, and the strings of an
// array at the top.
type walker struct {
	r  *bufio.Reader
	to sink

	tell   bool // the sink is told; else only events are counted
	events int
	lists  int // of events, though they be empty
	odd    int // objects that have a message and may be a function's own
	buf    []byte
}

// isJSON reports whether a log that begins so is one of JSON events. A log of
// lines can begin with a function's line, which is a JSON object, too.
func isJSON(begin []byte) bool {
	trimmed := bytes.TrimLeft(begin, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		return false
	}
	w := &walker{r: bufio.NewReader(bytes.NewReader(begin))}
	if err := w.next(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	return (w.events > 0 || w.lists > 0) && w.odd == 0
}

// readJSON reads such a log.
func readJSON(r *bufio.Reader, to sink) error {
	w := &walker{r: r, to: to, tell: true}
	for {
		w.events, w.lists, w.odd = 0, 0, 0
		switch err := w.next(); {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			to.cut()
			return nil
		case errors.Is(err, errSyntax):
			to.mixed()
			to.broken()
			return readText(r, to) // to count what it mentions
		case err != nil:
			return err
		}
		if w.odd > 0 || w.events == 0 && w.lists == 0 {
			to.mixed()
		}
	}
}

// An object is what is known of a JSON object, or of a row of Logs Insights,
// which is an array of fields.
type object struct {
	stream     string
	at         int64
	message    []byte
	hasMessage bool
	aws        bool // only CloudWatch gives an event this

	field, value string // of a field of Logs Insights
	hasField     bool
}

// next reads a value at the top; io.EOF if there is none.
func (w *walker) next() error {
	for {
		c, err := w.peek()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return io.EOF
		}
		if err != nil {
			return err
		}
		if c != ',' { // somebody's way to put events in a row
			top := &object{}
			err := w.value(0, top, false)
			w.passOver(top)
			return err
		}
		_, _ = w.r.Discard(1)
	}
}

// peek returns the first byte that is not a space, without reading it.
func (w *walker) peek() (byte, error) {
	for {
		c, err := w.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, w.r.UnreadByte()
		}
	}
}

// value reads a value within an object or a row. events is true in a list of
// events.
func (w *walker) value(depth int, in *object, events bool) error {
	c, err := w.peek()
	if err != nil {
		return err
	}
	switch {
	case depth >= maxDepth:
		return w.skip()
	case c == '{':
		return w.object(depth, in)
	case c == '[':
		return w.array(depth, in, events)
	case c == '"' && events:
		return w.stringEvent(in)
	}
	return w.skip()
}

// stringEvent reads a message that stands in a list by itself.
func (w *walker) stringEvent(in *object) error {
	text, ok, err := w.text(maxMessage, w.raw)
	if err != nil || !ok {
		return err
	}
	return w.event(&object{stream: in.stream, message: text, hasMessage: true, aws: true})
}

func (w *walker) event(o *object) error {
	if !o.hasMessage {
		return nil
	}
	if w.events++; !o.aws {
		w.odd++
	}
	if !w.tell {
		return nil
	}
	return w.to.event(o.stream, o.at, o.message)
}

// array reads an array: a list of events, or the fields of a row, which are
// then in's.
func (w *walker) array(depth int, in *object, events bool) error {
	row := object{stream: in.stream}
	err := w.elements('[', ']', func() error {
		element := object{stream: in.stream}
		if err := w.value(depth+1, &element, events || depth == 0); err != nil {
			return err
		}
		if element.hasField && !row.take(&element) {
			w.passOver(&element)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.event(&row)
}

// take takes a field of Logs Insights over into its row, and reports whether it
// is the message.
func (o *object) take(field *object) bool {
	switch field.field {
	case "@message":
		o.message, o.hasMessage, o.aws = []byte(field.value), true, true
	case "@logStream":
		o.stream = field.value
	case "@timestamp":
		o.at = csvTime(field.value)
	}
	return field.field == "@message"
}

// object reads an object: an event, a field, or what holds a list of events.
// What is known of the outer one, the stream's name, it begins with.
func (w *walker) object(depth int, outer *object) error {
	o := object{stream: outer.stream}
	err := w.elements('{', '}', func() error {
		name, _, err := w.text(maxName, w.other)
		if err != nil {
			return err
		}
		key := string(name)
		if c, err := w.peek(); err != nil || c != ':' {
			return errors.Join(err, errSyntax)
		}
		_, _ = w.r.Discard(1)
		return w.member(depth, key, &o)
	})
	if err != nil {
		return err
	}
	outer.field, outer.value, outer.hasField = o.field, o.value, o.hasField
	return w.event(&o)
}

// member reads the value of a member.
func (w *walker) member(depth int, name string, o *object) (err error) {
	switch name {
	case "message", "@message":
		return w.message(o)
	case "logStreamName", "logStream", "@logStream":
		o.aws = true
		o.stream, err = w.short()
	case "timestamp", "@timestamp":
		return w.time(o)
	case "eventId", "ingestionTime", "@ptr":
		o.aws = true
		return w.skip()
	case "field":
		o.field, err = w.short()
	case "value":
		var text []byte
		text, o.hasField, err = w.optionalText(maxMessage, w.raw)
		o.value = string(text)
	case "events", "logEvents", "results":
		w.lists++
		return w.inner(depth, o, true)
	default:
		if o.hasMessage {
			return w.skip() // what else an event has is not the log's
		}
		return w.inner(depth, o, false)
	}
	return err
}

// inner reads what an object holds beside an event's own members.
func (w *walker) inner(depth int, o *object, events bool) error {
	inner := object{stream: o.stream}
	err := w.value(depth+1, &inner, events)
	w.passOver(&inner)
	return err
}

// passOver is called for a field of Logs Insights that is not a row's message.
func (w *walker) passOver(field *object) {
	if w.tell && strings.Contains(field.value, string(mention)) {
		w.to.inside()
	}
}

// message reads a message: a string, or what a tool has made of one that is
// JSON.
func (w *walker) message(o *object) error {
	c, err := w.peek()
	if err != nil {
		return err
	}
	if c == '"' {
		text, ok, err := w.text(maxMessage, w.raw)
		o.message, o.hasMessage = bytes.Clone(text), ok
		return err
	}
	raw, ok, err := w.raw(maxMessage)
	o.message, o.hasMessage = bytes.Clone(raw), ok
	return err
}

// time reads a time: CloudWatch's is a number of milliseconds, which in
// loggers' lines is rare.
func (w *walker) time(o *object) error {
	c, err := w.peek()
	if err != nil {
		return err
	}
	if c == '"' {
		var s string
		s, err = w.short()
		o.at = csvTime(s)
		return err
	}
	raw, _, err := w.other(maxName)
	if at, numberErr := strconv.ParseInt(string(raw), 10, 64); numberErr == nil {
		o.at, o.aws = at, true
	}
	return err
}

// short reads a string that is not long; of any other value nothing.
func (w *walker) short() (string, error) {
	text, _, err := w.optionalText(maxName, w.other)
	return string(text), err
}

// optionalText reads a string if there is one, and else passes over the value.
func (w *walker) optionalText(limit int, read func(int) ([]byte, bool, error)) (text []byte, ok bool, err error) {
	c, err := w.peek()
	if err != nil {
		return nil, false, err
	}
	if c != '"' {
		return nil, false, w.skip()
	}
	return w.text(limit, read)
}

// skip passes over a value, but for what it mentions.
func (w *walker) skip() error {
	_, _, err := w.other(maxMessage)
	return err
}

// text reads a string, by raw or by other. ok is false if it is longer than
// limit, or broken.
func (w *walker) text(limit int, read func(int) ([]byte, bool, error)) (text []byte, ok bool, err error) {
	if c, err := w.peek(); err != nil || c != '"' {
		return nil, false, errors.Join(err, errSyntax)
	}
	raw, ok, err := read(limit)
	if err != nil || !ok {
		return nil, false, err
	}
	if text, err = jsontext.AppendUnquote(nil, raw); err == nil {
		return text, true, nil
	}
	// Half a surrogate pair, say, which a function may have printed: it is
	// replaced.
	var lenient string
	if json.Unmarshal(raw, &lenient) != nil {
		return nil, false, errSyntax
	}
	return []byte(lenient), true, nil
}

// elements reads the members of an object or the elements of an array.
func (w *walker) elements(open, end byte, each func() error) error {
	if c, err := w.r.ReadByte(); err != nil || c != open {
		return errors.Join(err, errSyntax)
	}
	for first := true; ; first = false {
		c, err := w.peek()
		if err != nil {
			return err
		}
		if c == end {
			_, err := w.r.ReadByte()
			return err
		}
		if !first {
			if c != ',' {
				return errSyntax
			}
			_, _ = w.r.Discard(1)
		}
		if err := each(); err != nil {
			return err
		}
	}
}
