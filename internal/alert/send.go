package alert

import (
	"context"
	"encoding/hex"
	"errors"
	"time"
)

// The time limits of one publish: while there is time, while others wait for
// their turn, and at the end, when two tries must fit into what SHUTDOWN
// leaves.
const (
	publishTime       = 2 * time.Second
	sharedPublishTime = 600 * time.Millisecond
	lastPublishTime   = 600 * time.Millisecond
)

// counts are what a message says was held back, by who counted it.
type counts struct {
	locked Held // of the group, by all environments
	same   Held // of the group, by this one
	more   Held // of the group, while the alert waited
	others Held // of other groups, by this one
}

func (c counts) beside(p past) beside {
	b := beside{same: c.locked, others: c.others, past: p}
	b.same.join(c.same)
	b.same.join(c.more)
	return b
}

// send sends one alert, if it is to be sent: once to each of its topics that is
// not being left alone.
func (s *Sender) send(p *pending) {
	began := s.cfg.Now()
	var c counts
	if p.granted == "" && !p.isNotice() {
		answer, ok := s.admit(p)
		if !ok {
			return
		}
		p.granted, c.locked = answer.Window, answer.Held
		s.absorb(p)
	}
	c.same, c.others = s.gate.held(p.key)
	s.mu.Lock()
	c.more = p.more
	s.mu.Unlock()
	for {
		d, probe := s.next(p)
		if d == nil || s.isOutdated(p, began) {
			break
		}
		s.deliver(p, d, probe, c.beside(p.past))
	}
	if !p.begun() {
		p.granted = "" // asked again before the next attempt
		return
	}
	if !p.isNotice() {
		s.gate.settle(p.key, c)
	}
	s.mu.Lock()
	p.more.less(c.more)
	s.mu.Unlock()
	if p.left() == 0 {
		s.finish(p)
	}
}

// isOutdated reports whether leave to send an alert has become old before any
// of it was sent: the process was frozen, and others may have sent it
// meanwhile.
func (s *Sender) isOutdated(p *pending, began time.Time) bool {
	return s.cfg.Now().Sub(began) > Lease/2 && !p.begun() && !p.isNotice()
}

// next is the delivery to be made now, if it is not the turn of another alert.
func (s *Sender) next(p *pending) (d *delivery, probe bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, failing := s.troubled.reachable(p, s.cfg.Now())
	if d == nil || !failing {
		return d, false
	}
	if s.wellWaits() {
		return nil, false
	}
	return d, true
}

// deliver makes one delivery. What fails, but is not refused, is made again
// later.
func (s *Sender) deliver(p *pending, d *delivery, probe bool, b beside) {
	err := s.publish(p, d, probe, b)
	var refusal *Refusal
	refused := errors.As(err, &refusal)
	if err != nil && !refused {
		p.why = "the topic could not be reached"
		return
	}
	if refused {
		s.issue(p, d, "was refused: "+refusal.Error())
	}
	s.mu.Lock()
	d.done = true
	s.mu.Unlock()
}

// finish takes an alert out that has been sent. What came like it meanwhile,
// and what found no place, is in the count of the next one.
func (s *Sender) finish(p *pending) {
	s.mu.Lock()
	s.queue.remove(p)
	more := p.more
	s.mu.Unlock()
	if p.partly {
		more.add(p.Time)
	}
	s.gate.hold(p.key, more, time.Time{}, time.Time{})
}

// publish sends one message and notes how the topic is.
func (s *Sender) publish(p *pending, d *delivery, probe bool, b beside) error {
	m := s.compose(p, d, b)
	ctx, cancel := s.turn(p, d, probe)
	defer cancel()
	err := s.cfg.Channel.Publish(ctx, m)
	var refusal *Refusal
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.probe = nil
	key := "alert " + d.topic.ARN
	if err == nil || errors.As(err, &refusal) {
		if s.troubled.success(d.topic.ARN) {
			s.cfg.Report.Recover(key, "sending alerts to topic "+d.topic.Name+" works again")
		}
		return err
	}
	s.failed(p, d)
	s.cfg.Report.Fail(key,
		"cannot send an alert to topic "+d.topic.Name+" ("+err.Error()+"); it is kept and retried",
		"if this persists, check the route to SNS (a VPC needs an interface endpoint or NAT), "+
			"AWS_ENDPOINT_URL_SNS and HTTPS_PROXY")
	return err
}

// compose makes the message of a delivery.
func (s *Sender) compose(p *pending, d *delivery, b beside) Message {
	if p.isNotice() {
		m := s.cfg.Source.notice(p.Alert, *d, s.cfg.Max, s.cfg.Window, p.noticeUntil)
		m.DeduplicationID = s.deduplicationID("full", p.granted, "")
		return m
	}
	b.past.now = s.cfg.Now() // b is a copy
	m := s.cfg.Source.message(p.Alert, *d, b, s.cfg.Channel.Fits)
	m.DeduplicationID = s.deduplicationID(p.key, p.granted, d.message)
	return m
}

// turn is the context of one publish: shorter while others wait for their turn.
func (s *Sender) turn(p *pending, d *delivery, probe bool) (context.Context, context.CancelFunc) {
	usual, share := publishTime, 1
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queue.competes(p, d, s.cfg.Now(), s.troubled) {
		usual, share = sharedPublishTime, 2
	}
	ctx, cancel := s.gate.limit(usual, lastPublishTime, share)
	if probe {
		s.run.probe = cancel
	}
	return ctx, cancel
}

// failed leaves a topic alone for a while, and an alert that fails where others
// do not: it must not keep them waiting. mu must be held.
func (s *Sender) failed(p *pending, d *delivery) {
	now := s.cfg.Now()
	first := s.troubled.fail(d.topic.ARN, now)
	p.attempts++
	if first {
		p.retryAt = now.Add(rest(p.attempts))
	}
}

// deduplicationID is the same for the same message of one window, and of one
// function: several may share a topic.
func (s *Sender) deduplicationID(parts ...string) string {
	return deduplicationID(append(parts, s.cfg.Source.Function, s.cfg.Source.Region)...)
}

func deduplicationID(parts ...string) string { return hex.EncodeToString(hash(parts)) }
