package row_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/testkit"
)

// maxSpillable is what the spill takes at most, by its own documentation.
const maxSpillable = 1 << 20

// A pack that no item can hold is refused whole: nothing of it could be cut.
func TestALargePackIsRefused(t *testing.T) {
	for _, tc := range []struct {
		lines, noise int
		fits         bool
	}{{10, 40_000, true}, {10, 80_000, false}, {2, 300_000, false}} {
		record := testkit.ForgedPack(tc.lines, tc.noise)
		if len(record) > maxSpillable {
			t.Fatalf("a record of %d bytes is no case of the spill's", len(record))
		}
		if _, err := row.ParseRecord(record); (err == nil) != tc.fits {
			t.Errorf("a record of %d bytes: %v", len(record), err)
		}
	}
	// Lines that no item can hold, though they are small when compressed.
	if _, err := row.ParseRecord(testkit.ForgedPackOf(2, func(int) string { return strings.Repeat("x", 500_000) })); err == nil {
		t.Error("a pack of lines that are larger than any item is accepted")
	}
}

// Few bytes may unpack to many: what no pack of ours holds is not looked at.
func TestUnpackingIsBounded(t *testing.T) {
	record := testkit.ForgedPackOf(24, func(int) string { return strings.Repeat("x", 250_000) })
	if _, err := row.ParseRecord(record); err == nil || !strings.Contains(err.Error(), "larger than any pack's") {
		t.Errorf("a record of %d bytes that unpacks to 6 MB: %v", len(record), err)
	}
}

// FuzzLargeRecord reaches what small inputs do not: rows of hundreds of kilobytes
// are made from a few bytes by repetition.
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
		item := testkit.ForgedLine(1, "INFO: (1) "+repeat(text, times))
		fields, _ := json.Marshal(map[string]string{"a": repeat(field, fieldTimes)})
		item["fields"] = [2]string{"S", string(fields)}
		item["locator"] = [2]string{"S", repeat(text, times/4)}
		roundTrips(t, []byte(`{"table":"info","item":`+testkit.ForgedItem(item)+`}`))
		if lines > 1 {
			record := testkit.ForgedPack(int(lines), int(noise%(1<<19)))
			roundTrips(t, record)
			// A pack beside a message or fields that fill the item.
			with := bytes.Replace(record, []byte(`"item":{`), []byte(`"item":{"fields":{"S":"{}"},`), 1)
			roundTrips(t, with)
		}
	})
}

// roundTrips checks that a record is refused, or is one that DynamoDB, the spill
// and a reader take.
func roundTrips(t *testing.T, data []byte) {
	t.Helper()
	r, err := row.ParseRecord(data)
	if err != nil {
		return
	}
	encoded := r.AppendJSON(nil)
	if len(encoded) > maxSpillable {
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
