package read

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/wait"
)

const (
	// pollEvery is the time from one poll to the next. Together with a poll's
	// own time it is below the two seconds that are promised.
	pollEvery = 1500 * time.Millisecond
	// slowest is the longest pause between polls that fail.
	slowest = 30 * time.Second
	// settle is how much earlier than the newest row a poll begins: writers
	// need a while, and each another one.
	settle = 10 * time.Second
	// lookEach is how often is looked back, and lookBack how far.
	lookEach = time.Minute
	lookBack = 15 * time.Minute
	// aheadOfUs is how far in the future rows are read: some writer's clock is
	// wrong. Those beyond come when they are within.
	aheadOfUs = time.Hour
)

// A TailedRow is a row that a Tail has found.
type TailedRow struct {
	Row
	// Late reports whether polls had passed its time when it was written:
	// rows of a later time were found before.
	Late bool
}

// A GapError says that the rows of a time are not read: From <= time < To.
type GapError struct{ From, To time.Time }

func (e *GapError) Error() string {
	return fmt.Sprintf("nothing was read for %v", e.To.Sub(e.From).Round(time.Second))
}

// A Tail finds the last rows and, from then on, new ones soon after they were
// written. It is for one goroutine.
//
// It keeps the keys of the rows that it may meet again: see seenRows.
type Tail struct {
	client *Client  // which asks through the watcher
	watch  *watcher // of what is read
	o      Options
	reach  time.Duration
	zone   *time.Location
	now    func() time.Time

	shards  map[string]int // of each table
	probed  time.Time      // when shards were looked for that nobody has named
	foreign bool           // a row has a date that neither UTC nor zone explains

	seen   *seenRows
	newest time.Time // up to here all has been read: a row's time, or when it was read
	last   time.Time // when the last poll succeeded, or the beginning
	looked time.Time // when looking back began last
	look   *backward // that is still to be done; nil for none
}

// NewTail makes a Tail. Of o, From and To do not matter, and Limit is how many
// of the last rows Last returns. reach is how far back it reads at most, for
// these and after a time without polls. zone is the writers', if somebody
// knows: rows of other ones are found as well, but the first of them may be
// shown a minute late. now is the clock; nil is this machine's.
func (c *Client) NewTail(o Options, reach time.Duration, zone *time.Location, now func() time.Time) *Tail {
	if now == nil {
		now = time.Now
	}
	w := &watcher{now: now}
	t := &Tail{client: &Client{api: w, Budget: c.Budget}, watch: w, o: o, zone: zone, now: now, reach: reach,
		shards: map[string]int{}, seen: newSeenRows()}
	t.Use(c)
	return t
}

// Use makes the Tail read by another Client of the same tables, which has other
// credentials. It may be called by what Follow calls.
func (t *Tail) Use(c *Client) { t.watch.api, t.client.Memory = c.api, c.Memory }

// clock is the time by DynamoDB's clock, as far as that is known: this
// machine's may be wrong, and rows must not seem to be of the future.
func (t *Tail) clock() time.Time { return t.now().Add(t.watch.offset()) }

// Last returns the last rows, oldest first. Follow goes on from there. Its
// errors are those of Query.
func (t *Tail) Last(ctx context.Context) ([]Row, error) {
	defer func() { t.client.Budget = nil }() // Follow has no end
	begun := t.clock()
	o := t.o
	o.NewestFirst, o.Now = true, begun
	o.From, o.To = begun.Add(-t.reach), begun.Add(aheadOfUs)
	if o.Limit <= 0 {
		o.From = begun.Add(-settle)
	}
	o, err := o.normal()
	if err != nil {
		return nil, err
	}
	t.o.Levels = o.Levels
	info, ofErrors, err := t.client.searches(ctx, &o)
	if err != nil {
		return nil, err
	}
	var rows []Row
	t.seen.floor = stampBound(o.From)
	for r, err := range t.client.merged(ctx, &o, t.client.sources(&o, info, ofErrors)) {
		if err != nil {
			return nil, err
		}
		// Those that were just written are taken note of, too: what is written
		// now may be as old.
		if len(rows) >= o.Limit && r.Time.Before(begun.Add(-settle)) {
			t.seen.floor = r.StampMod
			break
		}
		t.recognise(&r)
		if t.seen.add(&r, t.clock()); len(rows) < o.Limit {
			rows = append(rows, r)
		}
	}
	if err := t.findShards(ctx, info, ofErrors); err != nil {
		return nil, err
	}
	t.newest, t.last = begun, begun
	slices.Reverse(rows)
	return rows, nil
}

