package alert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// handle sends one alert, if it is to be sent: once to each of its topics that is
// not being left alone.
func (s *Sender) handle(p *pending) {
	began := s.cfg.Now()
	var locked Held
	if p.granted == "" && p.full.IsZero() {
		answer, ok := s.admit(p)
		if !ok {
			return
		}
		p.granted, locked = answer.Window, answer.Held
	}
	same, others := s.gate.account(p.key)
	s.mu.Lock()
	more := p.more
	s.mu.Unlock()
	told := account{locked, others}
	told.same.join(same)
	told.same.join(more)
	for {
		d, probe := s.next(p)
		if d == nil {
			break
		}
		if s.cfg.Now().Sub(began) > Lease/2 && !p.begun() && p.full.IsZero() {
			// The process was frozen: others may have sent it meanwhile.
			p.granted = ""
			return
		}
		err := s.publish(p, d, probe, told)
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal):
			s.issue(p, d, "was refused: "+refusal.Error())
			fallthrough
		case err == nil:
			s.mu.Lock()
			d.done = true
			s.mu.Unlock()
		default:
			p.why = "the topic could not be reached"
		}
	}
	if !p.begun() {
		p.granted = "" // asked again before the next attempt
		return
	}
	if p.full.IsZero() {
		s.gate.settle(p.key, locked, same, others)
	}
	s.mu.Lock()
	p.more.less(more)
	s.mu.Unlock()
	if p.left() == 0 {
		s.finish(p)
	}
}

// next is the delivery to be made now, if it is not the turn of another alert.
func (s *Sender) next(p *pending) (d *delivery, probe bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	d, failing := s.reachable(p, now)
	if d == nil || !failing {
		return d, false
	}
	if other, probe := s.due(now); other != nil && !probe {
		return nil, false
	}
	return d, true
}

// finish takes an alert out that has been sent. What came like it meanwhile, and
// what found no place, is told of by the next one.
func (s *Sender) finish(p *pending) {
	s.mu.Lock()
	s.remove(p)
	more := p.more
	s.mu.Unlock()
	if p.partly {
		more.add(p.Time)
	}
	s.gate.hold(p.key, more, time.Time{}, time.Time{})
}

// publish sends one message and keeps the account of the topic's health.
func (s *Sender) publish(p *pending, d *delivery, probe bool, told account) error {
	var m Message
	if p.full.IsZero() {
		m = s.cfg.Source.message(p.Alert, *d, told, s.cfg.Channel.Fits)
		m.Once = s.once(p.key, p.granted, d.message)
	} else {
		m = s.cfg.Source.notice(p.Alert, *d, s.cfg.Max, s.cfg.Window, p.full)
		m.Once = s.once("full", p.granted, "")
	}
	ctx, cancel := s.turn(p, d, probe)
	defer cancel()
	err := s.cfg.Channel.Publish(ctx, m)
	var refusal *Refusal
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probe = nil
	key := "alert " + d.topic.ARN
	if err == nil || errors.As(err, &refusal) {
		if s.troubled[d.topic.ARN] != nil {
			delete(s.troubled, d.topic.ARN)
			s.cfg.Report.Recover(key, "alerts are sent again to topic "+d.topic.Name)
		}
		return err
	}
	s.failed(p, d)
	s.cfg.Report.Fail(key, "cannot send an alert to topic "+d.topic.Name+" ("+err.Error()+"); it is kept and tried again",
		"if this stays, check the route to SNS (a VPC needs an interface endpoint or NAT), "+
			"AWS_ENDPOINT_URL_SNS and HTTPS_PROXY")
	return err
}

// turn is the context of one publish: shorter while others wait for their turn.
func (s *Sender) turn(p *pending, d *delivery, probe bool) (context.Context, context.CancelFunc) {
	usual, share := publishTime, 1
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.others(p, d) {
		usual, share = sharedPublishTime, 2
	}
	ctx, cancel := s.gate.limit(usual, lastPublishTime, share)
	if probe {
		s.probe = cancel
	}
	return ctx, cancel
}

// others reports whether something else waits that could be published now. mu
// must be held.
func (s *Sender) others(p *pending, d *delivery) bool {
	now := s.cfg.Now()
	for _, other := range s.waiting {
		if !other.ready || other != p && ahead(now, other.retryAt, restMost) {
			continue
		}
		for i := range other.deliveries {
			o := &other.deliveries[i]
			if b := s.troubled[o.topic.ARN]; o != d && !o.done && o.topic.ARN != d.topic.ARN && (b == nil || !b.open(now)) {
				return true
			}
		}
	}
	return false
}

// failed leaves a topic alone for a while, and an alert that fails where others
// do not: it must not keep them waiting. mu must be held.
func (s *Sender) failed(p *pending, d *delivery) {
	now := s.cfg.Now()
	b := s.troubled[d.topic.ARN]
	if b == nil {
		if len(s.troubled) >= maxTroubled {
			for arn := range s.troubled {
				delete(s.troubled, arn)
				break
			}
		}
		b = &breaker{}
		s.troubled[d.topic.ARN] = b
		p.retryAt = now.Add(rest(p.attempts))
	}
	p.attempts++
	b.fail(now)
}

// once is the same for the same message of one window, and of one function:
// several may share a topic.
func (s *Sender) once(parts ...string) string {
	return once(append(parts, s.cfg.Source.Function, s.cfg.Source.Region)...)
}

func once(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// admit asks whether an alert is to be sent now, and takes a place for each of
// its deliveries. If not, it has been counted, or waits on.
func (s *Sender) admit(p *pending) (Answer, bool) {
	placed := ahead(s.cfg.Now(), p.slotUntil, s.cfg.Window)
	if s.gate.muted(p.key, placed) {
		s.hold(p, time.Time{}, time.Time{})
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

// place takes the places of an alert that it may have, and reports whether there
// are any.
func (s *Sender) place(p *pending) bool {
	wanted := p.left()
	places := s.gate.places(wanted, &p.busySince)
	if places.Verdict == Leased { // too busy to say; our own lease stays ours
		s.postpone(p, places.Until)
		return false
	}
	if places.Verdict == Last {
		s.sayFull(p, places)
	}
	if places.Places == 0 {
		s.gate.release(p.key)
		s.hold(p, time.Time{}, places.Until)
		return false
	}
	p.slotUntil = s.cfg.Now().Add(s.cfg.Window)
	if places.Places < wanted {
		s.gate.hold(p.key, Held{}, time.Time{}, places.Until)
		s.mu.Lock()
		p.keep(places.Places)
		s.mu.Unlock()
	}
	return true
}

// hold counts an alert instead of sending it, and remembers until when that
// will be so: for its group, or for all.
func (s *Sender) hold(p *pending, group, all time.Time) {
	s.mu.Lock()
	s.remove(p)
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

// sayFull has people told that more are held back: the configured topics, or
// where there are none the first one that the alert was for. That is one message
// a topic and window, beyond the function's share.
func (s *Sender) sayFull(p *pending, places Answer) {
	a := *p.Alert
	a.Text, a.Exception, a.Requests = "", "", nil
	notice := &pending{Alert: &a, key: "full", granted: places.Window, ready: true, full: places.Until, size: pendingBytes}
	for _, t := range s.cfg.Topics {
		notice.deliveries = append(notice.deliveries, delivery{topic: t})
	}
	if len(notice.deliveries) == 0 {
		notice.deliveries = []delivery{{topic: p.deliveries[0].topic, own: p.deliveries[0].own}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, notice)
	s.bytes += notice.size
}
