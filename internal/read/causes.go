package read

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/cause"
)

const (
	// MaxCauses is how many causes are kept. Locators are what functions print:
	// there may be any number. Rows of further ones are counted together.
	MaxCauses = 10_000
	// maxBuckets is how many spans of time are counted of a cause: the hours of
	// a week.
	maxBuckets = 7 * 24
	// maxSeenVersions is how many versions are told apart of a cause.
	maxSeenVersions = 50
	// maxExecutions bounds the steps of durable executions that are remembered
	// so as to count each once.
	maxExecutions = 1 << 18
	// maxCauseText is how much is kept of the last row's texts, in bytes.
	maxCauseText = 512
	// halfLife is after how long an error weighs half in the order of causes.
	halfLife = 24 * time.Hour
	// newFor is how long a cause is new. Of a span that is not much longer, it
	// cannot be told.
	newFor = 24 * time.Hour
)

// CauseOptions says which causes of errors to read.
type CauseOptions struct {
	// Options says which rows of the errors table count. InfoTable, Limit and
	// NewestFirst are not heeded.
	Options
	// Only is the one cause that is wanted, with its last row and its history;
	// the zero ID is for all. It is there without rows, too, if something was
	// said of it.
	Only cause.ID
	// Seen is told of each row that is read; nil for nobody. It is called from
	// the goroutine of Causes.
	Seen func(*Row)
}

// Causes are the errors of a span of time, by their causes.
type Causes struct {
	// All are the causes, what needs attention first: what came back and what
	// is new, then what is open, still seen, resolved, ignored; among these,
	// what was frequent lately.
	All []Cause
	// Others is how many errors have further causes than the MaxCauses that
	// were seen last.
	Others int
	// From, To and Bucket are the spans of time that Cause.Buckets counts: the
	// first begins at From, each is Bucket long, whole hours, and the last ends
	// at To or later. To is not in the future.
	From, To time.Time
	Bucket   time.Duration
	// Unsaid is that what was said of causes may not be read: all are open.
	Unsaid bool
}

// A Cause is what was seen of a cause in a span of time, and what was said of
// it. Its texts were written by others, as a Row's.
type Cause struct {
	cause.ID
	Said     cause.State // the zero State if nobody has said anything
	Standing cause.Standing
	// New is that it was first seen in the last day of the span, which is
	// longer than two, and that nobody has said anything of it.
	New bool
	// Count is how many errors there were; of one durable execution and
	// operation, one.
	Count       int
	Requests    Distinct
	First, Last time.Time
	Versions    []SeenVersion // the one seen last first; without rows that have none
	Buckets     []uint32      // see Causes
	// Text and Exception are the beginning of the last row's texts, one line
	// each.
	Text, Exception string
	LastKey         Key
	LastRow         *Row // with CauseOptions.Only; nil if there were no errors

	recent
}

// A SeenVersion is a version of a function's code in which a cause was seen.
type SeenVersion struct {
	Version     string
	Count       int
	First, Last time.Time
}

// recent is what only the order and the standing need.
type recent struct {
	weight   float64   // see halfLife
	nowhere  time.Time // when it was last seen in a row without a version, or in one more version than are kept
	requests sketch
}

// Causes reads the errors of a span of time and what was said of their causes.
// It keeps causes, not rows. The error is as Query's.
func (c *Client) Causes(ctx context.Context, o CauseOptions) (*Causes, error) {
	o.InfoTable, o.Limit, o.NewestFirst = "", 0, true
	if o.Only != (cause.ID{}) {
		o.Filter = o.Filter.Of(o.Only)
	}
	options, err := o.Options.normal()
	if err != nil {
		return nil, err
	}
	o.Options = options
	g := newGrouping(&o)
	for row, err := range c.Query(ctx, o.Options) {
		if err != nil {
			return nil, err
		}
		if o.Seen != nil {
			o.Seen(&row)
		}
		g.add(&row)
	}
	if o.Only != (cause.ID{}) && len(g.known) == 0 { // something may have been said of it
		g.begin(o.Only, &Row{}).LastRow = nil
	}
	if err := c.judge(ctx, g); err != nil {
		return nil, err
	}
	for _, found := range g.known {
		if found.Count == 0 && found.Said.Rev == 0 {
			continue
		}
		found.Requests = found.requests.count()
		g.causes.All = append(g.causes.All, *found)
	}
	slices.SortFunc(g.causes.All, urgent)
	return &g.causes, nil
}

// Of is the filter with what can be asked of the rows of a cause. It lets
// through some of others.
func (f Filter) Of(id cause.ID) Filter {
	// What the module was made of may have had any character for an underscore.
	module := strings.ReplaceAll(id.Module, "_", "?")
	if len(module) >= cause.MaxModule {
		module += "*"
	}
	if len(f.Modules) == 0 {
		f.Modules = []string{module}
	}
	if id.Plain() && len(f.Locators) == 0 {
		f.Locators = []string{id.Locator}
	}
	return f
}

// urgent orders causes by how much they need attention.
func urgent(a, b Cause) int {
	rank := func(c *Cause) int {
		if c.New {
			return int(cause.CameBack)
		}
		return int(c.Standing)
	}
	return cmp.Or(cmp.Compare(rank(&b), rank(&a)), cmp.Compare(b.weight, a.weight), b.Last.Compare(a.Last),
		strings.Compare(a.Module, b.Module), strings.Compare(a.Locator, b.Locator))
}

