package cause_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/logtable/logtable/internal/cause"
)

func TestErrorsWithALocatorHaveItAsTheirCause(t *testing.T) {
	long := strings.Repeat("a", 257)
	for _, test := range []struct{ module, locator, wantModule, want string }{
		{"shop", "7", "shop", "7"},
		{"shop", "checkout: pay", "shop", "checkout: pay"},
		{"shop", "zahlung-größe", "shop", "zahlung-größe"},
		{"my shop+x", "7+", "my_shop_x", "7+"},
		{"", "7", "", "7"},
		{strings.Repeat("\U0001f600", 200), "7", strings.Repeat("_", 128), "7"},
		{"a" + strings.Repeat("\x80", 900), "7", "a" + strings.Repeat("_", 127), "7"},
		{"shop", strings.Repeat("a", 256), "shop", strings.Repeat("a", 256)},
		{"shop", long, "shop", long[:200] + "~e8d95cc2b4bc198c"},
		{"shop", "a\x1b[31mb", "shop", "a_[31mb~ba3c30e7e130bf58"},
		{"shop", "a\u202eb", "shop", "a_b~1f7a9d5e8e213a52"},
	} {
		got := cause.Of(test.module, test.locator, "exception", "text")
		if got.Module != test.wantModule || got.Locator != test.want {
			t.Errorf("%q, %q: %q, %q; want %q, %q", test.module, test.locator, got.Module, got.Locator,
				test.wantModule, test.want)
		}
	}
}

// A row has 2 KB of a locator, and valid UTF-8; an alert has what was printed.
func TestTheRowAndTheAlertComeToTheSameCause(t *testing.T) {
	printed := strings.Repeat("ab\xff\xfeé", 1<<18)
	valid := strings.ToValidUTF8(printed, "\uFFFD")
	stored := valid[:2<<10]
	for !utf8.ValidString(stored) {
		stored = stored[:len(stored)-1]
	}
	if a, b := cause.Of("m", printed, "", ""), cause.Of("m", stored, "", ""); a != b {
		t.Errorf("printed: %v; stored: %v", a, b)
	}
	if a, b := cause.Of("m", "", printed, ""), cause.Of("m", "?", "", " "+valid+"\n  at main"); a != b {
		t.Errorf("printed: %v; stored: %v", a, b)
	}
}

func TestErrorsWithoutALocatorAreToldApartByWhatDoesNotVary(t *testing.T) {
	of := func(what string) string { return cause.Of("m", "?", what, "another").Locator }
	for _, same := range [][]string{
		{"ValueError: no order 17", "ValueError: no order 4711\n  File \"x.py\"", "ValueError: no  order 0x7fFA12"},
		{"KeyError: 'customer'", "KeyError: 'order'", `KeyError: "it's"`, "KeyError: `x y`"},
		{"no 6b1f7a9e-aaaa-bbbb-cccc-deadbeefdead here", "no 00000000-0000-0000-0000-000000000000 here"},
		{"timeout after 1.5 s at 10.0.0.1:443", "timeout after 30 s at 192.168.17.4:80", "timeout after 1,000 s at 1"},
		{"user12 of node deadbeef", "user7 of node cafe0123"},
		{"can't open '/tmp/a b'", "can't open '/tmp/c'"},
	} {
		for _, other := range same[1:] {
			if of(other) != of(same[0]) {
				t.Errorf("%q and %q are two causes", same[0], other)
			}
		}
	}
	different := []string{
		"ValueError: no order 17", "KeyError: 'customer'", "KeyError", "TypeError: a", "TypeError: b",
		"can't open it", "won't open it", "it isn't a decade", "it isn't a facade", "été", "ete", "",
	}
	seen := map[string]string{}
	for _, what := range different {
		if what == "" {
			continue
		}
		if other, is := seen[of(what)]; is {
			t.Errorf("%q and %q are one cause", what, other)
		}
		seen[of(what)] = what
	}
	long := strings.Repeat("long ", 205) // a KB, about
	if of(long+"head") != of(long+"tail") {
		t.Error("all of a line tells causes apart, however long it is")
	}
	python := "Traceback (most recent call last):\n  File \"a.py\", line %d\n    f()\nKeyError: %d\n\n" +
		"During handling of the above exception, another exception occurred:\n\n" +
		"Traceback (most recent call last):\n  File \"b.py\", line %d\n    g()\nValueError: no order %d\n"
	if got := cause.Headline(fmt.Sprintf(python, 1, 2, 3, 4)); got != "ValueError: no order 4" {
		t.Errorf("a traceback's headline is %q", got)
	}
	if of(fmt.Sprintf(python, 1, 2, 3, 4)) != of("ValueError: no order 17") {
		t.Error("a traceback is not told apart by its exception")
	}
	if got := cause.Headline(" Traceback (most recent call last):\n  cut off"); !strings.HasPrefix(got, "Traceback") {
		t.Errorf("a cut traceback's headline is %q", got)
	}
	// The form is a contract: what is stored must be found again.
	if got := of("ValueError: no order 17"); got != "?cda0ec72" {
		t.Errorf("the fingerprint is %s", got)
	}
	if cause.Of("m", "", "", "what 1") != cause.Of("m", "?", " \n", "what 2\nmore") {
		t.Error("without an exception, the text does not tell causes apart by its first line")
	}
}

func TestTheKeyIsDynamoDBsJSON(t *testing.T) {
	id := cause.Of("shop", `say "7"`, "", "")
	want := `{"date":{"S":"cause#shop"},"stamp_mod":{"S":"say \"7\""}}`
	if got := string(id.AppendKey(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !cause.IsItem(id.Date()) || cause.IsItem("2026-11-26") || cause.IsItem("2026-11-26#1") {
		t.Error("items and rows are not told apart")
	}
}

func FuzzOf(f *testing.F) {
	f.Add("shop", "7", "ValueError: 'x' 17", "text")
	f.Add("a b", "\x00\xff?", "'\"`", strings.Repeat("é", 3000))
	f.Add("", strings.Repeat("\u202e", 300), "0x", "6b1f7a9e-aaaa-bbbb-cccc-deadbeefdead")
	f.Fuzz(func(t *testing.T, module, locator, exception, text string) {
		id := cause.Of(module, locator, exception, text)
		if again := cause.Named(id.Module, id.Locator); again != id {
			t.Errorf("%q is %q if it is named", id, again)
		}
		if len(id.Locator) == 0 || len(id.Locator) > 256 || len(id.Module) > 128 || !utf8.ValidString(id.Locator) ||
			strings.ContainsFunc(id.Locator, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q cannot be a key that is typed", id)
		}
	})
}
