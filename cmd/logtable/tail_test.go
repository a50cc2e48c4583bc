package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// putNow stores a row of this moment.
func putNow(t *testing.T, server *table.Server, module, level, text string, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago)
	tableName := "info"
	if level == "ERROR" {
		tableName = "errors"
	}
	putRow(t, server.Client(), tableName, map[string]any{
		"date": at.UTC().Format(time.DateOnly), "level": level, "locator": "1",
		"message":   fmt.Sprintf("%s: (1) %s", level, text),
		"stamp_mod": fmt.Sprintf("%d.%03d0000+%s+2p4thtomb9", at.Unix(), at.Nanosecond()/1e6, module)})
}

// following is a tail -f in this process; lines are what it prints.
type following struct {
	t     *testing.T
	lines <-chan string
	stop  func() int
	errs  *safeBuilder
}

// safeBuilder is what is printed by one goroutine and read by another.
type safeBuilder struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (b *safeBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func follow(t *testing.T, env map[string]string, args ...string) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	errs, ended := &safeBuilder{}, make(chan int, 1)
	go func() {
		getenv := func(name string) string { return env[name] }
		ended <- run(ctx, append([]string{"tail", "-f"}, args...), getenv, strings.NewReader(""), w, errs)
		w.Close()
	}()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	stop := func() int {
		cancel()
		for range lines {
			continue
		}
		return <-ended
	}
	return &following{t, lines, stop, errs}
}

// want waits for a line with a text.
func (f *following) want(text string) string {
	f.t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case line, ok := <-f.lines:
			if strings.Contains(line, text) {
				return line
			}
			if !ok {
				f.t.Fatalf("it ended before %q: %s", text, f.errs)
			}
		case <-timeout:
			f.t.Fatalf("there is no %q: %s", text, f.errs)
		}
	}
}

