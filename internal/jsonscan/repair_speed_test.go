//go:build !race

// The race detector takes its time, more of the one reader than of the other:
// .ci/test runs these without it.

package jsonscan

import (
	"strings"
	"testing"
	"time"
)

// On the same bytes, the tolerant reader takes at most four times the strict
// one's time. Both are measured in turns, by their minima.
func TestRepairIsNotSlow(t *testing.T) {
	line := `{"locator":"7","level":"ERROR","text":"order stored, the customer's next step is payment","requestId":"6f0c1b52-2d0e-4b6e-9d3f-000000000000","order":{"id":7919,"total":12.50,"items":["a","b"]},"list":[1,2,3,true,null]}`
	for name, text := range map[string]string{
		"a line": line, "many members": `{"l":[` + strings.Repeat(line+",", 500) + `1]}`,
		"a long string": `{"a":"` + strings.Repeat(`Zoë \"x\" `, 5000) + `"}`,
		"numbers":       `{"a":[` + strings.Repeat("1,", 50000) + `1]}`,
		"brackets":      `{"a":[` + strings.Repeat("[],{},", 20000) + `1]}`,
		"all of it":     `{"a":[` + strings.Repeat(`[],{},{"a":"bcd","c":1},`, 20000) + `1]}`,
	} {
		b, r := []byte(text), Repairer{MaxDepth: 100}
		odd := []byte(text[:len(text)-1] + `,"z":NaN}`)
		if inner, ok := strings.CutSuffix(text, "1]}"); ok {
			odd = []byte(inner + "NaN]}") // nothing can be left to the strict one
		}
		var out []byte
		strict, tolerant := time.Hour, time.Hour
		for i := range 500 { // until other load has left both alone once
			if i >= 20 && tolerant <= 4*strict {
				break
			}
			n := 1 + 100_000/len(b)
			start := time.Now()
			for range n {
				if Value(b) != len(b) {
					t.Fatal("not valid")
				}
			}
			strict = min(strict, time.Since(start))
			start = time.Now()
			for range n {
				out, _, _ = r.Object(out[:0], odd)
			}
			tolerant = min(tolerant, time.Since(start))
		}
		ratio := float64(tolerant) / float64(strict)
		t.Logf("%s: %.2f times", name, ratio)
		if ratio > 4 {
			t.Errorf("%s: the tolerant reader takes %.1f times as long as the strict one, want at most 4", name, ratio)
		}
	}
}
