package read

import "testing"

// What is quick must be what is right.
func FuzzFieldsText(f *testing.F) {
	for _, fields := range []string{
		`{"order":17,"user":{"name":"Ann Lee","tags":["a", "b"]},"ok":true,"none":null,"text":"a b","empty":""}`,
		`{}`, ` {"a":1}`, `{"a":1} `, `{ "a" : 1 , "b" : [ 1 , 2 ] }`, `{"a":1,"a":2}`, `{"":1}`, `{"a":"\u00e9"}`,
		"{\"a\":\"\xff\"}", `{"a":1`, `[1]`, `{"a":1}x`, `{"a":01}`, "{\"a\":\"\t\"}", `{"a b":"c"}`, `{"eq":"a=b"}`,
		"{\"a\":\"\u2028\"}", `{"a":"x","b":"` + "\u00a0" + `"}`, `{`, `"`, `{"a":{"b":1}}`, `{"a":"é"}`,
		`{"a":12345678901234567890.50}`,
	} {
		f.Add(fields)
	}
	f.Fuzz(func(t *testing.T, fields string) {
		if got, want := FieldsText(fields), anyFields(fields); fields != "" && got != want {
			t.Errorf("%q: %q, want %q", fields, got, want)
		}
	})
}
