package read

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/cause/causeitem"
	"github.com/logtable/logtable/internal/sandbox/ddblocal"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// say writes what somebody said of a cause of module m.
func (f *fixture) say(locator string, c cause.Change, versions ...string) {
	f.t.Helper()
	tab := causeitem.Table{API: f.api, Name: "errors"}
	_, _, err := tab.Say(ctx, cause.ID{Module: "m", Locator: locator}, causeitem.AnyRev, c, versions)
	if err != nil {
		f.t.Fatal(err)
	}
}

// anError stores an error of module m.
func (f *fixture) anError(at time.Time, locator string, pairs ...any) {
	f.t.Helper()
	all := append([]any{"locator", locator, "message", "ERROR: (" + locator + ") broken"}, pairs...)
	f.put("errors", at, at.Format(time.DateOnly), "", all...)
}

func (f *fixture) causes(o CauseOptions) *Causes {
	f.t.Helper()
	o.ErrorsTable = "errors"
	if o.From.IsZero() {
		o.From, o.To = day, day.AddDate(0, 0, 7)
	}
	if o.Now.IsZero() {
		o.Now = o.To
	}
	c, err := New(f.pages).Causes(ctx, o)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func TestErrorsAreGroupedByTheirCauses(t *testing.T) {
	f := newFixture(t)
	at := func(hour int) time.Time { return day.Add(time.Duration(hour) * time.Hour) }
	f.put("info", at(1), "2026-11-22", "no error")
	for i := range 5 {
		f.anError(at(i), "7", "request_id", fmt.Sprint("r", i/2), "version", fmt.Sprint(40+i/3))
	}
	// A durable execution tries a step three times, and another one.
	for i, step := range []string{"charge", "charge", "charge", "ship"} {
		f.anError(at(10+i), "step", "execution", "e/1", "operation", step, "version", "41")
	}
	// Without a locator, and with one that is a number.
	for i := range 3 {
		message := fmt.Sprintf("ERROR: (?) ValueError: no order %d", i)
		it := item("date", "2026-11-22", "stamp_mod", fmt.Sprintf("%d.%07d+m+env", at(20).Unix(), i), "level", "ERROR",
			"message", message, "exception_at", len("ERROR: (?) "))
		f.putItem("errors", it)
	}
	f.anError(at(21), "", "locator", 8, "message", "ERROR: (8) numbered")
	// The ancestor's rows have nothing but a message.
	f.putItem("errors", item("date", "2026-11-22", "stamp_mod", fmt.Sprintf("%d+my shop+x", at(22).Unix()),
		"message", "ALARM: (7+) no answer"))
	f.anError(at(23), "7") // by a layer that knew no versions

	c := f.causes(CauseOptions{})
	got := map[string]*Cause{}
	for i := range c.All {
		got[c.All[i].Module+"/"+c.All[i].Locator] = &c.All[i]
	}
	if len(got) != 5 || c.Others != 0 || c.Bucket != time.Hour {
		t.Errorf("%d causes, %d others, buckets of %v: %v", len(got), c.Others, c.Bucket, got)
	}
	for name, want := range map[string]struct {
		count, requests, first, last int
		versions                     string
	}{
		"m/7":    {6, 3, 0, 23, "[41×2 40×3]"},
		"m/step": {2, 0, 10, 13, "[41×2]"},
		"m/" + cause.Of("", "", "ValueError: no order 9", "").Locator: {3, 0, 20, 20, "[]"},
		"m/8":          {1, 0, 21, 21, "[]"},
		"my_shop_x/7+": {1, 0, 22, 22, "[]"},
	} {
		c := got[name]
		if c == nil {
			t.Errorf("there is no %s", name)
			continue
		}
		var versions []string
		for _, v := range c.Versions {
			versions = append(versions, fmt.Sprintf("%s×%d", v.Version, v.Count))
		}
		if c.Count != want.count || c.Requests.N != want.requests || !c.First.Equal(at(want.first)) ||
			!c.Last.Equal(at(want.last)) || fmt.Sprint(versions) != want.versions || c.Standing != cause.IsOpen {
			t.Errorf("%s: %+v, versions %v", name, *c, versions)
		}
		sum := 0
		for _, n := range c.Buckets {
			sum += int(n)
		}
		if sum != c.Count || len(c.Buckets) != 7*24 {
			t.Errorf("%s: %d errors in %d buckets, want %d", name, sum, len(c.Buckets), c.Count)
		}
	}
	if e := got["m/7"]; e != nil && (fmt.Sprint(e.Buckets[:6]) != "[1 1 1 1 1 0]" || e.Text != "broken") {
		t.Errorf("buckets %v, text %q", e.Buckets[:6], e.Text)
	}
}

func TestHowCausesStand(t *testing.T) {
	f := newFixture(t)
	at := func(hour int) time.Time { return day.Add(time.Duration(hour) * time.Hour) }
	for _, locator := range []string{"open", "quiet", "back", "still", "both", "ignored", "over", "reopened"} {
		f.anError(at(10), locator, "version", "41")
	}
	resolved := cause.Change{State: cause.Resolved, By: "ada", At: at(20), Note: "fixed"}
	for _, locator := range []string{"quiet", "back", "still", "both", "reopened"} {
		f.say(locator, resolved, "40", "41")
	}
	f.say("ignored", cause.Change{State: cause.Ignored, At: at(20), Until: at(200)})
	f.say("over", cause.Change{State: cause.Ignored, At: at(20), Until: at(30)})
	f.say("reopened", cause.Change{State: cause.Open, At: at(21)})
	f.say("of nothing", resolved)
	f.anError(at(22), "back", "version", "42")
	f.anError(at(22), "still", "version", "40")
	f.anError(at(22), "both", "version", "42")
	f.anError(at(23), "both", "version", "40")
	f.anError(at(30), "ignored", "version", "42")
	f.anError(at(90), "new", "version", "42")

	o := CauseOptions{}
	o.From, o.To, o.Now = day, day.AddDate(0, 0, 5), at(100)
	var order []string
	for _, c := range f.causes(o).All {
		order = append(order, c.Locator)
		want := map[string]cause.Standing{
			"quiet": cause.IsResolved, "back": cause.CameBack, "both": cause.CameBack, "still": cause.IsStillSeen,
			"ignored": cause.IsIgnored,
		}[c.Locator]
		if want == 0 {
			want = cause.IsOpen
		}
		if c.Standing != want || c.New != (c.Locator == "new") {
			t.Errorf("%s: %v, new %v; want %v", c.Locator, c.Standing, c.New, want)
		}
		if in := c.StillSeenIn(); in != map[string]string{"still": "40"}[c.Locator] {
			t.Errorf("%s is still seen in %q", c.Locator, in)
		}
		if c.Locator == "back" && (c.Said.By != "ada" || c.Said.Note != "fixed") {
			t.Errorf("of back was said %+v", c.Said)
		}
	}
	if got, want := strings.Join(order, " "), "new both back open over reopened still quiet ignored"; got != want {
		t.Errorf("in the order %s, want %s", got, want)
	}
	locators := func(o Options) (all []string) {
		o.From, o.To, o.Now, o.ErrorsTable, o.Open = day, day.AddDate(0, 0, 5), at(100), "errors", true
		for r, err := range New(f.pages).Query(ctx, o) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r.Locator)
		}
		return all
	}
	got, want := fmt.Sprint(locators(Options{InfoTable: "info"})), "[open over reopened back both new]"
	if got != want {
		t.Errorf("open are %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(locators(Options{NewestFirst: true, Limit: 2})), "[new both]"; got != want {
		t.Errorf("the two newest open are %s, want %s", got, want)
	}
}

