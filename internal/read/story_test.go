package read

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// noon is when these stories happen, and xrayAt makes an ID of X-Ray's that
// names a time.
var noon = day.Add(12 * time.Hour)

func xrayAt(t time.Time) string { return fmt.Sprintf("%08x", t.Unix()) + strings.Repeat("7", 24) }

// random is an ID of W3C's, which names no time; chance is one that happens to.
var (
	random = strings.Repeat("f", 32)
	chance = xrayAt(time.Date(2019, 3, 4, 5, 6, 7, 0, time.UTC))
)

// story reads a story and returns its rows' texts, and the days that were asked
// for rows of the informational table.
func (f *fixture) story(o StoryOptions) (texts, days []string, s Story) {
	f.t.Helper()
	o.InfoTable, o.ErrorsTable, o.Shards = "info", "errors", 1
	f.pages.asked = map[string]int{}
	s, err := New(f.pages).Story(ctx, o)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, row := range s.Rows {
		texts = append(texts, row.Text)
	}
	return texts, slices.Sorted(maps.Keys(f.pages.asked)), s
}

func TestAStoryIsWholeAcrossInvocations(t *testing.T) {
	f := newFixture(t)
	put := func(after time.Duration, text string, pairs ...any) {
		at := noon.Add(after)
		f.put("info", at, at.Format(time.DateOnly), text, pairs...)
	}
	trace, other := xrayAt(noon), xrayAt(noon.Add(time.Second))
	put(-5*time.Minute, "a begins", "request_id", "aaaaaaaa-1")
	put(0, "a", "request_id", "aaaaaaaa-1", "trace_id", trace)
	put(time.Second, "b", "request_id", "bbbbbbbb-1", "trace_id", trace)
	put(2*time.Second, "b's end", "request_id", "bbbbbbbb-1")
	put(3*time.Second, "c begins", "request_id", "cccccccc-1", "trace_id", other)
	put(4*time.Second, "c names it", "request_id", "cccccccc-1", "trace_id", other, "trace_id_line", trace)
	put(5*time.Second, "c names another", "request_id", "cccccccc-1", "trace_id", other, "trace_id_line", random)
	put(6*time.Second, "a cold start", "request_id", "init")
	put(6*time.Second, "a cold start's line", "request_id", "init", "trace_id_line", trace)
	put(6*time.Second, "a names another", "request_id", "aaaaaaaa-1", "trace_id", trace, "trace_id_line", trace[1:]+"0")
	put(7*time.Second, "another trace", "request_id", "dddddddd-1", "trace_id", other)
	put(23*time.Hour, "a's late line", "request_id", "eeeeeeee-1", "trace_id", trace)
	put(25*time.Hour, "too late", "request_id", "eeeeeeee-2", "trace_id", trace)

	all := []string{"a begins", "a", "b", "b's end", "c begins", "c names it", "a cold start's line", "a names another",
		"a's late line"}
	for name, tc := range map[string]struct {
		o      StoryOptions
		want   []string
		traces []string
	}{
		"a trace": {StoryOptions{TraceID: trace}, all, []string{trace}},
		"a request of it, whose line names another": {StoryOptions{RequestID: "aaaaaaaa"}, all,
			[]string{trace, trace[1:] + "0"}},
		"a request that others call": {StoryOptions{RequestID: "bbbbbbbb-1"}, all, []string{trace}},
		"a request whose lines name several": {StoryOptions{RequestID: "cccccccc"},
			[]string{"a begins", "a", "b", "b's end", "c begins", "c names it", "c names another",
				"a cold start's line", "a names another", "another trace", "a's late line"},
			[]string{trace, other, random}},
		"only a request": {StoryOptions{RequestID: "bbbbbbbb", OnlyRequest: true}, []string{"b", "b's end"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tc.o.Now = noon.Add(48 * time.Hour)
			got, _, s := f.story(tc.o)
			if diff := cmp.Diff(tc.want, got); diff != "" || s.More {
				t.Errorf("more %v (-want +got):\n%s", s.More, diff)
			}
			if diff := cmp.Diff(tc.traces, s.Traces); diff != "" {
				t.Errorf("traces (-want +got):\n%s", diff)
			}
		})
	}
}

