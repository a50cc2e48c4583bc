package agent

import (
	"cmp"
	"strings"
	"time"
	"unsafe"

	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

// keptMessage is the largest buffer for a row's message that is used again.
const keptMessage = 64 << 10

// A row is an entry on its way to the Store, with what the alerting wants to
// know of the line that it was made of.
type row struct {
	store.Entry
	parts messageParts
	asks  bool // the line may ask for an alert in its fields
}

// messageParts says where a message has its locator, its text and its
// exception, which may be empty: "LEVEL: (locator) text exception".
type messageParts [3]redact.Part

func (r *row) text() string {
	return strings.TrimSpace(r.Message[r.parts[1].From:r.parts[1].To])
}

func (r *row) exception() string { return r.Message[r.parts[2].From:r.parts[2].To] }

func (r *row) traceID() string {
	if r.Links == nil {
		return ""
	}
	return r.Links.TraceID
}

func (r *row) version() string {
	if r.Links == nil {
		return ""
	}
	return r.Links.Version
}

// row makes the row of one of the agent's own lines.
func (a *Agent) row(line parse.Line, id string, at time.Time) row {
	return a.rowOf(line, a.whose(id, at))
}

func (a *Agent) rowOf(line parse.Line, w whose) row { return a.rowIn(new(rowMemory), &line, w) }

// rowMemory is memory for a row, to be used again for the next one.
type rowMemory struct {
	message []byte
	links   store.Links
}

// rowIn is row in a given memory. The message is a part of it: an Entry is read
// by Add only, and a copy for each row was the way's last allocation. What
// nobody should read is masked in it.
func (a *Agent) rowIn(memory *rowMemory, line *parse.Line, w whose) row {
	message, exceptionAt := line.AppendMessage(memory.message[:0])
	memory.message = message
	locator := line.Locator
	if locator == "" {
		locator = "?"
		if line.Kind == parse.Plain {
			locator = "plain"
		}
	}
	r := row{
		Entry: store.Entry{
			Time: w.at, Error: line.Level.Error, Level: line.Level.Name,
			Locator: locator, Module: cmp.Or(line.Module, a.cfg.Rows.Module), RequestID: w.id,
			Message: unsafe.String(unsafe.SliceData(message), len(message)), ExceptionAt: exceptionAt,
			Fields: line.Fields, Issues: strings.Join(line.Issues, "; "),
		},
		asks: line.HasAlert && !line.NoAlert,
	}
	r.parts = partsOf(&r.Entry)
	a.link(&r, &memory.links, line, w.origin)
	a.redact(&r)
	return r
}

// partsOf is where the message of a row that has just been made has its parts.
func partsOf(e *store.Entry) messageParts {
	end := len(e.Message)
	exception := redact.Part{From: end, To: end}
	if e.ExceptionAt >= 0 {
		exception.From = e.ExceptionAt
		end = e.ExceptionAt - len(" ")
	}
	locator := redact.Part{From: len(e.Level) + len(": (")}
	locator.To = locator.From + len(e.Locator)
	text := redact.Part{From: min(locator.To+len(") "), end), To: end}
	return messageParts{locator, text, exception}
}
