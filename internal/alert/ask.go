package alert

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/logtable/logtable/internal/wait"
)

const (
	// lockTime bounds a question to the lock, lastLockTime one at the end.
	lockTime, lastLockTime = time.Second, 300 * time.Millisecond
	// patience is how long an alert waits for a lock that is busy.
	patience = 30 * time.Second
)

// asking is the part of a gate that puts questions to the lock. The gate's mu
// guards it.
type asking struct {
	health   breaker            // of the lock
	hurried  bool               // see Sender.Hurry
	closing  bool               // see Sender.Close
	deadline time.Time          // of Close
	cancel   context.CancelFunc // ends the question that is under way; nil for none
	askedAt  time.Time          // when it was put
}

// A reply is what came of a question to the lock.
type reply int

const (
	_        reply = iota
	alone          // there is no lock that answers
	answered       // it was carried out
	busy           // see ErrBusy
)

// busyTries is how often a busy lock is asked in a row about an alert.
const busyTries = 3

// decided refuses an answer that decides nothing.
func decided(answer Answer, err error) error {
	if err == nil && answer.Verdict == Undecided {
		return errors.New("the answer decides nothing")
	}
	return err
}

// ask puts a question to the lock, unless it has been failing.
func (g *gate) ask(tries int, question func(context.Context) error) reply {
	if g.isDown() {
		return alone
	}
	for try := range tries {
		may, closing := g.mayAsk()
		if !may {
			return alone
		}
		err := g.askOnce(question)
		switch {
		case err == nil:
			return answered
		case !errors.Is(err, ErrBusy):
			g.failed(err)
			return alone
		case closing || try == tries-1:
			return busy
		}
		if wait.Sleep(g.end, rand.N(100*time.Millisecond<<try)+time.Millisecond) != nil {
			return busy
		}
	}
	return busy
}

// isDown reports whether the tables are known not to answer.
func (g *gate) isDown() bool { return g.down != nil && g.down() }

// mayAsk reports whether there is a lock that is not being left alone. At the
// end, one that failed gets no second chance.
func (g *gate) mayAsk() (may, closing bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lock == nil || g.health.open(g.now()) {
		return false, g.closing
	}
	return !g.closing || g.health.failures == 0, g.closing
}

func (g *gate) askOnce(question func(context.Context) error) error {
	ctx, cancel := g.limit(lockTime, lastLockTime, 3)
	defer cancel()
	g.mu.Lock()
	g.cancel, g.askedAt = cancel, g.now()
	g.mu.Unlock()
	err := question(ctx)
	g.mu.Lock()
	g.cancel = nil
	if err == nil {
		g.health = breaker{}
	}
	g.mu.Unlock()
	if err == nil {
		g.report.Recover("alert lock", "alerts are limited across all environments again")
	}
	return err
}

func (g *gate) failed(err error) {
	g.mu.Lock()
	g.health.fail(g.now())
	g.mu.Unlock()
	const advice = "" // the error says what to do
	if g.report.Fail("alert lock", "cannot check in the informational table which alerts have been sent ("+err.Error()+
		"); each environment decides on its own", advice) {
		g.issue("each environment limits alerts on its own, because the lock in the informational table fails: " +
			"" + err.Error())
	}
}

// limit is the context of one call. At the end, a call that others follow gets
// only a share of what is left.
func (g *gate) limit(usual, last time.Duration, share int) (context.Context, context.CancelFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hurried || g.closing {
		usual = min(usual, last)
	}
	if g.closing && !g.deadline.IsZero() {
		usual = min(usual, g.deadline.Sub(g.now())/time.Duration(share))
	}
	return context.WithTimeout(g.end, usual)
}

// hurry has no question take longer from now on than lets a message follow, the
// one under way included.
func (g *gate) hurry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hurried = true
	if g.cancel != nil {
		time.AfterFunc(g.askedAt.Add(lastLockTime).Sub(g.now()), g.cancel)
	}
}

// troubled reports that the next question is a probe of a lock that failed.
func (g *gate) troubled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.health.failures > 0 && !g.health.open(g.now())
}

// patient reports whether an alert may wait on for a lock that is busy. A table
// may be busy for other reasons, too, and for long.
func (g *gate) patient(busySince *time.Time) bool {
	now := g.now()
	if busySince.IsZero() {
		*busySince = now
	}
	return now.Sub(*busySince) < patience
}

// askLater is the answer of a busy lock: ask again, and not all at the same
// time.
func (g *gate) askLater() Answer {
	return Answer{Verdict: Leased, Until: g.now().Add(time.Second + rand.N(4*time.Second))}
}