// What is read to find a story: days are partitions, and each is asked for in
// its writers' zones, so the neighbours are in it.
func TestAStoryIsLookedForAsFarAsItMustBe(t *testing.T) {
	f := newFixture(t)
	now := noon.Add(5 * 24 * time.Hour) // the 27th
	put := func(at time.Time, text string, pairs ...any) {
		f.put("info", at, at.Format(time.DateOnly), text, pairs...)
	}
	put(noon, "of the trace", "trace_id", xrayAt(noon))
	put(now.Add(-time.Hour), "of today", "request_id", "today000-1")
	put(now.Add(-23*time.Hour), "retried", "request_id", "retried0-1")
	put(now.Add(-26*time.Hour), "tried", "request_id", "retried0-1")
	put(now.Add(-30*time.Hour), "of yesterday", "request_id", "yesterd-1")
	put(now.Add(-30*time.Hour), "random", "trace_id", random)
	put(now.Add(-50*time.Hour), "random, too", "trace_id", random)
	put(now.Add(-100*time.Hour), "random, long ago", "trace_id", random)
	put(now.Add(-31*time.Hour), "of chance", "trace_id", chance)
	put(now.Add(-2*time.Hour), "called", "request_id", "called00-1", "trace_id", chance[:31]+"0")
	put(now.Add(-150*time.Minute), "calls", "request_id", "caller00-1", "trace_id", chance[:31]+"0")
	put(now.Add(-3*time.Hour), "woke up", "execution", "e/1")
	put(now.Add(-80*time.Hour), "fell asleep", "execution", "e/1")
	put(now.Add(-10*24*time.Hour), "the beginning", "execution", "e/1")
	put(now.Add(-20*24*time.Hour), "old", "trace_id", xrayAt(now.Add(-20*24*time.Hour)))
	since := func(days int) time.Time { return now.Add(-time.Duration(days) * 24 * time.Hour) }

	for name, tc := range map[string]struct {
		o        StoryOptions
		want     string
		from, to time.Time // what Story says that it has read
		oldest   string    // the oldest partition that was asked
	}{
		"X-Ray's ID names its time": {StoryOptions{TraceID: xrayAt(noon)}, "of the trace",
			noon.Add(-time.Minute), noon.Add(24 * time.Hour), "2026-11-21"},
		"one of this moment": {StoryOptions{TraceID: xrayAt(now)}, "",
			now.Add(-time.Minute), now.Add(time.Minute), "2026-11-26"},
		"an old one": {StoryOptions{TraceID: xrayAt(now.Add(-20 * 24 * time.Hour))}, "old",
			now.Add(-20*24*time.Hour - time.Minute), now.Add(-19 * 24 * time.Hour), "2026-11-06"},
		"an ID that names none": {StoryOptions{TraceID: random}, "random, too,random",
			now.Add(time.Minute - 4*24*time.Hour), now.Add(time.Minute), "2026-11-22"},
		"and by chance one": {StoryOptions{TraceID: chance}, "of chance",
			now.Add(time.Minute - 3*24*time.Hour), now.Add(time.Minute), "2019-03-03"},
		"or as far as is said": {StoryOptions{TraceID: xrayAt(noon), Since: since(2)}, "",
			since(2), now.Add(time.Minute), "2026-11-24"},
		"a request of today": {StoryOptions{RequestID: "today000"}, "of today",
			now.Add(time.Minute - 24*time.Hour), now.Add(time.Minute), "2026-11-25"},
		"a retry of one of yesterday": {StoryOptions{RequestID: "retried0"}, "tried,retried",
			now.Add(time.Minute - 2*24*time.Hour), now.Add(time.Minute), "2026-11-24"},
		"a request of yesterday": {StoryOptions{RequestID: "yesterd-1"}, "of yesterday",
			now.Add(time.Minute - 2*24*time.Hour), now.Add(time.Minute), "2026-11-24"},
		"a request of a trace that names no time": {StoryOptions{RequestID: "called00"}, "calls,called",
			now.Add(time.Minute - 24*time.Hour), now.Add(time.Minute), "2026-11-25"},
		"none": {StoryOptions{RequestID: "nowhere0"}, "", since(7), now.Add(time.Minute), "2026-11-19"},
		"an execution may sleep": {StoryOptions{Execution: "e/1"}, "fell asleep,woke up",
			since(7), now.Add(time.Minute), "2026-11-19"},
		"for long": {StoryOptions{Execution: "e/1", Since: since(11)}, "the beginning,fell asleep,woke up",
			since(11), now.Add(time.Minute), "2026-11-15"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.o.Now = now
			got, days, s := f.story(tc.o)
			if strings.Join(got, ",") != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if !s.From.Equal(tc.from) || !s.To.Equal(tc.to) || days[0] != tc.oldest {
				t.Errorf("looked from %v to %v and asked %v; want %v to %v, and nothing before %v",
					s.From, s.To, days, tc.from, tc.to, tc.oldest)
			}
		})
	}
}

