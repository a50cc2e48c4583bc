package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/jsonscan"
)

func TestWhole(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: `{}`, " {\"a\": [1]}\r\n": `{"a": [1]}`,
		``: ``, ` `: ``, `null`: ``, `[]`: ``, `"{}"`: ``, `{`: ``, `{} {}`: ``, `{"a":}`: ``, `{}x`: ``,
	} {
		if got := string(jsonscan.Whole([]byte(text))); got != want {
			t.Errorf("%q has the object %q, want %q", text, got, want)
		}
	}
}

// FuzzStrings holds what is read of an object that another program has sent
// against encoding/json.
func FuzzStrings(f *testing.F) {
	f.Add([]byte(`{"a":"x","b":"\u00e4\n"}`))
	f.Add([]byte(` {"a":null,"b":"1","b":"2","c":[{"a":"no"}]} `))
	f.Add([]byte(`{"a":7}`))
	f.Add([]byte(`{"":"","b":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		// encoding/json knows names in any case, and escaped ones; here they
		// are as they are documented.
		if strings.ContainsAny(string(b), `AB\`) {
			return
		}
		var want struct {
			A string `json:"a"`
			B string `json:"b"`
		}
		err := json.Unmarshal(b, &want)
		object := jsonscan.Whole(b)
		if object == nil {
			return // not valid, too deep, or null: see TestWhole
		}
		var x, y string
		failed := object.Strings(map[string]*string{"a": &x, "b": &y})
		if (failed == nil) != (err == nil) || err == nil && (x != want.A || y != want.B) {
			t.Errorf("%q: %q, %q, %v; encoding/json: %q, %q, %v", b, x, y, failed, want.A, want.B, err)
		}
	})
}
