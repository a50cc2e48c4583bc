package agent

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// tailLines is how many of the last lines a death is told with, and
	// tailBytes how much of each.
	tailLines = 10
	tailBytes = 512
)

// A tail keeps the last lines that a function printed, plain ones too, as the
// raw records of the telemetry. The zero value is empty.
type tail struct {
	ring [tailLines][]byte
	next int
}

// add copies the head of a record.
func (t *tail) add(record []byte) {
	// A record is escaped text: twice the room before it is cut for good.
	t.ring[t.next] = append(t.ring[t.next][:0], record[:min(len(record), 2*tailBytes)]...)
	t.next = (t.next + 1) % tailLines
}

// lines returns what is kept, oldest first, as text.
func (t *tail) lines() (all []string) {
	for i := range tailLines {
		if record := t.ring[(t.next+i)%tailLines]; len(record) > 0 {
			if line := tailText(record); line != "" {
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
	text = strings.TrimRight(strings.ToValidUTF8(text, "\uFFFD"), "\r\n\t ")
	if len(text) <= tailBytes {
		return text
	}
	end := tailBytes
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