// wantErr waits for a text on standard error.
func (f *following) wantErr(text string) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(f.errs.String(), text); {
		if time.Now().After(deadline) {
			f.t.Fatalf("standard error has no %q: %s", text, f.errs)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestTailFollows(t *testing.T) {
	server, env := tables(t)
	env["LOGTABLE_SHARDS"] = "1"
	putNow(t, server, "orders", "INFO", "there before", time.Minute)
	for _, form := range []string{"text", "jsonl", "csv", "raw"} {
		f := follow(t, env, "--endpoint-url", server.URL(), "-o", form, "--module", "orders")
		f.want("there before")
		putNow(t, server, "billing", "INFO", "of another module", 0)
		putNow(t, server, "orders", "ERROR", "new in "+form, 0)
		line := f.want("new in " + form)
		if strings.Contains(line, "late") || form == "text" && !strings.HasPrefix(line, "!") {
			t.Errorf("%q", line)
		}
		if code := f.stop(); code != exitInterrupted || f.errs.String() != "logtable: interrupted\n" {
			t.Errorf("exit code %d: %s", code, f.errs)
		}
	}
}

// What keeps a tail from reading is said once, and it goes on.
func TestTailSurvives(t *testing.T) {
	server, env := tables(t)
	env["LOGTABLE_SHARDS"] = "1"
	putNow(t, server, "orders", "INFO", "there before", time.Minute)
	for name, tc := range map[string]struct {
		fault table.FaultFunc
		times int
		says  string
	}{
		"throttling":  {table.Throttle(1, 1), 3, "DynamoDB is throttling requests"},
		"errors":      {table.ServerError(500, 1, 1), 1, "InternalServerError"},
		"the network": {table.ResetBefore(1, 1), 2, "no connection"},
	} {
		t.Run(name, func(t *testing.T) {
			f := follow(t, env, "--endpoint-url", server.URL())
			f.want("there before")
			server.OnRequest(table.Only(table.First(tc.times, tc.fault), "Query"))
			f.wantErr(tc.says)
			putNow(t, server, "orders", "INFO", "after "+name, 0)
			f.want("after " + name)
			f.wantErr("reading again")
			f.stop()
			for _, text := range []string{tc.says, "logtable: reading again\n"} {
				if strings.Count(f.errs.String(), text) != 1 {
					t.Errorf("%q is not said once: %s", text, f.errs)
				}
			}
		})
	}
}

// Credentials of a file are read again when they have expired.
func TestTailTakesNewCredentials(t *testing.T) {
	server, env := tables(t)
	env["LOGTABLE_SHARDS"] = "1"
	putNow(t, server, "orders", "INFO", "there before", time.Minute)
	file := filepath.Join(t.TempDir(), "credentials")
	write := func(key string) {
		text := fmt.Sprintf("[me]\naws_access_key_id = %s\naws_secret_access_key = secret\n", key)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("AKIAOLD")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	f := follow(t, env, "--endpoint-url", server.URL(), "--profile", "me", "--region", "eu-central-1")
	f.want("there before")
	server.OnRequest(table.ExpiredToken())
	f.wantErr("the AWS credentials have expired: log in again (aws sso login), or choose another --profile; " +
		"trying again as soon as there are new ones")
	write("AKIANEW")
	server.OnRequest(nil)
	putNow(t, server, "orders", "INFO", "with new credentials", 0)
	f.want("with new credentials")
	f.wantErr("reading again")
	server.OnRequest(table.AccessDenied())
	for range f.lines {
		continue
	}
	f.wantErr("access denied")
	if code := f.stop(); code != exitError {
		t.Errorf("exit code %d: %s", code, f.errs)
	}
}

// Nobody can change the environment of a process.
func TestTailEndsWithTheEnvironmentsCredentials(t *testing.T) {
	server, env := tables(t)
	env["LOGTABLE_SHARDS"], env["AWS_ACCESS_KEY_ID"] = "1", "AKIA"
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	putNow(t, server, "orders", "INFO", "there before", time.Minute)
	f := follow(t, env, "--endpoint-url", server.URL(), "--region", "eu-central-1")
	f.want("there before")
	server.OnRequest(table.ExpiredToken())
	f.wantErr("the AWS credentials have expired")
	if code := f.stop(); code != exitError && code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, f.errs)
	}
	if strings.Contains(f.errs.String(), "trying again") {
		t.Errorf("%s", f.errs)
	}
}

// The real program ends with its reader, and by Ctrl-C.
func TestTailEnds(t *testing.T) {
	server, env := tables(t)
	putNow(t, server, "orders", "INFO", "there before", time.Minute)
	for name, code := range map[string]int{"its reader leaves": 141, "Ctrl-C": 130} {
		cmd, stderr := toolCommand(t, env, "tail", "-f", "--shards", "1", "--endpoint-url", server.URL(), "-o", "raw")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if _, err := io.ReadFull(r, make([]byte, len("there before\n"))); err != nil {
			t.Fatal(err, stderr)
		}
		if code == 141 {
			r.Close()
			putNow(t, server, "orders", "INFO", "for nobody", 0)
		} else if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if got := exitCode(t, cmd.Wait()); got != code {
			t.Errorf("%s: exit code %d, want %d: %s", name, got, code, stderr)
		}
		r.Close()
	}
}

func TestTailWithoutFollowing(t *testing.T) {
	server, env := tables(t)
	env["LOGTABLE_SHARDS"] = "1"
	for i := range 12 {
		putNow(t, server, "orders", "INFO", fmt.Sprintf("row %d.", i), time.Duration(20-i)*time.Second)
	}
	putNow(t, server, "orders", "INFO", "of yesterday", 25*time.Hour)
	at := []string{"--endpoint-url", server.URL(), "-o", "raw"}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "row 2.\nrow 3.\nrow 4.\nrow 5.\nrow 6.\nrow 7.\nrow 8.\nrow 9.\nrow 10.\nrow 11.\n"},
		{[]string{"-n", "2"}, "row 10.\nrow 11.\n"},
		{[]string{"--grep", "row 1."}, "row 1.\n"},
		{[]string{"--since", "2d", "--grep", "yesterday"}, "of yesterday\n"},
	} {
		if got := logtable(t, env, append(append([]string{"tail"}, tc.args...), at...)...); got.stdout != tc.want {
			t.Errorf("%v: %+v", tc.args, got)
		}
	}
	for _, args := range [][]string{{"-n", "0"}, {"-n", "-1", "-f"}, {"-f", "-o", "json"}, {"--grep", ""}, {"today"}} {
		if got := logtable(t, env, append(append([]string{"tail"}, args...), at[:2]...)...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// A late row is marked in every form that has a place for it.
func TestLateRowsAreMarked(t *testing.T) {
	row := shown{late: true}
	row.Level, row.Module, row.Locator, row.Text = "INFO", "m", "1", "text"
	for _, tc := range []struct {
		p    printing
		want string
	}{
		{printing{form: formText}, "(1)  late  text\n"},
		{printing{form: formText, style: textStyle{columns: columnsNamed("level", "text")}}, " late INFO  text\n"},
		{printing{form: formJSONL}, `"late":true,`},
	} {
		var b strings.Builder
		tc.p.style.zone = time.UTC
		err := tc.p.rows(&b, func(yield func(shown, error) bool) { yield(row, nil) })
		if err != nil || !strings.Contains(b.String(), tc.want) {
			t.Errorf("%v: %q does not have %q", err, b.String(), tc.want)
		}
	}
}
