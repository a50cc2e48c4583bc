// Package docs_test holds the documents to the code: whatever they name must be
// there.
package docs_test

import (
	"errors"
	"go/ast"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/logtable/logtable/internal/testkit"
)

// documents are all Markdown files of the repository but issue templates.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(".."), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && passedOver(p):
			return fs.SkipDir
		case path.Ext(p) == ".md":
			text, err := os.ReadFile(filepath.Join("..", p))
			all[p] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// passedOver reports whether a directory holds nothing of the project's own.
func passedOver(dir string) bool {
	return dir != "." && strings.HasPrefix(path.Base(dir), ".") || path.Base(dir) == "node_modules" ||
		dir == "bin" || dir == "build"
}

// TestSizes keeps the two documents that everybody reads short, and prose and
// examples of commands readable in a terminal.
func TestSizes(t *testing.T) {
	for name, most := range map[string]int{"README.md": 10 << 10, "docs/design.md": 18 << 10} {
		if n := len(documents(t)[name]); n == 0 || n > most {
			t.Errorf("%s has %d bytes, want at most %d", name, n, most)
		}
	}
	for name, text := range documents(t) {
		code := false
		for i, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
			}
			if n := len([]rune(line)); n > 80 && !code && !strings.HasPrefix(line, "|") {
				t.Errorf("%s:%d has %d columns, want at most 80", name, i+1, n)
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fence   = regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```")
	span    = regexp.MustCompile("`([^`]+)`")
)

// prose is a document without its blocks of code.
func prose(text string) string { return fence.ReplaceAllString(text, "") }

// anchors are what GitHub makes of a document's headings.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(prose(text), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(m[1]) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				b.WriteRune(r)
			}
		}
		all[b.String()] = true
	}
	return all
}

// TestLinks follows every link within the repository, and holds that README
// leads to every document.
func TestLinks(t *testing.T) {
	all := documents(t)
	leads := map[string][]string{}
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(prose(text), -1) {
			target := m[1]
			if strings.Contains(target, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			to := name
			if file != "" {
				to = path.Join(path.Dir(name), file)
				leads[name] = append(leads[name], to)
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, target)
			}
			if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s links to %s, but %s has no such heading", name, target, to)
			}
		}
	}
	reached := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if reached[name] {
			return
		}
		reached[name] = true
		for _, to := range leads[name] {
			if info, err := os.Stat(filepath.Join("..", to)); err == nil && info.IsDir() {
				to = path.Join(to, "README.md")
			}
			visit(to)
		}
	}
	visit("README.md")
	for name := range all {
		if !reached[name] {
			t.Errorf("no link leads from README.md to %s", name)
		}
	}
}

// code are the pieces of code in a document: spans, and lines of blocks.
func code(text string) (pieces []string) {
	for _, m := range span.FindAllStringSubmatch(prose(text), -1) {
		pieces = append(pieces, strings.Join(strings.Fields(m[1]), " "))
	}
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		block := strings.ReplaceAll(m[1], "\\\n", " ")
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "$ "), " # ")
			pieces = append(pieces, strings.Join(strings.Fields(line), " "))
		}
	}
	return pieces
}

// eachCode calls f with every piece of code in the documents.
func eachCode(t *testing.T, f func(document, piece string)) {
	t.Helper()
	for name, text := range documents(t) {
		for _, piece := range code(text) {
			f(name, piece)
		}
	}
}

func TestMakeTargets(t *testing.T) {
	makefile := read(t, "../Makefile")
	eachCode(t, func(document, piece string) {
		target, found := strings.CutPrefix(piece, "make ")
		target, _, _ = strings.Cut(target, " ")
		if found && !strings.Contains(makefile, "\n"+target+":") {
			t.Errorf("%s names `%s`, which is not in the Makefile", document, piece)
		}
	})
}

