package parse

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrefix is how far into a text a field of a runtime's prefix may reach.
const maxPrefix = 256

// splitPrefix takes off the prefix that a runtime's logger puts before what was
// printed, as far as it tells a request id; id is nil if it does not. The
// prefixes that tell none (Java's "[INFO] ", Go's "2026/11/22 10:52:42 ") need
// no knowledge here: isPrefix knows them.
func (p *Parser) splitPrefix(text []byte) (rest, id []byte) {
	if len(text) == 0 {
		return text, nil
	}
	var ok bool
	switch c := text[0]; {
	case c == '[':
		rest, id, ok = splitPython(text)
	case c >= '0' && c <= '9':
		rest, id, ok = splitTabs(text)
	case c >= 'A' && c <= 'Z':
		rest, id, ok = splitRuby(text)
	}
	switch {
	case ok && isRequestID(id) && (hasDigit(id) || !p.isLevel(id)): // pino-lambda leaves an id out
		return rest, id
	case ok && isNoID(id):
		return rest, nil
	}
	return text, nil
}

// splitTabs reads "TIME\tID\tLEVEL\t…", from Node.js and .NET.
func splitTabs(text []byte) (rest, id []byte, ok bool) {
	stamp, rest, ok := cutShort(text, '\t')
	if !ok || !isTimestamp(stamp) {
		return nil, nil, false
	}
	id, rest, ok = cutShort(rest, '\t')
	if !ok {
		return nil, nil, false
	}
	_, rest, ok = cutShort(rest, '\t')
	return rest, id, ok
}

// splitPython reads "[LEVEL]\tTIME\tID\t…".
func splitPython(text []byte) (rest, id []byte, ok bool) {
	name, rest, ok := cutShort(text, '\t')
	if !ok || name[len(name)-1] != ']' {
		return nil, nil, false
	}
	stamp, rest, ok := cutShort(rest, '\t')
	if !ok || !isTimestamp(stamp) {
		return nil, nil, false
	}
	id, rest, ok = cutShort(rest, '\t')
	return rest, id, ok
}

// splitRuby reads "I, [TIME #PID]  INFO ID -- PROGRAM: …".
func splitRuby(text []byte) (rest, id []byte, ok bool) {
	if !bytes.HasPrefix(text[1:], []byte(", [")) {
		return nil, nil, false
	}
	_, rest, ok = cutShort(text, ']')
	if !ok {
		return nil, nil, false
	}
	_, rest, ok = cutShort(bytes.TrimLeft(rest, " "), ' ') // the level, padded
	if !ok {
		return nil, nil, false
	}
	id, rest, ok = cutShort(rest, ' ')
	if !ok || !bytes.HasPrefix(rest, []byte("--")) {
		return nil, nil, false
	}
	return rest, id, true
}

// cutShort is bytes.Cut around a separator within the first maxPrefix bytes.
//
//go:noinline
func cutShort(b []byte, sep byte) (before, after []byte, ok bool) {
	i := bytes.IndexByte(b[:min(len(b), maxPrefix)], sep)
	if i < 0 {
		return nil, b, false
	}
	return b[:i], b[i+1:], true
}

// isTimestamp reports whether b looks like an RFC 3339 time.
func isTimestamp(b []byte) bool {
	return len(b) >= len("2026-11-22T10:52:00Z") && len(b) <= 40 &&
		b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':'
}

// isRequestID reports whether b may be a request id. During init, Node.js
// prints "undefined" in its place and Python nothing. The platform's ids are
// UUIDs, but no document promises it.
func isRequestID(b []byte) bool {
	if len(b) > 128 || isNoID(b) {
		return false
	}
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// hasDigit reports whether there is a digit in b, as in no level's name.
func hasDigit(b []byte) bool {
	for _, c := range b {
		if '0' <= c && c <= '9' {
			return true
		}
	}
	return false
}

// isNoID reports whether b is what languages print for an id that there is
// none of.
func isNoID(b []byte) bool {
	switch string(b) {
	case "", "undefined", "null", "None", "-":
		return true
	}
	return false
}

// isOwnID reports whether b, a line's own member, is a request id: a function
// may name its requests as it likes, but in one printable word.
func isOwnID(b []byte) bool {
	if isNoID(b) {
		return false
	}
	for i, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
		if c >= utf8.RuneSelf {
			return bytes.IndexFunc(b[i:], func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) < 0
		}
	}
	return true
}

