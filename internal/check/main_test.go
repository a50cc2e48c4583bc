package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

func TestEachRuleFindsWhatBreaksIt(t *testing.T) {
	const pkg = "package p\n\n"
	x := func(n int) string { return strings.Repeat("x", n) }
	words := func(n int) string { return strings.Repeat("a ", n/2) }
	function := func(name string, lines int) string {
		return fmt.Sprintf("func %s() {\n%s}\n", name, strings.Repeat("\tprintln()\n", lines-2))
	}
	for name, c := range map[string]struct {
		path, text string
		want       string // empty: nothing
	}{
		"code":                {"a.go", pkg + "var a = `" + words(112) + "`\n", "a.go:3: 122 columns, more than 120"},
		"code that fits":      {"a.go", pkg + "var a = `" + words(110) + "`\n", ""},
		"a tab has four":      {"a.go", pkg + "func f() {\n\tprint(`" + words(110) + "`)\n}\n", "a.go:4: 123 columns"},
		"a test, too":         {"a_test.go", pkg + "var a = `" + words(112) + "`\n", "a_test.go:3: 122 columns"},
		"a comment":           {"a.go", pkg + "// " + words(80) + "b\nvar a int\n", "a.go:3: 84 columns, more than 80"},
		"an unbreakable word": {"a.go", pkg + "// https://" + x(80) + "\nvar a int\n", ""},
		"a directive":         {"a.go", pkg + "//go:generate " + words(80) + "\n", ""},
		"data over lines":     {"a.go", pkg + "var a = `\n" + words(130) + "\n`\n", ""},
		"samples":             {"testdata/a.go", pkg + "// " + words(80) + "b\n", ""},
		"prose":               {"docs/a.md", "# A\n\n" + words(80) + "bb\n", "docs/a.md:3: 82 columns, more than 80"},
		"a table":             {"a.md", "| " + words(80) + " |\n", ""},
		"code in prose":       {"a.md", "```\n" + words(90) + "\n```\n" + words(70) + "\n", ""},
		"prose after code":    {"a.md", "```\n```\n" + words(82) + "\n", "a.md:3: 82 columns"},
		"a link":              {"a.md", "- [" + words(70) + "](https://" + x(30) + ").\n", ""},
		"a reference":         {"a.md", "[b]: https://" + x(60) + "/" + x(60) + "\n", ""},

		"a long function": {"a.go", pkg + function("f", 67) + small(30),
			"a.go:3: f has 67 lines of code, more than 66"},
		"one that fits":      {"a.go", pkg + function("f", 66) + small(30), ""},
		"one of a test":      {"a_test.go", pkg + function("f", 67), ""},
		"comment is no code": {"a.go", pkg + "func f() {\n" + strings.Repeat("\t// a\n", 80) + "}\n", ""},
		"conditions": {"a.go", pkg + "func f(a bool) {\n\tif a" + strings.Repeat(" &&\n\t\ta", 14) +
			" {\n\t}\n}\n" + small(30),
			"f has a cyclomatic complexity of 16, more than 15"},
		"cases": {"a.go", pkg + "func f(a int) {\n\tswitch a {\n" + cases(15) + "\tdefault:\n\t}\n}\n" + small(30),
			"complexity of 16"},
		"a file": {"a.go", pkg + strings.Repeat("//\n", 399), "a.go: 401 lines, more than 400"},
		"fields": {"a.go", pkg + "type s struct {\n" + fields(16) + "}\n", "a.go:3: s has 16 fields, more than 15"},
		"parts":  {"a.go", pkg + "type s struct {\n" + fields(14) + "\tt\n}\ntype t struct{ a, b int }\n", ""},
		"median": {"a.go", pkg + function("f", 12), "median length is 12 lines of code, more than 11"},
		"95 in 100": {"a.go", pkg + function("f", 34) + small(18),
			"95th percentile length is 34 lines of code, more than 33"},
	} {
		t.Run(name, func(t *testing.T) {
			findings, err := check(fstest.MapFS{c.path: {Data: []byte(c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(findings, "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("findings:\n%s\nwant: %q", got, c.want)
			}
		})
	}
}

// small is n functions that no rule minds.
func small(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "func small%d() {}\n", i)
	}
	return b.String()
}

func cases(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\tcase %d:\n", i)
	}
	return b.String()
}

func fields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\ta%d int\n", i)
	}
	return b.String()
}