// findShards looks over how many partitions a day is spread. Where the writers
// do not say so, that costs many calls: it is done once a day.
func (t *Tail) findShards(ctx context.Context, searches ...*search) error {
	now := t.clock()
	probe := now.Sub(t.probed) >= lookEvery
	for _, s := range searches {
		if s == nil {
			continue
		}
		day := now.UTC().Format(time.DateOnly)
		n, complete := s.known(day)
		if !complete && probe {
			found, err := s.further(ctx, day)
			if err != nil {
				return err
			}
			if len(found) > 0 {
				n = max(n, found[len(found)-1]+1)
			}
			s.remember()
		}
		t.shards[s.table] = max(t.shards[s.table], n)
	}
	if probe {
		t.probed = now
	}
	return nil
}

// Follow yields new rows until ctx is done, in order within a poll; Last comes
// before. heard is told of an error that ended a poll, and of nil when a poll
// succeeds again. It returns nil if the Tail is to go on, at longer and longer
// intervals, or what ends it and is yielded last. The errors are Query's, and
// *GapError.
func (t *Tail) Follow(ctx context.Context, heard func(error) error) iter.Seq2[TailedRow, error] {
	return func(yield func(TailedRow, error) bool) {
		failures := 0
		for {
			begun := time.Now()
			stopped, err := t.tick(ctx, func(r TailedRow) bool { return yield(r, nil) })
			var gap *GapError
			switch {
			case stopped:
				return
			case errors.As(err, &gap):
				err = heard(err)
			case err != nil && ctx.Err() == nil:
				failures++
				err = heard(err)
			case err == nil && failures > 0:
				failures = 0
				err = heard(nil)
			}
			if err == nil {
				err = t.pause(ctx, failures, time.Since(begun))
			}
			if err != nil {
				yield(TailedRow{}, err)
				return
			}
		}
	}
}

// Poll returns the rows that are new, as one round of Follow does, for who
// knows when there can be any. Last comes before. The errors are Query's, and
// *GapError; what came before the error is returned with it.
func (t *Tail) Poll(ctx context.Context) (rows []TailedRow, err error) {
	_, err = t.tick(ctx, func(row TailedRow) bool {
		rows = append(rows, row)
		return true
	})
	return rows, err
}

// pause waits for the next poll, after one that has taken a time. What was
// missed while the machine slept is read without a pause: it takes no more
// calls than it would have taken then.
func (t *Tail) pause(ctx context.Context, failures int, taken time.Duration) error {
	every := wait.Backoff(pollEvery, slowest, failures+1)
	if failures > 0 {
		return wait.Sleep(ctx, every)
	}
	if t.behind() {
		return ctx.Err()
	}
	return wait.Sleep(ctx, max(every-taken, pollEvery/3))
}

// behind reports whether there is more to catch up with than a look back.
func (t *Tail) behind() bool { return t.clock().Sub(t.from()) > 2*lookBack }

// from is where a poll begins.
func (t *Tail) from() time.Time {
	from := t.newest
	if now := t.clock(); from.After(now) {
		from = now
	}
	from = from.Add(-settle)
	if floor := t.seen.floorTime(); from.Before(floor) {
		return floor
	}
	return from
}

// tick polls, and does its part of looking back; stopped reports that
// yield wants no more.
func (t *Tail) tick(ctx context.Context, yield func(TailedRow) bool) (stopped bool, err error) {
	if gap := t.leaveOut(); gap != nil {
		return false, gap
	}
	behind := t.behind()
	if stopped, err = t.poll(ctx, yield); stopped || err != nil || behind {
		return stopped, err
	}
	now := t.clock()
	t.last = now
	if t.look == nil && now.Sub(t.looked).Abs() >= lookEach {
		o := t.o
		o.Now = now
		info, ofErrors, err := t.client.searches(ctx, &o)
		if err == nil {
			err = t.findShards(ctx, info, ofErrors)
		}
		if err != nil {
			return false, err
		}
		t.looked, t.look = now, t.newBackward(now)
	}
	if t.look == nil {
		return false, nil
	}
	return t.lookBack(ctx, yield)
}