// TestPaths holds that files and folders of the repository exist that the
// documents name.
func TestPaths(t *testing.T) {
	roots := []string{
		"cmd/", "internal/", "layer/", "examples/", "docs/", "./cmd/", "./internal/", "./layer/", "./docs",
	}
	eachCode(t, func(document, piece string) {
		for word := range strings.FieldsSeq(piece) {
			word = strings.TrimPrefix(word, "fileb://")
			inside := slices.ContainsFunc(roots, func(root string) bool { return strings.HasPrefix(word, root) })
			if !inside || strings.HasPrefix(word, "layer/dist") || strings.Contains(word, "…") {
				continue
			}
			if found, _ := filepath.Glob(filepath.Join("..", strings.TrimSuffix(word, "/..."))); len(found) == 0 {
				t.Errorf("%s names %s, which is not there", document, word)
			}
		}
	})
}

// TestVariables holds that LOGTABLE_ variables in the documents are settings.
func TestVariables(t *testing.T) {
	settings := read(t, "settings.md")
	variable := regexp.MustCompile(`LOGTABLE_[A-Z_]*[A-Z]`)
	for name, text := range documents(t) {
		for _, v := range variable.FindAllString(text, -1) {
			if !strings.HasPrefix(v, "LOGTABLE_TEST_") && !strings.Contains(settings, "| `"+v+"` |") {
				t.Errorf("%s names %s, which is not in docs/settings.md", name, v)
			}
		}
	}
}

// goTest is a command that runs some tests of one package.
var goTest = regexp.MustCompile(`^(?:\w+=\S+ )*go test (?:-\w+ )?(\./\S+) -(?:run|bench) (\S+)`)

