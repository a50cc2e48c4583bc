package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func newLine(text []byte) bool { return bytes.HasPrefix(text, []byte(`{"`)) }

func TestRepair(t *testing.T) {
	tests := []struct {
		in, want string
		faults   Faults
		rest     string // of in
	}{
		{`{"a":1}`, `{"a":1}`, 0, ``},
		{`{ "a" : [ 1 , {} ] } x`, `{ "a" : [ 1 , {} ] }`, 0, ` x`},
		{`{"a":NaN,"b":-Infinity,"c":None,"d":undefined,"e":True,"f":1}`,
			`{"a":"NaN","b":"-Infinity","c":null,"d":null,"e":true,"f":1}`, Word, ``},
		{`{"a":[NaN, nan],"b":01,"c":.5,"d":0x1F,"e":+1}`, `{"a":["NaN", "nan"],"b":"01","c":".5","d":"0x1F","e":"+1"}`,
			Word, ``},
		{`{"a":oops more}`, `{"a":"oops more"}`, Word, ``},
		{`{"a":1,}`, `{"a":1}`, Comma, ``},
		{`{"a":[1,2,],}`, `{"a":[1,2]}`, Comma, ``},
		{`{"a":1,,"b":2}`, `{"a":1,"b":2}`, Comma, ``},
		{`{,"a":1}`, `{"a":1}`, Comma, ``},
		{`{"a":1 "b":"x" "c":3}`, `{"a":1 ,"b":"x" ,"c":3}`, Comma, ``},
		{"{\"a\":\"x\ty\nz\x01\",\"b\":2}", `{"a":"x\ty\nz\u0001","b":2}`, Control, ``},
		{"{\"a\":1\x00,\uFEFF\"b\":2}", `{"a":1,"b":2}`, Control, ``},
		{"{\"a\":1,\x00}", `{"a":1}`, Comma | Control, ``},
		{`{"a":"say "17"","b":17}`, `{"a":"say \"17\"","b":17}`, Quote, ``},
		{`{"a":"say "no", and go","b":17}`, `{"a":"say \"no\", and go","b":17}`, Quote, ``},
		{`{"a":"say "no""}`, `{"a":"say \"no\""}`, Quote, ``},
		{`{"a":"got {"x":"y"}","b":17}`, `{"a":"got {\"x\":\"y\"}","b":17}`, Quote, ``},
		{`{"a":"C:\Data\x","b":"\u12"}`, `{"a":"C:\\Data\\x","b":"\\u12"}`, Backslash, ``},
		{`{"a":"C:\tmp\","b":1}`, `{"a":"C:\tmp\\","b":1}`, Backslash, ``},
		{`{"a":"got {\"x\":\"y\"}"}`, `{"a":"got {\"x\":\"y\"}"}`, 0, ``},
		{`{"a":"x`, `{"a":"x"}`, Cut, ``},
		{`{"a":"x\u00`, `{"a":"x"}`, Cut, ``},
		{`{"a":"x\`, `{"a":"x"}`, Cut, ``},
		{`{"a":{"b":[1,`, `{"a":{"b":[1]}}`, Cut, ``},
		{`{"a":1,"b`, `{"a":1,"b":null}`, Cut, ``},
		{`{"a":1,"b":`, `{"a":1,"b":null}`, Cut, ``},
		{`{"a":1,"b"`, `{"a":1,"b":null}`, Cut, ``},
		{`{`, `{}`, Cut, ``},
		{`{"a":,"b":}`, `{"a":null,"b":null}`, Word, ``},
		{`{"a":[1,{"b":2]}`, `{"a":[1,{"b":2}]}`, Bracket, ``},
		{`{"a":[1,2}`, `{"a":[1,2]}`, Bracket, ``},
		{`{"a":1],"b":2}`, `{"a":1,"b":2}`, Bracket, ``},
		{`{"a":1, b: 2}`, `{"a":1, "b": 2}`, Word, ``},
		{`{"a":[[[1]]],"b":{"c":{"d":1}}}`, `{"a":[["[1]"]],"b":{"c":{"d":1}}}`, Deep, ``},
		{"{\"a\":\"x\n{\"b\":2}", `{"a":"x"}`, Cut, "\n{\"b\":2}"},
		{"{\"a\":[1,\n{\"b\":2}", `{"a":[1]}`, Cut, ",\n{\"b\":2}"},
		{"{\n\"a\":[1,\n{\"b\":NaN}]}", "{\n\"a\":[1,\n{\"b\":\"NaN\"}]}", Word, ``},
		{`{"a":1 oops}`, `{"a":1 }`, Cut, `oops}`},
		{`{"a":1, ?}`, `{"a":1}`, Cut, `, ?}`},
	}
	for _, tt := range tests {
		r := Repairer{MaxDepth: 3, NewLine: newLine}
		if !strings.Contains(tt.in, "[[[") {
			r.MaxDepth = 100
		}
		out, n, faults := r.Object([]byte("before"), []byte(tt.in))
		if got := strings.TrimPrefix(string(out), "before"); got != tt.want || faults != tt.faults ||
			tt.in[n:] != tt.rest {
			t.Errorf("%q: got %s, faults %b, rest %q; want %s, %b, %q", tt.in, got, faults, tt.in[n:], tt.want,
				tt.faults, tt.rest)
		}
		if !json.Valid(bytes.TrimPrefix(out, []byte("before"))) {
			t.Errorf("%q: %s is no JSON", tt.in, out)
		}
	}
}

// Whatever is repaired becomes valid JSON, and what is valid stays as it is.
func FuzzRepair(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":NaN}],}`, `{"a":"x "y" z","b":1}`, "{\"a\":\"x\n{\"b\":2}", `{"a`,
		`{"a":{"b":[1,`, `{"a":1,"b":"\`, `{,,"a":[,]]}`, "{\"\xff\":\xff}", `{"a":1}}`, `{"a":":","b":","}`} {
		f.Add([]byte(s), uint8(100))
	}
	f.Fuzz(func(t *testing.T, text []byte, depth uint8) {
		if len(text) == 0 || text[0] != '{' {
			return
		}
		r := Repairer{MaxDepth: int(depth)%127 + 1, NewLine: newLine}
		out, n, faults := r.Object(nil, text)
		if utf8.Valid(text) && !json.Valid(out) {
			t.Fatalf("%q became %q", text, out)
		}
		if n > len(text) || len(out) > 6*len(text)+2*128+16 {
			t.Fatalf("%q: %d bytes of it became %d", text, n, len(out))
		}
		if faults == 0 && !bytes.Equal(out, text[:n]) {
			t.Fatalf("%q became %q without a fault", text, out)
		}
		strict := Repairer{MaxDepth: maxDepth + 1}
		if k := Value(text); k == len(text) {
			if out, n, faults := strict.Object(nil, text); faults != 0 || n != k || !bytes.Equal(out, text) {
				t.Fatalf("%q is valid and became %q (%d bytes, faults %b)", text, out, n, faults)
			}
		}
	})
}
