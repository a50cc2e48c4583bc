package row

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// packOf is the JSON form of a pack of lines with these texts, however large
// they are.
func packOf(n int, text func(i int) string) []byte {
	lines := make([]*Record, n)
	for i := range lines {
		lines[i] = (&Row{
			Date: "2026-11-22", StampMod: fmt.Sprintf("1795300002.005%04d+m+2p4thtomb9", i),
			Level: "INFO", Message: "INFO: (1) " + text(i), ExceptionAt: -1, Expiry: 3372141600,
		}).Record(0)
	}
	return new(Packer).Pack(lines).AppendJSON(nil)
}

// noise makes texts of so many characters that hardly compress.
func noise(size int) func(int) string {
	random, raw := rand.NewChaCha8([32]byte{}), make([]byte, size*3/4+1)
	return func(int) string {
		_, _ = random.Read(raw)
		return base64.StdEncoding.EncodeToString(raw)
	}
}

// A pack that no item can hold is refused whole: nothing of it could be cut.
func TestALargePackIsRefused(t *testing.T) {
	for _, tc := range []struct {
		lines, noise int
		fits         bool
	}{{10, 40_000, true}, {10, 80_000, false}, {2, 300_000, false}} {
		record := packOf(tc.lines, noise(tc.noise))
		if len(record) > MaxRecord {
			t.Fatalf("a record of %d bytes is no case of the spill's", len(record))
		}
		if _, err := ParseRecord(record); (err == nil) != tc.fits {
			t.Errorf("a record of %d bytes: %v", len(record), err)
		}
	}
	// Lines that no item can hold, though they are small when compressed.
	if _, err := ParseRecord(packOf(2, func(int) string { return strings.Repeat("x", 500_000) })); err == nil {
		t.Error("a pack of lines that are larger than any item is accepted")
	}
}

// Few bytes may unpack to many: what no pack of ours holds is not looked at.
func TestUnpackingIsBounded(t *testing.T) {
	record := packOf(24, func(int) string { return strings.Repeat("x", 250_000) })
	if _, err := ParseRecord(record); err == nil || !strings.Contains(err.Error(), "larger than any pack's") {
		t.Errorf("a record of %d bytes that unpacks to 6 MB: %v", len(record), err)
	}
}

// BenchmarkPack is 300 lines of 450 bytes with random identifiers in one pack:
// its time, and its size in bytes.
func BenchmarkPack(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	lines := make([]*Record, 300)
	for i := range lines {
		lines[i] = (&Row{
			Date: "2026-11-22", StampMod: fmt.Sprintf("1795300002.%03d%04d+orders+2p4thtomb9", i, 0),
			Level: "INFO", Locator: "orders.go:117", RequestID: "8f0a3c52-6a1e-4f6b-9d0e-2b7c5a914e77",
			Message: fmt.Sprintf("INFO: (orders.go:117) order %d is accepted and handed to the warehouse", i),
			Fields: fmt.Sprintf(`{"order":"%016x%016x","customer":%d,"took_ms":%d,"place":"harbour","try":%d}`,
				random.Uint64(), random.Uint64(), 100_000+random.IntN(900_000), random.IntN(500), random.IntN(3)),
			ExceptionAt: -1, Expiry: 3372141600,
		}).Record(0)
	}
	for _, quick := range []bool{false, true} {
		b.Run(fmt.Sprint("quick ", quick), func(b *testing.B) {
			p := &Packer{Quick: quick}
			for b.Loop() {
				p.Pack(lines)
			}
			b.ReportMetric(float64(p.out.Len()), "B/pack")
		})
	}
}