// leaveOut bounds how far back is read after a time without polls, and says
// what that leaves out.
func (t *Tail) leaveOut() *GapError {
	from, most := t.from(), t.clock().Add(-max(t.reach, 2*lookBack))
	if !from.Before(most) {
		return nil
	}
	t.newest = most.Add(settle)
	t.seen.forget(most)
	t.look = nil
	if !t.last.Before(most) {
		return nil // all was read when it was time
	}
	return &GapError{t.last, most}
}

// poll yields the new rows. If there is much to catch up with, it is those of
// the next quarter of an hour.
func (t *Tail) poll(ctx context.Context, yield func(TailedRow) bool) (stopped bool, err error) {
	now, from := t.clock(), t.from()
	to, slice := now.Add(aheadOfUs), t.behind()
	if slice {
		to = from.Add(lookBack)
	}
	o := t.o
	o.From, o.To, o.Now, o.Limit, o.NewestFirst = from, to, now, 0, false
	if floor := t.seen.floorTime(); t.watch.hasPacks() && !slice {
		// A pack is not torn apart because it begins earlier.
		if o.From = from.Add(-row.PackSpan); o.From.Before(floor) {
			o.From = floor
		}
	}
	for r, err := range t.client.merged(ctx, &o, t.pollSources(&o, from)) {
		if err != nil {
			return false, err
		}
		t.recognise(&r)
		if t.seen.add(&r, now) && !yield(TailedRow{Row: r, Late: r.Time.Before(from)}) {
			return true, nil
		}
	}
	if slice {
		t.newest = to
		t.seen.forget(from)
		return false, nil
	}
	if newest := t.watch.newestRow(); newest.After(t.newest) {
		t.newest = newest
	}
	if t.newest.After(now) {
		t.newest = now
	}
	return false, nil
}

// pollSources are the partitions that a poll asks, all at once. DynamoDB is not
// asked to filter: that would save nothing but bytes on the
// way, and the newest row that there is would not be known.
func (t *Tail) pollSources(o *Options, since time.Time) (all []*source) {
	bare := Options{InfoTable: o.InfoTable, ErrorsTable: o.ErrorsTable, Now: o.Now}
	for _, table := range t.tables() {
		from := since
		if t.watch.hasPacks() && o.packs(table) {
			from = from.Add(-row.PackSpan)
		}
		for _, date := range t.dates(since, o.To, t.behind()) {
			for shard := range t.shards[table] {
				s := newSource(t.client.api, o, table, partition{date: date}, shard, stampBound(o.From), len(all))
				s.input = keysInput(&bare, table, row.ShardDate(date, shard), from, o.To.Add(packDisorder))
				all = append(all, s)
			}
		}
	}
	return all
}

// tables are those that are read.
func (t *Tail) tables() []string {
	return slices.DeleteFunc([]string{t.o.InfoTable, t.o.ErrorsTable}, func(name string) bool { return name == "" })
}

// dates are the days that rows of a time can be expected in: UTC's and the
// zone's, or all that a writer may have if somebody has others. Rows of the
// future have today's date or come when that has changed.
func (t *Tail) dates(from, to time.Time, all bool) (dates []string) {
	if now := t.clock().Add(ahead); to.After(now) {
		to = now
	}
	for _, p := range partitions(from, to) {
		if all || t.foreign ||
			between(p.date, from.UTC(), to.UTC()) || between(p.date, from.In(t.zone), to.In(t.zone)) {
			dates = append(dates, p.date)
		}
	}
	return dates
}

// between reports whether a date is one of those from one instant to another,
// in their zone.
func between(date string, from, to time.Time) bool {
	return date >= from.Format(time.DateOnly) && date <= to.Format(time.DateOnly)
}

// recognise notes whether a row's date is one that dates does not expect.
func (t *Tail) recognise(r *Row) {
	if len(r.Date) < len(time.DateOnly) || r.Time.IsZero() {
		return
	}
	date := r.Date[:len(time.DateOnly)]
	if !between(date, r.Time, r.Time) && !between(date, r.Time.In(t.zone), r.Time.In(t.zone)) {
		t.foreign = true
	}
}
