// Command check says which lines are too wide and which functions, files and
// structs are too large, in the tree that it is started in. `make check` and
// .ci/test call it.
//
// Its tests hold which package may import which, and why.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

func main() {
	findings, err := check(os.DirFS("."))
	for _, f := range findings {
		fmt.Println(f)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	case len(findings) > 0:
		fmt.Fprintf(os.Stderr, "check: %d findings\n", len(findings))
		os.Exit(1)
	}
}

// check looks at all Go and Markdown files of the tree but samples, and returns
// what is wrong in them, a line for each.
func check(tree fs.FS) (findings []string, err error) {
	var product sizes
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if passedOver(name) {
				return fs.SkipDir
			}
			return nil
		}
		switch path.Ext(name) {
		case ".md":
			text, err := fs.ReadFile(tree, name)
			findings = append(findings, wideProse(name, string(text))...)
			return err
		case ".go":
			text, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			f, err := parse(name, text)
			if err != nil {
				return err
			}
			findings = append(findings, f.wideLines()...)
			if !strings.HasSuffix(name, "_test.go") {
				findings = append(findings, product.add(f)...)
			}
		}
		return nil
	})
	return append(findings, product.distribution()...), err
}

// passedOver reports whether a directory holds what is not the project's own
// text: samples, or what tools have put there.
func passedOver(dir string) bool {
	switch path.Base(dir) {
	case "testdata", "node_modules", "target", "bin", "build", "dist":
		return dir != "layer/build"
	}
	return len(dir) > 1 && strings.HasPrefix(path.Base(dir), ".")
}
