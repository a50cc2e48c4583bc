package read

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// noClock passes queries on, and hides the server's clock: the time is the
// test's. It counts calls and notes how early the earliest key asked for is.
type noClock struct {
	querier
	mu    sync.Mutex // guards what follows: partitions are asked at once
	calls int
	from  []string // the keys from which partitions were asked
}

func (c *noClock) Query(
	ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	c.mu.Lock()
	c.calls++
	if _, bounds, ok := strings.Cut(*in.KeyConditionExpression, " BETWEEN "); ok {
		first, _, _ := strings.Cut(bounds, " ")
		c.from = append(c.from, in.ExpressionAttributeValues[first].(*types.AttributeValueMemberS).Value)
	}
	c.mu.Unlock()
	out, err := c.querier.Query(ctx, in, o...)
	if out != nil {
		out.ResultMetadata = middleware.Metadata{}
	}
	return out, err
}

// tailing is a Tail over a fixture, whose clock and ticks are the test's.
type tailing struct {
	*fixture
	*Tail
	at    time.Time
	calls *noClock
}

// newTailing begins to tail, at an instant.
func (f *fixture) newTailing(at time.Time, o Options) (*tailing, []string) {
	f.t.Helper()
	g := &tailing{fixture: f, at: at, calls: &noClock{querier: f.api}}
	if o.InfoTable == "" && o.ErrorsTable == "" {
		o.InfoTable, o.ErrorsTable = "info", "errors"
	}
	o.Shards, o.ErrorShards = max(o.Shards, 1), max(o.ErrorShards, 1)
	g.Tail = New(g.calls).NewTail(o, 24*time.Hour, time.UTC, func() time.Time { return g.at })
	rows, err := g.Last(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	var texts []string
	for _, r := range rows {
		texts = append(texts, r.Text)
	}
	return g, texts
}

// step lets time pass and does what Follow does then. It returns the texts of
// the rows that were found, late ones with "late " before them.
func (g *tailing) step(pass time.Duration) (texts []string, err error) {
	g.t.Helper()
	g.at = g.at.Add(pass)
	var last string
	_, err = g.tick(ctx, func(r TailedRow) bool {
		text := r.Text
		if r.Late {
			text = "late " + text
		} else if r.StampMod < last {
			g.t.Errorf("%s comes after %s in one poll", r.StampMod, last)
		} else {
			last = r.StampMod
		}
		texts = append(texts, text)
		return true
	})
	return texts, err
}

// steps are steps until a time has passed.
func (g *tailing) steps(pass time.Duration) (texts []string) {
	g.t.Helper()
	for ; pass > 0; pass -= pollEvery {
		found, err := g.step(pollEvery)
		if err != nil {
			g.t.Fatal(err)
		}
		texts = append(texts, found...)
	}
	return texts
}

func (g *tailing) puts(tableName string, ago time.Duration, text string, pairs ...any) {
	g.t.Helper()
	at := g.at.Add(-ago)
	g.put(tableName, at, at.Format(time.DateOnly), text, pairs...)
}

func wantTexts(t *testing.T, when string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", when, got, want)
	}
}

func TestTailBeginsWithTheLastRows(t *testing.T) {
	f := newFixture(t)
	f.put("info", noon.Add(-25*time.Hour), "2026-11-21", "of yesterday")
	for i := range 5 {
		f.put([]string{"info", "errors"}[i%2], noon.Add(time.Duration(i-9)*time.Second), "2026-11-22", fmt.Sprint(i))
	}
	_, last := f.newTailing(noon, Options{Limit: 100})
	wantTexts(t, "more than there are", last, "0", "1", "2", "3", "4")
	g, last := f.newTailing(noon, Options{Limit: 3})
	wantTexts(t, "the last three", last, "2", "3", "4")
	// The others, too, were there before.
	wantTexts(t, "nothing new", g.steps(2*time.Minute))
	g.puts("info", 10*time.Hour, "from before the first one")
	g.puts("info", 0, "new")
	wantTexts(t, "a new one", g.steps(2*time.Minute), "new")

	g, last = f.newTailing(noon, Options{})
	wantTexts(t, "none at first", last)
	g.puts("info", 3*time.Second, "new")
	wantTexts(t, "none at first, and then", g.steps(2*time.Minute), "new")
}

