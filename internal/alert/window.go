package alert

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"
)

// acquire asks the lock whether an alert's group may be sent. Without a lock
// that answers, this environment decides alone, and it may: muted has looked.
func (s *Sender) acquire(a *Alert) (answer Answer) {
	switch s.ask(func(ctx context.Context) (err error) {
		answer, err = s.cfg.Lock.Acquire(ctx, a.key)
		return err
	}) {
	case answered:
		return answer
	case busy:
		if s.patient(a) {
			return s.later()
		}
	}
	return Answer{Verdict: Granted, Window: s.ownWindow(s.cfg.Now())}
}

// patient reports whether an alert may wait on for a lock that is busy. A table
// may be busy for other reasons, too, and for long.
func (s *Sender) patient(a *Alert) bool {
	now := s.cfg.Now()
	if a.busySince.IsZero() {
		a.busySince = now
	}
	return now.Sub(a.busySince) < Lease
}

// later is the answer of a busy lock: ask again, and not all at the same time.
func (s *Sender) later() Answer {
	return Answer{Verdict: Leased, Until: s.cfg.Now().Add(time.Second + rand.N(4*time.Second))}
}

// ownWindow names the time that we are in without asking anybody: environments
// that agree on the hour agree on it, which lets a FIFO topic deduplicate.
func (s *Sender) ownWindow(now time.Time) string {
	return "alone " + strconv.FormatInt(now.Truncate(s.cfg.Window).UnixMilli(), 10)
}

// slot takes one of the function's places in this window, once for an alert.
func (s *Sender) slot(a *Alert) (answer Answer) {
	if s.cfg.Now().Before(a.slotUntil) {
		return Answer{Verdict: Granted}
	}
	reply := s.ask(func(ctx context.Context) (err error) {
		answer, err = s.cfg.Lock.Slot(ctx)
		return err
	})
	if reply == busy && s.patient(a) {
		return s.later()
	}
	if decided := reply == answered; !decided || answer.Verdict == Granted {
		if own := s.ownSlot(decided); !decided {
			answer = own
		}
	}
	if answer.Verdict == Granted {
		a.slotUntil = s.cfg.Now().Add(s.cfg.Window)
	}
	return answer
}

// ownSlot counts what this environment sends, and decides where nobody else
// does.
func (s *Sender) ownSlot(decided bool) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if !now.Before(s.opened.Add(s.cfg.Window)) {
		s.opened, s.sent, s.saidFull = now, 0, false
	}
	answer := Answer{Until: s.opened.Add(s.cfg.Window), Window: s.ownWindow(now)}
	switch {
	case decided || s.sent < s.cfg.Max:
		s.sent++
	case !s.saidFull:
		s.saidFull = true
		answer.Verdict = Last
	default:
		answer.Verdict = Full
	}
	return answer
}

// settle marks a group as sent in this window, here and for all.
func (s *Sender) settle(a *Alert, held, told Held) {
	if !a.full.IsZero() {
		return
	}
	s.mu.Lock()
	w := s.window(a.key)
	first := !s.cfg.Now().Before(w.until)
	if first {
		w.until = s.cfg.Now().Add(s.cfg.Window)
		w.held.less(told)
		a.more.less(told)
	}
	s.mu.Unlock()
	if first && s.ask(func(ctx context.Context) error { return s.cfg.Lock.Sent(ctx, a.key, held) }) != answered && s.cfg.Lock != nil {
		// Tried again with the next event, or others send it when the lease ends.
		s.mu.Lock()
		w.unmarked, w.markUntil = held, s.cfg.Now().Add(Lease)
		s.mu.Unlock()
	}
}

// mark tells the lock of what was sent before and it does not know of yet.
func (s *Sender) mark(key string, w *window) {
	s.mu.Lock()
	held, due := w.unmarked, s.cfg.Now().Before(w.markUntil)
	s.mu.Unlock()
	if due && s.ask(func(ctx context.Context) error { return s.cfg.Lock.Sent(ctx, key, held) }) == answered {
		s.mu.Lock()
		w.markUntil = time.Time{}
		s.mu.Unlock()
	}
}