func TestOneCauseHasItsLastRowAndItsHistory(t *testing.T) {
	f := newFixture(t)
	f.anError(day.Add(time.Hour), "7", "fields", `{"a":1}`)
	f.anError(day.Add(2*time.Hour), "7", "fields", `{"a":2}`)
	f.anError(day.Add(3*time.Hour), "8")
	f.put("errors", day.Add(4*time.Hour), "2026-11-22", "", "message", "ERROR: (?) KeyError: 'x'", "locator", "?")
	f.say("7", cause.Change{State: cause.Ignored, By: "ada", At: day, Until: day})
	f.say("7", cause.Change{State: cause.Resolved, By: "bob", At: day})
	c := f.causes(CauseOptions{Only: cause.Named("m", "7")})
	if len(c.All) != 1 || c.All[0].Count != 2 || c.All[0].LastRow.Fields != `{"a":2}` ||
		len(c.All[0].Said.History) != 1 || c.All[0].Standing != cause.CameBack {
		t.Errorf("got %+v", c.All)
	}
	unnamed := cause.Of("m", "", "", "KeyError: 'y'")
	if c = f.causes(CauseOptions{Only: unnamed}); len(c.All) != 1 || c.All[0].LastRow == nil {
		t.Errorf("of %v: %+v", unnamed, c.All)
	}
	long := cause.Of("m", strings.Repeat("long", 100), "", "")
	f.anError(day.Add(time.Hour), strings.Repeat("long", 100))
	if c = f.causes(CauseOptions{Only: long}); len(c.All) != 1 {
		t.Errorf("of %v: %+v", long, c.All)
	}
}

