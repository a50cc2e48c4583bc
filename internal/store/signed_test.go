package store_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/signing"
)

// Last-resort lines are numbered and signed, whatever does not fit between
// them, and the key comes behind the last.
func TestLastResortLinesAreSigned(t *testing.T) {
	for name, room := range map[string]int{"all": 1 << 20, "some": 6_000} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.server.Refuse()
			key := signing.New()
			f.SignWith(key)
			f.add(100, "line")
			var log bytes.Buffer
			rest := f.LastResort(&log, room, false, time.Now().Add(time.Minute))
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			if rest.Lines == 0 || len(lines) != rest.Lines+1 {
				t.Fatalf("%d lines in the log of %d records", len(lines), rest.Lines)
			}
			for i, line := range lines[:rest.Lines] {
				l, found, err := row.ParseLastResort([]byte(line))
				if !found || err != nil || l.Number != uint64(i+1) || !key.Check(l.Number, l.Record, l.MAC) {
					t.Errorf("line %d: %v, number %d: %s", i, err, l.Number, line)
				}
				if strings.Contains(line, key.Secret()) {
					t.Error("the key is given away before the end")
				}
			}
			var last struct {
				Logtable, Key string
				Lines         int
			}
			err := json.Unmarshal([]byte(lines[rest.Lines]), &last)
			if err != nil || last.Logtable == "" || last.Key != key.Secret() || last.Lines != rest.Lines {
				t.Errorf("the last line is %s: %v", lines[rest.Lines], err)
			}
			// From here on anybody can sign: Logtable does no more.
			f.add(1, "afterwards")
			log.Reset()
			f.LastResort(&log, room, false, time.Now().Add(time.Minute))
			if strings.Contains(log.String(), `"mac"`) || strings.Contains(log.String(), `"key"`) {
				t.Errorf("a key is used again: %s", &log)
			}
		})
	}
}

// Where nothing is written the key stays a secret, and costs no line.
func TestNoKeyWithoutLines(t *testing.T) {
	f := newFixture(t)
	f.SignWith(signing.New())
	var log bytes.Buffer
	if f.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute)); log.Len() > 0 {
		t.Errorf("the log has %s", &log)
	}
}
