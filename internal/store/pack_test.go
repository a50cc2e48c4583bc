package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/ddblocal"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

func packed(c *store.Config) { c.Layout.Packed = true }

// readAll reads everything of the fixture's day with the tool's reader.
func readAll(t *testing.T, client *dynamodb.Client, change ...func(*read.Options)) (rows []read.Row) {
	t.Helper()
	o := read.Options{
		From: base.Add(-time.Hour), To: base.Add(time.Hour), Now: base, InfoTable: infoTable, ErrorsTable: errorsTable,
	}
	for _, f := range change {
		f(&o)
	}
	// As the tool's client does, it tries again: against a server that answers
	// at once, the SDK may close a request's body while it is still being
	// written.
	options := client.Options()
	options.Retryer = retry.NewStandard()
	for row, err := range read.New(dynamodb.New(options)).Query(context.Background(), o) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// whole checks that every line of a prefix can be read once, whatever item it
// is in.
func (f *fixture) whole(n int, prefix string) {
	f.t.Helper()
	seen := map[string]int{}
	for _, row := range readAll(f.t, f.server.Client()) {
		seen[row.Text]++
	}
	for i := range n {
		if text := fmt.Sprint(prefix, " ", i); seen[text] != 1 {
			f.t.Errorf("%q is read %d times", text, seen[text])
		}
	}
	if len(f.Lost()) != 0 {
		f.t.Errorf("lost: %v", f.Lost())
	}
}

// The reader shows the same rows whether lines are packed or not.
func TestPackedLinesReadAsTheyWere(t *testing.T) {
	testkit.Slow(t)
	plain, dense := newFixture(t), newFixture(t, packed)
	for _, f := range []*fixture{plain, dense} {
		f.add(500, "line")
		for _, e := range oddEntries() {
			f.Add(e)
		}
		f.flushed()
	}
	if n := len(dense.server.Items(infoTable)); n > 10 {
		t.Errorf("%d items: nothing is packed", n)
	}
	if n := len(dense.server.Items(errorsTable)); n != 101 {
		t.Errorf("%d errors of 101 stand alone", n)
	}
	for name, change := range map[string]func(*read.Options){
		"all":          func(*read.Options) {},
		"newest first": func(o *read.Options) { o.NewestFirst = true },
		"from within":  func(o *read.Options) { o.From = base.Add(50 * time.Millisecond) },
		"to within":    func(o *read.Options) { o.To = base.Add(50 * time.Millisecond) },
		"limit":        func(o *read.Options) { o.Limit = 7 },
		"last ones":    func(o *read.Options) { o.Limit, o.NewestFirst = 7, true },
		"level":        func(o *read.Options) { o.Levels = []string{"INFO"} },
		"contains":     func(o *read.Options) { o.Contains = "line 77" },
		"locator":      func(o *read.Options) { o.Locators = []string{"2"} },
		"request":      func(o *read.Options) { o.RequestID = "r" },
		"module":       func(o *read.Options) { o.Modules = []string{"nobody"} },
	} {
		t.Run(name, func(t *testing.T) {
			rows := [2][]read.Row{readAll(t, plain.server.Client(), change), readAll(t, dense.server.Client(), change)}
			for _, rows := range rows {
				for i := range rows {
					rows[i].EnvironmentID, rows[i].Stored, rows[i].WriteUnits = "", read.Stored{}, 0
					rows[i].StampMod, _, _ = strings.Cut(rows[i].StampMod, "+")
				}
			}
			if diff := cmp.Diff(rows[0], rows[1]); diff != "" {
				t.Errorf("(-line +packed):\n%s", diff)
			}
			if len(rows[0]) == 0 && name != "module" {
				t.Error("nothing is compared")
			}
		})
	}
}

// Rows of many environments, packed and not, come in one order either way.
func TestPacksOfManyEnvironmentsAreReadInOrder(t *testing.T) {
	server := table.Start(t)
	if err := server.CreateLogTables(context.Background(), infoTable, errorsTable); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var want []string
	for e := range 12 {
		f := newFixtureOn(t, server, server.Client(), func(c *store.Config) { c.Layout.Packed = e%3 != 0 })
		at := base
		for i := range 100 {
			at = at.Add(time.Duration(random.IntN(4000)) * time.Millisecond)
			text := fmt.Sprintf("%d of %d", i, e)
			f.Add(infoAt(at, text))
			want = append(want, text)
			if random.IntN(20) == 0 {
				f.flushed()
			}
		}
		f.flushed()
	}
	for _, newest := range []bool{false, true} {
		rows := readAll(t, server.Client(), func(o *read.Options) { o.NewestFirst = newest })
		keys, got := []string{}, []string{}
		for _, row := range rows {
			keys, got = append(keys, row.StampMod), append(got, row.Text)
		}
		if newest {
			slices.Reverse(keys)
		}
		if !slices.IsSorted(keys) {
			t.Errorf("newest first %v: out of order", newest)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("newest first %v: %d rows of %d", newest, len(got), len(want))
		}
	}
}

func TestFaultsLoseAndDoubleNoPackedLine(t *testing.T) {
	testkit.Slow(t)
	for name, fault := range map[string]table.FaultFunc{
		"throttled":    table.Throttle(0.4, 1),
		"unprocessed":  table.Unprocessed(0.4, 2),
		"reset after":  table.ResetAfter(0.3, 3),
		"reset before": table.ResetBefore(0.3, 4),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, packed, func(c *store.Config) { c.MaxBytes = 60 << 10 })
			f.withSpill(filepath.Join(t.TempDir(), "spill"))
			f.server.OnRequest(fault)
			for i := range 10 {
				f.add(100, fmt.Sprint("part ", i))
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
				f.Flush(ctx)
				cancel()
				if i%2 == 0 {
					f.Persist()
				}
			}
			f.server.OnRequest(nil)
			f.drained()
			for i := range 10 {
				f.whole(100, fmt.Sprint("part ", i))
			}
		})
	}
}

