package redact_test

import (
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/redact"
)

// Lines of 300 bytes as functions print them, and the same as a row's fields.
var (
	cleanLine = pad("order 4711 of customer 6f0c1b52-2d0e-4b6e-9d3f-000000000001 stored " +
		"at 2026-11-22T10:52:00.573Z in 35.2 ms, " +
		"key orders/2026/11/22/4711.json, next step is payment; " +
		"arn:aws:dynamodb:eu-west-1:123456789012:table/orders took 5 write units, retried twice, batch 17 of 40. ")
	hitLine = pad("calling https://api.example.com/v1/orders with Authorization: Bearer " + jwt +
		" for order 4711 failed: ")
	cleanObject = `{"customer":"6f0c1b52-2d0e-4b6e-9d3f-000000000001","note":"` + cleanLine[:170] +
		`","at":1795300002050,"items":["a","b"],"n":7}`
	hitObject = `{"customer":"6f0c1b52-2d0e-4b6e-9d3f-000000000001","note":"` + cleanLine[:170] +
		`","auth":"Bearer ` + opaque + `","n":7}`
)

func pad(s string) string {
	const size = 300
	return (s + strings.Repeat("the quick brown fox jumps over a lazy dog ", 10))[:size]
}

// BenchmarkString is what redaction costs a line.
func BenchmarkString(b *testing.B) {
	each(b, map[string]string{"clean": cleanLine, "hit": hitLine}, (*redact.Redactor).String)
}

// BenchmarkJSON is what it costs a line's fields.
func BenchmarkJSON(b *testing.B) {
	each(b, map[string]string{"clean": cleanObject, "hit": hitObject}, (*redact.Redactor).JSON)
}

func each(b *testing.B, texts map[string]string, do func(*redact.Redactor, string) string) {
	for _, s := range []struct{ name, setting string }{
		{"off", "off"}, {"secrets", "secrets"}, {"all", "all"}, {"regexp", `off;Bearer \S+`},
		{"regexp-fold", `off;(?i)bearer \S+`},
	} {
		for _, name := range []string{"clean", "hit"} {
			b.Run(s.name+"/"+name, func(b *testing.B) {
				r, text := compile(b, s.setting), texts[name]
				if masked := do(r, text) != text; masked != (name == "hit" && s.name != "off") {
					b.Fatalf("masked: %v", masked)
				}
				b.ReportAllocs()
				for b.Loop() {
					do(r, text)
				}
			})
		}
	}
}
