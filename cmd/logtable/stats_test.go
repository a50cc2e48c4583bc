package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/ddblocal"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// A counted row is what these tests know of a row: they do not ask the reader.
type countedRow struct {
	at                     time.Time
	module, level, locator string
	user, text             string
}

func (r *countedRow) store(t *testing.T, client *dynamodb.Client, n int) {
	t.Helper()
	fields, _ := json.Marshal(map[string]any{"user": map[string]any{"name": r.user}})
	row := map[string]any{"date": r.at.UTC().Format(time.DateOnly), "level": r.level, "locator": r.locator,
		"stamp_mod": fmt.Sprintf("%d.%03d%04d+%s+env", r.at.Unix(), r.at.Nanosecond()/1e6, n, r.module),
		"message":   r.level + ": (" + r.locator + ") " + r.text}
	if r.user != "" {
		row["fields"] = string(fields)
	}
	putRow(t, client, map[bool]string{true: "errors", false: "info"}[r.level == "ERROR"], row)
}

// statsLines runs stats with -o jsonl and returns what it says.
func statsLines(t *testing.T, now time.Time, env map[string]string, url string, args ...string) (all []statsLine) {
	t.Helper()
	got := logtableAt(t, now, env, append([]string{"stats", "--endpoint-url", url, "-o", "jsonl"}, args...)...)
	if got.code != exitOK {
		t.Fatalf("stats %q: %+v", args, got)
	}
	for line := range strings.Lines(got.stdout) {
		var l statsLine
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			t.Fatal(line, err)
		}
		all = append(all, l)
	}
	return all
}

type statsLine struct {
	Kind                  string
	By                    map[string]*string
	Groups, Rows, Errors  int
	ErrorRate             float64 `json:"error_rate"`
	First, Last, From, To string
	Module                string
	Invocations           int
	ColdStarts            int     `json:"cold_starts"`
	P50                   float64 `json:"duration_p50_ms"`
	P95                   float64 `json:"duration_p95_ms"`
	Max                   float64 `json:"duration_max_ms"`
	Used                  float64 `json:"memory_used_mb"`
	Memory                float64 `json:"memory_mb"`
	WriteUnits            int     `json:"write_units"`
	ReadUnits             float64 `json:"read_units"`
}

// Whatever rows are grouped by and whichever are asked for, the numbers are
// those of who counts the rows by hand.
func TestStatsAreACount(t *testing.T) {
	t.Run("embedded endpoint", func(t *testing.T) {
		isolate(t)
		server := table.Start(t)
		env := map[string]string{"LOGTABLE_INFO_TABLE": "info", "LOGTABLE_ERRORS_TABLE": "errors"}
		statsAreACount(t, server.Client(), server.URL(), env, 60)
	})
	t.Run("DynamoDB Local", func(t *testing.T) {
		isolate(t)
		client := ddblocal.Client(t)
		credentials, err := client.Options().Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_ACCESS_KEY_ID", credentials.AccessKeyID)
		t.Setenv("AWS_SECRET_ACCESS_KEY", credentials.SecretAccessKey)
		env := map[string]string{"LOGTABLE_INFO_TABLE": "info", "LOGTABLE_ERRORS_TABLE": "errors",
			"AWS_ACCESS_KEY_ID": credentials.AccessKeyID}
		statsAreACount(t, client, *client.Options().BaseEndpoint, env, 20)
	})
}

