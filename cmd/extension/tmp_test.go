package main_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/testkit"
)

// A misfortune is what becomes of /tmp while it holds rows.
type misfortune struct {
	name string
	size int // of /tmp, in MiB; 0 for a read-only one
	fall func(t *testing.T, tmp string)
}

var misfortunes = []misfortune{
	{"full", 66, fillUp},
	{"small", 65, nothing},
	{"read-only", 0, nothing},
	{"emptied", 80, func(t *testing.T, tmp string) {
		entries, err := os.ReadDir(tmp)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(tmp, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}},
	{"corrupted", 80, corrupt},
}

func nothing(*testing.T, string) {}

// fillUp is a function that uses all of /tmp.
func fillUp(t *testing.T, tmp string) {
	f, err := os.Create(filepath.Join(tmp, "the-functions-own"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// corrupt turns a byte in the middle of every file around.
func corrupt(t *testing.T, tmp string) {
	files, err := filepath.Glob(filepath.Join(tmp, "spill", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing to corrupt: %v", err)
	}
	for _, name := range files {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Seek(0, io.SeekEnd)
		if err == nil && size > 0 {
			b := []byte{0}
			if _, err = f.ReadAt(b, size/2); err == nil {
				b[0] ^= 0x40
				_, err = f.WriteAt(b, size/2)
			}
		}
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestMisfortunesOfTmp: DynamoDB is down, rows go to /tmp, and /tmp fails as
// well. Every line is stored, or in the log, or counted; nobody is held.
func TestMisfortunesOfTmp(t *testing.T) {
	for _, m := range misfortunes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			tmp := t.TempDir()
			flags := uintptr(0)
			if m.size == 0 {
				flags = syscall.MS_RDONLY
			}
			testkit.Component(t, "tmpfs mount (root)",
				syscall.Mount("tmpfs", tmp, "tmpfs", flags, fmt.Sprintf("size=%dm", m.size)))
			t.Cleanup(func() { syscall.Unmount(tmp, syscall.MNT_DETACH) })
			env, server := start(t, func(c *lambda.Config) {
				c.Freeze = true
				c.Env["LOGTABLE_SPILL_DIR"] = filepath.Join(tmp, "spill")
				c.Env["LOGTABLE_BUFFER_BYTES"] = "256KB"
				c.Env["LOGTABLE_FLUSH_TIMEOUT"] = flushTimeout.String()
			})
			var printed []string
			call := func(n int) {
				text := fmt.Sprintf(`{"locator":"1","level":"info","text":"line {n} of %d %s"}`, len(printed),
					strings.Repeat("x", 500))
				for i := range n {
					printed = append(printed,
						fmt.Sprintf("INFO: (1) line %d of %d %s", i+1, len(printed)-i, strings.Repeat("x", 500)))
				}
				r := invoke(t, env, scriptfn.Step{Print: &text, Times: n, Number: true})
				if r.Held > flushTimeout+slack {
					t.Errorf("held for %v", r.Held)
				}
			}
			many := 3000
			if len(raceFlag) > 0 {
				many = 1000
			}
			call(10)
			server.Refuse()
			call(many)
			m.fall(t, tmp)
			call(many)
			if err := server.Restore(); err != nil {
				t.Fatal(err)
			}
			for range 20 { // the spill is replayed beside these
				call(5)
			}
			audit(t, env, server, printed, shutDown(t, env))
		})
	}
}
