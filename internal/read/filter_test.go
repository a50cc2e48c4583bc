package read

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"fmt"
	"maps"
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

// Fields of these tests: how they are shown.
const order, text, nested, escaped = `{"order":17}`, `{"a":"text 3"}`,
	`{"user":{"name":"Ann","tags":["x","y"]},"took":1.5}`,
	`{"n\u00e4me":"\u00dcber","\u006frder":"17b","user.name":"Bob"}`

var shownFields = map[string]string{
	order: "order=17", text: `a="text 3"`, nested: `user={"name":"Ann","tags":["x","y"]} took=1.5`,
	escaped: "näme=Über order=17b user.name=Bob",
}

type fieldTest struct {
	text string
	pass []string
}

var fieldTests = []fieldTest{
	{"order=17", []string{order}},
	{"order=17.0", []string{order}},
	{"order=1.7e1", []string{order}},
	{"order!=17", []string{escaped}}, // who has none is not asked
	{"order>9", []string{order}},
	{"order>=17b", []string{escaped}},
	{"order~^17", []string{order, escaped}},
	{"order!~b$", []string{order}},
	{"took<2", []string{nested}},
	{"took<=1.5", []string{nested}},
	{"took>1.5", nil},
	{"user.name=Ann", []string{nested}},
	{"user.name~n|b", []string{nested, escaped}},
	{"user.tags=y", []string{nested}},
	{"user.tags!=y", nil},
	{"user.tags!=z", []string{nested}},
	{"user=Ann", nil},
	{"a=text 3", []string{text}},
	{"a=text", nil},
	{"näme=Über", []string{escaped}},
	{"näme>T", []string{escaped}},
}

// wanted says of a filter, attribute by attribute, what it means.
func wanted(f Filter, tests []fieldTest, l logged) bool {
	equal := func(want, got string) bool { return want == "" || want == got }
	pattern := func(patterns []string, text string) bool {
		var all []string
		for _, p := range patterns {
			p = regexp.QuoteMeta(p)
			all = append(all, strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(p))
		}
		return len(all) == 0 || regexp.MustCompile("^(?:"+strings.Join(all, "|")+")$").MatchString(text)
	}
	in := []string{message(l), l["fields"], shownFields[l["fields"]]}
	has := func(text string) bool {
		return slices.ContainsFunc(in, func(s string) bool {
			return strings.Contains(s, text) ||
				f.IgnoreCase && strings.Contains(strings.ToLower(s), strings.ToLower(text))
		})
	}
	return (len(f.Levels) == 0 || slices.Contains(f.Levels, l["level"])) &&
		pattern(f.Locators, l["locator"]) && pattern(f.Modules, l["module"]) &&
		(f.RequestID == "" || strings.HasPrefix(l["request_id"], f.RequestID)) &&
		(len(f.RequestIDs) == 0 || slices.Contains(f.RequestIDs, l["request_id"])) &&
		(len(f.TraceIDs) == 0 || slices.Contains(f.TraceIDs, l["trace_id"]) ||
			slices.Contains(f.TraceIDs, l["trace_id_line"])) &&
		equal(f.TenantID, l["tenant_id"]) && equal(f.Execution, l["execution"]) &&
		has(f.Contains) && !slices.ContainsFunc(f.Not, has) &&
		(f.Match == nil || slices.ContainsFunc(append(in, l["text"]), f.Match.MatchString)) &&
		(len(tests) == 0 || slices.Contains(tests[0].pass, l["fields"]))
}

// anyLine is some line; i is its number.
func anyLine(random *rand.Rand, i int) logged {
	l := logged{
		"level":   []string{"INFO", "WARN"}[random.IntN(2)],
		"locator": choose(random, "1", "2", "app.py:17", "app.py:2", "ab"),
		"module":  []string{"orders", "billing"}[random.IntN(2)], "text": fmt.Sprintf("text %d %d", i%7, i),
		"request_id": choose(random, requestIDs...), "trace_id": choose(random, traceIDs...),
		"trace_id_line": choose(random, traceIDs...),
		"tenant_id":     choose(random, "acme", "ac"),
		"execution":     choose(random, executions...),
		"fields":        choose(random, slices.Sorted(maps.Keys(shownFields))...),
	}
	if random.IntN(5) == 0 {
		l["level"] = "ERROR"
	}
	return l
}