func statsAreACount(t *testing.T, client *dynamodb.Client, url string, env map[string]string, times int) {
	if err := table.CreateLogTables(t.Context(), client, "info", "errors"); err != nil {
		t.Fatal(err)
	}
	env["LOGTABLE_SHARDS"], env["LOGTABLE_ERROR_SHARDS"] = "1", "1"
	random := rand.New(rand.NewPCG(16, 16))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// The clocks are put back in the second of these nights.
	from := time.Date(2026, 10, 24, 0, 0, 0, 0, berlin)
	to, now := from.AddDate(0, 0, 3), from.AddDate(0, 0, 5)
	one := func(all ...string) string { return all[random.IntN(len(all))] }
	var rows []countedRow
	for i := range 300 {
		row := countedRow{
			at:     from.Add(time.Duration(random.Int64N(int64(to.Sub(from))))).Truncate(time.Millisecond),
			module: one("orders", "billing", "mail"), level: one("INFO", "INFO", "WARN", "ERROR"),
			locator: one("1", "2", "app.py:17"), user: one("", "Ann", "Bob", `"`, "=1+1", "a\x1b[31m"),
			text: one("declined", "shipped"),
		}
		row.store(t, client, i)
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b countedRow) int { return a.at.Compare(b.at) })
	values := map[string]func(*countedRow) string{
		"module":  func(r *countedRow) string { return r.module },
		"locator": func(r *countedRow) string { return r.locator },
		"level":   func(r *countedRow) string { return r.level },
		"day": func(r *countedRow) string {
			return time.Date(2026, 10, r.at.In(berlin).Day(), 0, 0, 0, 0, berlin).Format(time.RFC3339)
		},
		"hour":            func(r *countedRow) string { return r.at.In(berlin).Format("2006-01-02T15:00:00Z07:00") },
		"field:user.name": func(r *countedRow) string { return r.user },
	}
	filters := map[string]func(*countedRow) bool{
		"":                       func(*countedRow) bool { return true },
		"--errors":               func(r *countedRow) bool { return r.level == "ERROR" },
		"--info":                 func(r *countedRow) bool { return r.level != "ERROR" },
		"--module *i*":           func(r *countedRow) bool { return r.module != "orders" },
		"--level WARN+":          func(r *countedRow) bool { return r.level != "INFO" },
		"--field user.name!=Ann": func(r *countedRow) bool { return r.user != "" && r.user != "Ann" },
		"--grep decl":            func(r *countedRow) bool { return r.text == "declined" },
	}
	names := []string{"module", "locator", "level", "day", "hour", "field:user.name"}
	for range times {
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		by := names[:1+random.IntN(3)]
		filter := one(slices.Sorted(maps.Keys(filters))...)
		begin := from.Add(time.Duration(random.IntN(3)) * 10 * time.Hour)
		want, total := map[string]*statsLine{}, &statsLine{}
		for i := range rows {
			if r := &rows[i]; filters[filter](r) && !r.at.Before(begin) {
				var key []string
				for _, name := range by {
					key = append(key, values[name](r))
				}
				group := want[strings.Join(key, "|")]
				if group == nil {
					group = &statsLine{}
					want[strings.Join(key, "|")] = group
				}
				for _, sum := range []*statsLine{group, total} {
					at := r.at.In(berlin).Format("2006-01-02T15:04:05.000Z07:00")
					if sum.Rows++; sum.First == "" {
						sum.First = at
					}
					if sum.Last = at; r.level == "ERROR" {
						sum.Errors++
					}
				}
			}
		}
		args := append([]string{"--by", strings.Join(by, ","), "--from", begin.Format(time.RFC3339), "--to",
			to.Format(time.RFC3339), "--timezone", "Europe/Berlin"}, strings.Fields(filter)...)
		lines := statsLines(t, now, env, url, args...)
		last := lines[len(lines)-1]
		if last.Kind != "total" || last.Rows != total.Rows || last.Errors != total.Errors ||
			last.First != total.First || last.Last != total.Last ||
			last.WriteUnits != total.Rows || last.ReadUnits <= 0 {
			t.Errorf("%q: in all %+v, want %+v", args, last, total)
		}
		checkGroups(t, fmt.Sprint(args), lines[:len(lines)-1], by, want)
	}
}

// checkGroups compares groups and looks at their order.
func checkGroups(t *testing.T, args string, lines []statsLine, by []string, want map[string]*statsLine) {
	t.Helper()
	got, before := map[string]*statsLine{}, (*statsLine)(nil)
	timely := by[0] == "hour" || by[0] == "day"
	var begins []time.Time
	for i := range lines {
		l := &lines[i]
		var key []string
		for _, name := range by {
			if text := l.By[name]; text != nil {
				key = append(key, *text)
			} else {
				key = append(key, "")
			}
		}
		if timely {
			begin, err := time.Parse(time.RFC3339, key[0])
			if err != nil {
				t.Fatal(err)
			}
			if n := len(begins); n == 0 || !begins[n-1].Equal(begin) {
				begins = append(begins, begin)
			}
		}
		if !timely && before != nil && l.Rows > before.Rows {
			t.Errorf("%s: a group of %d rows after one of %d", args, l.Rows, before.Rows)
		}
		if before = l; l.Rows == 0 && timely {
			continue
		}
		if l.Kind != "group" || got[strings.Join(key, "|")] != nil {
			t.Errorf("%s: %+v is not a group, or one that was seen before", args, l)
		}
		got[strings.Join(key, "|")] = &statsLine{Rows: l.Rows, Errors: l.Errors, First: l.First, Last: l.Last}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", args, diff)
	}
	for i := 1; i < len(begins); i++ { // none is missing
		length := begins[i].Sub(begins[i-1])
		if by[0] == "hour" && length != time.Hour || by[0] == "day" && length.Truncate(2*time.Hour) != 24*time.Hour {
			t.Errorf("%s: %v after %v", args, begins[i], begins[i-1])
		}
	}
	if timely && len(begins) < 3 {
		t.Errorf("%s: only %d %ss", args, len(begins), by[0])
	}
}

