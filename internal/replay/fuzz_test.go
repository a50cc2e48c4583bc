package replay_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/replay"
	"github.com/logtable/logtable/internal/row"
)

// kept is a log stream as this version writes it, which every later one must
// read, with what is printed in its invocation. It is the same in every
// process.
func kept(t testing.TB, printed ...string) (events []logEvent, records []string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join("testdata", "genuine.log"))
	if err != nil {
		t.Fatal(err)
	}
	var messages []string
	for line := range strings.Lines(string(log)) {
		messages = append(messages, strings.TrimSuffix(line, "\n"))
		if strings.HasPrefix(line, "START") {
			messages = append(messages, printed...)
		}
		if r, found, err := row.ReadLastResort([]byte(line)); found && err == nil {
			records = append(records, string(r.AppendJSON(nil)))
		}
	}
	return inStream(streamName, messages...), records
}

func TestLinesThatWereKeptAreRead(t *testing.T) {
	events, want := kept(t)
	if got, report := replayed(t, forms[0].render(events), replay.Options{}); !slices.Equal(got, want) ||
		len(got) != 6 || len(report.Notes) > 0 {
		t.Errorf("%d records of %d, %+v", len(got), len(want), report)
	}
}

// FuzzRead: whatever a log is, reading it ends, and without --unsigned it holds
// no record that Logtable has not written. The seeds are a genuine log and
// forgeries, so that mutations are of both; but no forged first lines, because
// a mutation that leaves out the true one is a log without its beginning. What
// mentions a record is taken or told of.
func FuzzRead(f *testing.F) {
	printed := slices.DeleteFunc(hostile(f), func(s string) bool { return strings.Contains(s, "key_sha256") })
	events, records := kept(f, printed...)
	for _, form := range forms {
		f.Add([]byte(form.render(events)))
	}
	f.Add([]byte(zipped(forms[0].render(events))))
	f.Add([]byte(`[{"field":"@message"}]`))
	f.Add([]byte("timestamp,message\n1,\"\"\"\"\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		report, err := replay.Read(t.Context(), strings.NewReader(string(log)), replay.Options{},
			func(r *row.Record) error {
				if record := string(r.AppendJSON(nil)); !slices.Contains(records, record) {
					t.Errorf("taken for Logtable's: %s", record)
				}
				return nil
			})
		if err == nil && report.Records > len(records) {
			t.Errorf("%d records of %d", report.Records, len(records))
		}
		if seen := report.Records + report.Repeated + len(report.Notes); err == nil && seen == 0 &&
			bytes.Contains(log, []byte("logtable_record")) {
			t.Error("a record is passed over without a word")
		}
		_, _ = replay.Read(t.Context(), strings.NewReader(string(log)), replay.Options{Unsigned: true},
			func(*row.Record) error { return nil })
	})
}

// FuzzMessage puts what a function may have printed into a log, behind the
// first line of an invocation.
func FuzzMessage(f *testing.F) {
	for _, message := range append(hostile(f), "INIT_START x", "\"}]}", "\x00", "\xff\xfe") {
		f.Add(message, uint8(0))
	}
	f.Fuzz(func(t *testing.T, message string, which uint8) {
		message = strings.ToValidUTF8(message, "\ufffd") // as Lambda does
		events, records := genuine(t, message)
		form := forms[int(which)%len(forms)]
		got, _ := replayed(t, form.render(events), replay.Options{})
		if !slices.Equal(got, records) {
			t.Errorf("%s: %d records of %d with %q", form.name, len(got), len(records), message)
		}
	})
}
