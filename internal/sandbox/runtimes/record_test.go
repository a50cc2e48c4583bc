package runtimes_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "write what the loggers print into internal/parse/testdata/loggers")

// write puts what a logger printed in its first invocation where the parser's
// tests have it, without what is this machine's.
func (r *recording) write(t *testing.T, s sample, f function) {
	t.Helper()
	if len(s.want) != 3 || s.want[1].text != onePear("").text || len(r.invocations) < 2 {
		return // no logger's
	}
	text := fmt.Sprintf("# %s, %s: %s\n", s.language, s.logger, s.path)
	for _, record := range r.invocations[1].records {
		var line string
		if json.Unmarshal(record, &line) != nil { // an object
			line = string(record)
		}
		text += strings.TrimRight(line, "\r\n") + "\n"
	}
	host, err := os.Hostname()
	check(t, err)
	text = strings.NewReplacer(f.dir, "/var/task", filepath.Dir(s.file()), "/var/task", cacheDir(t), "/var/runtime",
		`"`+host+`"`, `"169.254.76.1"`).Replace(text)
	text = regexp.MustCompile(`/var/runtime/[a-z]+-[0-9a-f]{12}`).ReplaceAllString(text, "/var/runtime")
	text = regexp.MustCompile(`[\w./-]+/pkg/mod/`).ReplaceAllString(text, "/go/pkg/mod/")
	name := strings.TrimSuffix(filepath.Base(s.path), filepath.Ext(s.path))
	if s.language == "Go" {
		name = filepath.Base(filepath.Dir(s.path))
	}
	name = strings.ReplaceAll(strings.TrimPrefix(name, "with_"), "_", "-")
	language := map[string]string{"Node.js": "node", ".NET": "dotnet"}[s.language]
	if language == "" {
		language = strings.ToLower(s.language)
	}
	file := filepath.Join("../../parse/testdata/loggers", language+"-"+name+".txt")
	check(t, os.MkdirAll(filepath.Dir(file), 0o755))
	check(t, os.WriteFile(file, []byte(text), 0o644))
}
