package agent_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/testkit"
)

// TestNoSecretLeaves is every secret in every part of a line and in every
// encoding, through the agent: rows, rows of deaths with the last lines,
// issues, alerts, diagnostics. Without masking each place and each encoding
// does show the secret, or the table would prove nothing.
func TestNoSecretLeaves(t *testing.T) {
	testkit.Slow(t)
	for _, s := range secrets(rand.New(rand.NewSource(1))) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, p := range mapped {
				var lines []string
				for _, e := range encodings {
					lines = append(lines, p.print(e.encode(s.text)))
				}
				s.mustNotLeave(t, leave(t, s.setting, p.mapping, lines...))
				if shown := leave(t, "off", p.mapping, lines...); s.betrays(strings.Join(shown.rows, "\n")) == "" {
					t.Errorf("%s of %s: the secret does not show unmasked", p.part, p.mapping)
				}
			}
			var lines, names []string
			for i, p := range places {
				for _, e := range encodings {
					lines, names = append(lines, p.print(e.encode(s.text))),
						append(names, fmt.Sprintf("place %d, %s|%s", i, p.part, e.name))
				}
			}
			out := leave(t, s.setting, "", lines...)
			s.mustNotLeave(t, out)
			if least := 2 * len(lines); len(out.rows) < least || len(out.messages) < len(lines)/2 {
				t.Errorf("%d rows and %d alerts of %d lines", len(out.rows), len(out.messages), len(lines))
			}
			shows := map[string]bool{}
			for _, row := range leave(t, "off", "", lines...).rows {
				number := invocation.FindStringSubmatch(row)
				if number == nil || strings.Contains(row, "platform.timeout") || s.betrays(row) == "" {
					continue
				}
				i, _ := strconv.Atoi(number[1])
				place, encoding, _ := strings.Cut(names[i], "|")
				shows[place], shows[encoding] = true, true
			}
			for _, name := range names {
				place, encoding, _ := strings.Cut(name, "|")
				// A request's ID is the secret itself then, and a key has no
				// blanks.
				exempt := strings.HasSuffix(place, "RequestID") || strings.HasSuffix(place, "Module") &&
					strings.Contains(s.value, " ")
				if !shows[encoding] || !shows[place] && !exempt {
					t.Errorf("%s: the secret does not show unmasked", name)
				}
			}
		})
	}
}

var invocation = regexp.MustCompile(`(?m)^request_id: request-(\d+)-`)

func (s secret) mustNotLeave(t *testing.T, out *sink) {
	t.Helper()
	for _, texts := range [][]string{out.rows, out.messages} {
		for _, text := range texts {
			if part := s.betrays(text); part != "" {
				t.Errorf("%q of %.200q is in\n%.700q", part, s.text, text)
			}
		}
	}
}

// TestMaskedBeforeCut has secrets stand across the places where an issue (60
// and 500 bytes) and a last line (512) are cut.
func TestMaskedBeforeCut(t *testing.T) {
	for _, s := range secrets(rand.New(rand.NewSource(3))) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			for cut := range 6 {
				back := (len(s.text) - 1) * cut / 5
				pad := func(limit int) string { return strings.Repeat("y ", limit)[:max(0, limit-back)] + " " }
				lines = append(lines,
					`{"locator":"1","level":"info","text":"x"} `+pad(500)+s.text+` z`,
					pad(500)+s.text+` z {"locator":"1","level":"info","text":"x"}`,
					`{"locator":"1","level":`+jsonString(pad(60)+s.text)+`,"text":"x"}`,
					pad(512)+s.text)
			}
			s.mustNotLeave(t, leave(t, s.setting, "", lines...))
			// The first line has all of it on this side of the cut, nearly.
			if shown := leave(t, "off", "", lines...); s.betrays(strings.Join(shown.rows, "\n")) == "" {
				t.Errorf("the secret does not show unmasked")
			}
		})
	}
}

// TestALongTokenIsNotShownInPart: one that is longer than what is looked at
// behind the cut.
func TestALongTokenIsNotShownInPart(t *testing.T) {
	r := rand.New(rand.NewSource(4))
	token := "eyJ" + pick(r, base64URL, 30) + ".eyJ" + pick(r, base64URL, 40_000) + "." + pick(r, base64URL, 43)
	s := secret{text: token, value: token}
	s.mustNotLeave(t, leave(t, "", "", `{"locator":"1","level":"info","text":"x"} token `+token, "last "+token,
		`{"locator":"1","level":"`+token+`"}`))
}

// TestEveryPartHasAPlace: whoever gives a line a new part has to say here how a
// secret gets there.
func TestEveryPartHasAPlace(t *testing.T) {
	known := map[string]bool{
		"Kind":  true, // no text
		"Level": true, // one of the scale's, else it is in the issues

		"HasAlert": true, // no text
		"NoAlert":  true, // no text
	}
	for _, p := range places {
		known[p.part] = true
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[parse.Line]()) {
		if !known[f.Name] {
			t.Errorf("parse.Line has %s: add it to places, and see that it is masked", f.Name)
		}
	}
}

