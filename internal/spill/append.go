package spill

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
)

// segmentBytes is how large a segment grows, unless its only record is larger:
// it is what Take holds in memory.
const segmentBytes = 256 << 10

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
		s.forget(seg)
		_ = s.dir.root.Remove(seg.name.String()) // empty, or torn; Open removes it, if not this
	}
}

func checkPayload(p []byte) error {
	if len(p) == 0 || len(p) > MaxPayload {
		return fmt.Errorf("%w: %d bytes, not 1 to %d", ErrPayload, len(p), MaxPayload)
	}
	return nil
}

// keptBuffer bounds a buffer that is used again, in bytes.
const keptBuffer = 64 << 10

// keepSmall gives up a buffer that a burst has made large.
func keepSmall(buf []byte) []byte {
	if cap(buf) > keptBuffer {
		return nil
	}
	return buf
}
