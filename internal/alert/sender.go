package alert

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxWaiting and maxWaitingBytes bound the alerts that wait to be sent, all
	// of different groups.
	maxWaiting      = 64
	maxWaitingBytes = 1 << 20
	// maxTroubled bounds the topics whose failures are remembered.
	maxTroubled = 64

	// The time limits of one publish: while there is time, while others wait for
	// their turn, and at the end, when two tries must fit into what SHUTDOWN
	// leaves.
	publishTime, sharedPublishTime, lastPublishTime = 2 * time.Second, 600 * time.Millisecond, 600 * time.Millisecond
	// Those of a question to the lock.
	lockTime, lastLockTime = time.Second, 300 * time.Millisecond
	// patience is how long an alert waits for a lock that is busy.
	patience = 30 * time.Second

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
	Max     int           // publishes of the function in this time
	Channel Channel
	Lock    Lock // nil: this environment decides alone
	// Sealed reports that nothing may be sent yet, because the process is about
	// to become part of a snapshot; nil for never. Start is called when that is
	// over. It is called with locks held, and must take none.
	Sealed func() bool
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
	cfg  Config
	end  context.Context // cancelled when there is no time left
	stop context.CancelFunc
	gate *gate

	mu        sync.Mutex // guards all below; never held during I/O. It is taken before the gate's
	waiting   []*pending // one a group
	bytes     int
	troubled  map[string]*breaker // topics that have failed since they last took a message, by ARN
	overflow  Held
	running   bool
	doing     work               // of the run
	probe     context.CancelFunc // ends the publish under way to a troubled topic; nil for none
	wantsBook bool               // the lock may be told of counts
	flushing  int                // callers of Flush that wait
	closing   bool
	changed   chan struct{} // closed and replaced when a run has got on
}

// work is what a run is doing.
type work int

const (
	booking work = iota // telling the lock of counts
	sending             // to topics that are well, as far as is known
	probing             // a topic that has been failing
)

// New returns a Sender. It does nothing before Expect.
func New(cfg Config) *Sender {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	var topics []Topic // each once
	for _, t := range cfg.Topics {
		if !slices.Contains(topics, t) {
			topics = append(topics, t)
		}
	}
	cfg.Topics = topics
	s := &Sender{cfg: cfg, troubled: map[string]*breaker{}, changed: make(chan struct{})}
	s.end, s.stop = context.WithCancel(context.Background())
	s.gate = &gate{
		lock: cfg.Lock, span: cfg.Window, most: cfg.Max, now: cfg.Now, down: cfg.Down, report: cfg.Report, end: s.end,
		issue: func(text string) { cfg.Issue(nil, false, text) }, windows: map[string]*window{},
	}
	return s
}

// Expect takes an alert whose row is about to be stored, and keeps it. kept is
// to be called once, with the row's key, when the row is safe; it returns at once
// and may be called with locks held. It is nil where the alert is only counted:
// one like it waits already, or has been sent in this window.
func (s *Sender) Expect(a *Alert) (kept func(date, stampMod string)) {
	p := newPending(a, s.cfg.Topics)
	if len(p.deliveries) == 0 {
		return nil
	}
	p.take()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.waiting {
		if other.key == p.key {
			other.more.add(a.Time)
			return nil
		}
	}
	if s.gate.holds(p.key, a.Time) {
		return nil
	}
	if len(s.waiting) >= maxWaiting || s.bytes+p.size > maxWaitingBytes {
		s.overflow.add(a.Time)
		return nil
	}
	s.waiting = append(s.waiting, p)
	s.bytes += p.size
	return func(date, stampMod string) { s.kept(p, date, stampMod) }
}

func (s *Sender) kept(p *pending, date, stampMod string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.ready { // else Close has taken it as it was
		p.Date, p.StampMod, p.ready = bounded(date, maxKey), bounded(stampMod, maxKey), true
		s.start()
	}
}

// Start sends what is due, beside the caller: what could not be sent before, and
// then the counts of what was held back.
func (s *Sender) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wantsBook = true
	s.start()
}

// start starts a run where there is something to do, or has the one under way
// turn to what is more urgent. mu must be held.
func (s *Sender) start() {
	if s.cfg.Sealed != nil && s.cfg.Sealed() {
		return
	}
	next, probe := s.due(s.cfg.Now())
	if s.running {
		if s.doing == probing && next != nil && !probe && s.probe != nil {
			s.probe()
		}
		return
	}
	if s.end.Err() == nil && (next != nil || s.overflow.Count > 0 || s.wantsBook && s.gate.owes()) {
		s.running, s.doing = true, booking
		if next != nil {
			s.setDoing(probe)
		}
		go s.run()
	}
}

func (s *Sender) setDoing(probe bool) {
	if s.doing = sending; probe {
		s.doing = probing
	}
}

