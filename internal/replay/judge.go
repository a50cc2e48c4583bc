package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/signing"
)

// maxStreams bounds how many streams of a log are told apart. Those beyond are
// believed nothing.
const maxStreams = 100_000

// A candidate is a record that a log holds as the whole of a message.
type candidate struct {
	stream int    // its index
	event  uint64 // its place in the log
	number uint64
	mac    string
	record []byte
}

// canonical is the record as Logtable writes it: a tool may have printed the
// JSON anew.
func (c *candidate) canonical() []byte {
	r, err := row.ParseRecord(c.record)
	if err != nil {
		return nil
	}
	return r.AppendJSON(nil)
}

// signedWith reports whether the record was signed with a key.
func (c *candidate) signedWith(k *signing.Key) bool {
	return k.Check(c.number, c.record, c.mac) || k.Check(c.number, c.canonical(), c.mac)
}

// A judge collects what a log holds, and gives its verdict when all of it has
// been seen.
type judge struct {
	ctx     context.Context
	streams []*stream
	names   map[string]int
	events  uint64
	waiting spool
	notes   notes
	isMixed bool
}

func newJudge(ctx context.Context) *judge {
	return &judge{ctx: ctx, names: map[string]int{}}
}

func (j *judge) close() { j.waiting.close() }

// of returns the index of a stream.
func (j *judge) of(name string) int {
	i, ok := j.names[name]
	if !ok {
		if i = len(j.streams); i > maxStreams {
			return maxStreams
		}
		// The last one is for all that are too many.
		j.streams = append(j.streams, &stream{disordered: i == maxStreams})
		j.names[name] = i
	}
	return i
}

func (j *judge) inside() { j.notes.add(inside, j.events) }
func (j *judge) long()   { j.notes.add(tooLong, j.events) }
func (j *judge) cut()    { j.notes.add(cutOff, j.events) }
func (j *judge) broken() { j.notes.add(notJSON, j.events) }
func (j *judge) mixed()  { j.isMixed = true }

func (j *judge) event(name string, at int64, message []byte) error {
	j.events++
	if j.events%1024 == 0 && j.ctx.Err() != nil {
		return j.ctx.Err()
	}
	message = bytes.TrimSpace(message)
	if len(message) == 0 {
		return nil
	}
	i := j.of(name)
	s := j.streams[i]
	s.time(at)
	switch k := platformLine(message); {
	case bytes.Contains(message, mention):
		return j.records(i, message)
	case k != none:
		s.platform(k)
	default:
		commitment, secret, lines := keyLine(message)
		if commitment != "" {
			s.commit(commitment)
		}
		if secret != "" {
			s.reveal(secret, lines, j.events)
		}
	}
	return nil
}

// records takes the records that a message consists of; several if a tool has
// put lines together.
func (j *judge) records(stream int, message []byte) error {
	var found []candidate
	for rest := message; len(rest) > 0; {
		one, tail := firstValue(rest)
		l, ok, err := row.ParseLastResort(one)
		switch {
		case !ok:
			j.notes.add(inside, j.events)
			return nil
		case errors.Is(err, row.ErrNewer):
			j.notes.add(newerRecord, j.events)
		case err != nil:
			j.notes.add(broken, j.events)
		default:
			found = append(found, candidate{stream, j.events, l.Number, l.MAC, l.Record})
		}
		rest = bytes.TrimLeft(tail, " \t\r\n,")
	}
	for i := range found {
		if err := j.waiting.put(&found[i]); err != nil {
			return err
		}
	}
	return nil
}

// firstValue splits a text behind the JSON object that it begins with. Where it
// does not, or the object does not end, there is no rest.
func firstValue(text []byte) (value, rest []byte) {
	var s scanner
	for i, c := range text {
		if i == 0 && c != '{' {
			return text, nil
		}
		done, err := s.step(c)
		if err != nil {
			return text, nil
		}
		if done {
			return text[:i+1], text[i+1:]
		}
	}
	return text, nil
}

// verdict goes through the records once more, now that the keys are known.
func (j *judge) verdict(o Options, take func(*row.Record) error) (Report, error) {
	report := Report{Events: int(j.events)}
	err := j.waiting.each(func(c *candidate) error {
		if err := j.ctx.Err(); err != nil {
			return err
		}
		why := j.streams[c.stream].judge(c)
		if j.isMixed && why == "" {
			why = mixedForms
		}
		switch {
		case why == repeated:
			report.Repeated++
			return nil
		case why != "" && !o.Unsigned:
			j.notes.add(why, c.event)
			return nil
		}
		r, err := row.ParseRecord(c.record)
		if err != nil {
			j.refused(err, c.event)
			return nil
		}
		if report.Records++; why != "" {
			report.Unsigned++
		}
		return take(r)
	})
	if err != nil {
		return report, fmt.Errorf("cannot go through the records: %w", err)
	}
	for _, s := range j.streams {
		report.Missing += s.missing()
	}
	report.Notes = j.notes.list()
	return report, nil
}

// refused notes a record that cannot be accepted.
func (j *judge) refused(err error, event uint64) {
	if errors.Is(err, row.ErrNewer) {
		j.notes.add(newerRecord, event)
		return
	}
	j.notes.add(reason(err.Error()), event)
}
