package read

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// storyDays is how far back a story is looked for whose time nobody knows.
	storyDays = 7
	// MaxStory bounds the rows of a story, which are all in memory.
	MaxStory = 10_000
	// maxStoryTraces bounds the traces that are told with one request: of a
	// batch, each line may name another one. At most MaxIDs.
	maxStoryTraces = 10
	// maxStoryRequests bounds the requests whose other rows are looked for.
	maxStoryRequests = 5 * MaxIDs

	// window is what is read at once when looking back.
	window = 24 * time.Hour
	// traceBefore and traceSpan are what is read of the trace whose beginning
	// is known: clocks differ, and a story may go through queues.
	traceBefore = time.Minute
	traceSpan   = 24 * time.Hour
	// requestSpan is longer than the time from the first row of a request to
	// its last one: Lambda retries an asynchronous event for 6 hours at most,
	// and an invocation takes 15 minutes at most.
	requestSpan = 7 * time.Hour
	// invocationSpan is the longest time of an invocation.
	invocationSpan = 15 * time.Minute
	// callerSpan is how long before a row its trace, whose time its ID does not
	// name, is taken to have begun.
	callerSpan = time.Hour
	// ahead is how much functions' clocks may be ahead of this one.
	ahead = time.Minute

	// initRequest is what rows of a cold start have for a request ID.
	initRequest = "init"
)

// StoryOptions say what a story is told of. One of RequestID, TraceID and
// Execution is set.
type StoryOptions struct {
	InfoTable, ErrorsTable string // as in Options
	Shards, ErrorShards    int
	Now                    time.Time

	RequestID string // or the beginning of one
	TraceID   string // 32 lower-case hexadecimal digits
	Execution string // <name>/<id>

	// OnlyRequest leaves out what else happened in the request's trace.
	OnlyRequest bool

	// Since is where looking back ends; zero is seven days before Now, and the
	// time that an X-Ray ID names.
	Since time.Time
}

// A Story is what several functions have logged for one request or execution.
type Story struct {
	Rows []Row // ordered by their sort key

	RequestID string   // the whole one, of a story that was asked for by it
	Traces    []string // that it is told of
	More      bool     // it has more than MaxStory rows

	// From and To are what was read to find it.
	From, To time.Time
}

// AmbiguousError says that several request IDs begin in the same way.
type AmbiguousError struct {
	Beginning string
	IDs       []string // some of them
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("several requests begin with %s: %s", e.Beginning, strings.Join(e.IDs, ", "))
}

// Story reads a story: the rows of what was asked for, of the traces that a
// request's rows name, and all other rows of the invocations that these belong
// to. Without Rows there is none where it was looked for. Errors are those of
// Query, and *AmbiguousError.
func (c *Client) Story(ctx context.Context, o StoryOptions) (Story, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	t := teller{client: c, o: o, rows: map[Key]Row{}}
	err := t.tell(ctx)
	t.Rows = make([]Row, 0, len(t.rows))
	for _, row := range t.rows {
		t.Rows = append(t.Rows, row)
	}
	slices.SortFunc(t.Rows, func(a, b Row) int {
		return cmp.Or(strings.Compare(a.StampMod, b.StampMod), strings.Compare(a.Date, b.Date))
	})
	if errors.Is(err, errEnough) {
		t.More, err = true, nil
	}
	return t.Story, err
}

// errEnough says that a story has MaxStory rows.
var errEnough = errors.New("the story is too long")

// teller is a story on its way.
type teller struct {
	Story
	client *Client
	o      StoryOptions
	rows   map[Key]Row
}

func (t *teller) tell(ctx context.Context) error {
	switch {
	case t.o.TraceID != "":
		t.Traces = []string{t.o.TraceID}
		if err := t.trace(ctx, t.o.TraceID); err != nil {
			return err
		}
	case t.o.Execution != "":
		// It may sleep for days: a day without rows is not its end.
		err := t.back(ctx, Filter{Execution: t.o.Execution}, func(time.Time, bool, time.Time) bool { return false })
		if err != nil {
			return err
		}
	default:
		if err := t.request(ctx); err != nil || t.o.OnlyRequest {
			return err
		}
	}
	return t.complete(ctx)
}

// end is where looking ends on this side: rows may be younger than Now.
func (t *teller) end() time.Time { return t.o.Now.Add(ahead) }

// back reads day by day, newest first, until done says that the story is
// complete: it is told the earliest row so far, whether this day had any, and
// where this day begins.
func (t *teller) back(
	ctx context.Context, filter Filter, done func(earliest time.Time, some bool, from time.Time) bool,
) error {
	first := t.o.Since
	if first.IsZero() {
		first = t.o.Now.Add(-storyDays * 24 * time.Hour)
	}
	found := false
	var earliest time.Time
	for to := t.end(); to.After(first); to = to.Add(-window) {
		from := to.Add(-window)
		if from.Before(first) {
			from = first
		}
		rows, err := t.read(ctx, from, to, filter)
		if err != nil {
			return err
		}
		t.searched(from, to)
		if len(rows) > 0 {
			earliest = rows[0].Time
		}
		if found = found || len(rows) > 0; found && done(earliest, len(rows) > 0, from) {
			return nil
		}
	}
	return nil
}

// searched notes what was read.
func (t *teller) searched(from, to time.Time) {
	if t.From.IsZero() || from.Before(t.From) {
		t.From = from
	}
	if to.After(t.To) {
		t.To = to
	}
}

