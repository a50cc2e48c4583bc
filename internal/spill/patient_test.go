package spill

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// stalling opens a spill whose operations wait for release.
func stalling(t *testing.T) (s *Spill, p *Patient, release func()) {
	t.Helper()
	s, _, err := Open(Config{Dir: filepath.Join(t.TempDir(), "spill"), MaxBytes: 1 << 20, KeepFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Append([]byte("one"), []byte("two")); err != nil {
		t.Fatal(err)
	}
	p = NewPatient(s)
	s.mu.Lock() // as an operation holds it that waits for the disk
	return s, p, s.mu.Unlock
}

// goesOn waits until nothing is left behind.
func (p *Patient) goesOn(t *testing.T) {
	t.Helper()
	for range 10_000 {
		p.mu.Lock()
		stuck := p.stuck + len(p.pending)
		p.mu.Unlock()
		if stuck == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("operations are still left behind")
}

func TestAStalledDiskIsWaitedForOnce(t *testing.T) {
	_, p, release := stalling(t)
	for range 1000 { // of 200 ms each these would be minutes
		if _, err := p.Append([]byte("three")); !errors.Is(err, ErrStalled) {
			t.Fatalf("Append() = %v, want ErrStalled", err)
		}
		if err := p.Mark([]byte("mark")); !errors.Is(err, ErrStalled) {
			t.Fatalf("Mark() = %v, want ErrStalled", err)
		}
		if n := p.Vanished(); n != 0 {
			t.Fatalf("Vanished() = %d", n)
		}
		if p.Records() != 2 {
			t.Fatalf("Records() = %d", p.Records())
		}
	}
	if p.stuck != 1 {
		t.Errorf("%d operations were left behind, want the first one", p.stuck)
	}
	release()
	p.goesOn(t)
	if n := p.Records(); n != 3 {
		t.Errorf("%d records, want the two and the one that was left behind", n)
	}
	if _, err := p.Append([]byte("four")); err != nil || p.Records() != 4 {
		t.Errorf("Append() = %v, %d records, after the disk goes on", err, p.Records())
	}
}

// What has to be done is done when the disk goes on, and what was taken
// meanwhile is the next to be taken.
func TestNothingIsLeftOutWhileADiskStalls(t *testing.T) {
	s, p, release := stalling(t)
	release()
	taken, err := p.Take()
	if err != nil || taken == nil {
		t.Fatal(taken, err)
	}
	if _, err := p.Append([]byte("three")); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	if segment, err := p.Take(); segment != nil || !errors.Is(err, ErrStalled) {
		t.Fatalf("Take() = %v, %v", segment, err)
	}
	if err := p.Done(taken); !errors.Is(err, ErrStalled) {
		t.Fatalf("Done() = %v", err)
	}
	s.mu.Unlock()
	p.goesOn(t)
	if n := p.Records(); n != 1 {
		t.Errorf("%d records, want the third one: the first two are done with", n)
	}
	again, err := p.Take()
	if err != nil || again == nil || string(again.Payloads[0]) != "three" {
		t.Errorf("Take() = %v, %v", again, err)
	}
}

func TestAPanicOfTheSpillIsItsCallers(t *testing.T) {
	_, p, release := stalling(t)
	release()
	defer func() {
		if v := recover(); v != "a bug" {
			t.Errorf("recovered %v", v)
		}
		if _, err := p.Append([]byte("three")); err != nil {
			t.Errorf("Append() = %v after a panic", err)
		}
	}()
	p.run(&operation{call: func() { panic("a bug") }}, false)
}

func TestAtTheEndAStalledDiskIsHardlyWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for hurried, want := range map[bool]time.Duration{false: 500 * time.Millisecond, true: 100 * time.Millisecond} {
			s, _, err := Open(Config{Dir: filepath.Join(t.TempDir(), "spill"), MaxBytes: 1 << 20, KeepFree: -1})
			if err != nil {
				t.Fatal(err)
			}
			p := NewPatient(s)
			if hurried {
				p.Hurry()
			}
			release, began := make(chan struct{}), time.Now()
			if p.run(&operation{call: func() { <-release }}, false) {
				t.Error("an operation that stalls was waited for")
			}
			if took := time.Since(began); took != want {
				t.Errorf("hurried %v: waited for %v, want %v", hurried, took, want)
			}
			close(release)
			synctest.Wait()
			s.Close()
		}
	})
}