// release gives a group's lease back. A failure costs others the lease's time.
func (s *Sender) release(key string) {
	s.ask(func(ctx context.Context) error { return s.cfg.Lock.Release(ctx, key) })
}

// A reply is what came of a question to the lock.
type reply int

const (
	alone    reply = iota // there is no lock that answers
	answered              // it was carried out
	busy                  // see ErrBusy
)

// busyTries is how often a busy lock is asked in a row.
const busyTries = 3

// ask puts a question to the lock, unless it has been failing.
func (s *Sender) ask(question func(context.Context) error) reply {
	down := s.cfg.Down != nil && s.cfg.Down()
	for try := range busyTries {
		s.mu.Lock()
		skip := s.cfg.Lock == nil || down || s.locking.open(s.cfg.Now()) || s.closing && s.locking.failures > 0
		last := try == busyTries-1 || s.closing
		s.mu.Unlock()
		if skip {
			return alone
		}
		err := s.askOnce(question)
		switch {
		case err == nil:
			return answered
		case !errors.Is(err, ErrBusy):
			s.lockFailed(err)
			return alone
		case last:
			return busy
		}
		pause := time.NewTimer(rand.N(100*time.Millisecond<<try) + time.Millisecond)
		select {
		case <-pause.C:
		case <-s.end.Done():
			pause.Stop()
			return busy
		}
	}
	return busy
}

func (s *Sender) askOnce(question func(context.Context) error) error {
	ctx, cancel := s.limit(lockTime, lastLockTime, 3)
	defer cancel()
	s.mu.Lock()
	s.asking, s.askedAt = cancel, s.cfg.Now()
	s.mu.Unlock()
	err := question(ctx)
	s.mu.Lock()
	s.asking = nil
	s.mu.Unlock()
	if err == nil {
		s.mu.Lock()
		s.locking = breaker{}
		s.mu.Unlock()
		s.cfg.Report.Recover("alert lock", "the alerts of all environments are counted together again")
	}
	return err
}

func (s *Sender) lockFailed(err error) {
	s.mu.Lock()
	s.locking.fail(s.cfg.Now())
	s.mu.Unlock()
	if s.cfg.Report.Fail("alert lock", "cannot ask the informational table which alerts have been sent ("+err.Error()+"); each environment decides alone", "") {
		s.cfg.Issue(nil, false, "alerts of different environments are not held back together, because the lock in the informational table fails: "+err.Error())
	}
}

// countable lists the groups of which the lock does not know all: that they were
// sent, or what was held back, which it is told once a window. mu must be held.
func (s *Sender) countable(now time.Time) (keys []string) {
	if s.cfg.Lock == nil || s.locking.open(now) {
		return nil
	}
	for key, w := range s.windows {
		if now.Before(w.markUntil) || w.held.Count > 0 && (s.closing || !now.Before(w.countAfter)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// counts adds what was held back, so that the next message can say so,
// whichever environment sends it.
func (s *Sender) counts() {
	s.mu.Lock()
	keys := s.countable(s.cfg.Now())
	if !s.wantsCounts {
		keys = nil
	}
	s.wantsCounts = false
	if len(keys) > countsPerRun && !s.closing {
		keys = keys[:countsPerRun]
	}
	s.mu.Unlock()
	for _, key := range keys {
		s.mu.Lock()
		w := s.windows[key]
		s.mu.Unlock()
		if w == nil {
			continue
		}
		s.mark(key, w)
		s.mu.Lock()
		held := w.held
		if held.Count == 0 || !s.closing && s.cfg.Now().Before(w.countAfter) {
			s.mu.Unlock()
			continue
		}
		w.held, w.countAfter = Held{}, s.cfg.Now().Add(s.cfg.Window)
		s.mu.Unlock()
		if s.ask(func(ctx context.Context) error { return s.cfg.Lock.Count(ctx, key, held) }) == answered {
			continue
		}
		s.mu.Lock()
		w.held.join(held)
		s.mu.Unlock()
		return
	}
}
