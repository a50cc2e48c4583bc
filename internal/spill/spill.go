// Package spill keeps records on the function's /tmp while nobody takes them.
//
// A Spill is a directory of append-only segment files. A record that Append
// has confirmed is in the page cache: it survives the kill of this process at
// any instant, a reset of the environment and a freeze, but not the loss of
// the environment, in which /tmp dies too. That is why nothing is synced.
//
// The directory lies where others write, too: the function, as the same user,
// and at times a process of another one. Nothing in it is trusted, nothing
// outside it is touched, and what cannot be used costs the spill only.
package spill

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	// blockSize is what a file's size is rounded up to when it is counted, so
	// that many small files do not cost more than they seem to.
	blockSize       = 4096
	defaultMaxBytes = 64 << 20
	defaultKeepFree = 64 << 20
)

var (
	// ErrLocked is returned while another live process has the directory.
	ErrLocked = errors.New("the spill directory is in use by another process")
	// ErrFull is returned when a record would break a bound, or when the file
	// system has no more room.
	ErrFull = errors.New("the spill is full")
	// ErrPayload is returned for a payload that is empty or larger than
	// MaxPayload.
	ErrPayload = errors.New("payload cannot be spilled")
)

// A Config says where a Spill is and how large it may grow.
type Config struct {
	// Dir is the absolute path of a directory. It is created, with its parents,
	// if it is missing. One that others use, too (they have rights to it, or
	// all files in it are theirs), stays as it is: the spill then makes and
	// uses the folder Private in it.
	Dir string
	// MaxBytes bounds the segment files together, each rounded up to 4 KiB.
	// 0: the smaller of 64 MiB and a quarter of what is free at Open.
	MaxBytes int64
	// KeepFree is how many bytes of the file system are left free for others.
	// 0: 64 MiB; negative: none.
	KeepFree int64
}

// Found is what earlier processes left in the directory.
type Found struct {
	// Records and Bytes are what is there to Take, counted as by the methods
	// of the same names.
	Records int
	Bytes   int64
	// Damaged is how many torn or corrupt records were skipped, at least. A
	// record that was being written when its process was killed is one. They
	// are found again as long as the others of their segment are not stored.
	Damaged int
	// Refused is how many entries with a segment's name were left alone: links,
	// files of another user, of an impossible size, unreadable, or too many.
	Refused int
	// Mark is the last Mark of a process that never came to Unmark; nil if
	// there is none, empty if it cannot be read. It stays until Mark or Unmark,
	// so that it is not lost if this process ends before it has reported it.
	Mark []byte
}

// A Spill is an open spill directory. Its methods may be called from any
// goroutine; each waits for the disk, and for those before it. Those who must
// not wait have a Patient.
type Spill struct {
	cfg Config

	// mu guards what follows, and is held during I/O. Nothing else is locked
	// while it is held.
	mu     sync.Mutex
	closed bool
	dir    *directory // nil after it was lost and could not be made again
	segs   []*segment // oldest first; the active one is the last
	active *segment   // appended to; nil if there is none
	spare  *segment   // an empty file for the next segment; nil for none
	next   uint64     // number of the next segment
	mark   mark
	buf    []byte // frames of one write

	vanished    int       // records that are gone and not reported yet
	lastChange  time.Time // of the directory, when Vanished looked last
	lastChecked int       // index of the segment that Vanished checked last
}

// Open takes the directory and counts what earlier processes have left in it.
//
// It returns ErrLocked while another process has the directory. Any other error
// says why the directory cannot be used; then there is no spill.
func Open(cfg Config) (*Spill, Found, error) {
	if cfg.MaxBytes < 0 {
		return nil, Found{}, fmt.Errorf(
			"cannot bound the spill to %d bytes: give a positive number, or 0 for the default", cfg.MaxBytes)
	}
	if cfg.KeepFree == 0 {
		cfg.KeepFree = defaultKeepFree
	}
	s := &Spill{cfg: cfg}
	found, err := s.attach()
	if err != nil {
		return nil, Found{}, err
	}
	return s, found, nil
}

