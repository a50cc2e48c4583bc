package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/read"
)

// queryAt runs a query at a time of the tables' day, and counts its calls.
func queryAt(t *testing.T, count func() int, env map[string]string, at time.Time, args ...string) (rows, calls int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	before := count()
	code := execute(context.Background(), append([]string{"query", "-o", "jsonl"}, args...), &shell{
		getenv: func(name string) string { return env[name] }, stdin: strings.NewReader(""),
		stdout: &stdout, stderr: &stderr, now: func() time.Time { return at },
	})
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	return strings.Count(stdout.String(), "\n"), count() - before
}

// A command costs what its days cost, once a day more. What is remembered may
// be damaged, strange or not to be had: it costs calls, and no row.
func TestShardsAreRememberedBetweenCommands(t *testing.T) {
	server, env := tables(t)
	cache := os.Getenv("XDG_CACHE_HOME")
	at := time.Date(2026, 11, 22, 20, 5, 0, 0, time.UTC) // nine hours after the rows that are there
	name, late := "info", map[string]types.AttributeValue{}
	for attribute, value := range map[string]string{
		"date": "2026-11-22#3", "stamp_mod": "1795377600.0050000+orders+2p4thtomb9", "message": "INFO: (3) late",
	} {
		late[attribute] = &types.AttributeValueMemberS{Value: value}
	}
	put := func(date string) {
		late["date"] = &types.AttributeValueMemberS{Value: date}
		if _, err := server.Client().PutItem(t.Context(),
			&dynamodb.PutItemInput{TableName: &name, Item: late}); err != nil {
			t.Fatal(err)
		}
	}
	put("2026-11-22")
	count := func() int { return server.Stats().Requests["Query"] }
	ask := func(length string) int {
		t.Helper()
		want := map[string]int{"15m": 1, "30d": 3}[length]
		rows, calls := queryAt(t, count, env, at, "--since", length, "--endpoint-url", server.URL())
		if rows != want {
			t.Errorf("%d rows of %d", rows, want)
		}
		return calls
	}
	first := ask("15m")
	if second := ask("15m"); first < 30 || second > 6 {
		t.Errorf("15 minutes in %d calls, then in %d", first, second)
	}
	if first, second := ask("30d"), ask("30d"); second > 70 {
		t.Errorf("30 days in %d calls, then in %d", first, second)
	}
	files, err := filepath.Glob(filepath.Join(cache, "logtable", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v: want one file, and nothing temporary", files, err)
	}
	file := files[0]
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte("local")) || strings.Contains(file, "local") {
		t.Errorf("%s, %v", text, err)
	}
	for name, break_ := range map[string]func() error{
		"empty":          func() error { return os.WriteFile(file, nil, 0o600) },
		"cut off":        func() error { return os.WriteFile(file, text[:len(text)/2], 0o600) },
		"of other types": func() error { return os.WriteFile(file, []byte(`{"table":"info","at":7}`), 0o600) },
		"another's": func() error {
			return os.WriteFile(file, bytes.Replace(text, []byte(`"info"`), []byte(`"shop"`), 1), 0o600)
		},
		"large": func() error {
			return os.WriteFile(file, append(bytes.Repeat([]byte(" "), 1<<20), text...), 0o600)
		},
		"removed":     func() error { return os.RemoveAll(file) },
		"a directory": func() error { _ = os.Remove(file); return os.Mkdir(file, 0o700) },
		"a link to nothing": func() error {
			_ = os.Remove(file)
			return os.Symlink(filepath.Join(cache, "none"), file)
		},
	} {
		if err := break_(); err != nil {
			t.Fatal(err)
		}
		if n := ask("15m"); n != first {
			t.Errorf("%s: %d calls, at first %d", name, n, first)
		}
		_ = os.RemoveAll(file)
	}
	// Nowhere to write.
	_ = os.RemoveAll(filepath.Join(cache, "logtable"))
	if err := os.WriteFile(filepath.Join(cache, "logtable"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ask("15m")
	if n := ask("15m"); n != first {
		t.Errorf("%d calls", n)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	ask("15m")
	if n := ask("15m"); n != first {
		t.Errorf("%d calls", n)
	}
	if rows, calls := queryAt(t, count, env, at, "--since", "15m", "--endpoint-url", server.URL(),
		"--shards", "2", "--error-shards", "3"); rows != 1 || calls != 2*2+2*3 {
		t.Errorf("%d rows in %d calls for 2 and 3 shards", rows, calls)
	}
	env["LOGTABLE_SHARDS"], env["LOGTABLE_ERROR_SHARDS"] = "1", "2"
	if rows, calls := queryAt(t, count, env, at, "--since", "15m", "--endpoint-url", server.URL()); rows != 1 ||
		calls != 2*1+2*2 {
		t.Errorf("%d rows in %d calls for 1 and 2 shards", rows, calls)
	}
	delete(env, "LOGTABLE_SHARDS")
	at = at.AddDate(0, 0, 2)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	put("2026-11-22#3") // the same row in a shard: now there are two
	for range 2 {
		rows, _ := queryAt(t, count, env, at, "--from", "2026-11-22T20:00:00Z", "--endpoint-url", server.URL())
		if rows != 2 {
			t.Errorf("%d rows, one of them in a shard", rows)
		}
	}
	env["LOGTABLE_ERROR_SHARDS"] = "0"
	if got := logtable(t, env, "query", "--endpoint-url", server.URL()); got.code != exitUsage ||
		!strings.Contains(got.stderr, "LOGTABLE_ERROR_SHARDS 0 is not a valid number of shards") {
		t.Errorf("%+v", got)
	}
}

// Tables of one name are told apart by region, account and endpoint.
func TestTablesOfOneNameAreNotMixedUp(t *testing.T) {
	isolate(t)
	seen := map[string]string{}
	for name, tc := range map[string]struct{ region, endpoint, profile, key string }{
		"plain":            {"eu-central-1", "", "", "AKIAONE"},
		"another region":   {"us-east-1", "", "", "AKIAONE"},
		"another key":      {"eu-central-1", "", "", "AKIATWO"},
		"an endpoint":      {"eu-central-1", "http://127.0.0.1:8000", "", "AKIAONE"},
		"another endpoint": {"eu-central-1", "http://127.0.0.1:8001", "", "AKIAONE"},
	} {
		t.Setenv("AWS_ACCESS_KEY_ID", tc.key)
		t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
		sh := &shell{getenv: os.Getenv}
		a, err := connect(t.Context(), sh, &accountFlags{region: tc.region, endpointURL: tc.endpoint})
		if err != nil {
			t.Fatal(err)
		}
		path := a.memory(t.Context()).(lookedFiles).path("logtable-info")
		if other := seen[path]; other != "" || strings.Contains(path, "AKIA") {
			t.Errorf("%s has the file of %q: %s", name, other, path)
		}
		seen[path] = name
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	a, err := connect(t.Context(), &shell{getenv: os.Getenv}, &accountFlags{region: "eu-central-1"})
	if err != nil {
		t.Fatal(err)
	}
	if m := a.memory(t.Context()); m != nil {
		t.Errorf("without credentials, %v: whose tables are these?", m)
	}
}

// A file is bounded, and holds the newest days.
func TestTheNewestDaysAreRemembered(t *testing.T) {
	l := lookedFiles{dir: t.TempDir()}
	days := map[string]int{}
	for d := range 3000 {
		days[time.Unix(1795345200, 0).AddDate(0, 0, -d).UTC().Format(time.DateOnly)] = 256
	}
	l.Remember("info", read.Looked{Present: 256, Days: days})
	got := l.Recall("info").Days
	if len(got) != maxLookedDays || got["2026-11-22"] != 256 {
		t.Errorf("%d days", len(got))
	}
}
