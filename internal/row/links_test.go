package row

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/logtable/logtable/internal/signing"
)

const traceID = "6352a70e1e2c2db1583c0d1f5e7a9b3c"

// randomLinks are any links, most of them odd.
func randomLinks(r *rand.Rand) Links {
	texts := []string{
		"", "acme", "ß\u2028", "\x00\x1b[1m", `"},"x":{"S":"`, `\`, "\xff", strings.Repeat("é", 300), traceID,
		"1.4.2", "ship-17/2f1c",
	}
	text := func() string { return texts[r.IntN(len(texts))] }
	return Links{
		TraceID: text(), TraceIDLine: text(), TenantID: text(), Execution: text(), Operation: text(), Version: text(),
		Attempt: []int64{0, 1, 7, maxAttempt, maxAttempt + 1, -1}[r.IntN(6)],
	}
}

// Links are the same in every form that a row has between the line and the
// reader.
func TestLinksSurvive(t *testing.T) {
	random, key := rand.New(rand.NewPCG(1, 2)), signing.New()
	for i := range 500 {
		var records []*Record
		var want []Links
		for n := range 2 {
			r := Row{
				Date: "2026-11-22", StampMod: fmt.Sprintf("1795300002.005%04d+m+2p4thtomb9", n), Level: "INFO",
				Locator: "1", Message: "INFO: (1) x", ExceptionAt: -1, Expiry: 3372141600, Links: randomLinks(random),
			}
			r.Fit()
			records, want = append(records, r.Record(0)), append(want, r.Links)
			before := r.Links
			if r.Fit(); r.Links != before {
				t.Fatalf("%+v became %+v", before, r.Links)
			}
		}
		check := func(form string, n int, r *Record, err error) {
			t.Helper()
			var got *Row
			if err == nil {
				got, err = r.Row()
			}
			if err != nil || got.Links != want[n] {
				t.Fatalf("%d, %s: %v, %+v; want %+v", i, form, err, got, want[n])
			}
		}
		for n, r := range records {
			check("as it is", n, r, nil)
			back, err := ParseRecord(r.AppendJSON(nil))
			check("a stranger's", n, back, err)
			owned, ok := ReadOwned(r.AppendOwned(nil, "me"), "me")
			if !ok {
				t.Fatal("its owner does not take it")
			}
			check("in the spill", n, &owned, nil)
			last, _, err := ReadLastResort(r.AppendLastResort(nil, key, uint64(n)))
			check("as the last resort", n, last, err)
		}
		pack := new(Packer).Pack(records)
		if _, err := ParseRecord(pack.AppendJSON(nil)); err != nil {
			t.Fatal(err)
		}
		lines, err := pack.Unpack()
		for n := range records {
			check("packed", n, lines[n], err)
		}
	}
}

// What a stranger writes is not a link, or a short one.
func TestStrangersLinks(t *testing.T) {
	long := strings.Repeat("é", 500_000)
	r := stored(t, Row{
		Level: "INFO", Message: "x", ExceptionAt: -1,
		Links: Links{TraceID: long, TraceIDLine: strings.Repeat("0", 32), TenantID: long, Execution: long,
			Operation: long, Version: long, Attempt: -7},
	})
	if r.TraceID+r.TraceIDLine != "" || r.Attempt != 0 {
		t.Errorf("%q and %q are traces, %d an attempt", r.TraceID, r.TraceIDLine, r.Attempt)
	}
	for _, part := range []struct {
		text string
		most int
	}{{r.TenantID, 256}, {r.Execution, 513}, {r.Operation, 256}, {r.Version, 64}} {
		if n := len(part.text); n > part.most || n < part.most-1 || !utf8.ValidString(part.text) {
			t.Errorf("%d bytes of at most %d", n, part.most)
		}
	}
	if r.Truncated != int64(4*len(long)-len(r.TenantID)-len(r.Execution)-len(r.Operation)-len(r.Version)) {
		t.Errorf("truncated says %d", r.Truncated)
	}
}

// A usual row with a trace is 40 bytes larger, and one write unit.
func TestATraceCostsFewBytes(t *testing.T) {
	r := Row{Level: "INFO", Message: "x", ExceptionAt: -1}
	before := r.size()
	r.TraceID = traceID
	if more := r.size() - before; more > 45 {
		t.Errorf("%d bytes more", more)
	}
}
