package alert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// maxWaiting and maxWaitingBytes bound the alerts that wait to be sent, all
	// of different groups.
	maxWaiting      = 64
	maxWaitingBytes = 1 << 20
	// maxGroups bounds the groups whose windows are remembered; a forgotten one
	// costs one more question to the lock.
	maxGroups = 256
	// countsPerRun bounds the writes of counts beside what is sent.
	countsPerRun = 10

	// The time limits of one call: while there is time, and at the end, when
	// two tries of each must fit into what SHUTDOWN leaves.
	publishTime, lastPublishTime = 2 * time.Second, 600 * time.Millisecond
	lockTime, lastLockTime       = time.Second, 300 * time.Millisecond

	// restBase and restMost bound how long what fails is left alone.
	restBase = time.Second
	restMost = time.Minute
)

// A Reporter is told of failures, each of which it says once, and of their end.
type Reporter interface {
	Fail(key, message, advice string, args ...any) bool
	Recover(key, message string)
}

// A Config wires a Sender.
type Config struct {
	Topics  []Topic       // that every alert with Configured goes to
	Window  time.Duration // one alert of a group in this time
	Max     int           // alerts of the function in this time
	Channel Channel
	Lock    Lock // nil: this environment decides alone
	// Down reports that the lock is known not to answer; nil for never. It is
	// called with no lock of the Sender's held.
	Down   func() bool
	Source Source
	Report Reporter
	// Issue stores what became of an alert as a record; own says that the line
	// had asked for it. The record must not become an alert.
	Issue func(a *Alert, own bool, text string)
	// Panicked is called with the value of a panic while sending.
	Panicked func(any)
	Now      func() time.Time // time.Now except in tests
}

// A Sender holds alerts until their rows are safe, and sends them, beside
// everything else. All methods may be called from any goroutine. While there is
// nothing to send it has no goroutine.
type Sender struct {
	cfg         Config
	end         context.Context // cancelled when there is no time left
	stop        context.CancelFunc
	publishing  breaker // of the run under way, and read under mu
	locking     breaker
	mu          sync.Mutex // guards all; never held during I/O
	waiting     []*Alert   // one a group
	bytes       int
	windows     map[string]*window // by group
	fullUntil   time.Time          // the function has had its share
	opened      time.Time          // of this environment's own window, and what it has sent in it
	sent        int
	saidFull    bool
	overflow    Held
	running     bool
	wantsCounts bool
	hurried     bool // see Hurry
	closing     bool
	deadline    time.Time          // of Close
	asking      context.CancelFunc // ends the question to the lock that is under way; nil for none
	askedAt     time.Time          // when it was put
	changed     chan struct{}      // closed and replaced when a run has got on
}

// A window is what is known of a group.
type window struct {
	until      time.Time // nothing is sent before
	held       Held      // not told anybody yet
	countAfter time.Time // the held were last counted a window before
	unmarked   Held      // what was told of by a message that the lock does not know of yet
	markUntil  time.Time // it may be told of it before
}

// A breaker leaves alone what fails.
type breaker struct {
	failures int
	until    time.Time
}

func (b *breaker) open(now time.Time) bool { return b.failures > 0 && now.Before(b.until) }

func (b *breaker) fail(now time.Time) {
	b.until = now.Add(min(restBase<<min(b.failures, 10), restMost))
	b.failures++
}

// New returns a Sender. It does nothing before Expect.
func New(cfg Config) *Sender {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sender{cfg: cfg, windows: map[string]*window{}, changed: make(chan struct{})}
	s.end, s.stop = context.WithCancel(context.Background())
	return s
}

