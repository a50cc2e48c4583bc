package replay

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
)

// csvColumns are where a table has what counts; -1 is nowhere.
type csvColumns struct{ message, stream, at, all int }

// csvHeader returns the columns of a log that CloudWatch's console has
// downloaded, or Logs Insights; nil if it is none. Its first line names them.
func csvHeader(begin []byte) *csvColumns {
	line, _, ok := bytes.Cut(begin, []byte("\n"))
	if !ok || len(line) > 4<<10 {
		return nil
	}
	names, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil {
		return nil
	}
	find := func(wanted ...string) int {
		return slices.IndexFunc(names, func(name string) bool { return slices.Contains(wanted, name) })
	}
	c := &csvColumns{
		message: find("message", "@message"), stream: find("logStreamName", "@logStream", "logStream"),
		at: find("timestamp", "@timestamp"), all: len(names),
	}
	if c.message < 0 || c.at < 0 {
		return nil
	}
	return c
}

// csvReader reads a table field by field, in bounded memory: a quotation mark
// that is never closed must not collect all the rest.
type csvReader struct {
	r    *bufio.Reader
	buf  []byte
	long bool     // the field is too long: buf has its last part
	seen mentions // in what is gone of it
}

// field reads a field into buf. last is true for the last of a row; whole is
// false if the table ends within quotation marks, or they are odd.
func (c *csvReader) field() (last, whole bool, err error) {
	c.buf, c.long, c.seen = c.buf[:0], false, mentions{}
	quotes := 0 // quotation marks that were passed: behind an odd one the text is quoted
	for first := true; ; first = false {
		b, err := c.r.ReadByte()
		quoted := quotes%2 == 1
		switch {
		case errors.Is(err, io.EOF):
			return true, !quoted, io.EOF
		case err != nil:
			return true, false, err
		case b == '"' && (first || quotes > 0):
			if quotes++; !quoted && !first { // doubled: it is part of the text
				c.add(b)
			}
		case quoted:
			c.add(b)
		case b == ',' || b == '\n':
			return b == '\n', true, nil
		case quotes > 0 && b != '\r':
			return false, false, nil
		default:
			c.add(b)
		}
	}
}

func (c *csvReader) add(b byte) {
	if len(c.buf) == maxMessage {
		c.long = true
		c.seen.add(c.buf)
		c.buf = c.buf[:0]
	}
	c.buf = append(c.buf, b)
}

// A csvRow is a row of the table, what counts of it.
type csvRow struct {
	message []byte
	stream  string
	at      int64
	fields  int
	empty   bool // all fields are
	whole   bool // it is well-formed
	long    bool // a field that is too long mentions a record
	inside  bool // a field beside the message mentions one
}

// row reads a row. eof is true for the last one.
func (c *csvReader) row(columns *csvColumns) (row csvRow, eof bool, err error) {
	row.whole, row.empty = true, true
	for {
		last, whole, err := c.field()
		eof = errors.Is(err, io.EOF)
		if err != nil && !eof {
			return row, false, err
		}
		row.whole = row.whole && whole
		row.empty = row.empty && len(c.buf) == 0
		c.keep(&row, columns)
		row.fields++
		if last {
			return row, eof, nil
		}
	}
}

// keep takes over the field that was read.
func (c *csvReader) keep(row *csvRow, columns *csvColumns) {
	n := row.fields
	row.inside = row.inside || n != columns.message && bytes.Contains(c.buf, mention)
	switch {
	case c.long:
		c.seen.add(c.buf)
		row.long = row.long || c.seen.found
	case n == columns.message:
		row.message = append(row.message, c.buf...)
	case n == columns.stream:
		row.stream = string(c.buf)
	case n == columns.at:
		row.at = csvTime(string(bytes.TrimSpace(c.buf)))
	}
}

// readCSV reads such a table.
func readCSV(in *bufio.Reader, columns *csvColumns, to sink) error {
	r := &csvReader{r: in}
	for header := true; ; header = false {
		row, eof, err := r.row(columns)
		if err != nil {
			return err
		}
		switch {
		case header:
			if row.inside {
				to.inside()
			}
		case row.fields == 1 && row.empty:
		case !row.whole && eof:
			to.cut()
		default:
			if err := row.report(columns, to); err != nil {
				return err
			}
		}
		if eof {
			return nil
		}
	}
}

// report tells the sink what a row holds.
func (row *csvRow) report(columns *csvColumns, to sink) error {
	if !row.whole || row.fields != columns.all {
		to.mixed()
	}
	if row.inside {
		to.inside()
	}
	if row.long {
		to.long()
	}
	return to.event(row.stream, row.at, row.message)
}

func csvTime(s string) int64 {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return ms
	}
	ms, _ := parseTime(s)
	return ms
}