func TestABeginningOfSeveralRequestsIsAmbiguous(t *testing.T) {
	f := newFixture(t)
	f.put("info", noon, "2026-11-22", "one", "request_id", "7f3a9c12-1")
	f.put("info", noon, "2026-11-22", "two", "request_id", "7f3a9c12-2")
	o := StoryOptions{RequestID: "7f3a9c12", InfoTable: "info", Shards: 1, Now: noon.Add(time.Hour)}
	_, err := New(f.pages).Story(ctx, o)
	var ambiguous *AmbiguousError
	if !errors.As(err, &ambiguous) || !slices.Equal(ambiguous.IDs, []string{"7f3a9c12-1", "7f3a9c12-2"}) {
		t.Errorf("got %v", err)
	}
}

// endless answers with rows of one request without end.
type endless struct {
	mu sync.Mutex // guards n
	n  int
}

func (e *endless) Query(
	context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := &dynamodb.QueryOutput{LastEvaluatedKey: item("date", "2026-11-22", "stamp_mod", "x")}
	for range 100 {
		e.n++
		out.Items = append(out.Items, item("date", "2026-11-22", "message", "INFO: (1) x", "request_id", "7f3a9c12-1",
			"stamp_mod", fmt.Sprintf("%d.0000000+m+env", noon.Unix()+int64(e.n))))
	}
	return out, nil
}

func TestAStoryIsBounded(t *testing.T) {
	e := &endless{}
	o := StoryOptions{RequestID: "7f3a9c12", InfoTable: "info", Shards: 1, Now: noon.Add(12 * time.Hour)}
	s, err := New(e).Story(ctx, o)
	if err != nil || len(s.Rows) != MaxStory || !s.More || e.n > MaxStory+1000 {
		t.Errorf("%d rows of %d that were read, more %v, %v", len(s.Rows), e.n, s.More, err)
	}
	if s.RequestID != s.Rows[0].RequestID {
		t.Errorf("its request is %q, want %q", s.RequestID, s.Rows[0].RequestID)
	}
}

// Lines name their requests as they like: one that begins with another's whole
// ID does not keep that from being told.
func TestAWholeRequestIDIsNotAmbiguous(t *testing.T) {
	f := newFixture(t)
	const id = "aaaaaaaa-1111-4222-8333-444455556666"
	for i, request := range []string{id, id + "x", id[:20] + "y"} {
		f.put("info", noon, "2026-11-22", fmt.Sprint("row ", i), "request_id", request)
	}
	o := StoryOptions{RequestID: id, Now: noon.Add(time.Hour)}
	got, _, s := f.story(o)
	if diff := cmp.Diff([]string{"row 0"}, got); diff != "" || s.RequestID != id {
		t.Errorf("%q (-want +got):\n%s", s.RequestID, diff)
	}
	o = StoryOptions{RequestID: id[:8], Now: noon.Add(time.Hour), InfoTable: "info", Shards: 1}
	var ambiguous *AmbiguousError
	if _, err := New(f.pages).Story(ctx, o); !errors.As(err, &ambiguous) || len(ambiguous.IDs) != 3 {
		t.Errorf("a beginning: %v", err)
	}
}

// More traces and requests than are asked about at once.
func TestAStoryOfManyInvocations(t *testing.T) {
	f := newFixture(t)
	trace := xrayAt(noon)
	var batch []types.WriteRequest
	for i := range 2 * (MaxIDs + 5) {
		pairs := []any{"date", "2026-11-22", "request_id", fmt.Sprintf("%08d", i/2), "message", "INFO: (1) x",
			"stamp_mod", fmt.Sprintf("%d.%03d%04d+m+env", noon.Unix(), i, i)}
		if i%2 == 0 {
			pairs = append(pairs, "trace_id", trace)
		}
		batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: item(pairs...)}})
	}
	for some := range slices.Chunk(batch, 25) {
		in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"info": some}}
		if _, err := f.api.BatchWriteItem(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	o := StoryOptions{TraceID: trace, InfoTable: "info", Shards: 1, Now: noon.Add(time.Hour)}
	s, err := New(f.api).Story(ctx, o)
	if err != nil || len(s.Rows) != len(batch) {
		t.Errorf("%d rows, want %d; %v", len(s.Rows), len(batch), err)
	}
}

// A batch whose lines name ever other traces.
func TestAStoryHasFewTraces(t *testing.T) {
	f := newFixture(t)
	for i := range 15 {
		f.put("info", noon, "2026-11-22", "x", "request_id", "7f3a9c12-1", "trace_id_line", fmt.Sprintf("%032x", i+1))
	}
	_, _, s := f.story(StoryOptions{RequestID: "7f3a9c12", Now: noon.Add(time.Hour)})
	if len(s.Traces) != 10 || len(s.Rows) != 15 {
		t.Errorf("%d rows, and told of %d traces: %v", len(s.Rows), len(s.Traces), s.Traces)
	}
}