// tests are the names of all tests, fuzz targets and benchmarks, by package.
func tests(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	name := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err := fs.WalkDir(os.DirFS(".."), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, "_test.go") {
			return err
		}
		text, err := os.ReadFile(filepath.Join("..", p))
		for _, m := range name.FindAllStringSubmatch(string(text), -1) {
			all[path.Dir(p)] = append(all[path.Dir(p)], m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestProofs holds that tests and stories exist that the documents name:
// `TestX`, `package.TestX`, `TestX…` for all that begin so, and, in the last
// column of a table in guarantees.md, stories.
func TestProofs(t *testing.T) {
	all := tests(t)
	name := regexp.MustCompile(`^(?:(\w+)\.)?((?:Test|Fuzz|Benchmark)\w*)(…?)$`)
	has := func(pkg, test string, prefix bool) bool {
		for dir, names := range all {
			if pkg != "" && path.Base(dir) != pkg {
				continue
			}
			for _, n := range names {
				if n == test || prefix && strings.HasPrefix(n, test) {
					return true
				}
			}
		}
		return false
	}
	eachCode(t, func(document, piece string) {
		if m := name.FindStringSubmatch(piece); m != nil && piece != "Test" && !has(m[1], m[2], m[3] != "") {
			t.Errorf("%s names the test %s, which is not there", document, piece)
		}
		if m := goTest.FindStringSubmatch(piece); m != nil {
			found := slices.ContainsFunc(all[strings.TrimPrefix(m[1], "./")], func(n string) bool {
				matched, _ := regexp.MatchString(strings.SplitN(m[2], "/", 2)[0], n)
				return matched
			})
			if !found {
				t.Errorf("%s says `%s`, which runs nothing", document, piece)
			}
		}
	})
	_, proofs, _ := strings.Cut(read(t, "guarantees.md"), "## The proofs")
	for line := range strings.Lines(proofs) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 3 {
			continue
		}
		for _, m := range span.FindAllStringSubmatch(cells[2], -1) {
			if name.MatchString(m[1]) || strings.HasPrefix(m[1], "make ") || strings.HasPrefix(m[1], "internal/") {
				continue
			}
			if found, _ := filepath.Glob("../cmd/extension/testdata/" + m[1] + ".txtar"); len(found) == 0 {
				t.Errorf("docs/guarantees.md names the story %s, which is not there", m[1])
			}
		}
	}
}

// TestPackages compares the table of packages in design.md with the packages.
func TestPackages(t *testing.T) {
	inDocument := map[string]bool{}
	for _, part := range between(read(t, "design.md"), "<!-- packages -->", "<!-- end -->") {
		for line := range strings.Lines(part) {
			cells := strings.SplitN(line, " | ", 2)
			for _, m := range span.FindAllStringSubmatch(cells[0], -1) {
				inDocument[m[1]] = true
			}
		}
	}
	inSource := map[string]bool{}
	for _, dir := range packages(t) {
		inSource[dir] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(inSource)) {
		if !inDocument[dir] {
			t.Errorf("docs/design.md does not say what %s decides", dir)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(inDocument)) {
		if !inSource[dir] {
			t.Errorf("docs/design.md has the package %s, which is not there", dir)
		}
	}
}

// packages are the directories of this module that hold Go files.
func packages(t *testing.T) (dirs []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(".."), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (passedOver(p) || d.Name() == "testdata"):
			return fs.SkipDir
		case path.Ext(p) == ".go" && !slices.Contains(dirs, path.Dir(p)):
			dirs = append(dirs, path.Dir(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// TestCommands holds that the tool has each command and flag that the documents
// name.
func TestCommands(t *testing.T) {
	testkit.Slow(t)
	tool := filepath.Join(t.TempDir(), "logtable")
	if out, err := exec.Command("go", "build", "-o", tool, "../cmd/logtable").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the tool: %v\n%s", err, out)
	}
	helps := map[string]string{}
	help := func(command string) string {
		if _, known := helps[command]; !known {
			out, err := exec.Command(tool, append(strings.Fields(command), "--help")...).CombinedOutput()
			var failed *exec.ExitError
			if err != nil && !errors.As(err, &failed) {
				t.Fatal(err)
			}
			helps[command] = string(out)
		}
		return helps[command]
	}
	has := func(help, name string) bool {
		name = regexp.QuoteMeta(name)
		return regexp.MustCompile(`(?m)^ +(-\w, )?` + name + `\b|^ +` + name + `, `).MatchString(help)
	}
	eachCode(t, func(document, piece string) {
		piece, _, _ = strings.Cut(piece, " | ")
		words := strings.Fields(strings.TrimPrefix(piece, "bin/"))
		if len(words) < 2 || words[0] != "logtable" {
			return
		}
		command := ""
		for len(words) > 1 && regexp.MustCompile(`^[a-z]+$`).MatchString(words[1]) {
			if !has(help(command), words[1]) {
				if command == "" {
					t.Errorf("%s says `%s`, but there is no command %s", document, piece, words[1])
					return
				}
				break // an argument
			}
			command = strings.TrimSpace(command + " " + words[1])
			words = words[1:]
		}
		for _, word := range words[1:] {
			flag, _, _ := strings.Cut(word, "=")
			if strings.HasPrefix(flag, "-") && flag != "-" && !has(help(command), flag) {
				t.Errorf("%s says `%s`, but %s has no %s", document, piece, command, flag)
			}
		}
	})
	// Flags that prose names by themselves.
	every := ""
	for _, command := range []string{
		"",
		"query",
		"tail",
		"show",
		"stats",
		"errors",
		"resolve",
		"ignore",
		"reopen",
		"export",
		"import",
		"replay",
		"alert test",
		"check",
		"local",
		"setup",
		"publish",
		"attach",
		"doctor",
		"web",
		"demo",
		"init",
	} {
		every += help(command)
	}
	eachCode(t, func(document, piece string) {
		if regexp.MustCompile(`^--[a-z-]+( [A-Z0-9]+)?$`).MatchString(piece) {
			flag, _, _ := strings.Cut(piece, " ")
			if !has(every, flag) && flag != "--layers" {
				t.Errorf("%s names the flag %s, which no command has", document, flag)
			}
		}
	})
	for _, m := range regexp.MustCompile(`(?m)^ +(\d+)  `).FindAllStringSubmatch(help("query"), -1) {
		if !strings.Contains(read(t, "reading.md"), "\n| "+m[1]+" |") {
			t.Errorf("docs/reading.md does not have the exit code %s", m[1])
		}
	}
}

// TestTranscript holds that README shows the demo's own sentences: lines of its
// transcript that begin with a capital letter.
func TestTranscript(t *testing.T) {
	var forms []*regexp.Regexp
	for _, file := range parsePackage(t, "cmd/logtable").files {
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				for line := range strings.Lines(literal(lit)) {
					if line = strings.TrimSpace(line); strings.Contains(line, " ") {
						form := verb.ReplaceAllString(regexp.QuoteMeta(line), ".*")
						forms = append(forms, regexp.MustCompile("^"+form+"$"))
					}
				}
			}
			return true
		})
	}
	_, transcript, _ := strings.Cut(read(t, "../README.md"), "$ make demo\n")
	transcript, _, _ = strings.Cut(transcript, "```")
	for line := range strings.Lines(transcript) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] < 'A' || line[0] > 'Z' || strings.HasPrefix(line, "Last lines:") {
			continue
		}
		if !slices.ContainsFunc(forms, func(r *regexp.Regexp) bool { return r.MatchString(line) }) {
			t.Errorf("README shows %q, which the demo does not print", line)
		}
	}
}