// Expect takes an alert whose row is about to be stored. kept is to be called
// once, with the row's key, when the row is safe; it returns at once and may be
// called with locks held. It is nil where the alert is only counted: one like it
// waits already, or has been sent in this window.
func (s *Sender) Expect(a *Alert) (kept func(date, stampMod string)) {
	a.plan(s.cfg.Topics)
	if len(a.deliveries) == 0 {
		return nil
	}
	a.key = a.group()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counted(a) {
		return nil
	}
	if len(s.waiting) >= maxWaiting || s.bytes+a.size() > maxWaitingBytes {
		s.overflow.add(a.Time)
		return nil
	}
	s.waiting = append(s.waiting, a)
	s.bytes += a.size()
	return func(date, stampMod string) { s.kept(a, date, stampMod) }
}

// counted counts an alert that will not be sent by itself, and reports whether
// it did. mu must be held.
func (s *Sender) counted(a *Alert) bool {
	for _, other := range s.waiting {
		if other.key == a.key {
			other.more.add(a.Time)
			return true
		}
	}
	w, now := s.windows[a.key], s.cfg.Now()
	if !now.Before(s.fullUntil) && (w == nil || !now.Before(w.until)) {
		return false
	}
	s.window(a.key).held.add(a.Time)
	return true
}

func (s *Sender) kept(a *Alert, date, stampMod string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !a.ready { // else Close has taken it as it was
		a.Date, a.StampMod, a.ready = date, stampMod, true
		s.start()
	}
}

// window returns what is known of a group, making room where there is none. mu
// must be held.
func (s *Sender) window(key string) *window {
	w := s.windows[key]
	if w != nil {
		return w
	}
	if len(s.windows) >= maxGroups {
		now := s.cfg.Now()
		for other, old := range s.windows {
			if delete(s.windows, other); !now.Before(old.until) && old.held.Count == 0 {
				break
			}
			if len(s.windows) < maxGroups/2 {
				break
			}
		}
	}
	w = &window{}
	s.windows[key] = w
	return w
}

// Start sends what is due, beside the caller: what could not be sent before, and
// the counts of what was held back.
func (s *Sender) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wantsCounts = true
	s.start()
}

// start must be called with mu held.
func (s *Sender) start() {
	if now := s.cfg.Now(); !s.running && s.end.Err() == nil && (s.due(now) != nil || s.wantsCounts && len(s.countable(now)) > 0 || s.overflow.Count > 0) {
		s.running = true
		go s.run()
	}
}

// Flush sends what is due and returns when that is done, or ctx is. While
// sending has been failing it does not wait: the next attempt is made beside the
// function.
func (s *Sender) Flush(ctx context.Context) {
	s.mu.Lock()
	s.wantsCounts = true
	s.start()
	for s.running && !s.troubled() && ctx.Err() == nil {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
}

// troubled reports that what is under way is a probe of something that failed
// before. mu must be held.
func (s *Sender) troubled() bool {
	return s.publishing.failures > 0 || s.locking.failures > 0 && !s.locking.open(s.cfg.Now())
}

// Waiting is the number of alerts that are not sent yet.
func (s *Sender) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// Unsafe is the number of alerts whose rows are not safe yet.
func (s *Sender) Unsafe() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.waiting {
		if !a.ready {
			n++
		}
	}
	return n
}

// Hurry says that the environment ends soon: no question to the lock may take
// longer now than lets a message follow, the one under way included.
func (s *Sender) Hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hurried = true
	if s.asking != nil {
		time.AfterFunc(s.askedAt.Add(lastLockTime).Sub(s.cfg.Now()), s.asking)
	}
}

