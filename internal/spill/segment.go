package spill

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"slices"
)

// A segment is one file of records.
type segment struct {
	name    segmentName
	size    int64 // what was written and is whole
	records int
	f       *os.File      // of one that this process may append to; else nil
	own     *maphash.Hash // of what this process has appended; nil for another's file
	taken   bool          // a caller has its payloads
	done    bool          // its payloads are stored, the file is still to be deleted
	gone    bool          // the file vanished while it was taken
}

func (seg *segment) add(records int, size int64) {
	seg.records += records
	seg.size += size
}

func (seg *segment) close() {
	if seg.f != nil {
		seg.f.Close()
		seg.f = nil
	}
}

// intact reports whether the open file still has a name and the size that we
// gave it: an append to a deleted one would be safe nowhere.
func (seg *segment) intact() bool {
	fi, err := seg.f.Stat()
	if err != nil {
		return false
	}
	_, links := owned(fi)
	return links > 0 && fi.Size() == seg.size
}

// A Segment is what Take returned: records to be stored, in the order in which
// they were appended. It is ended by Done or by Return.
type Segment struct {
	// Payloads may be empty if Damaged is not 0. They are the caller's, and
	// parts of one array: keeping one keeps all.
	Payloads [][]byte
	// Own says that the payloads are, bit by bit, what this process has
	// appended: they need not be looked at as if a stranger had written them.
	// It is told by a hash with a seed that nobody else knows.
	Own bool
	// Damaged is how many records were corrupted since they were appended or
	// counted in Found. They are lost.
	Damaged int

	seg *segment
}

// Take returns the oldest segment that is not taken: at most 256 KiB of
// payloads, or a single larger one. It returns nil if there is none.
//
// A segment that cannot be read is passed over; its error is returned when
// nothing else is left to take.
func (s *Spill) Take() (*Segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.attached(); err != nil {
		return nil, err
	}
	var firstErr error
	for _, seg := range slices.Clone(s.segs) {
		if seg.taken || seg.done || !s.check(seg) || seg.records == 0 {
			continue
		}
		taken, err := s.take(seg)
		if err == nil {
			return taken, nil
		}
		if firstErr == nil {
			firstErr = fmt.Errorf("cannot read spilled records: %w", err)
		}
	}
	return nil, firstErr
}

func (s *Spill) take(seg *segment) (*Segment, error) {
	payloads, own, err := s.readSegment(seg)
	if err != nil {
		return nil, err
	}
	damaged := max(0, seg.records-len(payloads))
	seg.records = len(payloads) // what is damaged is reported only once
	seg.taken = true
	if s.active == seg {
		s.active = nil
	}
	return &Segment{Payloads: payloads, Own: own, Damaged: damaged, seg: seg}, nil
}

// Done deletes a segment, whose payloads are stored. If that fails they will
// be found by the next process, and not be taken again by this one, which
// tries to delete them at every further Done.
func (s *Spill) Done(taken *Segment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg := taken.seg
	if !seg.taken {
		return nil
	}
	seg.taken = false
	seg.close()
	if seg.gone {
		return nil
	}
	seg.done = true
	if err := s.attached(); err != nil {
		return err
	}
	s.keepSpare(seg)
	err := s.sweep()
	if len(s.segs) == 0 {
		s.dropSpare()
	}
	return err
}

// keepSpare keeps the file of a segment that is done for the next one, while
// others wait: where more is spilled than memory holds, a file comes and goes
// every 256 KiB, and file systems are slow at that. (ext4 looks for an inode
// that was not deleted lately: half of what the spill cost.)
func (s *Spill) keepSpare(seg *segment) {
	if s.spare != nil || seg.own == nil || len(s.segs) == 1 {
		return
	}
	f, err := s.dir.empty(seg.name.String(), os.O_APPEND)
	if err != nil {
		return // sweep deletes it
	}
	s.forget(seg)
	seg.f, seg.size = f, 0
	s.spare = seg
}

// dropSpare deletes the spare file.
func (s *Spill) dropSpare() {
	if s.spare != nil {
		s.spare.close()
		_ = s.dir.root.Remove(s.spare.name.String()) // empty; Open removes it, if not this
		s.spare = nil
	}
}

// takeSpare gives the spare file a segment's name; nil if there is none, or
// somebody has touched it.
func (s *Spill) takeSpare(name segmentName) *os.File {
	spare := s.spare
	if s.spare = nil; spare == nil {
		return nil
	}
	if !spare.intact() || s.dir.root.Rename(spare.name.String(), name.String()) != nil || !spare.intact() {
		spare.close()
		return nil
	}
	return spare.f
}

// sweep deletes the files that are done.
func (s *Spill) sweep() error {
	var firstErr error
	for _, seg := range slices.Clone(s.segs) {
		if !seg.done {
			continue
		}
		err := s.dir.root.Remove(seg.name.String())
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			s.forget(seg)
		} else if firstErr == nil {
			firstErr = fmt.Errorf("cannot delete spilled records that are stored: %w", err)
		}
	}
	return firstErr
}

// Return gives a segment back, whose payloads, or some of them, are not stored:
// Take returns it again, in its old place.
func (s *Spill) Return(taken *Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg := taken.seg
	if !seg.taken {
		return
	}
	seg.taken = false
	switch {
	case seg.gone:
		s.vanished += seg.records
	case seg.f != nil && s.active == nil && seg == s.segs[len(s.segs)-1]:
		// Appending goes on here: an outage of a thousand attempts is not to
		// leave a thousand small files.
		s.active = seg
	default:
		seg.close()
	}
}

// forget closes a segment and takes it out of the list.
func (s *Spill) forget(seg *segment) {
	seg.close()
	if s.active == seg {
		s.active = nil
	}
	if i := slices.Index(s.segs, seg); i >= 0 {
		s.segs = slices.Delete(s.segs, i, i+1)
	}
}

// inspect sets a segment's size and number of records to what its file holds.
func (s *Spill) inspect(seg *segment) (damaged int, err error) {
	data, err := s.dir.read(seg.name.String(), maxFile, s.buf)
	if err != nil {
		return 0, err
	}
	seg.size, seg.records = int64(len(data)), 0
	damaged = scanFrames(data, seg.name.salt, func([]byte) { seg.records++ })
	s.buf = data[:0]
	return damaged, nil
}

func (s *Spill) readSegment(seg *segment) (payloads [][]byte, own bool, err error) {
	data, err := s.dir.read(seg.name.String(), maxFile, nil)
	if err != nil {
		return nil, false, err
	}
	own = seg.own != nil && seg.own.Sum64() == maphash.Bytes(seg.own.Seed(), data)
	payloads = make([][]byte, 0, min(seg.records, len(data)/frameHeader))
	scanFrames(data, seg.name.salt, func(p []byte) { payloads = append(payloads, p) })
	return payloads, own, nil
}