// isPrefix reports whether text, which stands before an object on its line, is
// nothing but what loggers put there: times, numbers, levels, request ids,
// names that end in ':' or hold a '.' or stand before a dash, all of these in
// brackets, and separators. "INFO:root:", "2026/11/22 10:52:42 main.go:17: "
// and "[main] WARN app.Orders - " are prefixes; "see " is something that was
// said.
func (p *Parser) isPrefix(text []byte) bool {
	if len(text) > maxPrefix {
		return false
	}
	text, _ = p.splitPrefix(skipFiller(text))
	for text = skipFiller(text); len(text) > 0; text = skipFiller(text) {
		field, rest := cutField(text)
		if !p.isPrefixField(field, skipFiller(rest)) {
			return false
		}
		text = rest
	}
	return true
}

// cutField cuts off a text's first field, which ends at a blank or a control
// character or, if it begins with a bracket, where that closes.
//
//go:noinline
func cutField(text []byte) (field, rest []byte) {
	if k := strings.IndexByte("[(<", text[0]); k >= 0 {
		if end := bytes.IndexByte(text, "])>"[k]); end > 0 {
			return text[:end+1], text[end+1:]
		}
	}
	for i, c := range text {
		if c <= ' ' || c == 0x7f {
			return text[:i], text[i:]
		}
	}
	return text, nil
}

// isPrefixField reports whether a field belongs to a logger's prefix. rest is
// what follows it.
func (p *Parser) isPrefixField(field, rest []byte) bool {
	last := len(field) - 1
	if last > 0 && strings.IndexByte("[(<", field[0]) >= 0 && strings.IndexByte("])>", field[last]) >= 0 {
		inner := field[1:last]
		return isName(inner) || p.isPrefix(inner)
	}
	if isSeparator(field) || isStamp(field) || isUUID(field) || isRubySeverity(field) {
		return true
	}
	if string(field) == "PHP" {
		return bytes.HasPrefix(rest, []byte("message:"))
	}
	name, colon := bytes.CutSuffix(field, []byte(":"))
	next, _, _ := bytes.Cut(rest, []byte(" "))
	return isName(name) && (colon || bytes.IndexByte(name, '.') > 0 || isSeparator(next) || p.isLevel(name))
}

// isUUID reports whether b has the form of a UUID.
func isUUID(b []byte) bool {
	const example = "6f0c1b52-2d0e-4b6e-9d3f-0a4b8f3f7c11"
	return len(b) == len(example) && isRequestID(b) && bytes.Count(b, []byte("-")) == 4
}

// isRubySeverity reports whether b is what Ruby's Logger begins a line with, as
// in "I, ".
func isRubySeverity(b []byte) bool {
	return len(b) == 2 && b[1] == ',' && b[0] >= 'A' && b[0] <= 'Z'
}

// isSeparator reports whether b stands between the fields of a prefix.
func isSeparator(b []byte) bool {
	return len(b) > 0 && len(bytes.Trim(b, "-|:")) == 0
}

// isStamp reports whether b is a time, a date, a zone's offset or a number.
func isStamp(b []byte) bool {
	if strings.IndexByte("0123456789#+-", b[0]) < 0 {
		return false
	}
	return len(bytes.Trim(b, "0123456789#+-:./,_TZ")) == 0 && bytes.ContainsAny(b, "0123456789")
}

// isName reports whether b may be the name of a logger, thread, file or
// program.
//
//go:noinline
func isName(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("_-.:$/@", c) < 0 {
			return false
		}
	}
	return len(b) > 0
}
