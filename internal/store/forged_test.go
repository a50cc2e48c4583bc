package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
)

// forgedRecords are records that a stranger may leave on /tmp: none is one of
// ours.
func forgedRecords() [][]byte {
	large := testkit.ForgedLine(1, "INFO: (1) "+strings.Repeat("\x01", 150_000))
	return [][]byte{
		testkit.ForgedPack(10, 80_000),
		[]byte(`{"table":"info","item":` + testkit.ForgedItem(large)),
		[]byte(`{"table":"info","item":{}}`),
		bytes.Repeat([]byte("["), spill.MaxPayload),
		bytes.Repeat([]byte(`{"table":`), 100_000),
	}
}

// forge writes a spill directory as another process leaves it: a file with forged
// records among true ones.
func forge(t *testing.T, dir string) (records int) {
	t.Helper()
	sp, _, err := spill.Open(spill.Config{Dir: dir, MaxBytes: 64 << 20, KeepFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	for i, record := range forgedRecords() {
		good := []byte(`{"table":"info","item":` + testkit.ForgedItem(testkit.ForgedLine(100+i, fmt.Sprint("INFO: (1) good ", i))) + `}`)
		if n, err := sp.Append(good, record); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		records++
	}
	return records
}

// What one forged record does costs that record: those beside it are written,
// and nothing stands still, whether the file was there at the start or came while
// the process ran.
func TestAForgedFileCostsItself(t *testing.T) {
	for name, running := range map[string]bool{"found at the start": false, "found while running": true} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "spill")
			records := 0
			f := newFixture(t)
			if running {
				f.withSpill(dir)
				records = forge(t, dir+".forged")
				if err := os.Rename(dir, dir+".old"); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(dir+".forged", dir); err != nil {
					t.Fatal(err)
				}
			} else {
				records = forge(t, dir)
				f.withSpill(dir)
			}
			f.add(10, "line")
			within(t, "CheckSpill", f.CheckSpill)
			within(t, "Persist", func() { f.Persist() }) // finds that the directory is another one
			within(t, "Flush", f.drained)
			good := 0
			for _, m := range f.messages() {
				if strings.HasPrefix(m, "INFO: (1) good") {
					good++
				}
			}
			if lost := f.Lost()[store.Loss{Level: "?", Reason: "damaged in /tmp"}]; good != records || lost != records {
				t.Errorf("%d of %d good rows stored, %d of %d forged ones counted; %s", good, records, lost, records, f.reports.text())
			}
			if n := len(f.messages()); n != records+10 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// A panic over one record costs that record.
func TestAPanicOverARecordCostsTheRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spill")
	f := newFixture(t, func(c *store.Config) { c.Owner = "a" })
	sp := f.withSpill(dir)
	f.server.Refuse()
	f.add(10, "ours")
	f.Persist()
	sp.Close()
	sp, _, err := spill.Open(spill.Config{Dir: dir, MaxBytes: 64 << 20, KeepFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sp.Append([]byte(`{"table":"info","for":"b","item":` + testkit.ForgedItem(testkit.ForgedLine(1, "INFO: (1) theirs")) + `}`)); err != nil {
		t.Fatal(err)
	}
	sp.Close()
	if err := f.server.Restore(); err != nil {
		t.Fatal(err)
	}
	g := newFixtureOn(t, f.server, f.server.Client(), func(c *store.Config) {
		c.Owner, c.Report = "a", touchy{c.Report.(*reports), "another owner"}
	})
	g.withSpill(dir)
	within(t, "Flush", g.drained)
	if n := g.Lost()[store.Loss{Level: "?", Reason: "damaged in /tmp"}]; n != 1 || len(g.messages()) != 10 {
		t.Errorf("%d rows stored, lost %v", len(g.messages()), g.Lost())
	}
}
