package read

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	gocmp "github.com/google/go-cmp/cmp"
)

// logged is a row as a test makes it: its attributes, but for the key and what
// follows from them.
type logged map[string]string

func (l logged) item(at time.Time, n int) map[string]types.AttributeValue {
	it := item("date", at.Format(time.DateOnly),
		"stamp_mod", fmt.Sprintf("%d.%03d%04d+%s+2p4thtomb9", at.Unix(), at.Nanosecond()/1e6, n, l["module"]),
		"message", message(l))
	for name, value := range l {
		if name != "module" && name != "text" && value != "" {
			it[name] = &types.AttributeValueMemberS{Value: value}
		}
	}
	return it
}

func message(l logged) string {
	return fmt.Sprintf("%s: (%s) %s", l["level"], cmp.Or(l["locator"], "?"), l["text"])
}

// pack puts items of texts into one.
func pack(t *testing.T, all []map[string]types.AttributeValue) map[string]types.AttributeValue {
	t.Helper()
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 5)
	for _, it := range all {
		texts := map[string]map[string]string{}
		for name, value := range it {
			texts[name] = map[string]string{"S": value.(*types.AttributeValueMemberS).Value}
		}
		line, _ := json.Marshal(texts)
		_, _ = w.Write(line)
	}
	_ = w.Close()
	return map[string]types.AttributeValue{
		"date": all[0]["date"], "stamp_mod": all[0]["stamp_mod"],
		"message": &types.AttributeValueMemberS{Value: fmt.Sprint(len(all), " lines: INFO")},
		"packed":  &types.AttributeValueMemberB{Value: b.Bytes()},
		"lines":   &types.AttributeValueMemberN{Value: fmt.Sprint(len(all))},
	}
}

// choose returns one of a few, "" more often than each.
func choose(random *rand.Rand, from ...string) string {
	if i := random.IntN(len(from) + 2); i < len(from) {
		return from[i]
	}
	return ""
}

// list returns some of a few, and often none.
func list(random *rand.Rand, from ...string) (some []string) {
	for range max(random.IntN(6)-3, 0) {
		some = append(some, from[random.IntN(len(from))])
	}
	return some
}

var (
	traceIDs   = []string{strings.Repeat("a1", 16), strings.Repeat("b2", 16), strings.Repeat("a1", 15) + "a2"}
	requestIDs = []string{"7f3a9c12-1111", "7f3a9c12-2222", "8f0a2c1e-3333"}
	executions = []string{"order-17/e1", "order-17/e2", "order-1/e1"}
)

// wanted says of a filter, attribute by attribute, what it means.
func wanted(f Filter, l logged) bool {
	equal := func(want, got string) bool { return want == "" || want == got }
	pattern := func(patterns []string, text string) bool {
		var all []string
		for _, p := range patterns {
			p = regexp.QuoteMeta(p)
			all = append(all, strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(p))
		}
		return len(all) == 0 || regexp.MustCompile("^(?:"+strings.Join(all, "|")+")$").MatchString(text)
	}
	text := message(l)
	return (len(f.Levels) == 0 || slices.Contains(f.Levels, l["level"])) &&
		pattern(f.Locators, l["locator"]) && pattern(f.Modules, l["module"]) &&
		(f.RequestID == "" || strings.HasPrefix(l["request_id"], f.RequestID)) &&
		(len(f.RequestIDs) == 0 || slices.Contains(f.RequestIDs, l["request_id"])) &&
		(len(f.TraceIDs) == 0 || slices.Contains(f.TraceIDs, l["trace_id"]) ||
			slices.Contains(f.TraceIDs, l["trace_id_line"])) &&
		equal(f.TenantID, l["tenant_id"]) && equal(f.Execution, l["execution"]) &&
		(strings.Contains(text, f.Contains) || strings.Contains(l["fields"], f.Contains))
}

