package lambda

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"time"
)

// streamGrace is how long the end of a stream is awaited after the process
// that wrote to it is gone.
const streamGrace = time.Second

// stream is one of a process's two outputs: a pipe, split at newlines.
//
// The sandbox keeps the pipe's writing end, too: a marker it writes there
// comes out behind everything the process has written so far, which is how
// drain knows without waiting for a time.
type stream struct {
	r, w    *os.File
	marker  []byte
	maxLine int
	onLine  func([]byte)
	framed  bool // frames in place of lines

	draining sync.Mutex    // one marker at a time
	seen     chan struct{} // one value per marker that came out
	done     chan struct{} // closed at the end of the stream
	closing  sync.Once
}

func newStream(maxLine int, framed bool, onLine func([]byte)) (*stream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe for a process's output: %w", err)
	}
	s := &stream{
		r: r, w: w, maxLine: maxLine, onLine: onLine, framed: framed,
		marker: []byte("\x00<" + rand.Text() + ">\x00"),
		seen:   make(chan struct{}, 1),
		done:   make(chan struct{}),
	}
	go s.read()
	return s, nil
}

func (s *stream) read() {
	defer close(s.done)
	chunk := make([]byte, 64<<10)
	var pending []byte
	for {
		n, err := s.r.Read(chunk)
		pending = s.split(append(pending, chunk[:n]...))
		if err != nil {
			break
		}
	}
	if len(pending) > 0 {
		s.onLine(pending)
	}
}

// split hands on the complete lines or frames of data and returns the rest.
func (s *stream) split(data []byte) []byte {
	for {
		at := bytes.Index(data, s.marker)
		if at < 0 {
			return s.records(data)
		}
		rest := s.records(data[:at:at])
		s.seen <- struct{}{}
		data = append(rest, data[at+len(s.marker):]...)
	}
}

// records is split without the marker.
func (s *stream) records(data []byte) []byte {
	if s.framed {
		return s.frames(data)
	}
	return s.lines(data)
}

// lines is records of what is cut at newlines. A line too long is cut, but only
// where no half of a marker can be cut with it.
func (s *stream) lines(data []byte) []byte {
	for {
		end := bytes.IndexByte(data, '\n') + 1
		switch {
		case end > 0 && end <= s.maxLine+1:
		case end == 0 && len(data) < s.maxLine+len(s.marker):
			return bytes.Clone(data)
		default:
			end = s.maxLine
		}
		s.onLine(data[:end])
		data = data[end:]
	}
}

func (s *stream) drain() {
	s.draining.Lock()
	defer s.draining.Unlock()
	if _, err := s.w.Write(s.marker); err != nil {
		return // closed: everything has been handed on
	}
	select {
	case <-s.seen:
	case <-s.done:
	}
}

func (s *stream) close() {
	s.closing.Do(func() {
		s.draining.Lock()
		defer s.draining.Unlock()
		s.w.Close()
		t := time.NewTimer(streamGrace)
		defer t.Stop()
		select {
		case <-s.done:
		case <-t.C:
		}
		s.r.Close()
		<-s.done
	})
}

// collector keeps and forwards the lines of a process.
type collector struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	onto interface{ Write([]byte) (int, error) }

	forget bool // forward only
}

func (c *collector) line(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.forget {
		c.buf.Write(b)
	}
	if c.onto != nil {
		c.onto.Write(b)
	}
}

func (c *collector) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}
