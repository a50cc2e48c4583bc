// Package replay finds last-resort lines in a function's log, as AWS's tools
// hand it out, and says which of them Logtable has written and not the
// function: see internal/signing.
//
// Whatever a log holds, memory is bounded, and what is seen and not taken is
// counted.
package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/logtable/logtable/internal/row"
)

const (
	// maxMessage bounds one message of a log, in bytes; CloudWatch's are at
	// most 1 MiB, Logtable's own 250,000 bytes.
	maxMessage = 4 << 20
	// window is how much of a log is looked at to see of what form it is.
	window = 1 << 20
)

// Options say what to believe.
type Options struct {
	// Unsigned takes what nothing proves to be Logtable's, too, if it is the
	// whole of a message.
	Unsigned bool
}

// A sink is told what a log holds, in its order.
type sink interface {
	// event is one message of a stream ("" if the log does not name it) at a
	// time in epoch milliseconds (0 if the log does not say). message is valid
	// until event returns.
	event(stream string, at int64, message []byte) error
	// inside says that something that is not a message mentions a record.
	inside()
	// long says that a message was too long to be looked at, and mentions a
	// record.
	long()
	// mixed says that the log is not of the form that it began with: then who
	// wrote what cannot be told.
	mixed()
	// cut says that the log ends in the middle of something.
	cut()
	// broken says that what was JSON is not JSON from here on.
	broken()
}

// Read reads a log and calls take for each record that is believed, in the
// order of the log, after all of it has been read: the key that proves them
// comes last. in may be compressed with gzip.
//
// Errors are those of in, of take, and of the temporary file in which records
// wait; the report tells what else there was.
func Read(ctx context.Context, in io.Reader, o Options, take func(*row.Record) error) (Report, error) {
	j := newJudge(ctx)
	defer j.close()
	if err := scan(in, j); err != nil {
		return Report{}, err
	}
	return j.verdict(o, take)
}

// scan finds out of what form a log is, and reads it.
func scan(in io.Reader, to sink) error {
	r := bufio.NewReaderSize(in, window)
	head, err := r.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}): // what CloudWatch exports to S3
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("cannot decompress it: %w", err)
		}
		r = bufio.NewReaderSize(unzipped, window)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return errors.New("it is UTF-16, as PowerShell writes it: convert it to UTF-8 first")
	}
	begin, err := r.Peek(window)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.HasPrefix(begin, []byte("\ufeff")) {
		begin = begin[3:]
		_, _ = r.Discard(3) // of what was peeked
	}
	switch {
	case isJSON(begin):
		return readJSON(r, to)
	case csvHeader(begin) != nil:
		return readCSV(r, csvHeader(begin), to)
	}
	return readText(r, to)
}

// mention is what a record's line holds, however often it was escaped.
var mention = []byte(row.LastResortMember)

// A mentions looks for a mention in bytes that come in parts.
type mentions struct {
	tail  []byte
	found bool
}

func (m *mentions) add(part []byte) {
	if m.found {
		return
	}
	m.found = bytes.Contains(part, mention)
	// Across the seam.
	keep := len(mention) - 1
	seam := append(m.tail, part[:min(len(part), keep)]...)
	m.found = m.found || bytes.Contains(seam, mention)
	if len(part) >= keep {
		m.tail = append(m.tail[:0], part[len(part)-keep:]...)
	} else {
		m.tail = append(m.tail[:0], seam[max(0, len(seam)-keep):]...)
	}
}
