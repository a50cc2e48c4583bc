package parse_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/parse"
)

// FuzzCompact holds values without white space against jsontext's formatter.
func FuzzCompact(f *testing.F) {
	f.Add([]byte("{ \"a b\" :\t[1.50, -2e+3 , true,\n{} ,[ ]], \"\\u00e4\\\" \" : \"\x80 \\\\\" , \"\" :null}"))
	f.Add([]byte(`"a  b"`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		value := jsontext.Value(b)
		want, err := jsontext.AppendFormat([]byte("before"), value, jsontext.PreserveRawStrings(true),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if err != nil {
			return
		}
		if got := parse.AppendCompact([]byte("before"), value); string(got) != string(want) {
			t.Errorf("%q became %q, want %q", b, got, want)
		}
	})
}