// Flush sends what is due and returns when that is done, or ctx is. It does not
// wait for attempts at what has been failing, which are made beside the function,
// nor for more than one count that the lock is being told of.
func (s *Sender) Flush(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
	s.flushing++
	defer func() { s.flushing-- }()
	for s.running && s.worthwhile() && ctx.Err() == nil {
		s.await(ctx)
	}
}

// worthwhile reports whether a hold should wait for the run. mu must be held.
func (s *Sender) worthwhile() bool {
	if s.gate.troubled() {
		return false
	}
	next, probe := s.due(s.cfg.Now())
	return s.doing != probing || next != nil && !probe
}

// await waits until the run has got on, or ctx is done. mu must be held, and is
// again afterwards.
func (s *Sender) await(ctx context.Context) {
	changed := s.changed
	s.mu.Unlock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
	s.mu.Lock()
}

// progress wakes everybody who waits. mu must be held.
func (s *Sender) progress() {
	close(s.changed)
	s.changed = make(chan struct{})
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
	for _, p := range s.waiting {
		if !p.ready {
			n++
		}
	}
	return n
}

// Hurry says that the environment ends soon: no question to the lock may take
// longer now than lets a message follow, the one under way included.
func (s *Sender) Hurry() { s.gate.hurry() }

// Close sends all that waits, tries what failed once more, counts what was held
// back, and turns what is left when ctx is done into issues. Alerts whose rows
// are not safe are sent last: nothing better will become of their rows.
func (s *Sender) Close(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	s.mu.Lock()
	s.closing, s.wantsBook = true, true
	s.gate.close(deadline)
	for _, b := range s.troubled {
		b.until = time.Time{}
	}
	for _, p := range s.waiting {
		p.ready, p.retryAt = p.ready || ctx.Err() == nil, time.Time{}
	}
	s.start()
	for s.running && ctx.Err() == nil {
		s.await(ctx)
	}
	s.stop()
	for s.running { // not for long: what is under way has been cancelled
		s.await(context.Background())
	}
	left := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, p := range left {
		why := p.why
		if why == "" {
			why = "there was no time"
		}
		for i := range p.deliveries {
			if d := &p.deliveries[i]; !d.done {
				s.issue(p, d, "was not sent before the end of the environment: "+why)
			}
		}
	}
}

func (s *Sender) issue(p *pending, d *delivery, what string) {
	a := p.cleaned()
	s.cfg.Issue(p.Alert, d.own,
		fmt.Sprintf("the alert %s %s %s for topic %s %s", a.Level, a.Module, a.Locator, d.topic.Name, what))
}

// due is the alert to be sent now, and whether that is an attempt at a topic
// that has been failing: such wait until all others have had their turn. Those
// that have failed least often come first, so that none keeps the rest waiting.
// mu must be held.
func (s *Sender) due(now time.Time) (next *pending, probe bool) {
	for _, p := range s.waiting {
		if !p.ready || ahead(now, p.retryAt, restMost) {
			continue
		}
		d, failing := s.reachable(p, now)
		if d != nil && (next == nil || probe && !failing || probe == failing && p.attempts < next.attempts) {
			next, probe = p, failing
		}
	}
	return next, probe
}

// reachable is the delivery of an alert to be made next, to a topic that is well
// or else to one that has been failing and left alone for long enough. mu must
// be held.
func (s *Sender) reachable(p *pending, now time.Time) (next *delivery, failing bool) {
	for i := range p.deliveries {
		d := &p.deliveries[i]
		b := s.troubled[d.topic.ARN]
		switch {
		case d.done:
		case b == nil:
			return d, false
		case next == nil && !b.open(now):
			next = d
		}
	}
	return next, true
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
	for first := true; s.end.Err() == nil && s.step(first); first = false {
		s.mu.Lock()
		s.progress()
		s.mu.Unlock()
	}
}

// step does one thing, and reports whether there may be another. In a hold the
// lock is told of one count at most: the first thing that a run does.
func (s *Sender) step(first bool) bool {
	s.mu.Lock()
	p, probe := s.due(s.cfg.Now())
	if p != nil {
		s.setDoing(probe)
		s.mu.Unlock()
		s.handle(p)
		return true
	}
	s.doing = booking
	overflow := s.overflow.Count
	s.overflow = Held{}
	book := s.wantsBook && (first || s.closing || s.flushing == 0)
	s.wantsBook = book
	s.mu.Unlock()
	if overflow > 0 {
		s.cfg.Issue(nil, false, fmt.Sprintf("%d alerts were not sent: too many different ones were waiting", overflow))
	}
	if book && s.gate.enter() {
		return true
	}
	s.mu.Lock()
	s.wantsBook = false
	s.mu.Unlock()
	return false
}

// remove takes an alert out of what waits, and counts what came like it. mu must
// be held.
func (s *Sender) remove(p *pending) {
	if i := slices.Index(s.waiting, p); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.bytes -= p.size
	}
}
