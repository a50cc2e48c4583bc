package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

var values = []string{
	``, ` `, `"`, `""`, `"a"`, `"abcdefg"`, `"abcdefgh"`, `"abcdefghi"x`, `"a\"b"`, `"\\"`, `"\`, `"\"`, `"\x"`,
	`"\u12"`, `"\u12g4"`, `"\u00e9\ud83d\ude00\n"`,
	`"\ud800"`, `"\udc00\ud800x"`, `"\ud83d\u0041"`, `"\u0000"`, `"\b\f\n\r\t\/\"\\"`, "\"a\nb\"", "\"\x1f\"",
	"\"\x7f\"", "\"é\xff\"", "\"\xe9\"", `"12345678\u00E9`, `"1234567\"89"`,
	`0`, `-0`, `01`, `-`, `+1`, `1.`, `.5`, `1.5`, `1e`, `1e5`, `1E-5`, `1e+`, `12x`, `-1.25e+10,`, `NaN`, `true`,
	`tru`, `truex`, `false`, `null`, `nul`,
	`{}`, `{ }`, `[]`, `[ ]`, `{]`, `[}`, `{"a":1}`, `{"a":1,}`, `{,}`, `[1,]`, `[,]`, `[1 2]`, `{"a"}`, `{"a":}`,
	`{a:1}`, `{1:1}`, `{"a":1 "b":2}`, `{"a" : [ 1 , {"b" : "]}"} ] } x`,
	`[[[]]]`, `{"a":{"b":{}}}`, `[{},[],"",0,true]`, `{"a":[1,{"b":2}}`, "[\f]", `[1`, `{"a":1`, `[{}`,
	strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65),
	strings.Repeat("[", 500),
}

// check compares with encoding/json and jsontext what is said of b.
func check(t *testing.T, b []byte) {
	t.Helper()
	n := jsonscan.Value(b)
	if n < 0 || n > len(b) || n > 0 && !json.Valid(b[:n]) {
		t.Fatalf("Value(%q) = %d", b, n)
	}
	if n == 0 && len(b) > 0 && depth(b) <= 64 && json.Valid(b) && !strings.ContainsRune(" \t\r\n", rune(b[0])) {
		t.Errorf("Value(%q) = 0, but it is valid", b)
	}
	if n > 0 && json.Valid(b) && len(bytes.TrimSpace(b[n:])) > 0 {
		t.Errorf("Value(%q) = %d, but all of it is valid", b, n)
	}
	s, plain := jsonscan.String(b)
	if s != n && (s > 0 || n > 0 && b[0] == '"') {
		t.Errorf("String(%q) = %d, Value %d", b, s, n)
	}
	if _, _, valid := jsonscan.AppendUnquote(nil, b); valid != (s > 0 && s == len(b)) {
		t.Errorf("AppendUnquote(%q): valid is %v", b, valid)
	}
	if s == 0 {
		return
	}
	if plain == bytes.Contains(b[:s], []byte(`\`)) {
		t.Errorf("String(%q): plain is %v", b, plain)
	}
	got, clean, _ := jsonscan.AppendUnquote([]byte("before"), b[:s])
	want, err := jsontext.AppendUnquote([]byte("before"), b[:s])
	if !bytes.Equal(got, want) {
		t.Errorf("AppendUnquote(%q) = %q, want %q", b[:s], got, want)
	}
	if clean != (err == nil && !bytes.Contains(want, []byte{0})) {
		t.Errorf("AppendUnquote(%q): clean is %v, %v", b[:s], clean, err)
	}
}

// depth is how many brackets are open at most, at any rate in valid JSON
// without brackets in strings; more in others, which are then not looked at.
func depth(b []byte) int {
	level, deepest := 0, 0
	for _, c := range b {
		switch c {
		case '{', '[':
			level++
		case '}', ']':
			level--
		}
		deepest = max(deepest, level)
	}
	return deepest
}

func TestAgainstEncodingJSON(t *testing.T) {
	for _, v := range values {
		check(t, []byte(v))
		for _, around := range [][2]string{{`[`, `]`}, {`{"a":`, `}`}, {`[1,`, `,"x"]`}, {`"12345`, `67"`},
			{`"1234567`, `"`}, {` `, ``}, {``, ` ,`}} {
			check(t, []byte(around[0]+v+around[1]))
		}
	}
}

// Every byte, and every escaped byte, at every place of a word.
func TestStrings(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			padding := strings.Repeat("x", at)
			for _, s := range []string{`"` + padding + string([]byte{byte(c)}) + `yz"`,
				`"` + padding + `\` + string([]byte{byte(c)}) + `"`,
				`"é` + padding + string([]byte{byte(c)}) + `12345678"`} {
				check(t, []byte(s))
			}
		}
	}
}

// checkQuote compares AppendQuote with jsontext.
func checkQuote(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		return
	}
	want, err := jsontext.AppendQuote([]byte("before"), s)
	if err != nil {
		t.Fatal(err)
	}
	if got := jsonscan.AppendQuote([]byte("before"), s); !bytes.Equal(got, want) {
		t.Fatalf("%q became %s, want %s", s, got, want)
	}
}

func TestQuote(t *testing.T) {
	for r := range rune(300) {
		for at := range 20 {
			checkQuote(t, strings.Repeat("x", at)+string(r))
			checkQuote(t, strings.Repeat("\"", at)+string(r)+"12345678"+string(r))
		}
	}
	for _, s := range []string{"", "\u2028<&>", "\U0001F600", strings.Repeat("\\", 100)} {
		checkQuote(t, s)
	}
}

func FuzzQuote(f *testing.F) {
	for _, v := range values {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, s string) { checkQuote(t, s) })
}

func TestAllocations(t *testing.T) {
	value := []byte(`{"a":["b\n\u00e9\ud83d\ude00",1.5,{"c":null}],"d":"` + strings.Repeat("é ", 100) + `"}`)
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		jsonscan.Value(value)
		jsonscan.AppendUnquote(buf, value[len(value)-1-len(`""`)-100*len("é "):len(value)-1])
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzValue(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v))
		f.Add([]byte(`{"a":[` + v + `],"b\u0041":"` + strings.Trim(v, `"`) + `"}`))
	}
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}
