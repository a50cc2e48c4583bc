package web

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/read"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// fakeTables answer every query for the informational table's day with the
// same items, and count what that costs.
type fakeTables struct {
	items []map[string]types.AttributeValue
	units float64 // a page's, which is an item
	err   error
	tail  iter.Seq2[read.TailedRow, error]
}

func (f *fakeTables) Query(
	_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	if f.err != nil {
		return nil, f.err
	}
	out := &dynamodb.QueryOutput{ConsumedCapacity: &types.ConsumedCapacity{CapacityUnits: new(float64)}}
	for _, v := range in.ExpressionAttributeValues {
		if s, ok := v.(*types.AttributeValueMemberS); !ok || s.Value != "2026-11-26" {
			continue
		}
		*out.ConsumedCapacity.CapacityUnits = f.units
		at := 0
		if start := in.ExclusiveStartKey; start != nil {
			at, _ = strconv.Atoi(start["n"].(*types.AttributeValueMemberN).Value)
		}
		out.Items = slices.Clone(f.items[at:min(at+1, len(f.items))]) // which its reader changes
		if at+1 < len(f.items) {
			next := &types.AttributeValueMemberN{Value: strconv.Itoa(at + 1)}
			out.LastEvaluatedKey = map[string]types.AttributeValue{"n": next, "stamp_mod": f.items[at]["stamp_mod"]}
		}
	}
	return out, nil
}

func (f *fakeTables) Reader(context.Context) (*read.Client, *read.Meter, error) {
	meter := read.NewMeter(f)
	return read.New(meter), meter, nil
}

func (f *fakeTables) Options(words []string) (read.Options, error) {
	if slices.Contains(words, "--wrong") {
		return read.Options{}, Usage(errors.New("unknown flag: --wrong"))
	}
	hour := noon.Add(time.Hour)
	return read.Options{InfoTable: "info", From: noon, To: hour, Now: hour, Shards: 1}, nil
}

func (f *fakeTables) StoryOptions(id string, _ []string) (read.StoryOptions, error) {
	return read.StoryOptions{InfoTable: "info", RequestID: id, Shards: 1, Now: noon.Add(time.Hour)}, nil
}

func (f *fakeTables) Tail(
	_ context.Context, _ []string, trouble func(string),
) (iter.Seq2[read.TailedRow, error], error) {
	trouble("no connection")
	return f.tail, f.err
}

func (f *fakeTables) Print(w io.Writer, form string, rows iter.Seq2[read.Row, error]) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		text, _ := json.Marshal(map[string]string{"form": form, "text": row.Text})
		if _, err := fmt.Fprintf(w, "%s\n", text); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeTables) Explain(err error) error { return fmt.Errorf("explained: %w", err) }

// item is one at so many seconds after noon, newest first being the order.
func item(seconds int, module, locator, text string) map[string]types.AttributeValue {
	s := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	return map[string]types.AttributeValue{
		"date": s("2026-11-26"), "stamp_mod": s(fmt.Sprintf("%d.0070000+%s+env", noon.Unix()+int64(seconds), module)),
		"level": s("INFO"), "locator": s(locator), "message": s("INFO: (" + locator + ") " + text),
	}
}

// frameRows takes frames apart, with nothing of what made them.
func frameRows(t *testing.T, b []byte) (rows []string, heads []head) {
	t.Helper()
	var names []string
	le := binary.LittleEndian
	for len(b) > 0 {
		f := b[4 : 4+le.Uint32(b)]
		b = b[4+len(f):]
		n, h := int(le.Uint32(f)), int(le.Uint32(f[4:]))
		const fixed = 8 + 4 + 4 + 2 + 2 + 2 + 1
		at := func(column, size, i int) []byte { return f[8+column*n+size*i:] }
		var head head
		if err := json.Unmarshal(f[8+fixed*n:8+fixed*n+h], &head); err != nil {
			t.Fatal(err)
		}
		heads = append(heads, head)
		names = append(names, head.Names...)
		texts, from := f[8+fixed*n+h:], uint32(0)
		for i := range n {
			end := le.Uint32(at(12, 4, i))
			name := func(column int) string { return names[le.Uint16(at(column, 2, i))] }
			ms := int64(math.Float64frombits(le.Uint64(at(0, 8, i))))
			rows = append(rows, fmt.Sprintf("%s %s %s %s %q %d", time.UnixMilli(ms).UTC().Format("15:04:05.000"),
				name(16), name(18), name(20), texts[from:end], at(22, 1, i)[0]))
			from = end
		}
		if int(from) != len(texts) {
			t.Errorf("%d bytes of texts, and the last ends at %d", len(texts), from)
		}
	}
	return rows, heads
}

