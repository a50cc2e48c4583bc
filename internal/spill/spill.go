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
	"hash/maphash"
	"io/fs"
	"os"
	"sync"
	"time"
)

const (
	// blockSize is what a file's size is rounded up to when it is counted, so
	// that many small files do not cost more than they seem to.
	blockSize = 4096
	// segmentBytes is how large a segment grows, unless its only record is
	// larger: it is what Take holds in memory.
	segmentBytes = 256 << 10

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
	// if it is missing. One that others use, too (they have rights to it, or all
	// files in it are theirs), stays as it is: the spill then makes and uses the
	// folder Private in it.
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
// goroutine.
type Spill struct {
	cfg Config

	mu     sync.Mutex // guards what follows, and is held during I/O
	closed bool
	dir    *directory // nil after it was lost and could not be made again
	segs   []*segment // oldest first; the active one is the last
	active *segment   // appended to; nil if there is none
	spare  *segment   // an empty file for the next segment; nil for none
	next   uint64     // number of the next segment
	gone   int        // records that vanished and are not reported yet
	looked time.Time  // change of the directory that Vanished saw last
	turn   int        // index of the segment that Vanished checked last
	mark   mark
	buf    []byte // frames of one write
}

// Open takes the directory and counts what earlier processes have left in it.
//
// It returns ErrLocked while another process has the directory. Any other error
// says why the directory cannot be used; then there is no spill.
func Open(cfg Config) (*Spill, Found, error) {
	if cfg.MaxBytes < 0 {
		return nil, Found{}, fmt.Errorf("cannot bound the spill to %d bytes: give a positive number, or 0 for the default", cfg.MaxBytes)
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
	// No process of ours leaves more than its bound; ours may have been lowered.
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

// Append adds payloads of 1 to MaxPayload bytes, in order. The first n of them
// are safe; if that is not all, err says why the next one is not: ErrFull,
// ErrPayload, or what the file system said.
func (s *Spill) Append(payloads ...[]byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.attached(); err != nil {
		return 0, err
	}
	defer func() { s.buf = keepSmall(s.buf) }()
	for n < len(payloads) {
		k, err := s.appendSome(payloads[n:])
		n += k
		if err != nil {
			return n, fmt.Errorf("cannot spill: %w", err)
		}
	}
	return n, nil
}

// appendSome adds at least one payload with one write, if err is nil and the
// file did not have to be given up.
func (s *Spill) appendSome(payloads [][]byte) (n int, err error) {
	if err := checkPayload(payloads[0]); err != nil {
		return 0, err
	}
	limit, err := s.limit(frameSize(payloads[0]))
	if err != nil {
		return 0, err
	}
	if s.active == nil {
		if err := s.create(); err != nil {
			return 0, err
		}
	}
	return s.write(s.active, payloads, limit)
}

// limit returns how large the active segment, or else a new one, may become. A
// segment that cannot take a frame of size need is closed first.
func (s *Spill) limit(need int) (int64, error) {
	if a := s.active; a != nil && (!a.intact() || a.size > 0 && a.size+int64(need) > segmentBytes) {
		s.release()
	}
	room := s.cfg.MaxBytes - s.bytes()
	if s.cfg.KeepFree > 0 {
		free, err := freeBytes(s.dir.self)
		if err != nil {
			return 0, err
		}
		room = min(room, free-s.cfg.KeepFree)
	}
	var size int64
	if s.active != nil {
		size = s.active.size
	}
	limit := blocks(size) + max(room, 0)/blockSize*blockSize
	if size+int64(need) > limit {
		return 0, ErrFull
	}
	return min(limit, max(segmentBytes, size+int64(need))), nil
}

// write adds those of payloads that fit below limit to seg.
func (s *Spill) write(seg *segment, payloads [][]byte, limit int64) (n int, err error) {
	s.buf = s.buf[:0]
	var fits int
	for _, p := range payloads {
		if checkPayload(p) != nil || seg.size+int64(len(s.buf)+frameSize(p)) > limit {
			break
		}
		s.buf = appendFrame(s.buf, seg.name.salt, p)
		fits++
	}
	written, err := seg.f.Write(s.buf)
	if err == nil {
		seg.add(fits, int64(len(s.buf)))
		seg.own.Write(s.buf)
		return fits, nil
	}
	n, whole := wholeFrames(payloads, written)
	seg.own.Write(s.buf[:whole])
	seg.add(n, int64(whole))
	return n, s.writeFailed(seg, written > whole, err)
}

// wholeFrames returns how many frames the first written bytes hold, and their
// size.
func wholeFrames(payloads [][]byte, written int) (n, size int) {
	for _, p := range payloads {
		if size+frameSize(p) > written {
			break
		}
		size += frameSize(p)
		n++
	}
	return n, size
}

// writeFailed leaves seg as if only whole frames had been written, or closes
// it, and translates err; nil means that the write may be tried again.
func (s *Spill) writeFailed(seg *segment, torn bool, err error) error {
	full := noSpace(err)
	retry := tooBig(err) && seg.records > 0 // a new file has room again
	clean := !torn || seg.f.Truncate(seg.size) == nil
	if !full || !clean {
		s.release()
	}
	switch {
	case full:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case retry:
		return nil
	}
	return err
}

// create makes the next segment and the active one of it.
func (s *Spill) create() error {
	seg, err := s.newSegment()
	if errors.Is(err, fs.ErrNotExist) { // the directory is gone
		if err := s.reattach(); err != nil {
			return err
		}
		seg, err = s.newSegment()
	}
	switch {
	case noSpace(err):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case err != nil:
		return err
	}
	s.segs = append(s.segs, seg)
	s.active = seg
	return nil
}

func (s *Spill) newSegment() (*segment, error) {
	if s.next > maxNumber {
		return nil, errors.New("no segment number is left; delete the spill directory")
	}
	name := newSegmentName(s.next)
	s.next++
	f := s.takeSpare(name)
	if f == nil {
		var err error
		if f, err = s.dir.create(name.String(), os.O_APPEND); err != nil {
			return nil, err
		}
	}
	return &segment{name: name, f: f, own: new(maphash.Hash)}, nil
}

// release stops appending to the active segment.
func (s *Spill) release() {
	seg := s.active
	s.active = nil
	seg.close()
	if seg.records == 0 {
		s.drop(seg)
		_ = s.dir.root.Remove(seg.name.String()) // empty, or torn; Open removes it, if not this
	}
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
		s.lose(seg)
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

func checkPayload(p []byte) error {
	if len(p) == 0 || len(p) > MaxPayload {
		return fmt.Errorf("%w: %d bytes, not 1 to %d", ErrPayload, len(p), MaxPayload)
	}
	return nil
}

func blocks(size int64) int64 { return (size + blockSize - 1) / blockSize * blockSize }

// keptBuffer bounds a buffer that is used again, in bytes.
const keptBuffer = 64 << 10

// keepSmall gives up a buffer that a burst has made large.
func keepSmall(buf []byte) []byte {
	if cap(buf) > keptBuffer {
		return nil
	}
	return buf
}