// TestStories compares the verbs, options, moods and steps of the stories with
// cmd/extension/testdata/README.md.
func TestStories(t *testing.T) {
	documented := map[string]bool{}
	for _, m := range span.FindAllStringSubmatch(prose(read(t, "../cmd/extension/testdata/README.md")), -1) {
		word, _, _ := strings.Cut(m[1], " ")
		word, _, _ = strings.Cut(word, "=")
		documented[word] = true
	}
	for what, words := range storyWords(t) {
		for _, word := range words {
			if !documented[word] {
				t.Errorf("cmd/extension/testdata/README.md does not have the %s %s", what, word)
			}
		}
	}
}

// storyWords reads the words of the stories out of the tests that play them:
// the keys of the maps in which they are looked up, and the cases of switches.
func storyWords(t *testing.T) map[string][]string {
	t.Helper()
	text := ""
	paths, err := filepath.Glob("../cmd/extension/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		source, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		text += string(source)
	}
	words := map[string][]string{}
	collect := func(what, begin, end, form string) {
		_, rest, found := strings.Cut(text, begin)
		part, _, closed := strings.Cut(rest, end)
		for _, m := range regexp.MustCompile(form).FindAllStringSubmatch(part, -1) {
			words[what] = append(words[what], m[1])
		}
		if !found || !closed || len(words[what]) < 2 {
			t.Errorf("this test does not find the stories' %ss any more", what)
		}
	}
	collect("command", "Cmds: map", "\n\t\t},\n", `"([a-z]+)": `)
	collect("option", "var options = ", "\n}\n", `(?m)^\t"(-[a-z-]+)":`)
	collect("option", "option, value, assigned", "default:", `option == "(-[a-z-]+)"`)
	collect("mood of dynamodb", "faults := map[string]table.FaultFunc", "\n\t}\n", `"([a-z-]+)": `)
	collect("mood of sns", "faults := map[string]sns.FaultFunc", "\n\t}\n", `"([a-z-]+)": `)
	collect("mood of lock", "moods := map", "\n\t}\n", `"([a-z-]+)": `)
	collect("step", "switch verb {", "default:", `(?m)^\t*case "([a-z_]+)"`)
	collect("step", "switch verb {", "default:", `(?m)^\t*case "[^:]*"([a-z_]+)":$`)
	return words
}

func TestWorkflow(t *testing.T) {
	workflow := read(t, "../.github/workflows/test.yml")
	if !strings.Contains(workflow, "make test") {
		t.Error("the workflow does not run make test")
	}
}

// TestDependencies holds that design.md says why each dependency is there.
func TestDependencies(t *testing.T) {
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)
	all := direct.FindAllStringSubmatch(read(t, "../go.mod"), -1)
	if len(all) < 5 {
		t.Fatal("this test finds no dependencies in go.mod")
	}
	for _, m := range all {
		name := strings.TrimPrefix(strings.TrimPrefix(m[1], "github.com/"), "aws/")
		if !regexp.MustCompile(`(?m)^\|[^|]*\b` + regexp.QuoteMeta(name) + `\b`).MatchString(read(t, "design.md")) {
			t.Errorf("docs/design.md does not say why %s is a dependency", m[1])
		}
	}
}
