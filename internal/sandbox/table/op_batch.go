package table

import (
	"maps"
	"slices"
)

// maxBatchWrite is how many requests a batch may have (API reference,
// BatchWriteItem).
const maxBatchWrite = 25

type writeRequest struct {
	PutRequest    *putRequest    `json:",omitzero"`
	DeleteRequest *deleteRequest `json:",omitzero"`
}

type putRequest struct{ Item Item }

type deleteRequest struct{ Key Item }

// key is the item that holds the request's key attributes.
func (w writeRequest) key() Item {
	if w.PutRequest != nil {
		return w.PutRequest.Item
	}
	return w.DeleteRequest.Key
}

type batchWriteItem struct {
	RequestItems                map[string][]writeRequest
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

type batchWriteAnswer struct {
	UnprocessedItems map[string][]writeRequest
	ConsumedCapacity []*capacity `json:",omitempty"`
}

func (s *Server) batchWriteItem(c *call, r *batchWriteItem) (any, error) {
	if err := r.checkShape(); err != nil {
		return nil, err
	}
	if err := s.checkBatchKeys(r); err != nil {
		return nil, err
	}
	answer := batchWriteAnswer{UnprocessedItems: map[string][]writeRequest{}}
	written := 0
	for _, name := range slices.Sorted(maps.Keys(r.RequestItems)) {
		t, err := s.table(name)
		if err != nil {
			return nil, err
		}
		used, err := consumed(r.ReturnConsumedCapacity, t.name, 0)
		if err != nil {
			return nil, err
		}
		for _, w := range r.RequestItems[name] {
			units, ok := s.writeOne(c, t, w)
			if !ok {
				answer.UnprocessedItems[name] = append(answer.UnprocessedItems[name], w)
				continue
			}
			written++
			if used != nil {
				used.add(float64(units))
			}
		}
		if used != nil {
			answer.ConsumedCapacity = append(answer.ConsumedCapacity, used)
		}
	}
	if written == 0 {
		return nil, throttled(codeThrottling)
	}
	for _, left := range answer.UnprocessedItems {
		c.record.Unprocessed += len(left)
	}
	return answer, nil
}

// checkShape refuses what is wrong whatever the tables are.
func (r *batchWriteItem) checkShape() error {
	if r.RequestItems == nil {
		return invalid("1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: " +
			"Member must not be null")
	}
	if len(r.RequestItems) == 0 {
		return invalid("1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1")
	}
	total := 0
	for name, requests := range r.RequestItems {
		if len(requests) == 0 {
			return invalid("The batch write request list for a table cannot be null or empty: %s", name)
		}
		if len(requests) > maxBatchWrite {
			return invalid("1 validation error detected: Value at 'requestItems.%s.member' failed to satisfy "+
				"constraint: Member must have length less than or equal to 25, Member must have length greater than "+
				"or equal to 1", name)
		}
		total += len(requests)
		for _, w := range requests {
			if err := w.check(); err != nil {
				return err
			}
		}
	}
	if total > maxBatchWrite {
		return invalid("Too many items requested for the BatchWriteItem call")
	}
	return nil
}

func (w writeRequest) check() error {
	switch {
	case w.PutRequest == nil && w.DeleteRequest == nil:
		return errNoRequest
	case w.PutRequest != nil && w.DeleteRequest != nil:
		return invalid("%s", errManyTypes)
	case w.PutRequest != nil:
		return checkItem(w.PutRequest.Item)
	}
	return nil
}

var errNoRequest = invalid("%s", errNoType)

// checkBatchKeys refuses unknown tables, keys that are not theirs, and two
// requests with one key.
func (s *Server) checkBatchKeys(r *batchWriteItem) error {
	for name, requests := range r.RequestItems {
		t, err := s.table(name)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, w := range requests {
			if err := t.checkRequest(w); err != nil {
				return err
			}
			key := t.identity(w.key())
			if seen[key] {
				return invalid("Provided list of item keys contains duplicates")
			}
			seen[key] = true
		}
	}
	return nil
}

func (t *tableData) checkRequest(w writeRequest) error {
	if w.DeleteRequest != nil {
		return t.checkKey(w.DeleteRequest.Key)
	}
	return t.checkPut(w.PutRequest.Item)
}

// writeOne carries out one request; false if it has to come back as
// unprocessed.
func (s *Server) writeOne(c *call, t *tableData, w writeRequest) (units int, ok bool) {
	old := t.get(w.key())
	units = writeUnits(old.sizeOrZero())
	if w.PutRequest != nil {
		if c.fault.Unprocessed != nil && c.fault.Unprocessed(w.PutRequest.Item) {
			return 0, false
		}
		units = writeUnits(w.PutRequest.Item.Size(), old.sizeOrZero())
	}
	if !s.afford(t, w.key(), units) {
		return 0, false
	}
	if w.PutRequest == nil {
		t.remove(w.key())
		c.record.Deletes++
		s.recorder.spent(units)
		return units, true
	}
	t.put(w.PutRequest.Item)
	c.record.Puts++
	s.recorder.wrote(units, old.itemOrNil(), w.PutRequest.Item)
	return units, true
}
