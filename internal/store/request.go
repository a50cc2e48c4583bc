package store

import (
	"context"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A sender sends batches, each encoded once. It may be used from any goroutine.
type sender struct {
	client Client
	names  [2]tableName

	mu     sync.Mutex // guards bodies
	bodies [][]byte   // of earlier requests, to be used again
}

// A tableName is the name of a table in the forms that a request needs.
type tableName struct {
	name   string
	quoted []byte // in JSON
}

func newSender(cfg Config) *sender {
	s := &sender{client: cfg.Client}
	for t, name := range [2]string{errorsTable: cfg.ErrorsTable, infoTable: cfg.InfoTable} {
		quoted, _ := jsontext.AppendQuote(nil, name)
		s.names[t] = tableName{name, quoted}
	}
	return s
}

// send sends a batch and returns the keys of the items that DynamoDB has not
// written.
func (s *sender) send(ctx context.Context, batch []*record) (unprocessed itemKeys, err error) {
	body := s.appendBody(s.body(), batch)
	answer, err := s.client.Call(ctx, "BatchWriteItem", body)
	if err != nil {
		return nil, err
	}
	unprocessed, err = readUnprocessed(answer)
	if err == nil {
		s.bodyDone(body)
	}
	return unprocessed, err
}

// keptBody bounds a body whose memory is used again, in bytes.
const keptBody = 64 << 10

// body returns memory for a request's body, for bodyDone to take back. It does
// so only after a confirmation, which DynamoDB gives when it has read the whole
// body; after an error the transport may still be reading it.
func (s *sender) body() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.bodies); n > 0 {
		b := s.bodies[n-1]
		s.bodies = s.bodies[:n-1]
		return b[:0]
	}
	return nil
}

func (s *sender) bodyDone(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(b) <= keptBody && len(s.bodies) < maxWriters {
		s.bodies = append(s.bodies, b)
	}
}

const (
	beforeItem = `{"PutRequest":{"Item":`
	afterItem  = `}},`
	// requestOverhead is more than a body has beside its items and the names of
	// the tables.
	requestOverhead = 128
)

// appendBody appends the body of a BatchWriteItem request. In a batch errors
// come first; both indexes may name the same table.
func (s *sender) appendBody(dst []byte, batch []*record) []byte {
	if n := s.bodySize(batch); cap(dst) < n {
		dst = make([]byte, 0, n)
	}
	dst = append(dst, `{"RequestItems":{`...)
	for i, r := range batch {
		if t := &s.names[tableOf(r)]; i == 0 || t.name != s.names[tableOf(batch[i-1])].name {
			if i > 0 {
				dst = append(dst[:len(dst)-1], `],`...) // in place of the comma
			}
			dst = append(append(dst, t.quoted...), `:[`...)
		}
		dst = append(dst, beforeItem...)
		dst = append(dst, r.Item()...)
		dst = append(dst, afterItem...)
	}
	return append(dst[:len(dst)-1], `]}}`...)
}

// bodySize is how long the body is at most.
func (s *sender) bodySize(batch []*record) int {
	n := requestOverhead
	for t := range s.names {
		n += len(s.names[t].quoted)
	}
	for _, r := range batch {
		n += len(beforeItem) + len(r.Item()) + len(afterItem)
	}
	return n
}