func TestTailFindsWhatIsWritten(t *testing.T) {
	f := newFixture(t)
	g, _ := f.newTailing(noon, Options{Limit: 10})
	wantTexts(t, "nothing", g.steps(time.Minute))
	g.puts("info", 0, "b")
	g.puts("errors", time.Second, "a")
	wantTexts(t, "both tables in order", g.steps(pollEvery), "a", "b")
	g.puts("info", 9*time.Second, "disordered")
	wantTexts(t, "one of ten seconds", g.steps(pollEvery), "disordered")
	g.puts("info", 40*time.Second, "delayed")
	g.puts("errors", 14*time.Minute, "from before tail began, which had no rows")
	wantTexts(t, "late ones, at first", g.steps(pollEvery))
	wantTexts(t, "late ones, within a minute", g.steps(time.Minute),
		"late from before tail began, which had no rows", "late delayed")
	g.puts("info", 17*time.Minute, "too late")
	g.puts("info", -5*time.Minute, "from the future")
	g.puts("info", -2*time.Hour, "from a far future")
	wantTexts(t, "a clock that is wrong", g.steps(pollEvery), "from the future")
	g.puts("info", 0, "and now")
	wantTexts(t, "who else is not held up by it", g.steps(pollEvery), "and now")
	wantTexts(t, "later", g.steps(65*time.Minute), "from a far future")
}

func TestTailFiltersAndLosesNothingByIt(t *testing.T) {
	f := newFixture(t)
	g, _ := f.newTailing(noon, Options{Limit: 10, Filter: Filter{Levels: []string{"error"}, Modules: []string{"m"}}})
	for i := range 50 {
		g.puts("info", 0, fmt.Sprint(i))
		if i%10 == 0 {
			g.puts("errors", 0, fmt.Sprint("error ", i))
		}
		found := g.steps(pollEvery)
		if i%10 == 0 {
			wantTexts(t, "an error", found, fmt.Sprint("error ", i))
		} else {
			wantTexts(t, "another row", found)
		}
	}
	// What is filtered out moves on where polls begin.
	if from := g.from(); g.at.Sub(from) > settle+2*pollEvery {
		t.Errorf("polls begin %v ago", g.at.Sub(from))
	}
}

// Rows of a zone that nobody named are found within a minute, and from then on
// at once.
func TestTailFindsRowsOfEveryZone(t *testing.T) {
	f := newFixture(t)
	g, _ := f.newTailing(day.Add(20*time.Hour), Options{Limit: 10})
	g.put("info", g.at, "2026-11-23", "from Tokyo")
	wantTexts(t, "the first", g.steps(time.Minute+pollEvery), "from Tokyo")
	g.put("info", g.at, "2026-11-23", "from Tokyo, too")
	wantTexts(t, "the second", g.steps(pollEvery), "from Tokyo, too")

	tokyo := time.FixedZone("JST", 9*3600)
	g, _ = f.newTailing(day.Add(15*time.Hour-time.Minute), Options{Limit: 1})
	g.zone = tokyo
	g.steps(time.Minute + 10*time.Second)
	g.put("info", g.at, "2026-11-23", "of a named zone")
	wantTexts(t, "a zone that was named", g.steps(pollEvery), "of a named zone")
}

// What -f shows equals what was written: each row once, in order within a poll,
// with everything that makes it hard.
func TestTailShowsEachRowOnce(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			server := table.Start(t)
			if err := table.CreateLogTables(ctx, server.Client(), "info", "errors"); err != nil {
				t.Fatal(err)
			}
			f := &fixture{t: t, api: server.Client()}
			// Over midnight.
			g, _ := f.newTailing(day.Add(23*time.Hour+55*time.Minute), Options{Shards: 2, Limit: 10})
			server.OnRequest(table.Only(table.Any(table.Throttle(0.03, seed), table.ServerError(500, 0.03, seed),
				table.ResetAfter(0.03, seed)), "Query"))
			s := &schedule{tailing: g, random: rand.New(rand.NewPCG(seed, 1)), due: map[string]time.Time{},
				shown: map[string]int{}}
			for range 400 {
				for range s.random.IntN(4) {
					s.write()
				}
				s.poll()
			}
			server.OnRequest(nil)
			for range 60 {
				s.poll()
			}
			s.check()
			if len(g.seen.times) > s.recent() {
				t.Errorf("%d rows are remembered, and %d are recent", len(g.seen.times), s.recent())
			}
		})
	}
}

