package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// maxLine bounds a line that is read, in bytes: of an item of 400 KB, JSON can
// make six times as much, and a line has much of it twice.
const maxLine = 16 << 20

var (
	errLong = errors.New("longer than any row")
	errCut  = errors.New("the file ends in the middle")
)

// eachImported calls take with each row of a file and its place, and with the
// error about what is not one. The file may be compressed with gzip. Its form
// is that of an export, with a row a line; or one JSON array of those, as
// -o json has it; or what the aws command prints of scan and query.
func eachImported(in io.Reader, take func(place int, r *importedRow, err error) error) error {
	r := bufio.NewReaderSize(in, 64<<10)
	if head, _ := r.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("cannot decompress it: %w", err)
		}
		r = bufio.NewReaderSize(unzipped, 64<<10)
	}
	each := func(place int, data []byte, err error) error {
		if err != nil {
			return take(place, nil, err)
		}
		row, err := parseExportLine(data)
		return take(place, row, err)
	}
	head, _ := r.Peek(4 << 10)
	if isDocument(head) {
		return eachElement(r, each)
	}
	return eachLine(r, each)
}

// isDocument reports whether a file is one JSON value with all rows in it.
func isDocument(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	within, isObject := bytes.CutPrefix(head, []byte("{"))
	within = bytes.TrimLeft(within, " \t\r\n")
	return bytes.HasPrefix(head, []byte("[")) || isObject && bytes.HasPrefix(within, []byte(`"Items"`))
}

// eachLine reads lines. Empty ones are passed over, and what is too long.
func eachLine(r *bufio.Reader, each func(place int, line []byte, err error) error) error {
	var line []byte
	for n := 1; ; n++ {
		line = line[:0]
		long, err := false, bufio.ErrBufferFull
		for errors.Is(err, bufio.ErrBufferFull) {
			var part []byte
			part, err = r.ReadSlice('\n')
			if long = long || len(line)+len(part) > maxLine; !long {
				line = append(line, part...)
			}
		}
		ended := errors.Is(err, io.EOF)
		var problem error
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
			return each(n, nil, errCut)
		case err != nil && !ended:
			return err
		case long:
			problem = errLong
		case ended && bytes.HasPrefix(line, []byte("{")) && !json.Valid(line):
			problem = errCut
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := each(n, line, problem); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// eachElement reads the rows of one JSON value: the elements of an array, or
// those of its member Items.
func eachElement(r io.Reader, each func(place int, element []byte, err error) error) error {
	d := jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true))
	n := 0
	elements := func() error {
		if _, err := d.ReadToken(); err != nil { // [
			return err
		}
		for d.PeekKind() != ']' {
			value, err := d.ReadValue()
			if err != nil {
				return err
			}
			n++
			if err := each(n, value, nil); err != nil {
				return stop{err}
			}
		}
		_, err := d.ReadToken()
		return err
	}
	err := func() error {
		if d.PeekKind() == '[' {
			return elements()
		}
		if _, err := d.ReadToken(); err != nil { // {
			return err
		}
		for d.PeekKind() == '"' {
			name, err := d.ReadToken()
			if err != nil {
				return err
			}
			if name.String() == "Items" && d.PeekKind() == '[' {
				err = elements()
			} else {
				err = d.SkipValue()
			}
			if err != nil {
				return err
			}
		}
		return nil
	}()
	var stopped stop
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stopped):
		return stopped.error
	}
	return each(n+1, nil, errCut)
}

// stop says that a caller wants no more.
type stop struct{ error }