// A grouping is rows on their way to causes.
type grouping struct {
	options    *CauseOptions
	causes     Causes
	known      map[cause.ID]*Cause
	executions map[uint64]struct{}
}

func newGrouping(o *CauseOptions) *grouping {
	g := &grouping{options: o, known: map[cause.ID]*Cause{}, executions: map[uint64]struct{}{}}
	to := o.To
	if o.From.Before(o.Now) && o.Now.Before(to) {
		to = o.Now
	}
	hours := max(int64(math.Ceil(to.Sub(o.From).Round(time.Minute).Hours()/maxBuckets)), 1)
	g.causes.From, g.causes.To, g.causes.Bucket = o.From, to, time.Duration(hours)*time.Hour
	return g
}

// add counts a row. Rows come newest first.
func (g *grouping) add(r *Row) {
	id := cause.Of(r.Module, r.Locator, r.Exception, r.Text)
	if g.options.Only != (cause.ID{}) && id != g.options.Only {
		return
	}
	c := g.known[id]
	if c == nil {
		if len(g.known) >= MaxCauses {
			g.causes.Others++
			return
		}
		c = g.begin(id, r)
	}
	if !r.Time.IsZero() {
		c.First = r.Time
	}
	if !g.counted(c, r) {
		return
	}
	c.Count++
	c.seen(r)
	if r.RequestID != "" {
		c.requests.add(r.RequestID)
	}
	if age := g.causes.To.Sub(r.Time); !r.Time.IsZero() {
		c.weight += math.Exp2(-max(age, 0).Hours() / halfLife.Hours())
		if at := int(r.Time.Sub(g.causes.From) / g.causes.Bucket); at >= 0 {
			c.Buckets[min(at, len(c.Buckets)-1)]++ // a clock may be ahead
		}
	}
}

// begin notes a cause by its last row. It keeps nothing of the row's memory.
func (g *grouping) begin(id cause.ID, r *Row) *Cause {
	own := func(s string) string { return strings.Clone(head(s)) }
	id = cause.ID{Module: strings.Clone(id.Module), Locator: strings.Clone(id.Locator)}
	buckets := int((g.causes.To.Sub(g.causes.From) + g.causes.Bucket - 1) / g.causes.Bucket)
	c := &Cause{
		ID: id, First: r.Time, Last: r.Time, Buckets: make([]uint32, max(buckets, 1)),
		Text: own(cause.Line(head(r.Text))), Exception: own(cause.Line(head(cause.Headline(r.Exception)))),
		LastKey: Key{
			Date: strings.Clone(r.Date), StampMod: strings.Clone(r.StampMod), Time: r.Time, Module: id.Module,
		},
	}
	if g.options.Only != (cause.ID{}) {
		last := *r
		c.LastRow = &last
	}
	g.known[id] = c
	return c
}

// head is as much of a text as is kept.
func head(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxCauseText)], "") }

// counted reports whether a row is to be counted: of one durable execution and
// operation, which is tried again until it succeeds, one is. Where there are
// too many to remember, each is.
func (g *grouping) counted(c *Cause, r *Row) bool {
	if r.Execution == "" {
		return true
	}
	step := digest(c.Module, c.Locator, r.Execution, r.Operation)
	if _, was := g.executions[step]; was {
		c.seenAgain(r)
		return false
	}
	if len(g.executions) < maxExecutions {
		g.executions[step] = struct{}{}
	}
	return true
}

// seen notes the version of a row.
func (c *Cause) seen(r *Row) {
	for i := range c.Versions {
		if v := &c.Versions[i]; v.Version == r.Version {
			v.Count++
			v.First = r.Time
			return
		}
	}
	if r.Version == "" || len(c.Versions) == maxSeenVersions {
		c.nowhere = later(c.nowhere, r.Time)
		return
	}
	c.Versions = append(c.Versions, SeenVersion{
		Version: strings.Clone(head(r.Version)), Count: 1, First: r.Time, Last: r.Time,
	})
}

// seenAgain is seen for a row that is not counted.
func (c *Cause) seenAgain(r *Row) {
	for i := range c.Versions {
		if v := &c.Versions[i]; v.Version == r.Version {
			v.First = r.Time
			return
		}
	}
}

// judge finds out how the cause stands, of which something was said or not.
func (g *grouping) judge(c *Cause, said cause.State) {
	c.Said = said
	now := g.options.Now
	c.Standing = c.Said.Quiet(now)
	judge := func(at time.Time, version string) {
		if !at.IsZero() {
			c.Standing = max(c.Standing, c.Said.Judge(now, at, version))
		}
	}
	judge(c.nowhere, "")
	for _, v := range c.Versions {
		judge(v.Last, v.Version)
	}
	from, to := g.causes.From, g.causes.To
	c.New = c.Said.Rev == 0 && to.Sub(from) > 2*newFor && c.First.After(to.Add(-newFor))
}

// StillSeenIn is the version of the last row since the cause was resolved, if
// that version had shown the error before; "" if the cause does not stand so.
func (c *Cause) StillSeenIn() string {
	if c.Standing != cause.IsStillSeen || len(c.Versions) == 0 {
		return ""
	}
	return c.Versions[0].Version
}
