package alert

import (
	"context"
	"strconv"
	"time"
)

// acquire asks the lock whether an alert's group may be sent. Without a lock
// that answers, this environment decides alone, and it may: muted has looked.
func (s *Sender) acquire(a *Alert) (answer Answer) {
	ok := s.ask(func(ctx context.Context) (err error) {
		answer, err = s.cfg.Lock.Acquire(ctx, a.key)
		return err
	})
	if !ok {
		return Answer{Verdict: Granted, Window: s.ownWindow(s.cfg.Now())}
	}
	return answer
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
	ok := s.ask(func(ctx context.Context) (err error) {
		answer, err = s.cfg.Lock.Slot(ctx)
		return err
	})
	if !ok || answer.Verdict == Granted {
		if own := s.ownSlot(ok); !ok {
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
	if first {
		s.ask(func(ctx context.Context) error { return s.cfg.Lock.Sent(ctx, a.key, held) })
	}
}

// release gives a group's lease back. A failure costs others the lease's time.
func (s *Sender) release(key string) {
	s.ask(func(ctx context.Context) error { return s.cfg.Lock.Release(ctx, key) })
}

// ask puts one question to the lock, unless it has been failing, and reports
// whether it was answered.
func (s *Sender) ask(question func(context.Context) error) bool {
	s.mu.Lock()
	skip := s.cfg.Lock == nil || s.locking.open(s.cfg.Now()) || s.closing && s.locking.failures > 0
	s.mu.Unlock()
	if skip {
		return false
	}
	ctx, cancel := s.limit(lockTime, lastLockTime, 3)
	defer cancel()
	err := question(ctx)
	s.mu.Lock()
	if err == nil {
		s.locking = breaker{}
		s.mu.Unlock()
		s.cfg.Report.Recover("alert lock", "the alerts of all environments are counted together again")
		return true
	}
	s.locking.fail(s.cfg.Now())
	s.mu.Unlock()
	if s.cfg.Report.Fail("alert lock", "cannot ask the informational table which alerts have been sent ("+err.Error()+"); each environment decides alone", "") {
		s.cfg.Issue(nil, false, "alerts of different environments are not held back together, because the lock in the informational table fails: "+err.Error())
	}
	return false
}

// countable lists the groups whose counts may be added now: once a window. mu
// must be held.
func (s *Sender) countable(now time.Time) (keys []string) {
	if s.cfg.Lock == nil || s.locking.open(now) {
		return nil
	}
	for key, w := range s.windows {
		if w.held.Count > 0 && (s.closing || !now.Before(w.countAfter)) {
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
		var held Held
		if w != nil {
			held = w.held
			w.held, w.countAfter = Held{}, s.cfg.Now().Add(s.cfg.Window)
		}
		s.mu.Unlock()
		if w == nil || s.ask(func(ctx context.Context) error { return s.cfg.Lock.Count(ctx, key, held) }) {
			continue
		}
		s.mu.Lock()
		w.held.join(held)
		s.mu.Unlock()
		return
	}
}