// read reads some of the story, and adds it.
func (t *teller) read(ctx context.Context, from, to time.Time, filter Filter) (rows []Row, err error) {
	o := Options{From: from, To: to, Filter: filter, Shards: t.o.Shards, ErrorShards: t.o.ErrorShards, Now: t.o.Now,
		InfoTable: t.o.InfoTable, ErrorsTable: t.o.ErrorsTable}
	for row, err := range t.client.Query(ctx, o) {
		if err != nil {
			return nil, err
		}
		if t.foreign(&row) {
			continue
		}
		rows = append(rows, row)
		if t.rows[row.Key] = row; len(t.rows) == MaxStory {
			return nil, errEnough
		}
	}
	return rows, nil
}

// foreign reports whether a row names another trace than those that are told.
func (t *teller) foreign(row *Row) bool {
	told := func(id string) bool { return slices.Contains(t.Traces, id) }
	return len(t.Traces) > 0 && row.TraceIDLine != "" && !told(row.TraceIDLine) && !told(row.TraceID)
}

// trace reads a trace that somebody asked for.
func (t *teller) trace(ctx context.Context, id string) error {
	begin, ok := traceBegin(id, t.o.Now)
	filter := Filter{TraceIDs: []string{id}}
	if ok && t.o.Since.IsZero() {
		from, to := t.traceSpan(begin)
		rows, err := t.read(ctx, from, to, filter)
		t.searched(from, to)
		// An old time may be chance: W3C's IDs are random.
		if err != nil || len(rows) > 0 || begin.After(t.o.Now.Add(-storyDays*24*time.Hour)) {
			return err
		}
		t.From, t.To = time.Time{}, time.Time{}
	}
	return t.back(ctx, filter, func(_ time.Time, some bool, _ time.Time) bool { return !some })
}

func (t *teller) traceSpan(begin time.Time) (from, to time.Time) {
	from, to = begin.Add(-traceBefore), begin.Add(traceSpan)
	if end := t.end(); to.After(end) {
		to = end
	}
	return from, to
}

// traceBegin is the second that an X-Ray ID names; false for one in the future,
// which is W3C's.
func traceBegin(id string, now time.Time) (time.Time, bool) {
	const digits = 8
	if len(id) < digits {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(id[:digits], 16, 64)
	begin := time.Unix(seconds, 0).UTC()
	return begin, err == nil && begin.Before(now.Add(ahead))
}

// request reads a request, and the traces that its rows name.
func (t *teller) request(ctx context.Context) error {
	err := t.back(ctx, Filter{RequestID: t.o.RequestID}, func(earliest time.Time, some bool, from time.Time) bool {
		return !some || earliest.Sub(from) > requestSpan
	})
	if err != nil && !errors.Is(err, errEnough) || len(t.rows) == 0 {
		return err
	}
	if err := t.settleRequest(); err != nil {
		return err
	}
	var traces []string
	var earliest time.Time
	for _, row := range t.rows {
		traces = append(traces, row.TraceID, row.TraceIDLine)
		if earliest.IsZero() || row.Time.Before(earliest) {
			earliest = row.Time
		}
	}
	if err != nil || t.o.OnlyRequest {
		return err
	}
	traces = distinct(traces)
	t.Traces = traces[:min(len(traces), maxStoryTraces)]
	if len(t.Traces) == 0 {
		return nil
	}
	from, to := t.tracesSpan(earliest)
	_, err = t.read(ctx, from, to, Filter{TraceIDs: t.Traces})
	return err
}

// settleRequest finds out which request was asked for by its beginning. A whole
// ID is that, whatever else begins with it: lines name their requests as they
// like.
func (t *teller) settleRequest() error {
	var ids []string
	for _, row := range t.rows {
		ids = append(ids, row.RequestID)
	}
	ids = distinct(ids)
	switch {
	case slices.Contains(ids, t.o.RequestID):
		maps.DeleteFunc(t.rows, func(_ Key, row Row) bool { return row.RequestID != t.o.RequestID })
		t.RequestID = t.o.RequestID
	case len(ids) > 1:
		return &AmbiguousError{t.o.RequestID, ids[:min(len(ids), 5)]}
	default:
		t.RequestID = ids[0]
	}
	return nil
}

// tracesSpan is when the traces may have rows that a row of that time names.
func (t *teller) tracesSpan(at time.Time) (from, to time.Time) {
	from, to = t.traceSpan(at)
	for _, id := range t.Traces {
		begin, ok := traceBegin(id, t.o.Now)
		if !ok || begin.After(at.Add(traceBefore)) || at.Sub(begin) > traceSpan {
			begin = at.Add(-callerSpan) // it is chance
		}
		if begin = begin.Add(-traceBefore); begin.Before(from) {
			from = begin
		}
	}
	return from, to
}

// distinct sorts texts and leaves out doubles and "".
func distinct(texts []string) []string {
	slices.Sort(texts)
	texts = slices.Compact(texts)
	if len(texts) > 0 && texts[0] == "" {
		return texts[1:]
	}
	return texts
}

// complete reads the other rows of the invocations that have a row in the
// story: what the platform says of them, and lines that name no trace.
func (t *teller) complete(ctx context.Context) error {
	var ids []string
	var first, last time.Time
	for _, row := range t.rows {
		if row.RequestID == "" || row.RequestID == initRequest || row.RequestID == t.RequestID {
			continue
		}
		ids = append(ids, row.RequestID)
		if first.IsZero() || row.Time.Before(first) {
			first = row.Time
		}
		if row.Time.After(last) {
			last = row.Time
		}
	}
	ids = distinct(ids)
	ids = ids[:min(len(ids), maxStoryRequests)]
	to := last.Add(invocationSpan)
	if end := t.end(); to.After(end) {
		to = end
	}
	for some := range slices.Chunk(ids, MaxIDs) {
		if _, err := t.read(ctx, first.Add(-invocationSpan), to, Filter{RequestIDs: some}); err != nil {
			return err
		}
	}
	return nil
}
