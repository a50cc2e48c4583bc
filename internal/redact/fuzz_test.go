package redact_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/redact"
)

// settings are all kinds, and expressions that are awkward: short ones, ones
// that find marks or parts of them, and ones that look at what is beside them.
var settings = []string{
	"secrets", "all", `all;\d`, `redacted|\]|a`, `all;c\b|\Bx|^.|.$`, `(?s)x.*y;[^a]b;"`, `secrets;\s\S+\s`,
}

// compileAll returns the Redactor of each of the settings.
func compileAll(f *testing.F) map[string]*redact.Redactor {
	all := map[string]*redact.Redactor{}
	for _, setting := range settings {
		all[setting] = compile(f, setting)
	}
	return all
}

func seedTexts(f *testing.F, add func(string)) {
	for _, cases := range [][]textCase{secretCases, allCases} {
		for _, c := range cases {
			add(c.in)
		}
	}
	for _, text := range harmless {
		add(text)
	}
	for _, unit := range hostile {
		add(strings.Repeat(unit, 5))
	}
	add(cleanLine)
	add(hitLine)
}

// FuzzString: redacting twice changes nothing more, never makes a text much
// longer, keeps valid UTF-8 valid, and keeps what is not masked, in its order.
func FuzzString(f *testing.F) {
	redactors := compileAll(f)
	seedTexts(f, func(s string) { f.Add(s) })
	f.Fuzz(func(t *testing.T, text string) {
		for setting, r := range redactors {
			once := r.String(text)
			if again := r.String(once); again != once {
				t.Errorf("%s: String(%q) = %q, a second time %q", setting, text, once, again)
			}
			if len(once) > 10*len(text) {
				t.Errorf("%s: String(%q) = %q is too long", setting, text, once)
			}
			if utf8.ValidString(text) && !utf8.ValidString(once) {
				t.Errorf("%s: String(%q) = %q is no UTF-8", setting, text, once)
			}
			checkKept(t, setting, text, once)
		}
	})
}

// checkKept reports whether the parts between marks are in the text, in order.
func checkKept(t *testing.T, setting, text, once string) {
	t.Helper()
	if once == text {
		return
	}
	rest := text
	for _, mark := range []string{mKey, mSecret, mToken, mBearer, mJWT, mCard, mEmail} {
		once = strings.ReplaceAll(once, mark, mAny)
	}
	for part := range strings.SplitSeq(once, mAny) {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("%s: %q is not in %q, or not in this order", setting, part, text)
		}
		rest = after
	}
}

// FuzzJSON: valid JSON stays valid, and its strings become what String makes
// of them; redacting twice changes nothing more.
func FuzzJSON(f *testing.F) {
	redactors := compileAll(f)
	seedTexts(f, func(s string) {
		f.Add(`{"a":` + quoted(s) + `,"b":1}`)
		f.Add(`{"SecretAccessKey":[` + quoted(s) + `],` + quoted(s) + `:null}`)
	})
	for _, object := range []string{
		`{"card":4111111111111111,"x":-1.5e+10}`, `{"a":"\u0041\ud83d\ude00\ud800\/\\"}`,
		`{"a":"` + "\xff" + `","a":{}}`, `{`, `{"a`, `[`, `""`,
		strings.Repeat("[", 20) + strings.Repeat("]", 20), cleanObject, hitObject,
	} {
		f.Add(object)
	}
	f.Fuzz(func(t *testing.T, object string) {
		for setting, r := range redactors {
			once := r.JSON(object)
			if again := r.JSON(once); again != once {
				t.Errorf("%s: JSON(%q) = %q, a second time %q", setting, object, once, again)
			}
			if len(once) > 10*len(object)+len(`""`) {
				t.Errorf("%s: JSON(%q) = %q is too long", setting, object, once)
			}
			if !json.Valid([]byte(object)) {
				continue
			}
			if !json.Valid([]byte(once)) {
				t.Fatalf("%s: JSON(%q) = %q is no JSON", setting, object, once)
			}
			if !utf8.ValidString(object) {
				continue // encoding/json replaces what String keeps
			}
			before, after := tokens(t, object), tokens(t, once)
			if len(before) != len(after) {
				t.Fatalf("%s: JSON(%q) = %q has other values", setting, object, once)
			}
			for i, token := range before {
				if s, ok := token.(string); ok {
					checkString(t, setting, r.String(s), s, after[i])
				} else if !cmp.Equal(token, after[i]) && after[i] != mCard &&
					!(after[i] == mAny && hasExpression(setting)) {
					t.Errorf("%s: %v has become %v", setting, token, after[i])
				}
			}
		}
	})
}

// hasExpression reports whether more than the built-in kinds is masked.
func hasExpression(setting string) bool { return setting != "secrets" && setting != "all" }

// checkString compares a string of JSON with what String makes of it alone. A
// name before it may say more; a string that needed all passes may have been
// masked whole, which is checked by the text kept in it.
func checkString(t *testing.T, setting, alone, before string, after any) {
	t.Helper()
	got, ok := after.(string)
	if !ok {
		t.Fatalf("%s: the string %q has become %v", setting, before, after)
	}
	if got == alone || got == mAny {
		return
	}
	checkKept(t, setting, before, got)
	for _, mark := range []string{mSecret, mToken, mBearer} {
		if strings.Contains(got, mark) {
			return
		}
	}
	t.Errorf("%s: %q has become %q, alone it becomes %q", setting, before, got, alone)
}

func tokens(t *testing.T, text string) []any {
	t.Helper()
	var all []any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return all
		}
		all = append(all, token)
	}
}

// FuzzSetting: no setting makes New or what it returns panic or change its
// mind.
func FuzzSetting(f *testing.F) {
	for _, s := range append(settings, "", "off", "a*", `a\;b`, "(", `\`, ";", "secrets,all", "(?i)x", `\pL`, "[^a]",
		"off;x", `x{2,5}`, `(?:a|b)+?`) {
		f.Add(s, hitLine)
		f.Add(s, hitObject)
	}
	f.Fuzz(func(t *testing.T, setting, text string) {
		if len(setting) > 200 || len(text) > 2000 {
			return // large expressions are slow, not interesting
		}
		r := compileOrRefused(t, setting)
		if r == nil {
			return
		}
		if once := r.String(text); r.String(once) != once {
			t.Errorf("%q: String(%q) = %q, a second time %q", setting, text, once, r.String(once))
		}
		once := r.JSON(text)
		if again := r.JSON(once); again != once {
			t.Errorf("%q: JSON(%q) = %q, a second time %q", setting, text, once, again)
		}
		if json.Valid([]byte(text)) && !json.Valid([]byte(once)) {
			t.Errorf("%q: JSON(%q) = %q is no JSON", setting, text, once)
		}
	})
}

func compileOrRefused(t *testing.T, setting string) *redact.Redactor {
	t.Helper()
	r, err := redact.New(setting)
	if err != nil && (r != nil || strings.ContainsAny(err.Error(), "\r\n")) {
		t.Errorf("New(%q) = %v, %q", setting, r, err)
	}
	return r
}
