package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// saveAfter is how much of an export may be repeated after a crash, in bytes
// before compression.
const saveAfter = 8 << 20

// exportState is what is known of a file that is not whole yet. It stands
// beside it, in FILE.partial.json.
type exportState struct {
	Asked    []string  // what makes the rows: flags, tables, account
	From, To time.Time // of the whole export
	Bytes    int64     // of the file: what is behind them is no more than begun
	Rows     int
	Errors   int

	// The last rows: all of a sort key, which both tables and several shards
	// may have.
	Last   string    // the key
	Places []string  // "table date" of each
	Since  time.Time // of the last one that has a time; none are zero
}

// resumed is from when on rows are to be read.
func (s *exportState) resumed() time.Time {
	if s.Since.After(s.From) {
		return s.Since
	}
	return s.From
}

func place(r *shown) string { return category(r) + " " + r.Date }

// has reports whether the file has a row, of those in their order.
func (s *exportState) has(r *shown) bool {
	return r.StampMod < s.Last || r.StampMod == s.Last && slices.Contains(s.Places, place(r))
}

func (s *exportState) add(r *shown) {
	s.Rows++
	if r.Error {
		s.Errors++
	}
	if r.StampMod != s.Last {
		s.Last, s.Places = r.StampMod, nil
	}
	s.Places = append(s.Places, place(r))
	if !r.Time.IsZero() {
		s.Since = r.Time
	}
}

// partial is a file that is written, and can be continued. With gzip, it is
// made of several members, which is one file for whoever reads it.
type partial struct {
	name  string // of the whole file
	file  *os.File
	out   *bufio.Writer
	zip   *gzip.Writer // nil without compression, and between two members
	gzip  bool
	state exportState
	since int // bytes written since the state was saved
}

const (
	suffixPartial = ".partial"
	suffixState   = ".partial.json"
)

// openPartial opens the file that becomes the whole one: what there is of it,
// if that is of the same export, or a new one. The state is that of a new one.
func openPartial(name string, zipped bool, state exportState) (*partial, error) {
	if _, err := os.Lstat(name); err == nil {
		return nil, fmt.Errorf("%s exists already, and an export overwrites nothing: choose another name, or remove it",
			name)
	}
	file, err := os.OpenFile(name+suffixPartial, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot export: %w", err)
	}
	p := &partial{name: name, file: file, gzip: zipped, state: state}
	if err := p.open(); err != nil {
		file.Close()
		return nil, fmt.Errorf("cannot export to %s%s: %w", name, suffixPartial, err)
	}
	p.out = bufio.NewWriterSize(file, 64<<10)
	return p, nil
}

func (p *partial) open() error {
	if err := lockFile(p.file); err != nil {
		return err
	}
	text, err := os.ReadFile(p.name + suffixState)
	if err == nil {
		var old exportState
		if err := json.Unmarshal(text, &old); err != nil {
			return fmt.Errorf("%s is damaged: remove both to begin again: %w", p.name+suffixState, err)
		}
		if !slices.Equal(old.Asked, p.state.Asked) {
			return fmt.Errorf("it is of an export that was asked for differently (%q): repeat that, or remove it to "+
				"begin again", old.Asked)
		}
		p.state = old
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// What was begun behind the last save is read again.
	if info, err := p.file.Stat(); err != nil {
		return err
	} else if info.Size() < p.state.Bytes {
		return errors.New("it is shorter than it was: remove it to begin again")
	}
	if err := p.file.Truncate(p.state.Bytes); err != nil {
		return err
	}
	if _, err := p.file.Seek(p.state.Bytes, io.SeekStart); err != nil {
		return err
	}
	return p.saveState()
}

func (p *partial) write(line []byte) error {
	w := io.Writer(p.out)
	if p.gzip {
		if p.zip == nil {
			p.zip = gzip.NewWriter(p.out)
		}
		w = p.zip
	}
	p.since += len(line)
	_, err := w.Write(line)
	return err
}

func (p *partial) saveIfLong() error {
	if p.since < saveAfter {
		return nil
	}
	return p.save()
}

// save has what was written survive, and says so in the state.
func (p *partial) save() error {
	if p.zip != nil {
		if err := p.zip.Close(); err != nil {
			return err
		}
		p.zip = nil
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	at, err := p.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	p.state.Bytes, p.since = at, 0
	return p.saveState()
}

// saveState replaces the state as a whole.
func (p *partial) saveState() error {
	text, err := json.MarshalIndent(p.state, "", "\t")
	if err != nil {
		return err
	}
	name := p.name + suffixState
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// finish gives the file its name.
func (p *partial) finish() error {
	if err := p.save(); err != nil {
		return err
	}
	if err := p.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(p.name+suffixPartial, p.name); err != nil {
		return err
	}
	return os.Remove(p.name + suffixState)
}

func (p *partial) close() error {
	if err := p.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
