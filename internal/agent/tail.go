package agent

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/redact"
)

const (
	// tailLines is how many of the last lines the row of a death has, and
	// tailBytes how much of each.
	tailLines = 10
	tailBytes = 512
	// tailRoom is how much is kept of a record: it is escaped text, and what
	// is to be masked must be seen whole, though only its beginning is shown.
	tailRoom = 2*tailBytes + 4<<10
)

// A tail keeps the last lines that a function printed, plain ones too, as the
// raw records of the telemetry. The zero value is empty.
type tail struct {
	ring [tailLines][]byte
	next int
}

// empty forgets the lines and keeps their memory.
func (t *tail) empty() *tail {
	for i := range t.ring {
		t.ring[i] = t.ring[i][:0]
	}
	t.next = 0
	return t
}

// add copies the head of a record.
func (t *tail) add(record []byte) {
	t.ring[t.next] = append(t.ring[t.next][:0], record[:min(len(record), tailRoom)]...)
	t.next = (t.next + 1) % tailLines
}

// lines returns what is kept, oldest first, as text: unmasked, and longer than
// is to be shown.
func (t *tail) lines() (all []string) {
	for i := range tailLines {
		if record := t.ring[(t.next+i)%tailLines]; len(record) > 0 {
			line := tailText(record)
			if len(record) == tailRoom {
				line = redact.Whole(line) + "…"
			}
			if line != "" {
				all = append(all, line)
			}
		}
	}
	return all
}

// tailText is a record, or its head, as text.
func tailText(record []byte) string {
	text := string(record)
	if record[0] == '"' {
		// A head lacks the closing quote; an escape may be cut in the middle.
		for end := len(record); end > 1; end-- {
			quoted := record[:end:end]
			if end < len(record) || record[end-1] != '"' {
				quoted = append(quoted, '"')
			}
			if unquoted, err := jsontext.AppendUnquote(nil, quoted); err == nil {
				text = string(unquoted)
				break
			}
			if end < len(record)-12 {
				break // no escape is that long: leave it as it is
			}
		}
	}
	return strings.TrimRight(strings.ToValidUTF8(text, "\uFFFD"), "\r\n\t ")
}
