package examples

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// The samples elsewhere are built as those here are.
func TestGoModuleIsThisOne(t *testing.T) {
	for file, part := range map[string]string{"../go.mod": GoModule, "../go.sum": GoSum} {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(part) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "require ")
			if !strings.HasPrefix(line, "module ") && !strings.Contains(string(whole), line+"\n") {
				t.Errorf("%s does not have %q, which the module of the samples has", file, line)
			}
		}
	}
}

// What is in a folder is embedded, all of it.
func TestFoldersAreWhole(t *testing.T) {
	folders, err := fs.ReadDir(Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		here, err := os.ReadDir(folder.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range here {
			if _, err := fs.Stat(Files, path.Join(folder.Name(), file.Name())); err != nil {
				t.Error(err)
			}
		}
	}
}
