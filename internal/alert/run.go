package alert

import (
	"context"
	"fmt"
)

// A run is the goroutine that sends, which is there while there is something to
// do. The Sender's mu guards it.
type run struct {
	running bool
	doing   work
	probe   context.CancelFunc // ends the publish under way to a troubled topic; nil for none
	counts  bool               // it may write counts to the lock
}

// work is what a run is doing.
type work int

const (
	_        work = iota
	counting      // writing counts to the lock
	sending       // to topics that are well, as far as is known
	probing       // a topic that has been failing
)

// begin notes what the run is about to send.
func (r *run) begin(probe bool) {
	r.doing = sending
	if probe {
		r.doing = probing
	}
}

// start starts a run where there is something to do, or has the one under way
// turn to what is more urgent. mu must be held.
func (s *Sender) start() {
	if s.cfg.Sealed != nil && s.cfg.Sealed() {
		return
	}
	if s.run.running {
		if s.run.doing == probing && s.run.probe != nil && s.wellWaits() {
			s.run.probe()
		}
		return
	}
	if s.end.Err() != nil {
		return
	}
	next, probe := s.queue.due(s.cfg.Now(), s.troubled)
	switch {
	case next != nil:
		s.run.begin(probe)
	case s.queue.overflow.Count > 0, s.run.counts && s.gate.hasEntries():
		s.run.doing = counting
	default:
		return
	}
	s.run.running = true
	go s.work()
}

// work is the run: it goes on until nothing is due.
func (s *Sender) work() {
	defer func() {
		v := recover()
		s.mu.Lock()
		s.run.running = false
		if v != nil {
			s.stop() // it would be the same again
		}
		s.start() // what came since the last look
		s.changed.Notify()
		s.mu.Unlock()
		if v != nil && s.cfg.Panicked != nil {
			s.cfg.Panicked(v)
		}
	}()
	for first := true; s.end.Err() == nil && s.step(first); first = false {
		s.mu.Lock()
		s.changed.Notify()
		s.mu.Unlock()
	}
}

// step does one thing, and reports whether there may be another. In a hold one
// count at most is written to the lock: the first thing that a run does.
func (s *Sender) step(first bool) bool {
	s.mu.Lock()
	p, probe := s.queue.due(s.cfg.Now(), s.troubled)
	if p != nil {
		s.run.begin(probe)
		s.mu.Unlock()
		s.send(p)
		return true
	}
	s.run.doing = counting
	overflow := s.queue.overflow.Count
	s.queue.overflow = Held{}
	count := s.run.counts && (first || s.closing || s.flushing == 0)
	s.run.counts = count
	s.mu.Unlock()
	if overflow > 0 {
		s.cfg.Issue(nil, false, fmt.Sprintf("%d alerts were not sent: too many different alerts were "+
			"waiting", overflow))
	}
	if count && s.gate.writeEntry() {
		return true
	}
	s.mu.Lock()
	s.run.counts = false
	s.mu.Unlock()
	return false
}