// TestNoSecretIsStoredAcrossParts: a name in one part, its value in another.
func TestNoSecretIsStoredAcrossParts(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	key, token := secretKey(r), sessionToken(r)
	parts := []string{"locator", "text", "exception", "module", "request_id", "note", "alert"}
	for _, s := range []secret{
		{name: "SecretAccessKey:", value: key}, {name: "aws_secret_access_key", value: key},
		{name: "the session token is X-Amz-Security-Token=", value: token},
	} {
		for _, encode := range []func(string) string{jsonString,
			func(s string) string { return `"` + escapeJSON(s, true) + `"` }} {
			var lines []string
			for _, a := range parts {
				for _, b := range parts {
					if a == b {
						continue
					}
					line := `{"level":"error"`
					if a != "locator" && b != "locator" {
						line += `,"locator":"1"`
					}
					lines = append(lines, line+`,"`+a+`":`+encode(s.name)+`,"`+b+`":`+encode(s.value)+`}`)
				}
			}
			lines = append(lines, `{"locator":"1","level":"error","text":`+encode(s.name)+`} `+s.value)
			s.text = s.name + s.value
			s.mustNotLeave(t, leave(t, "", "", lines...))
		}
	}
}

// harmless is what looks a little like what is masked, with "all".
var harmless = []string{
	"order 4711 of customer 6f0c1b52-2d0e-4b6e-9d3f-000000000001 stored at 2026-11-22T10:52:00.573Z in 35.2 ms",
	"40151128-3036-4111-8111-111111111111", "1-57591234-411111111111111111111111",
	"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
	"arn:aws:iam::123456789012:role/service-role/orders-role-4zbx1q2k", "arn:aws:sns:eu-central-1:123456789012:oncall",
	"sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ" +
		"AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
	`C:\new\token\key.txt`, `\\server\share\nightly`, `^\d+\.\d+\n$`, `say \"hello\" \u00e9\u003d`, `50% of 100%25`,
	"100%",
	"https://x.example/a%20b?q=%2Forders%2F4711&redirect=https%3A%2F%2Fy.example%2F&at=1795300002050",
	"%E2%82%AC 12,50",
	"the session token is missing", "secret key rotated", "missing sessionToken", "SecretAccessKey must not be empty",
	"Bearer authentication is required",
	`{"error":"missing sessionToken","traceId":"4bf92f3577b34da6a3ce929d0e0e4736",` +
		`"class":"com/example/orders2/internal/OrderService"}`,
	`{"name":"SecretAccessKey","sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709",` +
		`"path":"/v1/orders/2026/11/22/4711/Items/number/x"}`,
	`{"sessionToken":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}`,
	`{"secretKey":null,"keys":[1,2,3]}`,
	"at com.example.Orders$Handler.handle(Orders.java:42)", "user@localhost logo@2x.png lodash@4.17.21",
	"+4915112345678", "1795300002050123456",
	"4111111111111112", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}

// TestHarmlessStays byte for byte, in each part.
func TestHarmlessStays(t *testing.T) {
	testkit.Slow(t)
	environment := regexp.MustCompile(`(?m)^(stamp_mod: .*)\+[a-z0-9]+$`)
	stored := func(setting, mapping string, lines []string) []string {
		rows := leave(t, setting, mapping, lines...).rows
		for i := range rows {
			rows[i] = environment.ReplaceAllString(rows[i], "$1")
		}
		slices.Sort(rows)
		return rows
	}
	for _, p := range append(slices.Clone(places), mapped...) {
		var lines []string
		for _, text := range harmless {
			lines = append(lines, p.print(text))
			if json.Valid([]byte(text)) {
				lines = append(lines, `{"locator":"1","level":"error","text":"x","exception":`+text+`,"note":`+text+`}`)
			}
		}
		for _, setting := range []string{"", "all", `all;x{9}`} {
			if diff := cmp.Diff(stored("off", p.mapping, lines), stored(setting, p.mapping, lines)); diff != "" {
				t.Errorf("%s, %q: -off +masked\n%s", p.part, setting, diff)
			}
		}
	}
}

// FuzzNoSecretLeaves has random secrets stand in random places, in encodings in
// one another, between texts that the fuzzer thinks of.
func FuzzNoSecretLeaves(f *testing.F) {
	kinds := len(secrets(rand.New(rand.NewSource(0))))
	all := append(slices.Clone(places), mapped...)
	for i := range max(kinds, len(all), len(encodings)) {
		f.Add(int64(i), byte(i), byte(i), byte(i), byte(i/2), "before:", "behind")
	}
	for _, beside := range []string{"{", `"`, `\`, "}", "\xff", "{\"a\":[", "%", "secret key", "=", ", ", "Bearer",
		"[redacted", "4111"} {
		f.Add(int64(len(beside)), byte(1), byte(7), byte(1), byte(3), beside, beside)
	}
	f.Fuzz(func(t *testing.T, seed int64, kind, where, first, second byte, before, behind string) {
		if len(before)+len(behind) > 300 {
			return
		}
		s := secrets(rand.New(rand.NewSource(seed)))[int(kind)%kinds]
		p := all[int(where)%len(all)]
		text := strings.ToValidUTF8(before, "") + " " + s.text + " " + strings.ToValidUTF8(behind, "")
		for _, e := range []byte{first, second} {
			text = encodings[int(e)%len(encodings)].encode(text)
		}
		s.mustNotLeave(t, leave(t, s.setting, p.mapping, p.print(text)))
	})
}
