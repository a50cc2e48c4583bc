package web

import (
	"io"
	"testing"

	"github.com/logtable/logtable/internal/read"
)

// What a row costs on its way to the page: a search may have a million.
func BenchmarkFrames(b *testing.B) {
	row := read.Row{Key: read.Key{Time: noon, StampMod: "1795694403.0070000+orders+2p4thtomb9", Module: "orders"},
		Level: "INFO", Locator: "7", Text: "the order of a customer was received",
		Fields: `{"order":12345,"items":3,"customer":"c-17","took":17.5}`}
	b.ReportAllocs()
	f := newFramer(io.Discard)
	for b.Loop() {
		if f.add(&row, false); f.rows() == fullFrame {
			if err := f.flush(head{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
