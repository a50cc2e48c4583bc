package spill

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
)

// The mark is a file of two slots that are written in turn:
//
//	offset  bytes
//	     0      4  markMagic
//	     4      4  CRC-32C of what follows, up to the payload's end
//	     8      8  sequence number; the larger one is the newer mark
//	    16      4  length of the payload
//	    20         the payload
//
// Overwriting costs one write instead of a creation, a write and a renaming; a
// kill in the middle of it leaves the other slot, the mark before.
const (
	markName   = "mark"
	markNew    = "mark.new"
	markSlot   = 16 << 10
	markHeader = 20

	// MaxMark is the largest mark in bytes: some 400 request IDs.
	MaxMark = markSlot - markHeader
)

var markMagic = []byte{0xF5, 'L', 'M', 1}

// A mark is the open mark file of this process; the zero value is none.
type mark struct {
	f    *os.File
	info fs.FileInfo
	seq  uint64
	buf  []byte
}

// Mark leaves payload (at most MaxMark bytes) for the next process, in place
// of the mark before: Found.Mark, unless Unmark comes first. It survives a kill
// at any instant; one during Mark leaves this mark or the one before.
//
// The mark file, at most 32 KiB, does not count against the bounds.
func (s *Spill) Mark(payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(payload) > MaxMark {
		return fmt.Errorf("cannot mark: %d bytes, at most %d are kept; leave the oldest out", len(payload), MaxMark)
	}
	if err := s.attached(); err != nil {
		return err
	}
	if s.markInPlace() {
		if err := s.mark.write(payload); err != nil {
			return fmt.Errorf("cannot overwrite the mark: %w", err)
		}
		return nil
	}
	err := s.createMark(payload)
	if errors.Is(err, fs.ErrNotExist) { // the directory is gone
		if err := s.reattach(); err != nil {
			return err
		}
		err = s.createMark(payload)
	}
	if err != nil {
		return fmt.Errorf("cannot create the mark: %w", err)
	}
	return nil
}

// markInPlace reports whether the mark file is open and still has its name.
func (s *Spill) markInPlace() bool {
	if s.mark.f == nil {
		return false
	}
	fi, err := s.dir.root.Lstat(markName)
	return err == nil && os.SameFile(fi, s.mark.info)
}

// createMark writes a new file and gives it the name, so that nothing that has
// the name now is ever written to.
func (s *Spill) createMark(payload []byte) error {
	s.mark.close()
	root := s.dir.root
	if err := root.Remove(markNew); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := s.dir.create(markNew, 0)
	if err != nil {
		return err
	}
	m := mark{f: f, buf: s.mark.buf}
	// Both slots at once: what is to be overwritten on a disk that is full by
	// then must have its blocks.
	for range 2 {
		if err = m.write(payload); err != nil {
			break
		}
	}
	if err == nil {
		m.info, err = f.Stat()
	}
	if err == nil {
		err = root.Rename(markNew, markName)
	}
	if err != nil {
		m.close()
		_ = root.Remove(markNew) // the next try removes it, or says why not
		return err
	}
	s.mark = m
	return nil
}

func (m *mark) write(payload []byte) error {
	seq := m.seq + 1
	m.buf = appendMark(m.buf[:0], seq, payload)
	if _, err := m.f.WriteAt(m.buf, int64(seq%2)*markSlot); err != nil {
		return err
	}
	m.seq = seq
	return nil
}

func (m *mark) close() {
	if m.f != nil {
		m.f.Close()
		m.f = nil
	}
}

// Unmark removes the mark, this process's or one it found: the end, or what
// was found, is in order.
func (s *Spill) Unmark() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.attached(); err != nil {
		return err
	}
	s.mark.close()
	if err := s.dir.root.Remove(markName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the mark, the next process will take this end for an unclean one: %w", err)
	}
	return nil
}

// readMark returns the mark in the directory, nil if there is none, and an
// empty one if it cannot be read.
func (d *directory) readMark() []byte {
	data, err := d.read(markName, 2*markSlot, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return append([]byte{}, parseMark(data)...)
}

func appendMark(dst []byte, seq uint64, payload []byte) []byte {
	dst = append(dst, markMagic...)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, seq)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = append(dst, payload...)
	binary.LittleEndian.PutUint32(dst[4:], slowChecksum(dst[8:]))
	return dst
}

// slowChecksum is checksum for some hundred bytes, for which its table is not
// worth the 0.3 ms that every cold start would take to make it.
func slowChecksum(data []byte) uint32 {
	crc := ^uint32(0)
	for _, b := range data {
		crc ^= uint32(b)
		for range 8 {
			crc = crc>>1 ^ crc32.Castagnoli&-(crc&1)
		}
	}
	return ^crc
}

// parseMark returns the payload of the newest intact slot; nil if neither is.
func parseMark(data []byte) (payload []byte) {
	var newest uint64
	for start := 0; start < len(data); start += markSlot {
		slot := data[start:min(start+markSlot, len(data))]
		seq, p, ok := parseSlot(slot)
		if ok && seq >= newest {
			newest, payload = seq, p
		}
	}
	return payload
}

func parseSlot(slot []byte) (seq uint64, payload []byte, ok bool) {
	if len(slot) < markHeader || !bytes.HasPrefix(slot, markMagic) {
		return 0, nil, false
	}
	length := binary.LittleEndian.Uint32(slot[16:])
	if int64(length) > int64(len(slot)-markHeader) {
		return 0, nil, false
	}
	end := markHeader + int(length)
	if checksum(0, slot[8:end]) != binary.LittleEndian.Uint32(slot[4:]) {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint64(slot[8:]), slot[markHeader:end], true
}
