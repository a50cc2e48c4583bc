package agent

import (
	"time"

	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// Parser returns a parser that reads lines as the intake does.
func (r *Rows) Parser() *parse.Parser {
	return parse.New(parse.Options{
		Scale: r.Scale, Plain: r.Plain, Mapping: r.Mapping, Head: heads(r.Redact), Masks: masks(r.Redact),
	})
}

// A Preview is what is stored of a line.
type Preview struct {
	store.Entry
	Text, Exception string // parts of Message
}

// Preview returns what the Agent would store of a line at a time, as far as
// line and settings say. It changes nothing, and keeps none of the line's
// strings but those of what it returns. ok is false for a line that is below
// Rows.MinLevel. Rows.MaxLines does not count.
func (a *Agent) Preview(line *parse.Line, at time.Time) (p Preview, ok bool) {
	if a.belowLevel(line) {
		return p, false
	}
	own := line.Clone()
	r := a.row(own, own.RequestID, at)
	return Preview{Entry: r.Entry, Text: r.text(), Exception: r.exception()}, true
}

// belowLevel reports whether a line is left out for its level.
func (a *Agent) belowLevel(line *parse.Line) bool {
	least := a.cfg.Rows.MinLevel
	return line.Kind != parse.Invalid && line.Level.Rank < least.Rank && least.Name != ""
}