// A pack keeps its key and its content through everything: no row is
// overwritten by another one.
func TestAPackIsWrittenAgainAsItWas(t *testing.T) {
	testkit.Slow(t)
	f := newFixture(t, packed)
	f.server.OnRequest(table.ResetAfter(0.5, 7))
	for i := range 5 {
		f.add(100, fmt.Sprint("part ", i))
		f.flushed()
	}
	stats := f.server.Stats()
	if stats.Overwritten == 0 || stats.Overwritten != stats.OverwrittenEqual {
		t.Errorf("%d rows written again, %d of them as they were", stats.Overwritten, stats.OverwrittenEqual)
	}
	if f.Written() != 500 {
		t.Errorf("%d lines written of 500", f.Written())
	}
}

// A line that DynamoDB refuses takes none of its pack along.
func TestAPoisonLineInAPackTakesNobodyAlong(t *testing.T) {
	f := newFixture(t, packed)
	f.server.OnRequest(func(op string, n int, body []byte) table.Fault {
		if bytes.Contains(body, []byte("first a 0")) || bytes.Contains(body, []byte("POISON")) {
			return table.Poison("RequestItems")(op, n, body)
		}
		return table.Fault{}
	})
	// The pack is refused for what its message says; of its lines, one is.
	f.Add(info("first a 0 " + strings.Repeat("x", 2000)))
	for i := range 10 {
		f.Add(info(fmt.Sprint("a ", i)))
	}
	f.Add(infoAt(base.AddDate(0, 0, 1), "another day"))
	f.add(50, "b")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for f.Waiting() > 0 && ctx.Err() == nil {
		f.Flush(ctx)
	}
	seen := map[string]bool{}
	for _, row := range readAll(t, f.server.Client()) {
		seen[row.Text] = true
	}
	for i := range 10 {
		if !seen[fmt.Sprint("a ", i)] {
			t.Errorf("line %d is gone\n%s\n%v", i, f.reports.text(), f.Lost())
		}
	}
}

// What packs cost, in write units, from lines as a function prints them: with
// random identifiers, and nothing to fill them up.
func TestPackedWriteUnits(t *testing.T) {
	for _, tc := range []struct{ size, most int }{{300, 3}, {200, 2}} {
		for seed := range uint64(5) {
			f := newFixture(t, packed)
			f.print(tc.size, 20, seed)
			f.flushed()
			if n := f.server.Stats().WriteUnits; n > tc.most {
				t.Errorf("20 lines of %d bytes cost %d write units, at most %d are wanted", tc.size, n, tc.most)
			}
			if n := len(readAll(t, f.server.Client())); n != 20 {
				t.Errorf("%d lines read of 20", n)
			}
		}
	}
}

