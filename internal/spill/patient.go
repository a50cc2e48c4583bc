package spill

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStalled is returned while the file system does not answer.
var ErrStalled = errors.New("the file system has stopped answering")

const (
	// patience is how long an operation of a Patient is waited for: longer than
	// a starved processor needs for what the page cache takes, and shorter than
	// anybody may be held. lastPatience is that at the end of the process.
	patience     = 500 * time.Millisecond
	lastPatience = 100 * time.Millisecond
	// frozenFor is by how much that must be overrun before the process is taken
	// to have been frozen meanwhile.
	frozenFor = time.Second
)

// A Patient is a Spill for those who must not wait for a disk that stalls. An
// operation that takes longer than 500 ms is left behind: it goes on, and until
// it is done every other one returns ErrStalled at once. Its methods are the
// Spill's, and may be called from any goroutine.
//
// Its mutex and the Spill's are never held together: the one is let go before
// an operation begins, which takes the other. So there is no order between
// them, and nobody waits for the first as long as a disk may take. Callers may
// hold locks of their own: what is called from here takes none of theirs.
type Patient struct {
	s        *Spill
	records  atomic.Int64 // as the last operation left them
	vanished atomic.Int64 // records that are not reported yet
	hurried  atomic.Bool  // the end of the process is near

	mu      sync.Mutex // guards what follows; never held during I/O
	stuck   int        // operations that were left behind and are not done
	pending []func()   // to be done then: what must not be left out
	taken   []*Segment // by operations that were left behind
}

// NewPatient returns a Patient of s.
func NewPatient(s *Spill) *Patient {
	p := &Patient{s: s}
	p.records.Store(int64(s.Records()))
	return p
}

// Hurry has operations waited for 100 ms only from now on: the process is about
// to end.
func (p *Patient) Hurry() { p.hurried.Store(true) }

// An operation is one call of the Spill.
type operation struct {
	call     func()
	late     func()        // nil, or what follows a call that was left behind, with mu held
	done     chan struct{} // closed when call has returned
	left     bool          // behind; guarded by Patient.mu
	panicked any           // the value of a panic in call
}

// run has an operation done and reports whether it was in time. One that is
// needed is done later if it cannot be done now.
func (p *Patient) run(op *operation, needed bool) bool {
	p.mu.Lock()
	if p.stuck > 0 {
		if needed {
			p.pending = append(p.pending, op.call)
		}
		p.mu.Unlock()
		return false
	}
	p.mu.Unlock()
	op.done = make(chan struct{})
	go p.perform(op)
	if !p.wait(op) {
		return false
	}
	if op.panicked != nil {
		panic(op.panicked) // where it would have been without us
	}
	return true
}

// wait waits for an operation, and leaves it behind if that takes too long.
func (p *Patient) wait(op *operation) (done bool) {
	limit := patience
	if p.hurried.Load() {
		limit = lastPatience
	}
	planned := time.Now().Add(limit)
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		select {
		case <-op.done:
			return true
		case <-t.C:
		}
		if time.Since(planned) <= frozenFor {
			return !p.leave(op)
		}
		planned = time.Now().Add(limit)
		t.Reset(limit)
	}
}

// leave leaves an operation behind, and reports false if it is just done.
func (p *Patient) leave(op *operation) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-op.done:
		return false
	default:
		op.left = true
		p.stuck++
		return true
	}
}

// perform is the goroutine of an operation.
func (p *Patient) perform(op *operation) {
	defer func() {
		op.panicked = recover()
		p.records.Store(int64(p.s.Records()))
		p.mu.Lock()
		defer p.mu.Unlock()
		close(op.done)
		if !op.left {
			return
		}
		if op.late != nil {
			op.late()
		}
		if p.stuck--; p.stuck == 0 && len(p.pending) > 0 {
			p.catchUp()
		}
	}()
	op.call()
}

// catchUp does what had to wait for the file system to answer again. mu must
// be held.
func (p *Patient) catchUp() {
	pending := p.pending
	p.pending = nil
	p.stuck++
	go p.perform(&operation{done: make(chan struct{}), left: true, call: func() {
		for _, f := range pending {
			f()
		}
	}})
}

// Append is the Spill's. After ErrStalled the payloads may come to be in the
// spill or not, and their memory must not be used again.
func (p *Patient) Append(payloads ...[]byte) (int, error) {
	var n int
	var err error
	if !p.run(&operation{call: func() { n, err = p.s.Append(payloads...) }}, false) {
		return 0, ErrStalled
	}
	return n, err
}

// Take is the Spill's.
func (p *Patient) Take() (*Segment, error) {
	p.mu.Lock()
	if n := len(p.taken); n > 0 {
		defer p.mu.Unlock()
		segment := p.taken[0]
		p.taken = p.taken[1:]
		return segment, nil
	}
	p.mu.Unlock()
	var segment *Segment
	var err error
	op := operation{call: func() { segment, err = p.s.Take() }}
	op.late = func() {
		if segment != nil {
			p.taken = append(p.taken, segment)
		}
	}
	if !p.run(&op, false) {
		return nil, ErrStalled
	}
	return segment, err
}

// Done is the Spill's. After ErrStalled it is done as soon as it can be.
func (p *Patient) Done(segment *Segment) error {
	var err error
	if !p.run(&operation{call: func() { err = p.s.Done(segment) }}, true) {
		return ErrStalled
	}
	return err
}

// Return is the Spill's. While the file system does not answer it is done as
// soon as it can be.
func (p *Patient) Return(segment *Segment) {
	p.run(&operation{call: func() { p.s.Return(segment) }}, true)
}

// Records is the Spill's, as of the last operation that is done.
func (p *Patient) Records() int { return int(p.records.Load()) }

// Vanished is the Spill's. While the file system does not answer it is 0; what
// it finds then is returned later.
func (p *Patient) Vanished() int {
	if !p.run(&operation{call: func() { p.vanished.Add(int64(p.s.Vanished())) }}, false) {
		return 0
	}
	return int(p.vanished.Swap(0))
}

// Mark is the Spill's.
func (p *Patient) Mark(payload []byte) error {
	var err error
	if !p.run(&operation{call: func() { err = p.s.Mark(payload) }}, false) {
		return ErrStalled
	}
	return err
}

// Unmark is the Spill's.
func (p *Patient) Unmark() error {
	var err error
	if !p.run(&operation{call: func() { err = p.s.Unmark() }}, false) {
		return ErrStalled
	}
	return err
}