// anyFilter is some filter, and what its test of fields means.
func anyFilter(t *testing.T, random *rand.Rand) (filter Filter, tests []fieldTest) {
	t.Helper()
	filter = Filter{
		Locators:  list(random, "1", "a?", "app.*", "*2", "app.py:1?"),
		Modules:   list(random, "orders", "b*", "?rders"),
		RequestID: choose(random, "", "", "7f3a9c12", requestIDs[2]),
		TenantID:  choose(random, "", "", "acme"), Execution: choose(random, "", "", executions[0]),
	}
	filter.Contains = choose(random, "", "", "text 3", "17", "order=17", `a="text`, `="`, "näme=", "ÜBER", "took")
	filter.IgnoreCase = random.IntN(2) == 0
	if random.IntN(6) == 0 {
		filter.Match = regexp.MustCompile([]string{`^text [34]`, `=1\.5$`, `(?i)^info: .*7$`}[random.IntN(3)])
	}
	if random.IntN(4) == 0 {
		filter.Not = []string{"text 2", "order=17", "ann"}[random.IntN(3):]
	}
	if random.IntN(3) == 0 {
		tests = fieldTests[random.IntN(len(fieldTests)):][:1]
		test, err := ParseFieldTest(tests[0].text, false)
		if err != nil {
			t.Fatal(err)
		}
		filter.Fields = []FieldTest{test}
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
	return filter, tests
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
		l := anyLine(random, i)
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
	for range 120 {
		filter, tests := anyFilter(t, random)
		var want, got []string
		for _, l := range all {
			if wanted(filter, tests, l.logged) {
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
	if found < 200 {
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

func TestParseFieldTest(t *testing.T) {
	for _, text := range []string{"", "order", "=17", "order!17", "order~(", "!=3", ">5"} {
		if _, err := ParseFieldTest(text, false); err == nil {
			t.Errorf("%q is a test", text)
		}
	}
	for text, fields := range map[string]string{
		"n=12345678901234567890": `{"n":12345678901234567890}`, "n>12345678901234567889": `{"n":12345678901234567890}`,
		"n=null": `{"n":null}`, "n=true": `{"n":true}`, "n!=": `{"n":1}`, "n=": `{"n":""}`, "n=a=b": `{"n":"a=b"}`,
		"n>2026-11-22T10": `{"n":"2026-11-22T11:00:00Z"}`, "n=[": `{"n":["["]}`, `n={"a":1}`: `{"n":{"a": 1}}`,
		"n=ABC": `{"n":"abc"}`, "n~ABC": `{"n":"xabcx"}`, "a.b.c=1": `{"a":{"b.c":1}}`, "a.b.c>0": `{"a.b":{"c":1}}`,
		"n<1e999": `{"n":5}`,
	} {
		test, err := ParseFieldTest(text, true)
		if err != nil || !fieldsPass([]FieldTest{test}, fields) {
			t.Errorf("%s does not pass %s (%v)", fields, text, err)
		}
	}
	for text, fields := range map[string]string{
		"n=12345678901234567891": `{"n":12345678901234567890}`, "n>5": `{"n":"many"}`, "n>a": `{"n":5}`, "n=1": ``,
		"n!=1": `{"m":1}`, "n=5": `{"n":`, "n<1": `[1]`, ".n=1": `{"n":1}`, "n.=1": `{"n":1}`,
		"n>1e999999999": `{"n":5}`, "n!=b": `{"n":["a","b"]}`,
	} {
		test, err := ParseFieldTest(text, false)
		if err != nil || fieldsPass([]FieldTest{test}, fields) {
			t.Errorf("%s passes %s (%v)", fields, text, err)
		}
	}
}

// FuzzFieldTest reads what strangers have logged: whatever it is, nothing is
// both equal to something and not, and has a value or not.
func FuzzFieldTest(f *testing.F) {
	f.Add("user.name", "Ann", `{"user":{"name":"Ann"}}`)
	f.Add("n", "1e9999", `{"n":1e9999}`)
	f.Add("a.b", "x", `{"a":[{"b":["x"]},{"a.b":1}],"a.b":null}`)
	f.Fuzz(func(t *testing.T, name, value, fields string) {
		equal, err := ParseFieldTest(name+"="+value, false)
		if err != nil || equal.operator != "=" {
			return
		}
		unequal := equal
		unequal.operator = "!="
		if fieldsPass([]FieldTest{equal}, fields) && fieldsPass([]FieldTest{unequal}, fields) {
			t.Errorf("%s is and is not %s in %s", name, value, fields)
		}
		any, err := ParseFieldTest(name+"~", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := FieldValue(fields, any.name); ok != fieldsPass([]FieldTest{any}, fields) {
			t.Errorf("%s is and is not in %s", any.name, fields)
		}
	})
}
