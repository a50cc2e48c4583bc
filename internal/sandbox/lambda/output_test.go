package lambda

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStream(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes []string
		want   []string // "|" is where drain was called
	}{
		{"lines", []string{"a\nb\n"}, []string{"a\n", "b\n", "|"}},
		{"pieces", []string{"a", "b\nc"}, []string{"|", "ab\n", "|", "c"}},
		{"empty lines", []string{"\n\n"}, []string{"\n", "\n", "|"}},
		{"unfinished", []string{"a"}, []string{"|", "a"}},
		{"as long as allowed", []string{"0123456789\n"}, []string{"0123456789\n", "|"}},
		{"too long", []string{"0123456789abc\n"}, []string{"0123456789", "abc\n", "|"}},
		{"far too long", []string{strings.Repeat("x", 70)},
			[]string{"xxxxxxxxxx", "xxxxxxxxxx", "xxxxxxxxxx", "|", "xxxxxxxxxx", "xxxxxxxxxx",
				"xxxxxxxxxx", "xxxxxxxxxx"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			note := func(line string) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, line)
			}
			s, err := newStream(10, false, func(b []byte) { note(string(b)) })
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.writes {
				if _, err := s.w.WriteString(w); err != nil {
					t.Fatal(err)
				}
				s.drain()
				note("|")
			}
			s.close()
			if c.name == "far too long" {
				// How much is held back for half a marker is not the point.
				got = []string{strings.Join(got, "")}
				c.want = []string{strings.Join(c.want, "")}
				got[0], c.want[0] = strings.ReplaceAll(got[0], "|", ""), strings.ReplaceAll(c.want[0], "|", "")
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

// A marker between two writes of a long line must not be cut nor come out.
func TestStreamMarkerInLongLine(t *testing.T) {
	var got strings.Builder
	s, err := newStream(1000, false, func(b []byte) { got.Write(b) })
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for n := range 500 {
		part := strings.Repeat(string(rune('a'+n%26)), n%97)
		want.WriteString(part)
		s.w.WriteString(part)
		s.drain()
	}
	s.close()
	if got.String() != want.String() {
		t.Errorf("%d bytes came out of %d", got.Len(), want.Len())
	}
}

func TestLineRecord(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 1e6, time.UTC)
	for _, c := range []struct{ format, line, want string }{
		{"Text", "a <b> & \"c\"\n", `"a <b> & \"c\"\n"`},
		{"Text", "no newline", `"no newline"`},
		{"Text", "\xff\x00\n", `"` + "\ufffd" + `\u0000\n"`},
		{"JSON", "{\"a\": 1.0}\r\n", `{"a": 1.0}`},
		{"JSON", "{\"a\":\n", `{"timestamp":"2026-11-22T10:00:00.001Z","level":"INFO","message":"{\"a\":"}`},
		{"JSON", "null\n", `{"timestamp":"2026-11-22T10:00:00.001Z","level":"INFO","message":"null"}`},
	} {
		got := lineRecord([]byte(c.line), c.format, now)
		if string(got) != c.want || !json.Valid(got) {
			t.Errorf("%s %q:\n got %s\nwant %s", c.format, c.line, got, c.want)
		}
	}
}
