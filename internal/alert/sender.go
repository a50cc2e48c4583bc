package alert

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/wait"
)

// A Reporter is notified of failures, each of which it reports once, and of
// their end.
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
	Lock    Lock   // nil: this environment decides alone
	Causes  Causes // nil: nobody says anything of causes
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

	// mu guards all below. It is never held during I/O, and taken before the
	// gate's.
	mu       sync.Mutex
	queue    queue
	troubled troubled
	ignored  ignored
	run      run
	flushing int // callers of Flush that wait
	closing  bool
	changed  wait.Broadcast // of the queue or the run

	// causesAfter is when Causes may be asked again. It belongs to the run.
	causesAfter time.Time
}

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
	s := &Sender{cfg: cfg, troubled: troubled{}, ignored: ignored{}}
	s.end, s.stop = context.WithCancel(context.Background())
	s.gate = newGate(cfg, s.end)
	return s
}

// Expect takes an alert whose row is about to be stored, and keeps it. kept is
// to be called once, with the row's key, when the row is safe; it returns at
// once and may be called with locks held. It is nil where the alert is only
// counted: one like it waits already, or has been sent in this window.
func (s *Sender) Expect(a *Alert) (kept func(date, stampMod string)) {
	p := newPending(a, s.cfg.Topics)
	if len(p.deliveries) == 0 {
		return nil
	}
	if s.cfg.Causes != nil && a.ErrorsTable {
		p.past.ID = cause.Of(a.Module, a.Locator, a.Exception, a.Text)
	}
	p.prepare()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ignored.has(s.cfg.Now(), p.past.ID) {
		s.gate.hold(p.key, Held{1, a.Time, a.Time}, time.Time{}, time.Time{})
		return nil
	}
	if other := s.queue.alike(p); other != nil {
		other.more.add(a.Time)
		return nil
	}
	if s.gate.countIfMuted(p.key, a.Time) || !s.queue.add(p) {
		return nil
	}
	return func(date, stampMod string) { s.kept(p, date, stampMod) }
}

// kept notes that an alert's row is safe.
func (s *Sender) kept(p *pending, date, stampMod string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.ready { // else Close has taken it as it was
		p.Date, p.StampMod, p.ready = bounded(date, maxKey), bounded(stampMod, maxKey), true
		s.start()
	}
}

// Start sends what is due, beside the caller: what could not be sent before,
// and then the counts of what was held back.
func (s *Sender) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.counts = true
	s.start()
}

// Flush sends what is due and returns when that is done, or ctx is. It does not
// wait for attempts at what has been failing, which are made beside the
// function, nor for more than one count to be written to the lock.
func (s *Sender) Flush(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
	s.flushing++
	defer func() { s.flushing-- }()
	for s.run.running && s.worthwhile() && ctx.Err() == nil {
		s.await(ctx)
	}
}

// worthwhile reports whether a hold should wait for the run. mu must be held.
func (s *Sender) worthwhile() bool {
	if s.gate.troubled() {
		return false
	}
	return s.run.doing != probing || s.wellWaits()
}

// wellWaits reports whether an alert is due to a topic that is well, as far as
// is known. mu must be held.
func (s *Sender) wellWaits() bool {
	next, probe := s.queue.due(s.cfg.Now(), s.troubled)
	return next != nil && !probe
}

// await waits until the run has made progress, or ctx is done. mu must be held,
// and is again afterwards.
func (s *Sender) await(ctx context.Context) {
	changed := s.changed.Changed()
	s.mu.Unlock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
	s.mu.Lock()
}

// Waiting returns the number of alerts that are not sent yet.
func (s *Sender) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue.waiting)
}

// Unsafe returns the number of alerts whose rows are not safe yet.
func (s *Sender) Unsafe() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.unsafe()
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
	s.closing, s.run.counts = true, true
	s.gate.close(deadline)
	s.troubled.retryAll()
	for _, p := range s.queue.waiting {
		p.ready, p.retryAt = p.ready || ctx.Err() == nil, time.Time{}
	}
	s.start()
	for s.run.running && ctx.Err() == nil {
		s.await(ctx)
	}
	s.stop()
	for s.run.running { // not for long: what is under way has been cancelled
		s.await(context.Background())
	}
	left := s.queue.clear()
	s.mu.Unlock()
	for _, p := range left {
		s.abandon(p)
	}
}

// abandon turns what could not be sent of an alert into issues.
func (s *Sender) abandon(p *pending) {
	why := p.why
	if why == "" {
		why = "there was no time"
	}
	for i := range p.deliveries {
		if d := &p.deliveries[i]; !d.done {
			s.issue(p, d, "was not sent before the environment ended: "+why)
		}
	}
}

func (s *Sender) issue(p *pending, d *delivery, what string) {
	a := p.cleaned()
	s.cfg.Issue(p.Alert, d.own,
		fmt.Sprintf("the alert %s %s %s for topic %s %s", a.Level, a.Module, a.Locator, d.topic.Name, what))
}
