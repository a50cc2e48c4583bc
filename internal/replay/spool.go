package replay

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// A spool keeps candidates in a temporary file until the log has been read: the
// key comes behind them.
type spool struct {
	file *os.File
	w    *bufio.Writer
}

func (s *spool) put(c *candidate) error {
	if s.file == nil {
		var err error
		if s.file, err = os.CreateTemp("", "logtable-replay-"); err != nil {
			return fmt.Errorf("cannot keep records until the log is read: %w", err)
		}
		s.w = bufio.NewWriterSize(s.file, 64<<10)
	}
	var b []byte
	for _, n := range []uint64{uint64(c.stream), c.event, c.number, uint64(len(c.mac)), uint64(len(c.record))} {
		b = binary.AppendUvarint(b, n)
	}
	for _, part := range [][]byte{b, []byte(c.mac), c.record} {
		if _, err := s.w.Write(part); err != nil {
			return fmt.Errorf("cannot keep records until the log is read: %w", err)
		}
	}
	return nil
}

// each hands out the candidates in their order. c is valid until f returns.
func (s *spool) each(f func(c *candidate) error) error {
	if s.file == nil {
		return nil
	}
	if err := s.w.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(s.file, 64<<10)
	for {
		c, err := readCandidate(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(c); err != nil {
			return err
		}
	}
}

func readCandidate(r *bufio.Reader) (*candidate, error) {
	var n [5]uint64
	for i := range n {
		var err error
		if n[i], err = binary.ReadUvarint(r); err != nil {
			return nil, err
		}
	}
	rest := make([]byte, n[3]+n[4])
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return &candidate{stream: int(n[0]), event: n[1], number: n[2], mac: string(rest[:n[3]]), record: rest[n[3]:]}, nil
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
		s.file = nil
	}
}