// schedule writes rows at random and expects to find them.
type schedule struct {
	*tailing
	random *rand.Rand
	n      int
	times  []time.Time          // of all rows
	due    map[string]time.Time // when a row is to be shown at the latest
	shown  map[string]int
	lates  int
}

// write stores a row or a pack, most of them a little late, some very much.
func (s *schedule) write() {
	delay := time.Duration(s.random.IntN(8000)) * time.Millisecond
	due := s.at.Add(2 * pollEvery)
	if s.random.IntN(10) == 0 {
		delay = time.Duration(s.random.IntN(13*60)) * time.Second
		due = s.at.Add(lookEach + 2*pollEvery)
	}
	at := s.at.Add(-delay)
	date := at.Format(time.DateOnly)
	if s.random.IntN(20) == 0 {
		date = at.Add(9 * time.Hour).Format(time.DateOnly) // in Tokyo
		due = s.at.Add(lookEach + 2*pollEvery)
	}
	key := func(at time.Time) string {
		s.n++
		s.times = append(s.times, at)
		key := fmt.Sprintf("%d.%03d%04d+m+2p4thtomb9", at.Unix(), at.Nanosecond()/1e6, s.n)
		s.due[key] = due
		return key
	}
	switch s.random.IntN(4) {
	case 0:
		s.putItem("errors", item("date", date, "level", "ERROR", "stamp_mod", key(at), "message", "ERROR: (1) x"))
	case 1:
		span := time.Duration(s.random.IntN(40_000)) * time.Millisecond
		if s.n > 0 && s.random.IntN(2) == 0 {
			span = time.Second
		}
		first, last := at.Add(-span), at
		if first.Before(s.at.Add(-13 * time.Minute)) {
			first = at
		}
		if !s.hasPacks() { // before the first one has been seen, the next may take a minute
			due = s.at.Add(lookEach + 2*pollEvery)
		}
		if s.at.Sub(first) > settle {
			due = s.at.Add(lookEach + 2*pollEvery) // its first lines are late
		}
		it := packItem(s.t, key(first), s.lastKey(), key(last))
		it["date"] = item("date", first.Format(time.DateOnly))["date"]
		s.putItem("info", it)
	default:
		date += []string{"", "#1"}[s.random.IntN(2)]
		s.putItem("info", item("date", date, "level", "INFO", "stamp_mod", key(at), "message", "INFO: (1) x"))
	}
}

func (s *schedule) hasPacks() bool { return s.watch.hasPacks() }

// lastKey is the key that was made last.
func (s *schedule) lastKey() string {
	at := s.times[len(s.times)-1]
	return fmt.Sprintf("%d.%03d%04d+m+2p4thtomb9", at.Unix(), at.Nanosecond()/1e6, s.n)
}

// poll lets a poll's time pass, and notes what it shows.
func (s *schedule) poll() {
	s.at = s.at.Add(pollEvery)
	var last string
	_, err := s.tick(ctx, func(r TailedRow) bool {
		if s.shown[r.StampMod]++; r.Late {
			s.lates++
		} else if r.StampMod < last {
			s.t.Errorf("%s comes after %s", r.StampMod, last)
		} else {
			last = r.StampMod
		}
		if due, written := s.due[r.StampMod]; !written || s.at.After(due.Add(s.grace())) {
			s.t.Errorf("%s is shown at %v, due %v", r.StampMod, s.at, due)
		}
		return true
	})
	var failed *TableError
	if err != nil && !errors.As(err, &failed) {
		s.t.Error(err)
	}
}

