package local

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDotenv(t *testing.T) {
	const text = "\ufeff# a comment\n\nA=1\r\nexport B = two words # and why\nC=\nD='a \"b\" \\n # c' # x\n" +
		"E=\"a\\nb \\\"c\\\" \\\\ \\$HOME\"\nF=\"one\r\ntwo\"\nG=a=b#c\nURL=https://x/?a=b&c=d\nA=last\n"
	got, err := ParseDotenv(text)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"A": "last", "B": "two words", "C": "", "D": `a "b" \n # c`, "E": "a\nb \"c\" \\ $HOME", "F": "one\ntwo",
		"G": "a=b#c", "URL": "https://x/?a=b&c=d",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]string{
		"A=1\nnonsense":     "line 2 is not NAME=value",
		"=1":                "line 1 is not NAME=value",
		"A B=1":             "line 1 is not NAME=value",
		"A=1\nB=\"1\nC=2":   `line 2: the value of B has no closing "`,
		"A='it\\'s missing": "",
	} {
		if _, err := ParseDotenv(text); want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Whatever somebody has in a file, it is read or refused, and what can be
// written plainly is read back.
func FuzzParseDotenv(f *testing.F) {
	for _, text := range []string{"A=1", "A='", `A="\`, "export A=\"b\nc\"", "#\n=\n", "A=\"\\\"\""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		env, err := ParseDotenv(text)
		if err != nil && !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q: %v", text, err)
		}
		for name, value := range env {
			if name == "" || strings.ContainsAny(name, "=\n") {
				t.Errorf("%q has the variable %q", text, name)
			}
			if strings.ContainsAny(value, "'") || strings.Contains(value, "\r") {
				continue
			}
			again, err := ParseDotenv(name + "='" + value + "'")
			if err != nil || again[strings.TrimSpace(name)] != value {
				t.Errorf("%q: %q is read back as %q, %v", text, value, again, err)
			}
		}
	})
}
