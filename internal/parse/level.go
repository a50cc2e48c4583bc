package parse

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/level"
)

// levelOf returns the level that a JSON string names.
func (p *Parser) levelOf(value jsontext.Value) (level.Level, bool) {
	if kind(value) != '"' {
		return level.Level{}, false
	}
	return p.printedLevel(p.memberName(value))
}

// printedLevel returns the level of a name as loggers print it: perhaps in a
// terminal's colours, or as Python's name for a number that has none.
func (p *Parser) printedLevel(text []byte) (level.Level, bool) {
	text = bytes.TrimSpace(text)
	if l, ok := p.scale.FindBytes(text); ok {
		return l, true
	}
	if bytes.IndexByte(text, 0x1b) >= 0 && len(text) < 4*level.MaxName {
		return p.scale.FindBytes(bytes.TrimSpace(withoutColours(text)))
	}
	const python = "Level "
	if len(text) > len(python) && len(text) < level.MaxName && bytes.EqualFold(text[:len(python)], []byte(python)) {
		number := string(text[len(python):])
		if _, err := strconv.Atoi(number); err == nil {
			return level.Python.Find(p.scale, number)
		}
	}
	return level.Level{}, false
}

// isLevel reports whether b is a level's name for any logger.
func (p *Parser) isLevel(b []byte) bool {
	for _, word := range [...]string{"ANY", "DEFAULT", "HTTP", "SUCCESS", "UNKNOWN"} {
		if len(b) == len(word) && strings.EqualFold(word, string(b)) {
			return string(b) == word // in small letters it is what somebody says
		}
	}
	if _, ok := p.scale.FindBytes(b); ok {
		return true
	}
	return level.IsAlias(b) || strings.EqualFold("UNDEFINED", string(b)) // Java's LambdaLogger
}

// levelAround returns the highest level that the prefix or the envelope around
// a line tells, a zero one if neither does.
func (p *Parser) levelAround(around *surroundings) (highest level.Level) {
	if around.level != nil {
		highest, _ = p.levelOf(around.level)
	}
	for _, text := range [...][]byte{around.prefix, around.lead} {
		text = skipFiller(text[:min(len(text), maxPrefix)])
		for len(text) > 0 {
			field, rest := cutField(text)
			rest = skipFiller(rest)
			word := bytes.Trim(field, "[]()<>:")
			if colon := bytes.IndexByte(word, ':'); colon > 0 { // Python's "ERROR:root:"
				word = word[:colon]
			}
			if l, ok := p.printedLevel(word); ok && (highest.Name == "" || l.Rank > highest.Rank) {
				highest = l
			}
			if !p.isPrefixField(field, rest) {
				break
			}
			text = rest
		}
	}
	return highest
}
