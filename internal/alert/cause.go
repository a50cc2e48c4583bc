package alert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/logtable/logtable/internal/cause"
)

// Causes know what people have said of the causes of errors. The method is
// called from one goroutine.
type Causes interface {
	// State returns what has been said of a cause; the zero State for nothing.
	// An error that wraps ErrWithheld will stay as it is for a while.
	State(context.Context, cause.ID) (cause.State, error)
}

// ErrWithheld is wrapped by what a Causes returns that may not be read, or is
// not there.
var ErrWithheld = errors.New("causes cannot be read")

const (
	// causeTime bounds a question about a cause, lastCauseTime one at the end.
	causeTime, lastCauseTime = 300 * time.Millisecond, 100 * time.Millisecond
	// causeRest is how long nobody asks after a question that failed: one that
	// hangs delays one invocation a minute. withheldRest is how long after one
	// that will fail again.
	causeRest, withheldRest = time.Minute, 15 * time.Minute
	// heedTime is how long an ignored cause is not asked about again: until
	// then nobody hears that it has been reopened.
	heedTime = 5 * time.Minute
	// maxIgnored bounds the ignored causes that are remembered; one that is
	// forgotten costs one more question.
	maxIgnored = 256
	// maxAlike bounds the alerts of one group that wait beside one another
	// because their causes differ: errors without a locator. Whoever gets a
	// function to print chooses how many causes there are.
	maxAlike = 4
)

// A past is an alert's cause, and what people had said of it before it came.
type past struct {
	cause.State // without ID: nobody is to be asked about it
	standing    cause.Standing
	version     string    // of the alert
	now         time.Time // when the message is made
}

// learn asks what has been said of an alert's cause. It is asked before the
// lock is: a read costs a tenth of a write, and whoever had the lock for an
// ignored cause would have to give it back, in every environment and window.
// What fails is as if nobody had said anything, and nobody hears of it: the
// alert itself is what counts.
func (s *Sender) learn(p *pending) {
	now := s.cfg.Now()
	if p.past.ID == (cause.ID{}) || s.gate.isDown() || ahead(now, s.causesAfter, withheldRest) {
		return
	}
	ctx, cancel := s.gate.limit(causeTime, lastCauseTime, 4)
	defer cancel()
	state, err := s.cfg.Causes.State(ctx, p.past.ID)
	now = s.cfg.Now()
	switch {
	case errors.Is(err, ErrWithheld):
		s.causesAfter = now.Add(withheldRest)
	case err != nil:
		s.causesAfter = now.Add(causeRest)
	default:
		state.ID = p.past.ID
		s.mu.Lock()
		p.past = past{State: state, standing: state.Judge(now, p.Time, p.Version), version: p.Version}
		s.mu.Unlock()
	}
}

// silence counts an alert whose cause is ignored, and reports whether it is.
func (s *Sender) silence(p *pending) bool {
	if p.past.standing != cause.IsIgnored {
		return false
	}
	now := s.cfg.Now()
	until := p.past.Until
	if latest := now.Add(heedTime); latest.Before(until) {
		until = latest
	}
	s.mu.Lock()
	s.ignored.add(now, p.past.ID, until)
	s.mu.Unlock()
	s.hold(p, time.Time{}, time.Time{})
	return true
}

// ignored are causes that nobody wants to hear of, until the times given. The
// Sender's mu guards it.
type ignored map[cause.ID]time.Time

func (i ignored) has(now time.Time, id cause.ID) bool { return ahead(now, i[id], heedTime) }

// add makes room where there is none: what is over goes, or else any one.
func (i ignored) add(now time.Time, id cause.ID, until time.Time) {
	if len(i) >= maxIgnored {
		maps.DeleteFunc(i, func(_ cause.ID, until time.Time) bool { return !ahead(now, until, heedTime) })
	}
	for other := range i {
		if len(i) < maxIgnored {
			break
		}
		delete(i, other)
	}
	i[id] = until
}

// alike returns the alert that waits and stands for another one: of the same
// group and cause, or of the same group where as many as may be wait beside one
// another; nil for none.
func (q *queue) alike(p *pending) (same *pending) {
	n := 0
	for _, other := range q.waiting {
		if other.key != p.key {
			continue
		}
		if other.past.ID == p.past.ID {
			return other
		}
		if same, n = other, n+1; n >= maxAlike {
			return same
		}
	}
	return nil
}

// absorb counts with an alert that is about to be sent those of its group that
// wait beside it: this message is the group's in this window.
func (s *Sender) absorb(p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range slices.Clone(s.queue.waiting) {
		if other != p && other.key == p.key && !other.begun() && !other.isNotice() {
			s.queue.remove(other)
			p.more.join(other.more)
			p.more.add(other.Time)
		}
	}
}

// line is what a message says of the past; "" for nothing.
func (p *past) line() string {
	var first string
	switch p.standing {
	case cause.CameBack:
		first = "came back"
	case cause.IsStillSeen:
		first = "still seen in " + p.version
	default:
		return ""
	}
	text := first + ": resolved"
	if !p.At.IsZero() {
		text += " " + ago(p.now.Sub(p.At))
	}
	if p.By != "" {
		text += " by " + p.By
	}
	if p.Note != "" {
		text += " as '" + p.Note + "'"
	}
	return line(text)
}

// members are the past for programs, as object takes them.
func (p *past) members() []string {
	if p.line() == "" {
		return nil
	}
	return []string{"cause", p.standing.String(), "resolved", stamp(p.At), "resolved_by", p.By, "resolved_note", p.Note}
}

// ago says how long ago something was, in its largest unit.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		name string
		long time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		switch n := d / unit.long; {
		case n == 1:
			return "1 " + unit.name + " ago"
		case n > 1:
			return fmt.Sprintf("%d %ss ago", n, unit.name)
		}
	}
	return "just now"
}