// grace is for polls that fail.
func (s *schedule) grace() time.Duration { return 20 * pollEvery }

func (s *schedule) check() {
	for key := range s.due {
		if n := s.shown[key]; n != 1 {
			s.t.Errorf("%s was shown %d times", key, n)
		}
	}
	if s.lates == 0 || s.lates > len(s.due)/3 {
		s.t.Errorf("%d of %d rows were late", s.lates, len(s.due))
	}
}

func (s *schedule) recent() (n int) {
	for _, at := range s.times {
		if at.After(s.at.Add(-lookBack - 2*lookEach)) {
			n++
		}
	}
	return n
}

// What a poll asks for, and what an hour costs: docs/reading.md has these
// numbers.
func TestWhatTailCosts(t *testing.T) {
	type phase struct {
		name  string
		at    time.Time
		o     Options
		calls int // of a poll
	}
	for _, tc := range []phase{
		{"both tables", noon.Add(3 * time.Hour), Options{}, 2},
		{"with three dates in use on Earth", noon, Options{}, 2},
		{"errors only", noon, Options{ErrorsTable: "errors"}, 1},
		{"eight shards", noon, Options{Shards: 8}, 9},
		{"midnight", day.Add(24*time.Hour + 3*time.Second), Options{}, 4},
		{"a minute before midnight", day.Add(24*time.Hour - 30*time.Second), Options{}, 4},
		{"a minute after midnight", day.Add(24*time.Hour + time.Minute), Options{}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			tc.o.Limit = 10
			g, _ := f.newTailing(tc.at.Add(-pollEvery), tc.o)
			g.looked = g.at // no look back
			g.calls.calls = 0
			g.calls.from = nil
			g.steps(pollEvery)
			if n := g.calls.calls; n != tc.calls {
				t.Errorf("%d calls, want %d", n, tc.calls)
			}
			for _, from := range g.calls.from {
				if least := stampBound(g.at.Add(-settle - 2*pollEvery)); from < least {
					t.Errorf("asked from %s, want %s or later", from, least)
				}
			}
		})
	}
	f := newFixture(t)
	meter := NewMeter(f.api)
	g, _ := f.newTailing(noon.Add(3*time.Hour), Options{})
	g.calls.querier = meter
	g.calls.calls = 0
	g.steps(time.Hour)
	if calls, units := g.calls.calls, meter.Units(); calls != 5040 || units != 2520 {
		t.Errorf("an hour of nothing takes %d calls and %g read units", calls, units)
	}
}

// What an hour of a busy table costs, in docs/reading.md: ten rows a second of
// 300 bytes, measured over four minutes behind a quarter of an hour that is
// looked back at.
func TestWhatTailOfABusyTableCosts(t *testing.T) {
	f := newFixture(t)
	begin := noon.Add(3 * time.Hour)
	busy := func(at time.Time) map[string]types.AttributeValue {
		f.n++
		return item("date", "2026-11-22", "level", "INFO", "locator", "1",
			"message", "INFO: (1) "+strings.Repeat("x", 220),
			"stamp_mod", fmt.Sprintf("%d.%03d%04d+m+env", at.Unix(), at.Nanosecond()/1e6, f.n%10_000))
	}
	var before []map[string]types.AttributeValue
	for at := begin.Add(-lookBack - settle); at.Before(begin); at = at.Add(100 * time.Millisecond) {
		before = append(before, busy(at))
	}
	f.putAll("info", before)
	size := 0
	for name, value := range before[0] {
		size += len(name) + len(value.(*types.AttributeValueMemberS).Value)
	}
	if size < 290 || size > 310 {
		t.Errorf("a row has %d bytes", size)
	}
	g, _ := f.newTailing(begin.Add(-lookBack-settle), Options{})
	for g.at.Before(begin) {
		if _, err := g.step(begin.Sub(g.at) / 2); err != nil {
			t.Fatal(err)
		}
		if begin.Sub(g.at) < time.Second {
			g.at = begin
		}
	}
	meter := NewMeter(f.api)
	g.calls.querier = meter
	var polls, looking float64
	shown := 0
	for range int(4 * time.Minute / pollEvery) {
		var new []map[string]types.AttributeValue
		for i := range 15 {
			new = append(new, busy(g.at.Add(time.Duration(i)*100*time.Millisecond)))
		}
		f.putAll("info", new)
		was, looked := meter.Units(), g.looked
		shown += len(g.steps(pollEvery))
		if g.looked.Equal(looked) {
			polls += meter.Units() - was
		} else {
			looking += meter.Units() - was
		}
	}
	polls, looking = 15*polls, 15*looking
	if shown != 2400 || polls < 11_000 || polls > 12_500 || looking < 20_000 || looking > 23_000 {
		t.Errorf("%d rows are shown; an hour takes %.0f read units, and %.0f in polls that look back", shown, polls,
			looking)
	}
}

