package spill

import (
	"errors"
	"io/fs"
	"slices"
)

// checkedPerCall is how many segments Vanished looks at while nothing seems to
// have changed: some 3 µs each.
const checkedPerCall = 16

// Vanished returns how many records were lost because somebody has removed or
// truncated our files, since it was called last. The usual case is a function
// that empties its /tmp.
//
// It is meant to be called at every invocation, so it looks at all segments
// only if the directory has changed or a file is missing, else at a few. A file
// that was truncated in place is noticed some calls later, or when it is taken.
func (s *Spill) Vanished() (records int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.dir != nil {
		s.look()
	}
	records, s.vanished = s.vanished, 0
	return records
}

func (s *Spill) look() {
	ok, changed := s.dir.inPlace()
	if !ok {
		_ = s.reattach() // Append says why, if there is something to append
		return
	}
	if changed.IsZero() || !changed.Equal(s.lastChange) || !s.checkFew() {
		s.checkAll()
	}
	s.lastChange = changed
}

// checkFew checks the next few segments in turn, and reports whether all are
// there.
func (s *Spill) checkFew() bool {
	for range min(checkedPerCall, len(s.segs)) {
		s.lastChecked = (s.lastChecked + 1) % len(s.segs)
		if !s.check(s.segs[s.lastChecked]) {
			return false
		}
	}
	return true
}

func (s *Spill) checkAll() {
	for _, seg := range slices.Clone(s.segs) {
		s.check(seg)
	}
}

// check compares a segment with its file, counts what is missing, and reports
// whether there is a file.
func (s *Spill) check(seg *segment) bool {
	fi, err := s.dir.root.Lstat(seg.name.String())
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return true // nothing is known; reading it will tell
	case err != nil || checkFile(fi, maxFile) != nil:
		s.countVanished(seg)
		s.forget(seg)
		return false
	case fi.Size() >= seg.size:
		return true
	}
	return s.checkTruncated(seg)
}

func (s *Spill) checkTruncated(seg *segment) bool {
	if s.active == seg {
		s.active = nil // what it has and what we believe differ
	}
	seg.close()
	before := seg.records
	if _, err := s.inspect(seg); err != nil {
		return true // nothing is known; reading it will tell
	}
	s.vanished += max(0, before-seg.records)
	if seg.records > 0 {
		return true
	}
	s.forget(seg)
	_ = s.dir.root.Remove(seg.name.String()) // nothing in it; Open removes it, if not this
	return false
}

// countVanished counts the records of a segment whose file is gone. Those of a
// taken one are in the caller's memory, and lost only if it returns them.
func (s *Spill) countVanished(seg *segment) {
	switch {
	case seg.done:
	case seg.taken:
		seg.gone = true
	default:
		s.vanished += seg.records
	}
}