// attach opens the directory and adopts the segments in it.
func (s *Spill) attach() (Found, error) {
	dir, err := openDirectory(s.cfg.Dir)
	if err != nil {
		return Found{}, err
	}
	s.dir = dir
	found, err := s.adopt()
	if err == nil && s.cfg.MaxBytes == 0 {
		s.cfg.MaxBytes, err = defaultBound(dir, found.Bytes)
	}
	if err != nil {
		s.detachAll()
		return Found{}, fmt.Errorf("cannot use the spill directory %s: %w", dir.path, err)
	}
	found.Mark = dir.readMark()
	return found, nil
}

// Dir returns the path of the directory that is used: Config.Dir or the folder
// Private in it; "" while there is none.
func (s *Spill) Dir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == nil {
		return ""
	}
	return s.dir.path
}

func defaultBound(dir *directory, ours int64) (int64, error) {
	free, err := freeBytes(dir.self)
	if err != nil {
		return 0, err
	}
	return max(1, min(defaultMaxBytes, free/4+ours/4)), nil
}

// adopt reads every segment once, to know what is whole.
func (s *Spill) adopt() (found Found, err error) {
	names, more, err := s.dir.list()
	if err != nil {
		return found, err
	}
	found.Refused = more
	// No process of ours leaves more than its bound; ours may have been
	// lowered.
	bound := max(s.cfg.MaxBytes, defaultMaxBytes)
	for _, name := range names {
		s.next = max(s.next, name.number+1)
		seg := &segment{name: name}
		damaged, err := s.inspect(seg)
		if err != nil || found.Bytes+blocks(seg.size) > bound {
			found.Refused++
			continue
		}
		found.Damaged += damaged
		if seg.records == 0 {
			_ = s.dir.root.Remove(name.String()) // nothing in it; next time, if not now
			continue
		}
		s.segs = append(s.segs, seg)
		found.Records += seg.records
		found.Bytes += blocks(seg.size)
	}
	s.buf = keepSmall(s.buf)
	return found, nil
}

// Records returns how many records wait, those that were taken and are not
// done included.
func (s *Spill) Records() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int
	for _, seg := range s.segs {
		if !seg.done {
			n += seg.records
		}
	}
	return n
}

// Bytes returns what counts against Config.MaxBytes.
func (s *Spill) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes()
}

func (s *Spill) bytes() (n int64) {
	for _, seg := range s.segs {
		n += blocks(seg.size)
	}
	return n
}

// Close releases the lock and keeps the files. Every method that returns an
// error returns os.ErrClosed from then on.
func (s *Spill) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.closed = true
	if s.active != nil {
		s.release()
	}
	if s.dir != nil {
		s.dropSpare()
	}
	s.detachAll()
	return nil
}

// attached makes sure that there is a directory to work in.
func (s *Spill) attached() error {
	switch {
	case s.closed:
		return fmt.Errorf("cannot use the spill: %w", os.ErrClosed)
	case s.dir == nil:
		_, err := s.attach()
		return err
	}
	return nil
}

// reattach makes the directory again after it was removed or replaced. What
// was in it has vanished.
func (s *Spill) reattach() error {
	for _, seg := range s.segs {
		s.countVanished(seg)
	}
	s.detachAll()
	_, err := s.attach()
	return err
}

// detachAll closes everything and forgets all segments.
func (s *Spill) detachAll() {
	for _, seg := range s.segs {
		seg.close()
	}
	if s.spare != nil {
		s.spare.close()
	}
	s.segs, s.active, s.spare = nil, nil, nil
	s.mark.close()
	if s.dir != nil {
		s.dir.close()
		s.dir = nil
	}
}

func blocks(size int64) int64 { return (size + blockSize - 1) / blockSize * blockSize }
