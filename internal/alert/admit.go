package alert

import "time"

// admit asks whether an alert is to be sent now, and takes a place for each of
// its deliveries. If not, it has been counted, or waits on.
func (s *Sender) admit(p *pending) (Answer, bool) {
	placed := ahead(s.cfg.Now(), p.placesUntil, s.cfg.Window)
	if s.gate.muted(p.key, placed) {
		s.hold(p, time.Time{}, time.Time{})
		return Answer{}, false
	}
	s.learn(p)
	if s.silence(p) {
		return Answer{}, false
	}
	answer := s.gate.acquire(p.key, &p.busySince)
	switch answer.Verdict {
	case Sent:
		s.hold(p, answer.Until, time.Time{})
		return answer, false
	case Leased:
		s.postpone(p, answer.Until)
		return answer, false
	}
	return answer, placed || s.place(p)
}

// place takes the places of an alert that it may have, and reports whether
// there are any.
func (s *Sender) place(p *pending) bool {
	wanted := p.left()
	places := s.gate.places(wanted, &p.busySince)
	if places.Verdict == Leased { // too busy to say; our own lease stays ours
		s.postpone(p, places.Until)
		return false
	}
	if places.Verdict == Last {
		s.queueNotice(p, places)
	}
	if places.Places == 0 {
		s.gate.release(p.key)
		s.hold(p, time.Time{}, places.Until)
		return false
	}
	p.placesUntil = s.cfg.Now().Add(s.cfg.Window)
	if places.Places < wanted {
		s.gate.hold(p.key, Held{}, time.Time{}, places.Until)
		s.mu.Lock()
		p.trim(places.Places)
		s.mu.Unlock()
	}
	return true
}

// hold counts an alert instead of sending it, and remembers until when that
// will be so: for its group, or for all.
func (s *Sender) hold(p *pending, group, all time.Time) {
	s.mu.Lock()
	s.queue.remove(p)
	held := p.more
	s.mu.Unlock()
	held.add(p.Time)
	s.gate.hold(p.key, held, group, all)
}

// postpone waits for another environment's lease to end. At the end of this one
// the other is trusted to send.
func (s *Sender) postpone(p *pending, until time.Time) {
	s.mu.Lock()
	closing := s.closing
	p.retryAt = until
	if soonest := s.cfg.Now().Add(restBase); until.Before(soonest) {
		p.retryAt = soonest // a damaged item must not be asked for without end
	}
	s.mu.Unlock()
	if closing {
		s.hold(p, until, time.Time{})
	}
}

// queueNotice has people notified that more alerts are held back: on the
// configured topics, or where there are none on the first one that the alert
// was for. That is one message a topic and window, beyond the function's share.
func (s *Sender) queueNotice(p *pending, places Answer) {
	a := *p.Alert
	a.Text, a.Exception, a.Requests = "", "", nil
	notice := &pending{
		Alert: &a, key: "full", size: pendingBytes, ready: true,
		granted: places.Window, noticeUntil: places.Until,
	}
	for _, t := range s.cfg.Topics {
		notice.deliveries = append(notice.deliveries, delivery{topic: t})
	}
	if len(notice.deliveries) == 0 {
		notice.deliveries = []delivery{{topic: p.deliveries[0].topic, own: p.deliveries[0].own}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.push(notice)
}
