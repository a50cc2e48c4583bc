package main

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// maxResident is what the tool may have in memory, in KB.
const maxResident = 150 << 10

// inPack is how many lines a pack has here. The layer ends one at 128 KiB,
// which is some 400 of these.
const inPack = 250

// A read of everything, of 8 shards of both tables, has a bounded part of it in
// memory. Half of the rows are in packs.
func TestAReadOfEverythingTakesLittleMemory(t *testing.T) {
	rows := 120_000
	if text := os.Getenv("LOGTABLE_TEST_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tool(); err != nil {
		t.Fatal(err)
	}
	isolate(t)
	server := table.Start(t)
	if err := server.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	began, client := time.Now(), server.Client()
	var puts errgroup.Group
	puts.SetLimit(4)
	for first := 0; first < rows; first += inPack {
		puts.Go(func() error {
			var all []attributes
			for i := first; i < min(first+inPack, rows); i++ {
				all = append(all, orderRow(i, rows))
			}
			if first/inPack%2 == 0 {
				all = []attributes{ordersPack(t, all)}
			}
			for i, some := range slices.Collect(slices.Chunk(all, 25)) {
				name := []string{"info", "errors"}[i%2] // packs are informational
				var batch []types.WriteRequest
				for _, item := range some {
					batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
				}
				_, err := client.BatchWriteItem(t.Context(),
					&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: batch}})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := puts.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows written in %v", rows, time.Since(began).Round(time.Millisecond))
	env := map[string]string{"LOGTABLE_INFO_TABLE": "info", "LOGTABLE_ERRORS_TABLE": "errors", "LOGTABLE_SHARDS": "9",
		"LOGTABLE_ERROR_SHARDS": "9"}
	span := []string{"--from", "2026-11-22T00:00:00Z", "--to", "2026-11-24T00:00:00Z", "--max-read-units", "0",
		"--endpoint-url", server.URL()}
	for _, args := range []string{"export -", "query -o jsonl", "query", "query --grep nothing"} {
		cmd, stderr := toolCommand(t, env, append(strings.Fields(args), span...)...)
		lines, most := &newlines{}, &resident{}
		lines.look = func() { most.look(cmd.Process.Pid) }
		cmd.Stdout = lines
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		server.OnRequest(func(string, int, []byte) table.Fault {
			most.look(cmd.Process.Pid)
			return table.Fault{}
		})
		if code := exitCode(t, cmd.Wait()); code != exitOK {
			t.Fatalf("%s: %d %s", args, code, stderr)
		}
		server.OnRequest(nil)
		t.Logf("%s: %d lines in %v, %d MB resident at most", args, lines.n, time.Since(began).Round(time.Millisecond),
			most.kb>>10)
		if most.kb == 0 || most.kb > maxResident || lines.n < rows && !strings.Contains(args, "nothing") {
			t.Errorf("%s: %d lines, %d KB resident, want %d lines and at most %d KB", args, lines.n, most.kb, rows,
				maxResident)
		}
	}
}

// orderRow is one of so many rows of two days in shards 1 to 8. They come in
// bursts of a pack's size, in one shard each.
func orderRow(i, rows int) attributes {
	burst := time.Duration(i/inPack*inPack) * (48 * time.Hour / time.Duration(rows))
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).Add(burst + time.Duration(i%inPack)*time.Millisecond)
	return attributes{
		"date":      text(fmt.Sprintf("%s#%d", at.Format(time.DateOnly), 1+i/inPack%8)),
		"stamp_mod": text(fmt.Sprintf("%d.%03d%04d+orders+2p4thtomb9", at.Unix(), at.Nanosecond()/1e6, i%10_000)),
		"message":   text(fmt.Sprintf("INFO: (handler.py:17) order %d is received and paid", i)), "level": text("INFO"),
		"locator": text("handler.py:17"), "request_id": text("7f3a9c12-1111-4222-8333-444455556666"),
		"fields": text(fmt.Sprintf(`{"order":%d}`, i)),
	}
}

// ordersPack is a pack of rows, as the layer makes it.
func ordersPack(t *testing.T, rows []attributes) attributes {
	t.Helper()
	var lines bytes.Buffer
	w, err := flate.NewWriter(&lines, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		line := map[string]any{}
		for name, value := range r {
			line[name] = map[string]string{"S": value.(*types.AttributeValueMemberS).Value}
		}
		encoded, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(encoded); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return attributes{
		"date": rows[0]["date"], "stamp_mod": rows[0]["stamp_mod"],
		"message": text(fmt.Sprintf("%d lines: INFO", len(rows))),
		"packed":  &types.AttributeValueMemberB{Value: lines.Bytes()},
		"lines":   &types.AttributeValueMemberN{Value: fmt.Sprint(len(rows))},
	}
}

// resident is the most that a process has had in memory. The system's own
// account of a process that has ended includes the memory of this one, which
// started it.
type resident struct {
	mu sync.Mutex // guards kb
	kb int
}

func (r *resident) look(pid int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == "VmHWM:" {
			kb, _ := strconv.Atoi(fields[1])
			r.kb = max(r.kb, kb)
		}
	}
}

// newlines counts lines, and looks at each write.
type newlines struct {
	n    int
	look func()
}

func (c *newlines) Write(b []byte) (int, error) {
	c.n += strings.Count(string(b), "\n")
	c.look()
	return len(b), nil
}