// A machine that slept reads what it has missed, up to what was asked for, and
// not in a burst.
func TestTailAfterSleep(t *testing.T) {
	f := newFixture(t)
	g, _ := f.newTailing(noon, Options{Limit: 10})
	g.puts("info", 0, "before")
	wantTexts(t, "before", g.steps(2*time.Minute), "before")
	for i := range 8 {
		g.puts("info", -time.Duration(i+1)*time.Hour, fmt.Sprint("hour ", i))
	}
	g.calls.calls = 0
	found, err := g.step(8*time.Hour + time.Minute)
	if n := g.calls.calls; err != nil || n > 6 || len(found) > 1 {
		t.Errorf("the first step after sleep takes %d calls, and shows %q, %v", n, found, err)
	}
	steps := 1
	for ; g.behind(); steps++ {
		more, err := g.step(0)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, more...)
	}
	found = append(found, g.steps(2*time.Minute)...)
	wantTexts(t, "after sleep", found, "hour 0", "hour 1", "hour 2", "hour 3", "hour 4", "hour 5", "hour 6", "hour 7")
	if steps > 8*4 {
		t.Errorf("%d steps for eight hours", steps)
	}

	last := g.at
	_, err = g.step(30 * time.Hour)
	var gap *GapError
	if !errors.As(err, &gap) || !gap.From.Equal(last) || !gap.To.Equal(last.Add(6*time.Hour)) {
		t.Errorf("after 30 hours: %v", err)
	}
	g.puts("info", 0, "new")
	found = nil
	for range 200 {
		more, err := g.step(0)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, more...)
	}
	wantTexts(t, "after 30 hours", found, "new")

	g.puts("info", 0, "before the clock is put back")
	wantTexts(t, "before", g.steps(pollEvery), "before the clock is put back")
	if found, err := g.step(-2 * time.Minute); err != nil || len(found) > 0 {
		t.Errorf("after the clock was put back: %q, %v", found, err)
	}
	g.puts("info", 0, "by another clock")
	wantTexts(t, "by another clock", g.steps(pollEvery), "by another clock")
}

// The server's clock counts: rows are not of the future, nor polls of the past,
// because this machine's is wrong.
func TestTailGoesByTheServersClock(t *testing.T) {
	f := newFixture(t)
	for _, wrong := range []time.Duration{-8 * time.Minute, 8 * time.Minute} {
		now := func() time.Time { return time.Now().Add(wrong) }
		o := Options{InfoTable: "info", ErrorsTable: "errors", Limit: 1, Shards: 1, ErrorShards: 1}
		tail := New(f.api).NewTail(o, time.Hour, time.UTC, now)
		if _, err := tail.Last(ctx); err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		f.put("info", at, at.UTC().Format(time.DateOnly), "now")
		var found []string
		_, err := tail.tick(ctx, func(r TailedRow) bool { found = append(found, r.Text); return true })
		if err != nil || !slices.Equal(found, []string{"now"}) {
			t.Errorf("%v: %q, %v", wrong, found, err)
		}
		if off := time.Since(tail.from()) - settle; off.Abs() > time.Minute {
			t.Errorf("%v: polls begin %v too early", wrong, off)
		}
	}
}