// Close sends all that waits, tries what failed once more, and turns what is
// left when ctx is done into issues. Alerts whose rows are not safe are sent
// last: nothing better will become of their rows.
func (s *Sender) Close(ctx context.Context) {
	s.mu.Lock()
	s.closing, s.wantsCounts = true, true
	s.deadline, _ = ctx.Deadline()
	for _, a := range s.waiting {
		a.ready = a.ready || ctx.Err() == nil
	}
	s.start()
	for s.running && ctx.Err() == nil {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
	s.stop()
	for s.running { // not for long: what is under way has been cancelled
		changed := s.changed
		s.mu.Unlock()
		<-changed
		s.mu.Lock()
	}
	left := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, a := range left {
		why := a.why
		if why == "" {
			why = "there was no time"
		}
		for i := range a.deliveries {
			if d := &a.deliveries[i]; !d.done {
				s.issue(a, d, "was not sent before the end of the environment: "+why)
			}
		}
	}
}

func (s *Sender) issue(a *Alert, d *delivery, what string) {
	s.cfg.Issue(a, d.own, fmt.Sprintf("the alert %s %s %s for topic %s %s", a.Level, a.Module, a.Locator, d.topic.Name, what))
}

// due is the first alert that can be sent now. mu must be held.
func (s *Sender) due(now time.Time) *Alert {
	if s.publishing.open(now) && !s.closing {
		return nil
	}
	for _, a := range s.waiting {
		if a.ready && !(s.closing && a.tried) && (s.closing || !now.Before(a.retryAt)) {
			return a
		}
	}
	return nil
}

// run works until nothing is due.
func (s *Sender) run() {
	defer func() {
		v := recover()
		s.mu.Lock()
		s.running = false
		if v != nil {
			s.stop() // it would be the same again
		}
		s.start() // what came since the last look
		s.progress()
		s.mu.Unlock()
		if v != nil && s.cfg.Panicked != nil {
			s.cfg.Panicked(v)
		}
	}()
	for s.end.Err() == nil {
		s.mu.Lock()
		a := s.due(s.cfg.Now())
		if a != nil {
			a.tried = s.closing
		}
		s.mu.Unlock()
		if a == nil {
			s.sayOverflow()
			s.counts()
			return
		}
		s.handle(a)
		s.mu.Lock()
		s.progress()
		s.mu.Unlock()
	}
}

// sayOverflow stores how many alerts found no room.
func (s *Sender) sayOverflow() {
	s.mu.Lock()
	n := s.overflow.Count
	s.overflow = Held{}
	s.mu.Unlock()
	if n > 0 {
		s.cfg.Issue(nil, false, fmt.Sprintf("%d alerts were not sent: too many different ones were waiting", n))
	}
}

// progress wakes everybody who waits. mu must be held.
func (s *Sender) progress() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// limit is the context of one call. At the end, a call that others follow gets
// only a share of what is left.
func (s *Sender) limit(usual, last time.Duration, share int) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hurried || s.closing {
		usual = last
	}
	if s.closing && !s.deadline.IsZero() {
		usual = min(usual, s.deadline.Sub(s.cfg.Now())/time.Duration(share))
	}
	return context.WithTimeout(s.end, usual)
}

// handle sends one alert, if it is to be sent.
func (s *Sender) handle(a *Alert) {
	began := s.cfg.Now()
	held := Held{}
	if a.granted == "" && a.full.IsZero() {
		answer, ok := s.admit(a)
		if !ok {
			return
		}
		a.granted, held = answer.Window, answer.Held
	}
	s.mu.Lock()
	w := s.window(a.key)
	told := held
	told.join(w.held)
	told.join(a.more)
	s.mu.Unlock()
	some := false
	for i := range a.deliveries {
		d := &a.deliveries[i]
		if d.done {
			some = true
			continue
		}
		if s.cfg.Now().Sub(began) > Lease/2 && !some && a.full.IsZero() {
			// The process was frozen: others may have sent it meanwhile.
			a.granted = ""
			return
		}
		err := s.publish(a, d, told)
		var refusal *Refusal
		switch {
		case err == nil:
			d.done, some = true, true
		case errors.As(err, &refusal):
			d.done, some = true, true
			s.issue(a, d, "was refused: "+refusal.Error())
		default:
			if a.why = "the topic could not be reached"; !some {
				// Asked again before the next attempt.
				a.granted = ""
			} else {
				s.settle(a, held, told)
			}
			return
		}
	}
	s.settle(a, held, told)
	s.mu.Lock()
	s.remove(a)
	s.mu.Unlock()
}