// TestHostileLocatorsAreBounded counts rows as a function prints them that
// makes up a locator each time, of a megabyte.
func TestHostileLocatorsAreBounded(t *testing.T) {
	o := &CauseOptions{Options: Options{From: day, To: day.AddDate(0, 0, 40), Now: day.AddDate(0, 0, 40)}}
	g := newGrouping(o)
	large := strings.Repeat("\x1b\u202e\x00xyz ", 1<<17)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range 30_000 {
		large := large
		if i >= 20 {
			large = large[:1<<10]
		}
		r := Row{Error: true, Locator: fmt.Sprint(i) + large, Text: large, Exception: large, RequestID: fmt.Sprint(i),
			Key: Key{Module: "m" + large, Time: o.To.Add(-time.Duration(i) * time.Second)}}
		r.Version, r.Execution = fmt.Sprint(i), fmt.Sprint(i)
		g.add(&r)
	}
	if buckets := len(g.known[cause.Of("m"+large, "0"+large, "", "")].Buckets); g.causes.Bucket != 6*time.Hour ||
		buckets != 160 {
		t.Errorf("%d buckets of %v", buckets, g.causes.Bucket)
	}
	if len(g.known) != MaxCauses || g.causes.Others != 30_000-MaxCauses {
		t.Errorf("%d causes, %d others", len(g.known), g.causes.Others)
	}
	if grown := heap() - before; grown > 64<<20 {
		t.Errorf("the causes take %d MB", grown>>20)
	}
	for id, c := range g.known {
		shown := c.Text + c.Exception + id.Module
		if len(id.Locator) > 256 || len(c.Text) > maxCauseText || strings.ContainsRune(shown, 0x202e) {
			t.Fatalf("not bounded: %q, %q", id, c.Text)
		}
	}
	runtime.KeepAlive(g)
}

func TestDurableExecutionsAndVersionsAreBounded(t *testing.T) {
	o := &CauseOptions{Options: Options{From: day, To: day.AddDate(0, 0, 7), Now: day.AddDate(0, 0, 7)}}
	g := newGrouping(o)
	const rows = maxExecutions + 1000
	for i := range rows {
		r := Row{Locator: "7", Key: Key{Module: "m", Time: day.Add(time.Hour)}}
		r.Execution, r.Version, r.RequestID = fmt.Sprint(i), fmt.Sprint(i%1000), fmt.Sprint(i)
		g.add(&r)
	}
	c := g.known[cause.Named("m", "7")]
	if c.Count != rows || len(g.executions) != maxExecutions || len(c.Versions) != maxSeenVersions ||
		c.nowhere.IsZero() {
		t.Errorf("%d errors, %d executions, %d versions", c.Count, len(g.executions), len(c.Versions))
	}
	about := c.requests.count()
	if len(c.requests.smallest) != maxDistinct || !about.About || about.N < rows*8/10 || about.N > rows*12/10 {
		t.Errorf("about %d requests, want %d", about.N, rows)
	}
}

// counting counts who asks, and has nothing.
type counting struct{ asked atomic.Int64 }

func (c *counting) Query(
	context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	c.asked.Add(1)
	return &dynamodb.QueryOutput{}, nil
}

