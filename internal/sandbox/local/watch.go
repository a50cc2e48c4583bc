package local

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/wait"
)

const (
	// watchEvery is the time between two looks at a function's files. Asking
	// for each file's time costs a few milliseconds for a thousand files, and
	// unlike notifications works the same on every system and file system,
	// containers' mounts included.
	watchEvery = 500 * time.Millisecond
	// watchFiles bounds how many files are watched.
	watchFiles = 10_000
)

// ignored are directories that no edit of a function is in. Those that begin
// with a dot are ignored, too.
var ignored = map[string]bool{"node_modules": true, "__pycache__": true, "venv": true}

// snapshot is the files of a directory with what a change changes.
type snapshot map[string]string

// Watch calls changed with the path of a file, relative to dir, soon after a
// file was changed, made or removed. What is saved in several steps is one
// change: it waits until nothing has changed from one look to the next. It ends
// with ctx, or with an error if dir has too many files.
func Watch(ctx context.Context, dir string, changed func(path string)) error {
	before, err := look(dir)
	if err != nil {
		return err
	}
	for pending := ""; ; {
		if wait.Sleep(ctx, watchEvery) != nil {
			return nil
		}
		now, err := look(dir)
		if err != nil {
			return err
		}
		path := difference(before, now)
		before = now
		switch {
		case path != "":
			pending = path
		case pending != "":
			if relative, err := filepath.Rel(dir, pending); err == nil {
				pending = relative
			}
			changed(pending)
			pending = ""
			if before, err = look(dir); err != nil {
				return err
			}
		}
	}
}

// look takes a snapshot. What cannot be read is not in it.
func look(dir string) (snapshot, error) {
	files := snapshot{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		name := d.Name()
		if d.IsDir() {
			if path != dir && (ignored[name] || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(name, ".") && name != ".env" || strings.HasSuffix(name, "~") {
			return nil // an editor's own
		}
		info, err := os.Stat(path) // of what a link points to
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		if len(files) == watchFiles {
			return fmt.Errorf("cannot watch %s: it has more than %d files; choose a smaller directory, "+
				"or leave out --reload", dir, watchFiles)
		}
		files[path] = fmt.Sprint(info.ModTime().UnixNano(), info.Size())
		return nil
	})
	return files, err
}

// difference is a file that two snapshots do not have alike, "" if there is
// none.
func difference(before, now snapshot) string {
	for path, state := range now {
		if before[path] != state {
			return path
		}
	}
	for path := range before {
		if _, there := now[path]; !there {
			return path
		}
	}
	return ""
}