// publish sends one message and keeps the account of the channel's health.
func (s *Sender) publish(a *Alert, d *delivery, told Held) error {
	var m Message
	if a.full.IsZero() {
		m = s.cfg.Source.message(a, *d, told, s.cfg.Channel.Fits)
		m.Once = s.once(a.key, a.granted, d.message)
	} else {
		m = s.cfg.Source.notice(a, *d, s.cfg.Max, s.cfg.Window, a.full)
		m.Once = s.once("full", a.granted, "")
	}
	ctx, cancel := s.limit(publishTime, lastPublishTime, 1)
	defer cancel()
	err := s.cfg.Channel.Publish(ctx, m)
	var refusal *Refusal
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || errors.As(err, &refusal) {
		s.publishing = breaker{}
		s.cfg.Report.Recover("alert", "alerts are sent again")
		return err
	}
	s.publishing.fail(s.cfg.Now())
	s.cfg.Report.Fail("alert", "cannot send an alert ("+err.Error()+"); it is kept and tried again",
		"if this stays, check the route to SNS (a VPC needs an interface endpoint or NAT), AWS_ENDPOINT_URL_SNS and HTTPS_PROXY")
	return err
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

// admit asks whether an alert is to be sent now. If not, it has been counted, or
// waits on.
func (s *Sender) admit(a *Alert) (Answer, bool) {
	if s.muted(a) {
		return Answer{}, false
	}
	answer := s.acquire(a)
	switch answer.Verdict {
	case Sent:
		s.hold(a, answer.Until, time.Time{})
		return answer, false
	case Leased:
		s.postpone(a, answer.Until)
		return answer, false
	}
	slot := s.slot(a)
	switch slot.Verdict {
	case Last:
		s.sayFull(a, slot)
		fallthrough
	case Full:
		s.release(a.key)
		s.hold(a, time.Time{}, slot.Until)
		return answer, false
	case Leased: // too busy to say; our own lease stays ours
		s.postpone(a, slot.Until)
		return answer, false
	}
	return answer, true
}

// muted holds an alert back that others have made superfluous while it waited.
func (s *Sender) muted(a *Alert) bool {
	s.mu.Lock()
	now := s.cfg.Now()
	w := s.windows[a.key]
	muted := now.Before(s.fullUntil) || w != nil && now.Before(w.until)
	s.mu.Unlock()
	if muted {
		s.hold(a, time.Time{}, time.Time{})
	}
	return muted
}

// hold counts an alert instead of sending it, and remembers until when that
// will be so: for its group, or for all.
func (s *Sender) hold(a *Alert, group, all time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.window(a.key)
	w.held.add(a.Time)
	w.held.join(a.more)
	if group.After(w.until) {
		w.until = group
	}
	if all.After(s.fullUntil) {
		s.fullUntil = all
	}
	s.remove(a)
}

// postpone waits for another environment's lease to end. At the end of this one
// the other is trusted to send.
func (s *Sender) postpone(a *Alert, until time.Time) {
	s.mu.Lock()
	closing := s.closing
	a.retryAt = until
	s.mu.Unlock()
	if closing {
		s.hold(a, until, time.Time{})
	}
}

// remove takes an alert out of what waits. mu must be held.
func (s *Sender) remove(a *Alert) {
	for i, other := range s.waiting {
		if other == a {
			s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
			s.bytes -= a.size()
			return
		}
	}
}

// sayFull has everybody told whom this alert would have been sent to that more
// are held back.
func (s *Sender) sayFull(a *Alert, slot Answer) {
	notice := &Alert{
		Time: a.Time, Level: a.Level, Module: a.Module, Locator: a.Locator, Date: a.Date, StampMod: a.StampMod, ErrorsTable: a.ErrorsTable,
		RequestID: a.RequestID, key: "full", granted: slot.Window, ready: true, full: slot.Until,
	}
	topics := map[string]bool{}
	for _, d := range a.deliveries {
		if !topics[d.topic.ARN] {
			topics[d.topic.ARN] = true
			notice.deliveries = append(notice.deliveries, delivery{topic: d.topic, own: d.own})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, notice)
	s.bytes += notice.size()
}
