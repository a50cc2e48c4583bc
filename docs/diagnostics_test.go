package docs_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "replace texts in docs/operations.md that have changed in the source")

const module = "github.com/logtable/logtable/"

// TestDiagnostics holds the tables of diagnostics in operations.md to the
// source of the layer: each text that the layer can write to the function's log
// stands there, and nothing else does.
//
// After a change of wording, `go test ./docs -run Diagnostics -update` puts the
// new text in the place of the one that it resembles most.
func TestDiagnostics(t *testing.T) {
	const path = "operations.md"
	document := read(t, path)
	inSource := diagnostics(t)
	inDocument := map[string]bool{}
	for _, part := range between(document, "<!-- diagnostics -->", "<!-- end -->") {
		for line := range strings.Lines(part) {
			if m := regexp.MustCompile("^\\| `([^`]+)` \\|").FindStringSubmatch(line); m != nil {
				inDocument[m[1]] = true
			}
		}
	}
	var missing, stale []string
	for _, text := range slices.Sorted(maps.Keys(inSource)) {
		if !inDocument[text] {
			missing = append(missing, text)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(inDocument)) {
		if inSource[text] == "" {
			stale = append(stale, text)
		}
	}
	for _, text := range missing {
		old := mostLike(text, stale)
		switch {
		case old == "":
			t.Errorf("%s: docs/%s has no row for `%s`", inSource[text], path, text)
		case *update:
			document = strings.ReplaceAll(document, "| `"+old+"` |", "| `"+text+"` |")
			stale = slices.DeleteFunc(stale, func(s string) bool { return s == old })
		default:
			t.Errorf("%s: docs/%s has no row for `%s`; has the text been `%s`?", inSource[text], path, text, old)
		}
	}
	for _, text := range stale {
		t.Errorf("docs/%s explains `%s`, which the layer does not write", path, text)
	}
	if *update {
		if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// mostLike is the candidate that has most words in common with text, if it has
// half of them.
func mostLike(text string, candidates []string) (best string) {
	words := func(s string) map[string]bool {
		set := map[string]bool{}
		for _, w := range strings.Fields(strings.ToLower(s)) {
			set[strings.Trim(w, ".,:;()…")] = true
		}
		return set
	}
	most, mine := 0.0, words(text)
	for _, c := range candidates {
		theirs, common := words(c), 0
		for w := range mine {
			if theirs[w] {
				common++
			}
		}
		if share := float64(2*common) / float64(len(mine)+len(theirs)); share >= 0.3 && share > most {
			best, most = c, share
		}
	}
	return best
}

// diagnostics returns the texts of the layer's diagnostics, each with the place
// that writes it. What differs from case to case is "…".
func diagnostics(t *testing.T) map[string]string {
	texts := map[string]string{}
	for _, dir := range linked(t, "cmd/extension") {
		p := parsePackage(t, dir)
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				for _, e := range messages(n) {
					found := p.texts(e, 0)
					if len(found) == 0 {
						t.Errorf("%s: this test cannot read the text of a diagnostic here", p.place(e))
					}
					for _, text := range found {
						texts[text] = p.place(e)
					}
				}
				return true
			})
		}
	}
	if len(texts) < 50 {
		t.Fatalf("%d diagnostics found, there must be more", len(texts))
	}
	return texts
}

