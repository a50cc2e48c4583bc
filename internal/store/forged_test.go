package store_test

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
)

// forgedItem is an item in DynamoDB's JSON; values of N and B are given with
// their type.
func forgedItem(attributes map[string][2]string) string {
	item := map[string]map[string]string{}
	for name, typed := range attributes {
		item[name] = map[string]string{typed[0]: typed[1]}
	}
	b, _ := json.Marshal(item)
	return string(b)
}

// forgedLine is the item of one line.
func forgedLine(n int, message string) map[string][2]string {
	return map[string][2]string{
		"date": {"S", "2026-11-22"}, "stamp_mod": {"S", fmt.Sprintf("1795300002.005%04d+m+2p4thtomb9", n)},
		"level": {"S", "INFO"}, "message": {"S", message}, "expiry": {"N", "3372141600"},
	}
}

// forgedPack is a record as a stranger may write it, of lines with so many
// characters of noise each.
func forgedPack(lines, noise int) []byte {
	random := rand.NewChaCha8([32]byte{})
	raw := make([]byte, noise*3/4+1)
	return forgedPackOf(lines, func(int) string {
		_, _ = random.Read(raw)
		return base64.StdEncoding.EncodeToString(raw)
	})
}

// forgedPackOf is a record with a pack of lines with these texts.
func forgedPackOf(lines int, text func(i int) string) []byte {
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression)
	for i := range lines {
		fmt.Fprint(w, forgedItem(forgedLine(i, "INFO: (1) "+text(i))))
	}
	_ = w.Close()
	item := forgedLine(0, fmt.Sprint(lines, " lines: x"))
	delete(item, "level")
	item["packed"] = [2]string{"B", base64.StdEncoding.EncodeToString(packed.Bytes())}
	item["lines"] = [2]string{"N", fmt.Sprint(lines)}
	return []byte(`{"table":"info","item":` + forgedItem(item) + `}`)
}

// forgedRecords are records that a stranger may leave on /tmp: none is one of
// ours.
func forgedRecords() [][]byte {
	large := forgedLine(1, "INFO: (1) "+strings.Repeat("\x01", 150_000))
	return [][]byte{
		forgedPack(10, 80_000),
		[]byte(`{"table":"info","item":` + forgedItem(large)),
		[]byte(`{"table":"info","item":{}}`),
		bytes.Repeat([]byte("["), spill.MaxPayload),
		bytes.Repeat([]byte(`{"table":`), 100_000),
	}
}

// forge writes a spill directory as another process leaves it: a file with
// forged records among true ones.
func forge(t *testing.T, dir string) (records int) {
	t.Helper()
	sp, _, err := spill.Open(spill.Config{Dir: dir, MaxBytes: 64 << 20, KeepFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	for i, record := range forgedRecords() {
		line := forgedLine(100+i, fmt.Sprint("INFO: (1) good ", i))
		good := []byte(`{"table":"info","item":` + forgedItem(line) + `}`)
		if n, err := sp.Append(good, record); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		records++
	}
	return records
}

// What one forged record does costs that record: those beside it are written,
// and nothing stands still, whether the file was there at the start or came
// while the process ran.
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
				t.Errorf("%d of %d good rows stored, %d of %d forged ones counted; %s",
					good, records, lost, records, f.reports.text())
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
	theirs := `{"table":"info","for":"b","item":` + forgedItem(forgedLine(1, "INFO: (1) theirs")) + `}`
	if _, err := sp.Append([]byte(theirs)); err != nil {
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

// FuzzLargeRecord reaches what small inputs do not: rows of hundreds of
// kilobytes are made from a few bytes by repetition.
func FuzzLargeRecord(f *testing.F) {
	f.Add("x", "", uint32(400_000), uint32(0), uint8(1), uint32(0))
	f.Add("\x01", `"`, uint32(300_000), uint32(200_000), uint8(1), uint32(0))
	f.Add("größe", `\`, uint32(1<<20), uint32(1<<20), uint8(1), uint32(0))
	f.Add("x", "", uint32(1), uint32(0), uint8(10), uint32(80_000))
	f.Add("", "x", uint32(1), uint32(500_000), uint8(2), uint32(250_000))
	f.Add("\xff", "\x00", uint32(100_000), uint32(100_000), uint8(3), uint32(140_000))
	f.Fuzz(func(t *testing.T, text, field string, times, fieldTimes uint32, lines uint8, noise uint32) {
		repeat := func(s string, n uint32) string {
			if s == "" {
				return ""
			}
			return strings.Repeat(s, int(n%(1<<21))/len(s)+1)
		}
		item := forgedLine(1, "INFO: (1) "+repeat(text, times))
		fields, _ := json.Marshal(map[string]string{"a": repeat(field, fieldTimes)})
		item["fields"] = [2]string{"S", string(fields)}
		item["locator"] = [2]string{"S", repeat(text, times/4)}
		roundTrips(t, []byte(`{"table":"info","item":`+forgedItem(item)+`}`))
		if lines > 1 {
			record := forgedPack(int(lines), int(noise%(1<<19)))
			roundTrips(t, record)
			// A pack beside a message or fields that fill the item.
			with := bytes.Replace(record, []byte(`"item":{`), []byte(`"item":{"fields":{"S":"{}"},`), 1)
			roundTrips(t, with)
		}
	})
}

// roundTrips checks that a record is refused, or is one that DynamoDB, the
// spill and a reader take.
func roundTrips(t *testing.T, data []byte) {
	t.Helper()
	r, err := row.ParseRecord(data)
	if err != nil {
		return
	}
	encoded := r.AppendJSON(nil)
	if len(encoded) > spill.MaxPayload {
		t.Fatalf("a record of %d bytes, from %d: the spill does not take it", len(encoded), len(data))
	}
	again, err := row.ParseRecord(encoded)
	if err != nil {
		t.Fatalf("what is accepted is not read again: %v", err)
	}
	if !bytes.Equal(again.AppendJSON(nil), encoded) {
		t.Fatal("a record changes when it is read again")
	}
	if size := itemSize(t, encoded); size > 400<<10 {
		t.Fatalf("an item of %d bytes as DynamoDB counts them", size)
	}
}

// itemSize is what DynamoDB counts of a record's item: names, texts in UTF-8,
// bytes, and numbers with a byte for two digits and one more.
func itemSize(t *testing.T, record []byte) (size int) {
	t.Helper()
	var r struct {
		Item map[string]struct {
			S *string
			N *string
			B []byte
		} `json:"item"`
	}
	if err := json.Unmarshal(record, &r); err != nil {
		t.Fatal(err)
	}
	for name, v := range r.Item {
		size += len(name)
		switch {
		case v.S != nil:
			size += len(*v.S)
		case v.N != nil:
			size += len(*v.N)/2 + 2
		default:
			size += len(v.B)
		}
	}
	return size
}
