package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/table"
)

const lastResortLine = `{"logtable_record":{"table":"%s","item":{"date":{"S":"2026-11-22"},"stamp_mod":{"S":"1795300002.005%04d+orders+2p4thtomb9"},"message":{"S":"%s: (1) line %d"},"level":{"S":"%s"},"locator":{"S":"1"}%s}}}`

func lastResortLines() string {
	var b strings.Builder
	fmt.Fprintln(&b, "START RequestId: 1")
	for i := range 60 {
		b.WriteString("2026-11-22T10:00:00.000Z 2026/11/22/[$LATEST]abc ")
		fmt.Fprintf(&b, lastResortLine+"\n", "info", i, "INFO", i, "INFO", `,"expiry":{"N":"1900000000"}`)
	}
	inString := strings.ReplaceAll(fmt.Sprintf(lastResortLine, "errors", 99, "ERROR", 99, "ERROR", ""), `"`, `\"`)
	fmt.Fprintf(&b, `{"timestamp":"2026-11-22T10:00:00.000Z","level":"INFO","message":"%s"}`+"\n", inString)
	fmt.Fprintln(&b, "REPORT RequestId: 1")
	return b.String()
}

func TestReplayWritesUnderTheSameKeys(t *testing.T) {
	server := table.Start(t)
	if err := server.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice does no harm
		var stdout, stderr bytes.Buffer
		args := []string{"replay", "-", "--info-table", "info", "--errors-table", "errors", "--endpoint-url", server.URL()}
		if code := run(t.Context(), args, func(string) string { return "" }, strings.NewReader(lastResortLines()), &stdout, &stderr); code != 0 || stdout.String() != "61 rows written\n" {
			t.Fatalf("%d: %s%s", code, &stdout, &stderr)
		}
	}
	if info, errors := server.Items("info"), server.Items("errors"); len(info) != 60 || len(errors) != 1 || errors[0].Str("message") != "ERROR: (1) line 99" {
		t.Errorf("%d informational rows, errors %v", len(info), errors)
	}
	if stats := server.Stats(); stats.Overwritten != 61 || stats.OverwrittenEqual != 61 {
		t.Errorf("%+v", stats)
	}
}

func TestReplayRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	for _, tc := range []struct {
		name, log, want string
		args            []string
		code            int
	}{
		{"no tables named", lastResortLines(), "--info-table", nil, 2},
		{"no such file", "", "cannot read the log", []string{"replay", "/nowhere", "--dry-run"}, 1},
		{"a line that is cut off", `x {"logtable_record":{"table":"info","da`, "line 1: cannot read the record: the line is cut off", []string{"replay", file, "--dry-run"}, 1},
		{"a stranger's key", fmt.Sprintf(strings.Replace(lastResortLine, "+orders+", "+or/ders+", 1), "info", 1, "INFO", 1, "INFO", `,"expiry":{"N":"1900000000"}`), "stamp_mod is none of ours", []string{"replay", file, "--dry-run"}, 1},
		{"a stranger's table", fmt.Sprintf(lastResortLine, "users", 1, "INFO", 1, "INFO", ""), "neither info nor errors", []string{"replay", file, "--dry-run"}, 1},
		{"a stranger's attribute", fmt.Sprintf(lastResortLine, "errors", 1, "INFO", 1, "INFO", `,"admin":{"S":"yes"}`), "a member that no record has", []string{"replay", file, "--dry-run"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tc.log), 0o600); err != nil {
				t.Fatal(err)
			}
			args := tc.args
			if args == nil {
				args = []string{"replay", file}
			}
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), args, func(string) string { return "" }, nil, &stdout, &stderr)
			if code != tc.code || !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("exit code %d, want %d: %s", code, tc.code, &stderr)
			}
		})
	}
}
