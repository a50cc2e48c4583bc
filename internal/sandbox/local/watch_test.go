package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The file system knows nothing of the bubble's clock, so that each change is
// made to show by a size of its own.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("handler.py", 1)
	write("lib/a.py", 1)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		seen := make(chan string, 10)
		done := make(chan error)
		go func() { done <- Watch(ctx, dir, func(path string) { seen <- path }) }()
		pass := func(looks int) {
			for range looks {
				synctest.Wait()
				time.Sleep(watchEvery)
			}
			synctest.Wait()
		}
		expect := func(what, want string) {
			t.Helper()
			pass(3)
			got := ""
			for len(seen) > 0 {
				got += <-seen + " "
			}
			if strings.TrimSpace(got) != want {
				t.Errorf("%s: changes of %q, want %q", what, got, want)
			}
		}
		expect("nothing", "")
		write("handler.py", 2)
		expect("a change", "handler.py")
		for size := 3; size < 6; size++ { // saved in several steps
			write("handler.py", size)
			pass(1)
			if len(seen) > 0 {
				t.Errorf("told at size %d, before all was saved", size)
			}
		}
		expect("several steps", "handler.py")
		write(".env", 1)
		expect("variables", ".env")
		write("lib/new/b.py", 1)
		expect("a new file in a new folder", filepath.Join("lib", "new", "b.py"))
		if err := os.Remove(filepath.Join(dir, "lib/a.py")); err != nil {
			t.Fatal(err)
		}
		expect("a file is removed", filepath.Join("lib", "a.py"))
		for _, name := range []string{
			"node_modules/x/index.js", "__pycache__/a.pyc", ".git/HEAD", "venv/bin/python",
			".handler.py.swp", "handler.py~",
		} {
			write(name, 1)
		}
		expect("what no edit is in", "")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestTooManyFilesToWatch(t *testing.T) {
	dir := t.TempDir()
	for i := range watchFiles + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Watch(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), "more than 10000 files") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "0")); err != nil {
		t.Fatal(err)
	}
	if files, err := look(dir); err != nil || len(files) != watchFiles {
		t.Errorf("%d files, %v", len(files), err)
	}
}