func get(t *testing.T, s *Server, path string) (int, []byte) {
	t.Helper()
	w := ask(s, "GET", path, "", keyHeader, s.guard.key)
	return w.Code, w.Body.Bytes()
}

func TestRowsComeAsColumns(t *testing.T) {
	hostile := "<img src=x onerror=alert(1)>\u202e\x1b[2J\x00"
	last := item(3, "orders", "7", hostile)
	message := "INFO: (7) " + hostile
	const trace = "Traceback (most recent call last):\n  File \"x.py\", line 1\nKeyError: 'pears'"
	last["message"] = &types.AttributeValueMemberS{Value: message + " " + trace}
	last["exception_at"] = &types.AttributeValueMemberN{Value: strconv.Itoa(len(message) + 1)}
	last["fields"] = &types.AttributeValueMemberS{Value: `{"order":17}`}
	f := &fakeTables{units: 2.5, items: []map[string]types.AttributeValue{
		last, item(2, "bill", "", "ok"), item(1, "orders", "8", strings.Repeat("é", 200_000)),
	}}
	s := server(Config{Tables: f})
	code, body := get(t, s, "/api/rows?q=x&since=1h")
	rows, heads := frameRows(t, body)
	if code != 200 || len(rows) != 3 {
		t.Fatalf("%d: %q", code, rows)
	}
	shown := hostile + "  order=17 ▸ KeyError: 'pears'"
	if want := fmt.Sprintf("12:00:03.007 INFO orders 7 %q 0", shown); rows[0] != want {
		t.Errorf("got %s, want %s", rows[0], want)
	}
	if want := "12:00:02.007 INFO bill  \"ok\" 0"; rows[1] != want {
		t.Errorf("got %s, want %s", rows[1], want)
	}
	if !strings.Contains(rows[2], strings.Repeat("é", longText/2)+fmt.Sprint(`" `, flagCut)) {
		t.Errorf("a long text is %s", rows[2])
	}
	first, end := heads[0], heads[len(heads)-1]
	if first.From != noon.UnixMilli() || first.To != noon.Add(time.Hour).UnixMilli() {
		t.Errorf("the first frame has %+v", first)
	}
	if !end.Done || end.Units < 7.5 || end.Spent != end.Units || end.Failure != nil {
		t.Errorf("the last frame has %+v", end)
	}
	// The row in full, by its name.
	key := keyOfItem(last)
	code, body = get(t, s, fmt.Sprintf("/api/row?t=%d&k=%d", noon.Add(3*time.Second).UnixMilli()+7, key))
	var out struct{ Row struct{ Text string } }
	if err := json.Unmarshal(body, &out); code != 200 || err != nil || out.Row.Text == "" {
		t.Errorf("%d %s: %v", code, body, err)
	}
	if code, body = get(t, s, "/api/row?t=0&k=1"); code != 404 {
		t.Errorf("a row that is not there: %d %s", code, body)
	}
}

func keyOfItem(item map[string]types.AttributeValue) uint32 {
	r := read.Row{Key: read.Key{StampMod: item["stamp_mod"].(*types.AttributeValueMemberS).Value}}
	return keyOf(&r)
}

func TestASearchStopsAtItsPrice(t *testing.T) {
	f := &fakeTables{units: 10}
	for i := range 200 {
		f.items = append(f.items, item(3000-15*i, "m", "1", "text"))
	}
	s := server(Config{Tables: f, About: About{Units: 500}})
	_, body := get(t, s, "/api/rows")
	rows, heads := frameRows(t, body)
	last := heads[len(heads)-1]
	if last.Failure == nil || last.Price == nil || last.Price.Read < 500 || len(rows) == 0 || len(rows) == 200 {
		t.Fatalf("%d rows, %+v", len(rows), last)
	}
	// Who says so reads on, and not what he has.
	_, body = get(t, s, fmt.Sprintf("/api/rows?units=5000&before=%d", noon.Add(900*time.Second).UnixMilli()))
	rows, heads = frameRows(t, body)
	if last := heads[len(heads)-1]; last.Failure != nil || len(rows) != 59 || !strings.HasPrefix(rows[0], "12:14:45") {
		t.Errorf("%d rows, %+v", len(rows), last)
	}
	// But nobody reads less than the command allows.
	if _, body = get(t, s, "/api/rows?units=1"); len(body) == 0 {
		t.Error("nothing was read")
	}
}

