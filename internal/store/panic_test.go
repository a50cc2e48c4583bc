package store_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/store"
)

// touchy is a Reporter that panics when it is told of certain things.
type touchy struct {
	*reports
	of string // beginning of the keys
}

func (r touchy) Fail(key, message, advice string, args ...any) bool {
	if strings.HasPrefix(key, r.of) {
		panic("told of " + key)
	}
	return r.reports.Fail(key, message, advice, args...)
}

func (r touchy) Recover(key, message string) {
	if "recover "+key == r.of {
		panic("told of the end of " + key)
	}
	r.reports.Recover(key, message)
}

// brittle is a client whose calls panic.
type brittle struct{}

func (brittle) Call(context.Context, string, []byte) ([]byte, error) { panic("in the client") }

// within fails the test if f has not returned in a time that only a dead-lock
// needs.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not return", what)
	}
}

// Wherever a writer panics, also under the Store's lock, whoever owns the Store
// is told, everything returns, and no record is forgotten.
func TestAPanicOfAWriterHoldsNobody(t *testing.T) {
	lossRow := func(map[store.Loss]int) store.Entry { panic("in Losses") }
	for name, tc := range map[string]struct {
		change func(*store.Config)
		before func(*fixture, *spill.Spill)
		kept   func(date, stampMod string)
	}{
		"in the client": {change: func(c *store.Config) { c.Client = brittle{} }},
		"in Kept":       {kept: func(string, string) { panic("in Kept") }},
		"telling of a row": {change: func(c *store.Config) {
			c.Report = touchy{c.Report.(*reports), "recover dynamodb"}
		}},
		"telling of a failure": {
			change: func(c *store.Config) { c.Report = touchy{c.Report.(*reports), "dynamodb"} },
			before: func(f *fixture, _ *spill.Spill) { f.server.Refuse() },
		},
		"telling of damage": {
			change: func(c *store.Config) { c.Report = touchy{c.Report.(*reports), "lost"} },
			before: func(f *fixture, sp *spill.Spill) { damaged(f, sp) },
		},
		"in Losses": {
			change: func(c *store.Config) { c.Losses = lossRow },
			before: func(f *fixture, sp *spill.Spill) { damaged(f, sp) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			panicked := make(chan any, 10)
			f := newFixture(t, func(c *store.Config) {
				c.Panicked = func(v any) { panicked <- v }
				if tc.change != nil {
					tc.change(c)
				}
			})
			sp := f.withSpill(filepath.Join(t.TempDir(), "spill"))
			if tc.before != nil {
				tc.before(f, sp)
			}
			stored := f.Waiting() // of the spill, in whole
			entry := func() store.Entry {
				e := info("x")
				e.Kept = tc.kept
				return e
			}
			for range 5 {
				f.Add(entry())
			}
			within(t, "Flush", func() {
				for len(panicked) == 0 {
					f.Flush(context.Background())
				}
			})
			within(t, "Add", func() {
				f.Add(info("y"))
			})
			within(t, "Flush after the panic", func() {
				if err := f.Flush(context.Background()); err == nil {
					t.Error("everything is said to be stored")
				}
			})
			if tc.kept == nil {
				within(t, "Persist", func() { f.Persist() })
			}
			within(t, "CheckSpill", f.CheckSpill)
			var log bytes.Buffer
			within(t, "LastResort", func() { f.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute)) })
			lost := 0
			for _, n := range f.Lost() {
				lost += n
			}
			rows := len(f.messages())
			n := strings.Count(log.String(), "\n")
			if rows+n+lost < 6+stored || !strings.Contains(log.String(), "INFO: (1) y") {
				t.Errorf("%d rows, %d last-resort lines and %d losses of %d records:\n%s",
					rows, n, lost, 6+stored, log.String())
			}
			if len(panicked) != 1 {
				t.Errorf("%d panics: a writer was started after the first", len(panicked))
			}
		})
	}
}

// damaged leaves a file with a damaged record in a spill.
func damaged(f *fixture, sp *spill.Spill) {
	f.server.Refuse()
	f.add(20, "old")
	f.Persist()
	if err := f.server.Restore(); err != nil {
		f.t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(f.t.TempDir()), "*", "spill", "*.spill"))
	if len(files) != 1 {
		f.t.Fatalf("files of the spill: %q", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		f.t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		f.t.Fatal(err)
	}
}