// print adds n lines of about size bytes each as the extension would.
func (f *fixture) print(size, n int, seed uint64) {
	f.t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	parser := parse.New(parse.Options{Scale: level.DefaultScale()})
	total := 0
	for i := range n {
		text := randomLine(random, size)
		total += len(text)
		var line parse.Line
		parser.Lines([]byte(text), func(l parse.Line) { line = l.Clone() })
		if line.Level.Name == "" {
			f.t.Fatalf("no line: %s", text)
		}
		message, exceptionAt := line.AppendMessage(nil)
		f.Add(store.Entry{
			Time: base.Add(time.Duration(i) * 7 * time.Millisecond), Level: line.Level.Name, Locator: line.Locator,
			Module: "orders", RequestID: "8f0a3c52-6a1e-4f6b-9d0e-2b7c5a914e77",
			Message: string(message), ExceptionAt: exceptionAt, Fields: line.Fields,
		})
	}
	if average := total / n; average < size-15 || average > size+15 {
		f.t.Fatalf("lines of %d bytes on average, %d are wanted", average, size)
	}
}

// randomLine is a line with one random identifier of 32 digits, and in the
// larger size with a trace of 16 and what a program says beside.
func randomLine(random *rand.Rand, size int) string {
	id := fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64())
	texts := []string{
		"order accepted and handed over to the warehouse", "payment authorised by the customer's bank now",
		"level of the stock read from the nearest cache", "label printed, and the parcel is ready to leave",
	}
	places := []string{"north", "south", "harbour"}
	line := fmt.Sprintf(`{"locator":"%d","level":"INFO","text":"%s","order":"%s","customer":%d,`+
		`"took_ms":%d,"place":"%s","try":%d`,
		10+random.IntN(40), texts[random.IntN(len(texts))], id, 100_000+random.IntN(900_000),
		random.IntN(500), places[random.IntN(3)], random.IntN(3))
	if size > 250 {
		line += fmt.Sprintf(`,"trace":"%016x","carrier":"%s-express","weight_grams":%d,`+
			`"items":[{"number":%d},{"number":%d}]`,
			random.Uint64(), places[random.IntN(3)], random.IntN(5000), random.IntN(9), random.IntN(9))
	}
	return line + "}"
}

func TestPacksAreValidatedAsAStrangers(t *testing.T) {
	f := newFixture(t, packed)
	f.add(100, "line")
	f.server.OnRequest(table.Throttle(1, 1))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	f.Flush(ctx) // packs are made
	var log bytes.Buffer
	f.LastResort(&log, 1<<20, false, time.Now().Add(time.Minute))
	g := newFixture(t)
	packs := 0
	for line := range strings.Lines(log.String()) {
		r, _, err := row.ReadLastResort([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		g.AddRecord(r)
		if !strings.Contains(line, `"lines":{"N":"80"}`) {
			continue
		}
		packs++
		for _, change := range [][2]string{
			{`"lines":{"N":"80"}`, `"lines":{"N":"81"}`},
			{`"date":{"S":"2026-11-22"}`, `"date":{"S":"2026-11-23"}`},
			{`1795341600.0000000`, `1795341600.0000001`},
			{`"packed":{"B":"`, `"packed":{"B":"AAAA`},
			{`"table":"info"`, `"table":"errors"`},
		} {
			bad := strings.Replace(line, change[0], change[1], 1)
			if _, _, err := row.ReadLastResort([]byte(bad)); bad == line || err == nil {
				t.Errorf("%s in place of %s is accepted, or not there", change[1], change[0])
			}
		}
	}
	g.flushed()
	g.whole(100, "line")
	if packs != 1 {
		t.Errorf("%d packs of 80 lines:\n%.2000s", packs, log.String())
	}
}

// metered asks DynamoDB what each request cost.
type metered struct {
	dynamotest.BatchWriter

	mu    sync.Mutex
	units float64
}

func (m *metered) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.BatchWriter.BatchWriteItem(ctx, in, o...)
	if err == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, used := range out.ConsumedCapacity {
			m.units += aws.ToFloat64(used.CapacityUnits)
		}
	}
	return out, err
}

func (m *metered) total() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.units
}

func TestPackedOnDynamoDBLocal(t *testing.T) {
	client := ddblocal.Client(t)
	if err := table.CreateLogTables(context.Background(), client, infoTable, errorsTable); err != nil {
		t.Fatal(err)
	}
	metered := &metered{BatchWriter: client}
	f := newFixtureOn(t, nil, metered, packed)
	f.add(500, "line")
	f.flushed()
	if rows := readAll(t, client, func(o *read.Options) { o.Levels = []string{"info", "error"} }); len(rows) != 500 {
		t.Errorf("%d rows of 500", len(rows))
	}
	if units := metered.total(); units >= 150 || units <= 100 {
		t.Errorf("%v write units for 100 errors and 400 packed lines", units)
	}
}
