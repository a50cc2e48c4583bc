package logsapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/logsapi"
)

const (
	first = `{"time":"2026-11-22T10:52:00.001Z","type":"function","record":"first"}`
	last  = `{"time":"2026-11-22T10:52:00.009Z","type":"function","record":"last"}`
)

// seen is an event in memory of its own, as a line of text.
func seen(e logsapi.Event) string {
	if e.Broken {
		return "broken " + string(e.Raw)
	}
	return fmt.Sprintf("%s %s %s", e.Time, e.Type, e.Record)
}

func events(t testing.TB, body string) (all []string) {
	t.Helper()
	if err := logsapi.Events([]byte(body), func(e logsapi.Event) { all = append(all, seen(e)) }); err != nil {
		t.Fatalf("Events(%.100q): %v", body, err)
	}
	return all
}

func TestEvents(t *testing.T) {
	const (
		a = "2026-11-22T10:52:00.001Z function \"first\""
		z = "2026-11-22T10:52:00.009Z function \"last\""
	)
	deep := `{"time":"t","type":"function","record":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`
	tests := []struct {
		name, body string
		want       []string
	}{
		{"empty", `[]`, nil},
		{"empty with spaces", " [ \n] ", nil},
		{"two", "[" + first + "," + last + "]", []string{a, z}},
		{"white space", " [ " + first + " ,\r\n\t" + last + " ] \n", []string{a, z}},
		{"members in any order", `[{"record":{"requestId":"r"},"type":"platform.start","time":"t"}]`,
			[]string{`t platform.start {"requestId":"r"}`}},
		{"unknown members", `[{"x":{"type":"no"},"time":"t","type":"function","y":[1],"record":"r"}]`,
			[]string{`t function "r"`}},
		{"of a repeated member the last counts",
			`[{"time":"1","type":"a","record":1,"time":"2","type":"b","record":2}]`, []string{`2 b 2`}},
		{"escapes in names and values", `[{"t\u0069me":"\u0074","type":"platform\u002estart","record":"r"}]`,
			[]string{`t platform.start "r"`}},
		{"a string as the record of a platform event",
			`[{"time":"t","type":"platform.fault","record":"RequestId: r Process exited"}]`,
			[]string{`t platform.fault "RequestId: r Process exited"`}},
		{"no members", `[{}]`, []string{`  `}},
		{"members of the wrong type", `[{"time":5,"type":null,"record":null}]`, []string{`  null`}},
		{"invalid UTF-8", "[{\"time\":\"t\",\"type\":\"function\",\"record\":\"a\xffb\"}," + last + "]",
			[]string{"t function \"a\xffb\"", z}},
		{"no object", `[1,"a,b",null,[1,2],` + last + `]`,
			[]string{`broken 1`, `broken "a,b"`, `broken null`, `broken [1,2]`, z}},
		{"too deep", "[" + first + "," + deep + "," + last + "]", []string{a, "broken " + deep, z}},
		{"too deep and last", "[" + first + "," + deep + "]", []string{a, "broken " + deep}},
		{"too deep and not closed", "[" + deep[:len(deep)-1] + "," + last + "]",
			[]string{"broken " + deep[:len(deep)-1], z}},
		{"too deep, with an event in a string", `[{"x":"},` + `{\"time\":\"",` + deep[1:] + "," + last + "]",
			[]string{`broken {"x":"},{\"time\":\"",` + deep[1:], z}},
		{"too deep, with an event in an array", `[{"x":"\"","y":[1,` + last + `],` + deep[1:] + "]",
			[]string{`broken {"x":"\"","y":[1,` + last + `],` + deep[1:]}},
		{"syntax error, with an event in an array", `[{"x":"\"",y:[1,` + last + `]},` + last + "]",
			[]string{`broken {"x":"\"",y:[1,` + last + `]}`, z}},
		{"syntax error", `[` + first + `,{"time":"t","type":x,"record":"a,b"},` + last + `]`,
			[]string{a, `broken {"time":"t","type":x,"record":"a,b"}`, z}},
		{"quote missing", `[` + first + `,{"time":"t,"record":"abc"},` + last + `]`,
			[]string{a, `broken {"time":"t,"record":"abc"}`, z}},
		{"string never closed", `[` + first + `,{"time":"t","type":"function","record":"abc},` + last + `]`,
			[]string{a, `broken {"time":"t","type":"function","record":"abc}`, z}},
		{"bracket never closed", `[` + first + `,{"record":{"a":[1},` + last + `]`,
			[]string{a, `broken {"record":{"a":[1}`, z}},
		{"bracket too much", `[` + first + `,{"record":1}},` + last + `]`, []string{a, `broken {"record":1}}`, z}},
		{"array closed too early", `[` + first + `],` + last + `]`, []string{a, `broken ]`, z}},
		{"comma missing", `[` + first + ` ` + first + `,` + last + `]`, []string{`broken ` + first + ` ` + first, z}},
		{"stray commas", `[,` + first + `,,` + last + `,]`, []string{a, z}},
		{"something behind the array", `[` + first + `] x`, []string{a, `broken ] x`}},
		{"cut off behind an event", `[` + first, []string{a}},
		{"cut off behind a comma", `[` + first + ` , `, []string{a}},
		{"cut off in an event", `[` + first + `,{"time":"t","rec`, []string{a, `broken {"time":"t","rec`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, events(t, tt.body)); diff != "" {
				t.Errorf("Events(%.300q): -want +got\n%s", tt.body, diff)
			}
		})
	}
}