// messages returns the expressions of the diagnostics that a node writes, or
// hands on to be written.
func messages(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		args := len(n.Args)
		switch {
		case (name == "Say" || name == "Fail") && args >= 3, name == "Recover" && args == 2:
			if _, passedOn := n.Args[1].(*ast.SelectorExpr); passedOn {
				return nil // a problem's message, found where it is made
			}
			if id, ok := n.Args[1].(*ast.Ident); ok && id.Name == "message" && id.Obj != nil && id.Obj.Kind == ast.Var {
				if _, parameter := id.Obj.Decl.(*ast.Field); parameter {
					return nil // warn's, found where it is called
				}
			}
			return n.Args[1:2]
		case name == "warn" && args == 2:
			return n.Args[:1]
		case name == "refuse" && args == 5:
			return []ast.Expr{sum(text(n, "…=… "), sum(n.Args[2], text(n, "; using …")))}
		}
	case *ast.CompositeLit:
		if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Problem" {
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok && named(kv.Key, "Message") {
					call, ok := kv.Value.(*ast.CallExpr)
					if ok && len(call.Args) > 1 && strings.Contains(literal(call.Args[0]), "; using") {
						continue // refuse's own, found where it is called
					}
					return []ast.Expr{kv.Value}
				}
			}
		}
	case *ast.AssignStmt:
		if s, ok := n.Lhs[0].(*ast.SelectorExpr); ok && s.Sel.Name == "Message" && len(n.Rhs) == 1 && named(s.X, "p") {
			return n.Rhs
		}
	}
	return nil
}

// text is a literal in the place of a node, and sum a concatenation.
func text(n ast.Node, s string) ast.Expr {
	return &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(s), ValuePos: n.Pos()}
}

func sum(x, y ast.Expr) ast.Expr { return &ast.BinaryExpr{X: x, Op: token.ADD, Y: y} }

func named(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// literal is the value of a string literal, or of several in a sum.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return s
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	}
	return ""
}

// A source is a parsed package.
type source struct {
	set   *token.FileSet
	files []*ast.File
}

func (p *source) place(e ast.Expr) string {
	at := p.set.Position(e.Pos())
	return strings.TrimPrefix(at.String(), "../")
}

var verb = regexp.MustCompile(`%[-+# 0]*\d*(\.\d+)?[a-zA-Z]`)

// texts are what a string expression can be.
func (p *source) texts(e ast.Expr, depth int) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return []string{literal(e)}
	case *ast.BinaryExpr:
		var all []string
		left, right := p.texts(e.X, depth), p.texts(e.Y, depth)
		if _, variable := e.Y.(*ast.Ident); variable {
			right = nil // what differs from case to case
		}
		for _, x := range orAny(left) {
			for _, y := range orAny(right) {
				all = append(all, strings.ReplaceAll(x+y, "……", "…"))
			}
		}
		return all
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Sprintf" {
			return []string{verb.ReplaceAllString(literal(e.Args[0]), "…")}
		}
	case *ast.Ident:
		return p.assigned(e.Name, depth)
	}
	return nil
}

// assigned are the texts that a package assigns to a variable, constant or
// field of a name.
func (p *source) assigned(name string, depth int) (all []string) {
	if depth > 2 {
		return nil
	}
	add := func(e ast.Expr) {
		for _, text := range p.texts(e, depth+1) {
			if text != "" && !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	for _, file := range p.files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, lhs := range n.Lhs {
					is := named(lhs, name)
					if s, ok := lhs.(*ast.SelectorExpr); ok && s.Sel.Name == name {
						is = true
					}
					switch {
					case is && len(n.Rhs) == len(n.Lhs):
						if s, ok := n.Rhs[i].(*ast.SelectorExpr); !ok || s.Sel.Name != name {
							add(n.Rhs[i])
						}
					case is && len(n.Rhs) == 1:
						for _, result := range p.returned(n.Rhs[0], i) {
							add(result)
						}
					}
				}
			case *ast.ValueSpec:
				for i, id := range n.Names {
					if id.Name == name && i < len(n.Values) {
						add(n.Values[i])
					}
				}
			}
			return true
		})
	}
	return all
}

// returned are the expressions that a call of a function of the package returns
// as its i-th result.
func (p *source) returned(call ast.Expr, i int) (all []ast.Expr) {
	c, ok := call.(*ast.CallExpr)
	if !ok {
		return nil
	}
	for _, file := range p.files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || !named(c.Fun, f.Name.Name) {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && i < len(r.Results) {
					all = append(all, r.Results[i])
				}
				return true
			})
		}
	}
	return all
}

func orAny(texts []string) []string {
	if len(texts) == 0 {
		return []string{"…"}
	}
	return texts
}