// What strangers have logged is seen for what it is, in any form, and takes no
// more memory and no more columns than there are.
func TestStatsOfHostileValues(t *testing.T) {
	server, env := application(t)
	long := strings.Repeat("x\x1b[2J\n", 30_000)
	for i, v := range []any{long, long + "y", "\x1b]0;title\x07", "=cmd|' /C calc'!A0", "@SUM(1)", "", nil,
		json.Number("1e999999"), json.Number("-" + strings.Repeat("9", 400)), "\u202e gnirts", []any{1, "2", []any{}},
		"(none)", map[string]any{"b": 1, "a": "\u2028"}} {
		fields, err := json.Marshal(map[string]any{"v": v})
		if err != nil {
			t.Fatal(err)
		}
		put(t, server.Client(), "hostile\x1b[31m", "INFO", "1", "text", 5000+i, "r", "fields", string(fields))
	}
	base := []string{"stats", "2026-11-22", "--module", "hostile*", "--by", "field:v,module", "--endpoint-url",
		server.URL()}
	for _, form := range []string{"text", "jsonl", "csv"} {
		got := logtableAt(t, showNow, env, append(base, "-o", form)...)
		if got.code != exitOK || len(got.stdout) > 20_000 || strings.ContainsFunc(got.stdout, func(r rune) bool {
			return hidden(r) && r != '\n'
		}) {
			t.Errorf("%s: %d bytes, code %d: %.3000q", form, len(got.stdout), got.code, got.stdout)
		}
		for _, want := range []string{"1e999999", "bytes, SHA-256", "(none)"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%s lacks %q:\n%s", form, want, got.stdout)
			}
		}
		if form != "csv" {
			continue
		}
		records, err := csv.NewReader(strings.NewReader(got.stdout)).ReadAll()
		if err != nil || len(records) < 13 {
			t.Fatal(err, len(records))
		}
		for _, record := range records {
			if strings.ContainsAny(record[1][:min(len(record[1]), 1)], "=+-@\t\r") {
				t.Errorf("a spreadsheet takes %q for a formula", record[1])
			}
		}
	}
	if lines := statsLines(t, showNow, env, server.URL(), base[1:6]...); len(lines) != 14 || lines[13].Rows != 13 {
		t.Errorf("the two long values, or others, were counted as one: %d lines", len(lines))
	}
}

// Memory is bounded however many groups there are, and what is not counted by
// itself is said.
func TestStatsOfTooManyGroups(t *testing.T) {
	server, env := application(t)
	s := manyGroups(t, 3*maxGroups)
	size := 0
	for key, g := range s.known {
		size += len(key)
		for _, v := range g.values {
			size += len(v.text)
		}
	}
	if len(s.known) != maxGroups || s.others.rows != 2*maxGroups || s.others.errors != 2*maxGroups ||
		s.total.rows != 3*maxGroups || size > 2*maxGroups*(maxValue+50) {
		t.Errorf("%d groups of %d bytes, others %+v, total %+v", len(s.known), size, s.others, s.total)
	}
	if len(s.functions) != maxGroups {
		t.Errorf("%d functions are kept", len(s.functions))
	}
	var text strings.Builder
	r := &report{statistics: s, meter: nil, groups: s.sorted()}
	r.choose(3, formText)
	r.meter = testMeter(t, server)
	if err := r.print(&text, formText); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"(others)", "20,000  20,000  100%",
		"and 9,997 more with 9,997 rows, 9,997 errors: -n 0",
		"all groups after the first 10,000", "30,000 rows, 30,000 errors (100%)", "and 9,997 more\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("lacks %q:\n%s", want, text.String())
		}
	}
	for _, form := range []string{formCSV, formJSONL} {
		text.Reset()
		if err := r.print(&text, form); err != nil || !strings.Contains(text.String(), "others") ||
			!strings.Contains(text.String(), "more") {
			t.Errorf("%v: %.2000s", err, text.String())
		}
	}
	got := logtableAt(t, showNow, env, "stats", "--by", "hour", "--since", "60w", "--endpoint-url", server.URL())
	if got.code != exitUsage || !strings.Contains(got.stderr, "choose a shorter one, or --by day") {
		t.Errorf("%+v", got)
	}
}