func TestEventsNoArray(t *testing.T) {
	for _, body := range []string{"", " ", "{}", first, "null", "x[]", `"[]"`} {
		err := logsapi.Events([]byte(body), func(e logsapi.Event) { t.Errorf("%q: got event %s", body, seen(e)) })
		if err == nil {
			t.Errorf("Events(%q): no error", body)
		}
	}
}

// Wherever a body breaks off, the events before are delivered as they are, and
// what remains as broken.
func TestEventsTruncated(t *testing.T) {
	parts := []string{first, `{"time":"t","type":"function","record":{"a":"},{[","b":[{},"\\"]}}`,
		`{"record":"\"","type":"x"}`, last}
	whole := "[" + strings.Join(parts, ",") + "]"
	all := events(t, whole)
	ends := make([]int, len(parts)) // of each event, in whole
	end := 0
	for i, part := range parts {
		end += 1 + len(part)
		ends[i] = end
	}
	for n := 1; n < len(whole); n++ {
		var want []string
		rest := 1
		for i, end := range ends {
			if end <= n {
				want = append(want, all[i])
				rest = end + 1
			}
		}
		if rest < n {
			want = append(want, "broken "+whole[rest:n])
		}
		if diff := cmp.Diff(want, events(t, whole[:n])); diff != "" {
			t.Fatalf("cut after %d bytes, %q: -want +got\n%s", n, whole[:n], diff)
		}
	}
}

// The known types cost nothing, and the rest of an event is not copied.
func TestEventsAllocations(t *testing.T) {
	next := `,{"time":"t","type":"platform.runtimeDone","record":{"requestId":"r"}},` + first
	many := []byte("[" + first + strings.Repeat(next, 500) + "]")
	n := 0
	allocs := testing.AllocsPerRun(5, func() { _ = logsapi.Events(many, func(logsapi.Event) { n++ }) })
	if allocs > 20 {
		t.Errorf("%v allocations for 1,001 events, want a few for all", allocs)
	}
	if n == 0 {
		t.Error("no events")
	}
}

// A body made to be searched again and again is still read in one go or so.
func TestEventsHostileBody(t *testing.T) {
	for _, piece := range []string{
		`,{"time":"`, `,{"time":`, `,{`, `,[`, `{"record":[`, `]`, `,]`, `}`, `"`, `,"`, `,{"a":"},`,
	} {
		body := "[" + strings.Repeat(piece, 20_000/len(piece)) + "," + last + "]"
		total := 0
		err := logsapi.Events([]byte(body), func(e logsapi.Event) { total += len(e.Raw) + len(e.Record) })
		if err != nil {
			t.Errorf("%q: %v", piece, err)
		}
		if total > len(body) {
			t.Errorf("%q: events of %d bytes out of %d", piece, total, len(body))
		}
	}
}

// FuzzEvents puts anything between two events: the first must arrive first, the
// other last, and nothing may be delivered twice.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{
		``, `1`, `{}`, `{"a":"`, `{"a":`, `[1`, `]`, `}`, `"`, `\`, `{"x":[1`, `"abc`, `{"record":"\`, "\xff",
		`{"time":"t","type":"function","record":{"a":1}}`,
		`{"time":"t","type":"function","record":"` + "\n" + `"}`,
		`{"a":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, between []byte) {
		if bytes.Count(between, []byte("{")) > 60 {
			return // more attempts than the reader makes
		}
		body := []byte("[" + first + "," + string(between) + "," + last + "]")
		var got []string
		total := 0
		err := logsapi.Events(body, func(e logsapi.Event) {
			got = append(got, seen(e))
			total += len(e.Raw) + len(e.Record)
			if e.Record != nil && !json.Valid(e.Record) {
				t.Errorf("record %q is no JSON", e.Record)
			}
			if e.Broken && (len(e.Raw) == 0 || e.Record != nil || e.Time != nil || e.Type != "") {
				t.Errorf("broken event %+v", e)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		want := events(t, "["+first+","+last+"]")
		if len(got) < 2 || got[0] != want[0] || got[len(got)-1] != want[1] {
			t.Errorf("%q: got\n%s", body, strings.Join(got, "\n"))
		}
		if total > len(body) {
			t.Errorf("%q: events of %d bytes out of %d", body, total, len(body))
		}
	})
}
