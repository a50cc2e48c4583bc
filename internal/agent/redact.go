package agent

import (
	"strings"

	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

// redact masks what nobody should read in all that a row has, before the row is
// cut, keyed or stored, or becomes an alert. Every row passes here, the agent's
// own as well: they may repeat what a function printed.
//
// All texts are masked together, because a secret's name may stand in another
// one. Level is left out: it is always one of the scale's.
func (a *Agent) redact(e *store.Entry) {
	if a.cfg.Redact.Off() {
		return
	}
	texts := [...]redact.Text{
		{S: e.Message, Parts: messageParts(e)}, {S: e.Locator}, {S: e.Module}, {S: e.RequestID}, {S: e.Fields, JSON: true}, {S: e.Issues},
	}
	if !a.cfg.Redact.Row(texts[:]) {
		return
	}
	parts := &texts[0].Parts
	e.Message, e.Module, e.RequestID, e.Fields, e.Issues = texts[0].S, texts[2].S, texts[3].S, texts[4].S, texts[5].S
	// The message repeats the locator, and whoever takes them apart again
	// compares the two.
	e.Locator = texts[1].S
	if head := parts[0]; head.To > head.From && e.Locator != "" {
		e.Locator = e.Message[head.From:head.To]
	}
	if e.ExceptionAt >= 0 {
		e.ExceptionAt = parts[2].From
	}
}

// messageParts are the parts of a row's message: "LEVEL: (locator) text exception".
func messageParts(e *store.Entry) (parts [3]redact.Part) {
	from, end := len(e.Level)+len(": ("), len(e.Message)
	to := from
	if strings.HasPrefix(e.Message[from:], e.Locator) {
		to += len(e.Locator) // else the line has none
	}
	parts[0] = redact.Part{From: from, To: to}
	parts[2] = redact.Part{From: end, To: end}
	if e.ExceptionAt >= 0 {
		parts[2].From = e.ExceptionAt
		end = e.ExceptionAt - len(" ")
	}
	parts[1] = redact.Part{From: min(to+len(") "), end), To: end}
	return parts
}

// lastLines puts the last lines of a function together. What is to be masked in
// each is, before it is cut.
func (a *Agent) lastLines(tail []string) string {
	text := "Last lines:"
	for _, line := range tail {
		text += "\n" + a.cfg.Redact.Head(line, tailBytes)
	}
	return text
}

// heads returns what a parser gives the beginnings of texts to that it repeats
// in issues; nil for no masking.
func heads(r *redact.Redactor) func(text string, n int) string {
	if r.Off() {
		return nil
	}
	return r.Head
}