// Whatever DynamoDB judges and whatever is left to keep, in rows and in packs:
// a query finds what a look at every row finds.
func TestFiltersFindWhatALookAtEveryRowFinds(t *testing.T) {
	f := newFixture(t)
	random := rand.New(rand.NewPCG(15, 15))
	type line struct {
		logged
		id string
	}
	var all []line
	var packed []map[string]types.AttributeValue
	at := day.Add(12 * time.Hour)
	for i := range 300 {
		at = at.Add(time.Duration(random.IntN(700)) * time.Millisecond)
		l := logged{
			"level":   []string{"INFO", "WARN"}[random.IntN(2)],
			"locator": choose(random, "1", "2", "app.py:17", "app.py:2", "ab"),
			"module":  []string{"orders", "billing"}[random.IntN(2)], "text": fmt.Sprintf("text %d %d", i%7, i),
			"request_id": choose(random, requestIDs...), "trace_id": choose(random, traceIDs...),
			"trace_id_line": choose(random, traceIDs...), "tenant_id": choose(random, "acme", "ac"),
			"execution": choose(random, executions...), "fields": choose(random, `{"order":17}`, `{"a":"text 3"}`),
		}
		if random.IntN(5) == 0 {
			l["level"] = "ERROR"
		}
		it := l.item(at, i)
		all = append(all, line{l, it["stamp_mod"].(*types.AttributeValueMemberS).Value})
		switch {
		case l["level"] == "ERROR":
			f.putItem("errors", it)
		case i%100 > 50: // a burst
			packed = append(packed, it)
		default:
			f.putItem("info", it)
		}
		if len(packed) > 1+random.IntN(10) {
			f.putItem("info", pack(t, packed))
			packed = nil
		}
	}
	if len(packed) > 0 {
		f.putItem("info", pack(t, packed))
	}

	found := 0
	for range 80 {
		filter := Filter{
			Locators:  list(random, "1", "a?", "app.*", "*2", "app.py:1?"),
			Modules:   list(random, "orders", "b*", "?rders"),
			RequestID: choose(random, "", "", "7f3a9c12", requestIDs[2]),
			TenantID:  choose(random, "", "", "acme"), Execution: choose(random, "", "", executions[0]),
			Contains: choose(random, "", "", "text 3", "17"),
		}
		if random.IntN(3) == 0 {
			filter.Levels = []string{"WARN", "ERROR"}[:1+random.IntN(2)]
		}
		if random.IntN(2) == 0 {
			filter.TraceIDs = traceIDs[random.IntN(2):2]
		}
		if random.IntN(4) == 0 {
			filter.RequestIDs = requestIDs[random.IntN(2):2]
		}
		var want, got []string
		for _, l := range all {
			if wanted(filter, l.logged) {
				want = append(want, l.id)
			}
		}
		o := Options{Filter: filter, From: day, To: day.AddDate(0, 0, 1), InfoTable: "info", ErrorsTable: "errors",
			NewestFirst: random.IntN(2) == 0, Shards: 1}
		if o.NewestFirst {
			slices.Reverse(want)
		}
		if o.Limit = random.IntN(30); o.Limit > 0 {
			want = want[:min(o.Limit, len(want))]
		}
		for row, err := range New(f.api).Query(ctx, o) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, row.StampMod)
		}
		found += len(got)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", o, diff)
		}
	}
	if found < 300 {
		t.Errorf("only %d rows were found: these filters test little", found)
	}
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	o := Options{From: day, To: day.Add(time.Hour), InfoTable: "info"}
	o.RequestIDs = make([]string, MaxIDs+1)
	for _, err := range New(nil).Query(ctx, o) {
		if err == nil || !strings.Contains(err.Error(), "the most is 100") {
			t.Errorf("got %v", err)
		}
	}
}

func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]map[string]bool{
		"orders":  {"orders": true, "order": false, "orders2": false, "": false},
		"ord*":    {"orders": true, "ord": true, "or": false, "xord": false},
		"*":       {"": true, "x": true},
		"?":       {"": false, "x": true, "ß": true, "xy": false},
		"a*b*c":   {"abc": true, "a b b c": true, "acb": false, "abcbc": true},
		"*.py:1?": {"app.py:17": true, "app.py:1": false, "a/b.py:1x": true},
		"f(x)":    {"f(x)": true, "fx": false},
		"[ab]":    {"[ab]": true, "a": false},
		"**x":     {"x": true, "yyx": true, "y": false},
	} {
		for text, want := range want {
			if got := MatchPattern([]string{"no such", pattern}, text); got != want {
				t.Errorf("%q matches %q: %v", pattern, text, got)
			}
		}
	}
}
