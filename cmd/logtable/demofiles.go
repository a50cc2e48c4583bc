package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/logtable/logtable/examples"
	"github.com/logtable/logtable/internal/config"
)

// variables reads --env.
func variables(set []string) (map[string]string, error) {
	all := make(map[string]string, len(set))
	for _, pair := range set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usagef("--env %q is not NAME=VALUE: write, for example, -e %s=auto", pair, config.Fields)
		}
		all[name] = value
	}
	return all, nil
}

// findExamples finds the samples that were named, or writes those that are
// embedded in this program to the work directory.
func (d *demonstration) findExamples(named string) (err error) {
	if named != "" {
		if d.examples, err = filepath.Abs(named); err != nil {
			return err
		}
		if _, err = os.Stat(d.examples); err != nil {
			return fmt.Errorf("cannot find the sample functions: %w; give their directory with --examples, or leave "+
				"that out", err)
		}
		return nil
	}
	d.embedded, d.examples = true, filepath.Join(d.work, "examples")
	err = os.CopyFS(d.examples, examples.Files)
	for name, content := range map[string]string{"go.mod": examples.GoModule, "go.sum": examples.GoSum} {
		if err == nil {
			err = os.WriteFile(filepath.Join(d.examples, name), []byte(content), 0o644)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot write the sample functions: %w", err)
	}
	return nil
}

// findExtension returns the binary that was named, or else this program, which
// is the extension by its command of that name. It is linked to under the file
// name that the extension has in the layer, because it registers by it.
func (d *demonstration) findExtension(named string) ([]string, error) {
	if named != "" {
		path, err := filepath.Abs(named)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("cannot find the extension: %w; "+
				"name it with --extension, or leave that out", err)
		}
		return []string{path}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program's file: %w", err)
	}
	link := filepath.Join(d.work, "extensions", "logtable")
	if err := os.Mkdir(filepath.Dir(link), 0o755); err != nil {
		return nil, err
	}
	return []string{link, extensionCommand}, os.Symlink(self, link)
}
