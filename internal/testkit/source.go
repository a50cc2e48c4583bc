package testkit

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// CopySource copies what the extension and the tool are built of from one
// repository into another directory, so that a test can build it there.
func CopySource(t testing.TB, from, to string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum", "LICENSE", "cmd", "examples", "internal", "layer"} {
		err := filepath.WalkDir(filepath.Join(from, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && slices.Contains([]string{"testdata", "dist", "node_modules"}, d.Name()) {
				return fs.SkipDir
			}
			relative, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			target := filepath.Join(to, relative)
			if d.IsDir() {
				return os.MkdirAll(target, 0o755)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, content, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