func TestNotEveryModuleIsAskedFor(t *testing.T) {
	api := &counting{}
	client := New(api)
	o := &CauseOptions{Options: Options{From: day, To: day.AddDate(0, 0, 1), Now: day, ErrorsTable: "errors"}}
	g, s := newGrouping(o), client.newSaid("errors")
	for i := range maxModules + 100 {
		id := cause.Named(fmt.Sprint("m", i), "7")
		g.known[id] = &Cause{ID: id}
		if _, err := s.of(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if n := api.asked.Load(); n != maxModules {
		t.Errorf("one after the other, %d are asked for", n)
	}
	if err := client.judge(ctx, g); err != nil || api.asked.Load() != 2*maxModules {
		t.Errorf("together, %d are asked for: %v", api.asked.Load()-maxModules, err)
	}
}

// refusing answers AccessDeniedException to who asks what was said.
type refusing struct{ querier }

func (r refusing) Query(
	ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	for _, v := range in.ExpressionAttributeValues {
		if s, ok := v.(*types.AttributeValueMemberS); ok && strings.HasPrefix(s.Value, "cause#") {
			return nil, &smithy.GenericAPIError{Code: "AccessDeniedException"}
		}
	}
	return r.querier.Query(ctx, in, options...)
}

func TestWhoMayNotReadWhatWasSaidSeesOpenCauses(t *testing.T) {
	f := newFixture(t)
	f.anError(day.Add(time.Hour), "7")
	f.say("7", cause.Change{State: cause.Resolved, At: day.Add(2 * time.Hour)})
	o := CauseOptions{Options: Options{From: day, To: day.AddDate(0, 0, 1), ErrorsTable: "errors"}}
	c, err := New(refusing{f.api}).Causes(ctx, o)
	if err != nil || len(c.All) != 1 || c.All[0].Standing != cause.IsOpen || !c.Unsaid {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWhatWasSaidIsReadWithinTheBudget(t *testing.T) {
	f := newFixture(t)
	for i := range 40 {
		it := item("date", "2026-11-22", "stamp_mod", fmt.Sprintf("%d.%07d+m%d+env", day.Unix()+60, i, i),
			"level", "ERROR", "locator", "7", "message", "ERROR: (7) x")
		f.putItem("errors", it)
	}
	meter := NewMeter(f.api)
	client := New(meter)
	o := CauseOptions{Options: Options{From: day, To: day.AddDate(0, 0, 1), ErrorsTable: "errors"}}
	if _, err := client.Causes(ctx, o); err != nil {
		t.Fatal(err)
	}
	all := meter.Units()
	client.Budget = &Budget{Meter: meter, Units: all + 15}
	var price *PriceError
	if _, err := client.Causes(ctx, o); !errors.As(err, &price) || price.Read < 15 {
		t.Errorf("after %.1f of %.1f units: %v", meter.Units()-all, all, err)
	}
}

// TestTheCausesOfALargeTable groups LOGTABLE_TEST_ROWS errors of 40 days, on
// AWS's DynamoDB Local.
func TestTheCausesOfALargeTable(t *testing.T) {
	rows := 2_000
	if text := os.Getenv("LOGTABLE_TEST_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	f := &fixture{t: t, api: ddblocal.Client(t)}
	if err := table.CreateLogTables(ctx, f.api, "info", "errors"); err != nil {
		t.Fatal(err)
	}
	trace := strings.Repeat("\n  at handler (/var/task/index.js:17:3)", 10)
	var puts errgroup.Group
	puts.SetLimit(4)
	for number := range 40 {
		puts.Go(func() error {
			var all []map[string]types.AttributeValue
			for i := range rows / 40 {
				at := day.AddDate(0, 0, number).Add(time.Duration(i) * 24 * time.Hour / time.Duration(rows/40))
				message := fmt.Sprintf("ERROR: (%d) TypeError: no order %d%s", i%300, i, trace)
				all = append(all, item("date", at.Format(time.DateOnly), "level", "ERROR", "locator", fmt.Sprint(i%300),
					"message", message, "version", fmt.Sprint(number), "request_id", fmt.Sprint("r", number, i),
					"stamp_mod", fmt.Sprintf("%d.%03d%04d+m%d+env", at.Unix(), at.Nanosecond()/1e6, i%10_000, i%7)))
			}
			f.putAll("errors", all)
			return nil
		})
	}
	_ = puts.Wait()
	f.say("7", cause.Change{State: cause.Resolved, At: day.AddDate(0, 0, 60)})
	meter := NewMeter(f.api)
	o := CauseOptions{Options: Options{From: day, To: day.AddDate(0, 0, 40), Now: day.AddDate(0, 0, 40)}}
	o.ErrorsTable = "errors"
	began := time.Now()
	c, err := New(meter).Causes(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d errors, %d causes, in %v, %.0f read units", rows, len(c.All), time.Since(began), meter.Units())
	n := 0
	for _, found := range c.All {
		n += found.Count
	}
	if n != rows/40*40 || c.Others != 0 {
		t.Errorf("%d errors, want %d", n, rows)
	}
}