// parsePackage parses the product files of a directory.
func parsePackage(t *testing.T, dir string) *source {
	t.Helper()
	p := &source{set: token.NewFileSet()}
	paths, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(p.set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.files = append(p.files, file)
	}
	return p
}

// linked returns the directories of the module's packages that a command links.
func linked(t *testing.T, command string) []string {
	seen := map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if seen[dir] {
			return
		}
		seen[dir] = true
		for _, file := range parsePackage(t, dir).files {
			for _, imported := range file.Imports {
				path, _ := strconv.Unquote(imported.Path.Value)
				if inside, ok := strings.CutPrefix(path, module); ok {
					visit(inside)
				}
			}
		}
	}
	visit(command)
	return slices.Sorted(maps.Keys(seen))
}

// read reads a file relative to this directory.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := fs.ReadFile(os.DirFS(".."), filepath.ToSlash(filepath.Join("docs", path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// between returns the parts of a text between two marks.
func between(text, begin, end string) (parts []string) {
	for {
		_, rest, found := strings.Cut(text, begin)
		part, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			return parts
		}
		parts, text = append(parts, part), after
	}
}

// TestReasons holds the table of reasons for losses to the source.
func TestReasons(t *testing.T) {
	inSource := map[string]bool{}
	for _, dir := range linked(t, "cmd/extension") {
		p := parsePackage(t, dir)
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 2 {
					return true
				}
				s, ok := call.Fun.(*ast.SelectorExpr)
				if ok && (s.Sel.Name == "drop" || strings.HasPrefix(s.Sel.Name, "lose")) {
					for _, text := range p.texts(call.Args[1], 0) {
						inSource[text] = true
					}
				}
				return true
			})
		}
	}
	if len(inSource) < 5 {
		t.Fatalf("only the reasons %v are found", inSource)
	}
	inDocument := map[string]bool{}
	for _, part := range between(read(t, "operations.md"), "<!-- reasons -->", "<!-- end -->") {
		for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(part, -1) {
			inDocument[m[1]] = true
		}
	}
	if !maps.Equal(inSource, inDocument) {
		t.Errorf("docs/operations.md has the reasons %q, the source %q",
			slices.Sorted(maps.Keys(inDocument)), slices.Sorted(maps.Keys(inSource)))
	}
}

// TestQuotes holds other texts that the documents quote to the source: the
// alert in alerts.md, and what rows and errors say in tables.md.
func TestQuotes(t *testing.T) {
	alert := fence.FindStringSubmatch(read(t, "alerts.md"))[1]
	source := read(t, "../internal/alert/message_test.go")
	fixed := regexp.MustCompile(`^(function |version |region |time |request |About |logtable |https:)`)
	for line := range strings.Lines(alert) {
		line = strings.TrimSuffix(strings.TrimSpace(line), "…")
		if fixed.MatchString(line) && !strings.Contains(source, line) {
			t.Errorf("docs/alerts.md shows %q, which is in no test of the message", line)
		}
	}
	var forms []*regexp.Regexp
	for _, dir := range linked(t, "cmd/extension") {
		for _, file := range parsePackage(t, dir).files {
			ast.Inspect(file, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if form := ""; ok {
					if form = literal(e); strings.Count(form, " ") > 2 {
						form = verb.ReplaceAllString(regexp.QuoteMeta(form), ".*")
						forms = append(forms, regexp.MustCompile("^"+form))
					}
				}
				return true
			})
		}
	}
	for _, m := range span.FindAllStringSubmatch(prose(read(t, "tables.md")), -1) {
		quote := strings.Join(strings.Fields(m[1]), " ")
		if strings.Count(quote, " ") < 3 || strings.HasPrefix(quote, "logtable ") ||
			strings.HasPrefix(quote, "go test ") || strings.Contains(quote, ": (") {
			continue
		}
		if !slices.ContainsFunc(forms, func(r *regexp.Regexp) bool { return r.MatchString(quote) }) {
			t.Errorf("docs/tables.md quotes `%s`, which the layer does not say", quote)
		}
	}
}