// More rows than are remembered: rather than twice, late ones are not shown.
func TestTailsMemoryIsBounded(t *testing.T) {
	s := newSeenRows()
	r := Row{Table: "info"}
	for i := range maxSeen + 1000 {
		r.Key = parseKey("2026-11-22", fmt.Sprintf("%d.%03d0000+m+env", noon.Unix()+int64(i/1000), i%1000))
		if !s.add(&r, noon) || s.add(&r, noon) {
			t.Fatalf("row %d is not new, or not known the second time", i)
		}
	}
	if n := len(s.times); n > maxSeen {
		t.Errorf("%d rows are remembered", n)
	}
	for i := range maxSeen + 1000 {
		r.Key = parseKey("2026-11-22", fmt.Sprintf("%d.%03d0000+m+env", noon.Unix()+int64(i/1000), i%1000))
		if s.add(&r, noon) {
			t.Fatalf("row %d is shown twice", i)
		}
	}
}

// answers is a table of a few rows that fails when it is told to.
type answers struct {
	mu    sync.Mutex // guards what follows
	asked []time.Time
	fails func() error
	rows  []map[string]types.AttributeValue
}

func (a *answers) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *answers) Query(
	ctx context.Context, _ *dynamodb.QueryInput, _ ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	if _, limited := ctx.Deadline(); !limited {
		return nil, errors.New("a call without a time limit")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, time.Now())
	if err := a.fails(); err != nil {
		return nil, err
	}
	return &dynamodb.QueryOutput{Items: a.rows}, nil
}

// Follow keeps its pace, and is slower while reading fails.
func TestFollowBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		failing := 0
		a := &answers{fails: func() error {
			if failing > 0 {
				failing--
				return broken
			}
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.Sleep(15 * time.Hour) // it begins at midnight
		o := Options{ErrorsTable: "errors", ErrorShards: 1, Limit: 1}
		tail := New(a).NewTail(o, time.Hour, time.UTC, nil)
		if _, err := tail.Last(ctx); err != nil {
			t.Fatal(err)
		}
		tail.looked = time.Now().Add(time.Minute / 2)
		begun := time.Now()
		var heard []error
		go func() {
			time.Sleep(7 * time.Second) // five polls
			a.set(func() { failing = 7 })
			time.Sleep(3 * time.Minute)
			now := time.Now()
			written := item("date", now.Format(time.DateOnly), "message", "ERROR: (1) x",
				"stamp_mod", fmt.Sprintf("%010d.0000000+m+env", now.Unix()))
			a.set(func() { a.rows = append(a.rows, written) })
		}()
		a.asked = nil
		var rows []TailedRow
		for row, err := range tail.Follow(ctx, func(err error) error { heard = append(heard, err); return nil }) {
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				break
			}
			rows = append(rows, row)
			time.AfterFunc(time.Minute, cancel)
		}
		if len(rows) != 1 || rows[0].Text != "x" || rows[0].Late {
			t.Errorf("rows %+v", rows)
		}
		if len(heard) != 8 || !errors.Is(heard[0], broken) || heard[7] != nil {
			t.Errorf("heard %v", heard)
		}
		var pauses []float64
		before := begun
		for _, at := range a.asked[:13] {
			pauses = append(pauses, at.Sub(before).Seconds())
			before = at
		}
		want := []float64{0, 1.5, 1.5, 1.5, 1.5, 1.5, 3, 6, 12, 24, 30, 30, 30}
		if !slices.Equal(pauses, want) {
			t.Errorf("pauses %v, want %v", pauses, want)
		}
	})
}

func TestFollowEndsWithWhatCannotPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fatal := errors.New("fatal")
		a := &answers{fails: func() error { return nil }}
		tail := New(a).NewTail(Options{ErrorsTable: "errors", ErrorShards: 1}, time.Hour, time.UTC, nil)
		if _, err := tail.Last(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.fails = func() error { return fatal }
		var ends []error
		for _, err := range tail.Follow(t.Context(), func(err error) error { return cmp.Or(err, nil) }) {
			ends = append(ends, err)
		}
		if len(ends) != 1 || !errors.Is(ends[0], fatal) {
			t.Errorf("%v", ends)
		}
	})
}
