package web

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxPage is how many lines a stranger can read.
const maxPage = 2000

// markup is what makes markup or code of a text, and what asks others.
var markup = regexp.MustCompile(`(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|` +
	`createContextualFragment|setHTML|\beval\b|new Function|javascript:|\bimport\(|` +
	`setAttribute\('style|style="|\son\w+=|` +
	`document\.cookie|localStorage|XMLHttpRequest|WebSocket|EventSource|sendBeacon|serviceWorker|<iframe|<style`)

// hosts are addresses of others. SVG's namespace is none, and what is shown in
// a field is ours.
var ours = []string{"http://www.w3.org/2000/svg", "http://127.0.0.1:"}

var hosts = regexp.MustCompile(`https?://[^\s'"]+|@import|url\(|["'(]//`)

func TestThePageIsSmallAndAsksNobodyElse(t *testing.T) {
	lines := 0
	err := fs.WalkDir(page, "page", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(page, path)
		lines += strings.Count(string(text), "\n")
		for n, line := range strings.Split(string(text), "\n") {
			if found := markup.FindString(line); found != "" {
				t.Errorf("%s:%d: %s: texts are text nodes, and styles and scripts are files", path, n+1, found)
			}
			for _, found := range hosts.FindAllString(line, -1) {
				if !slices.ContainsFunc(ours, func(own string) bool { return strings.HasPrefix(found, own) }) {
					t.Errorf("%s:%d: %s: another host", path, n+1, found)
				}
			}
			if len([]rune(line)) > 130 && !strings.HasSuffix(path, ".svg") {
				t.Errorf("%s:%d: %d columns, more than 130", path, n+1, len([]rune(line)))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines > maxPage || lines < 100 {
		t.Errorf("the page has %d lines; the most are %d", lines, maxPage)
	}
}

func TestTheRulesOfThePageFindWhatBreaksThem(t *testing.T) {
	for _, line := range []string{"e.innerHTML = text", "<p onclick=x>", `<b style="color:red">`, "eval(text)"} {
		if !markup.MatchString(line) {
			t.Errorf("%s is not found", line)
		}
	}
	for _, line := range []string{`<script src="https://x.example/x.js">`, `@import "x"`, `<img src="//x.example/">`} {
		if !hosts.MatchString(line) {
			t.Errorf("%s is not found", line)
		}
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string]string{
		"":                                   "",
		"  --level WARN+\t--grep=declined  ": "--level|WARN+|--grep=declined",
		`--module 'orders,bill*' "a b"`:      "--module|orders,bill*|a b",
		`--grep "say \"7\"" it\'s '\'`:       `--grep|say "7"|it's|\`,
		`--grep '' x`:                        "--grep||x",
		`--field user.name="Ann Lee"`:        "--field|user.name=Ann Lee",
		"日本 \u202e":                          "日本|\u202e",
	} {
		got, err := split(line)
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{`"a`, `'a`, `a\`, `a "b\"`} {
		if got, err := split(line); err == nil {
			t.Errorf("%q: %q", line, got)
		}
	}
}