func TestErrorsAreSaidInTheCommandsWords(t *testing.T) {
	s := server(Config{Tables: &fakeTables{err: errors.New("access denied")}})
	for path, want := range map[string]int{
		"rows?q=--wrong": 400, "rows?q='": 400, "row?t=x": 400, "row?t=1&k=1": 502, "story?id=7f3a9c12": 502,
		"causes?q=--wrong": 400, "causes": 502, "cause?module=m": 502, "export?form=html": 400,
		"export?form=csv&q=--wrong": 400,
		"tail":                      502,
	} {
		code, body := get(t, s, "/api/"+path)
		var f Failure
		usage := code == 400 && path != "row?t=x"
		if err := json.Unmarshal(body, &f); err != nil || code != want || f.Error == "" || f.Usage != usage {
			t.Errorf("%s: %d %s", path, code, body)
		}
		if code == 502 && !strings.HasPrefix(f.Error, "explained: ") {
			t.Errorf("%s: %s", path, f.Error)
		}
	}
	_, body := get(t, s, "/api/rows")
	if _, heads := frameRows(t, body); len(heads) != 2 || heads[1].Failure == nil || !heads[1].Done {
		t.Errorf("an error after the first frame: %+v", heads)
	}
	_, body = get(t, s, "/api/export?form=jsonl")
	var end head
	_, tail, ok := strings.Cut(string(body), "\x00")
	if err := json.Unmarshal([]byte(tail), &end); !ok || err != nil || end.Failure == nil {
		t.Errorf("an export that broke off ends with %s", body)
	}
}

func TestTailSendsRowsAndTrouble(t *testing.T) {
	f := &fakeTables{tail: func(yield func(read.TailedRow, error) bool) {
		row := read.Row{Key: read.Key{Time: noon, StampMod: "1", Module: "m"}, Error: true, Text: "new"}
		if yield(read.TailedRow{Row: row, Late: true}, nil) {
			yield(read.TailedRow{}, errors.New("the end"))
		}
	}}
	_, body := get(t, server(Config{Tables: f}), "/api/tail")
	rows, heads := frameRows(t, body)
	if len(rows) > 1 || len(rows) == 1 && rows[0] != fmt.Sprintf("12:00:00.000  m  \"new\" %d", flagError|flagLate) {
		t.Errorf("got %q", rows)
	}
	if last := heads[len(heads)-1]; len(rows) != 1 || last.Failure == nil || last.Error != "explained: the end" {
		t.Errorf("%d rows, and last %+v", len(rows), last)
	}
}

func TestNamesHaveABound(t *testing.T) {
	f := newFramer(io.Discard)
	for i := range maxNames + 10 {
		f.add(&read.Row{Locator: fmt.Sprint(i)}, false)
	}
	if n := len(f.names); n > maxNames+1 || f.name("another") != f.name("one more") || f.name("7") == f.name("8") {
		t.Errorf("%d names", n)
	}
	if name := f.fresh[f.name(strings.Repeat("é", 1000))]; len(name) > maxName || !utf8.ValidString(name) {
		t.Errorf("a name of %d bytes", len(name))
	}
}

func FuzzListText(f *testing.F) {
	f.Add("text", `{"a":1}`, "Error: x\n at y", 20)
	f.Add("é日本", "{", "", 5)
	f.Fuzz(func(t *testing.T, text, fields, exception string, n int) {
		n = 1 + max(n, -n)%500
		r := read.Row{Text: text, Fields: fields, Exception: exception}
		if got, _ := listText(&r, max(n, 1)); len(got) > max(n, 1) {
			t.Errorf("%d bytes, more than %d", len(got), n)
		}
	})
}
