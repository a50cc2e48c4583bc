package table

import (
	"maps"
	"slices"
)

// The limits of the batch operations (API reference, BatchWriteItem and
// BatchGetItem).
const (
	maxBatchWrite    = 25
	maxBatchGet      = 100
	maxBatchResponse = 16 << 20 // bytes
)

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
		return invalid("1 validation error detected: Value null at 'requestItems' failed to satisfy constraint: Member must not be null")
	}
	if len(r.RequestItems) == 0 {
		return invalid("1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	total := 0
	for name, requests := range r.RequestItems {
		if len(requests) == 0 {
			return invalid("The batch write request list for a table cannot be null or empty: %s", name)
		}
		if len(requests) > maxBatchWrite {
			return invalid("1 validation error detected: Value at 'requestItems.%s.member' failed to satisfy constraint: Member must have length less than or equal to 25, Member must have length greater than or equal to 1", name)
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

type keysAndAttributes struct {
	Keys                     []Item
	ConsistentRead           bool              `json:",omitzero"`
	ProjectionExpression     *string           `json:",omitzero"`
	ExpressionAttributeNames map[string]string `json:",omitempty"`
}

type batchGetItem struct {
	RequestItems           map[string]keysAndAttributes
	ReturnConsumedCapacity string
}

type batchGetAnswer struct {
	Responses        map[string][]Item
	UnprocessedKeys  map[string]keysAndAttributes
	ConsumedCapacity []*capacity `json:",omitempty"`
}

func (s *Server) batchGetItem(_ *call, r *batchGetItem) (any, error) {
	if err := r.checkShape(); err != nil {
		return nil, err
	}
	answer := batchGetAnswer{Responses: map[string][]Item{}, UnprocessedKeys: map[string]keysAndAttributes{}}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(r.RequestItems)) {
		t, err := s.table(name)
		if err != nil {
			return nil, err
		}
		wanted := r.RequestItems[name]
		paths, err := readProjection(wanted.ProjectionExpression, wanted.ExpressionAttributeNames)
		if err != nil {
			return nil, err
		}
		if err := t.checkGetKeys(wanted.Keys); err != nil {
			return nil, err
		}
		items, units, read := t.getMany(wanted, paths, &size)
		answer.Responses[name] = items
		if read < len(wanted.Keys) {
			rest := wanted
			rest.Keys = wanted.Keys[read:]
			answer.UnprocessedKeys[name] = rest
		}
		used, err := consumed(r.ReturnConsumedCapacity, t.name, units)
		if err != nil {
			return nil, err
		}
		if used != nil {
			answer.ConsumedCapacity = append(answer.ConsumedCapacity, used)
		}
	}
	return answer, nil
}

func (r *batchGetItem) checkShape() error {
	if len(r.RequestItems) == 0 {
		return invalid("1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	total := 0
	for name, wanted := range r.RequestItems {
		if len(wanted.Keys) == 0 {
			return invalid("1 validation error detected: Value '[]' at 'requestItems.%s.member.keys' failed to satisfy constraint: Member must have length greater than or equal to 1", name)
		}
		total += len(wanted.Keys)
	}
	if total > maxBatchGet {
		return invalid("Too many items requested for the BatchGetItem call")
	}
	return nil
}

func (t *tableData) checkGetKeys(keys []Item) error {
	seen := map[string]bool{}
	for _, key := range keys {
		if err := t.checkKey(key); err != nil {
			return err
		}
		if seen[t.identity(key)] {
			return invalid("Provided list of item keys contains duplicates")
		}
		seen[t.identity(key)] = true
	}
	return nil
}

// getMany reads items until the response has its full size; size is what it
// has so far. read is how many keys were looked up.
func (t *tableData) getMany(wanted keysAndAttributes, paths []path, size *int) (items []Item, units float64, read int) {
	items = []Item{}
	for _, key := range wanted.Keys {
		if *size >= maxBatchResponse {
			break
		}
		read++
		found := t.get(key)
		units += readUnits(found.sizeOrZero(), wanted.ConsistentRead)
		if found != nil {
			*size += found.size
			items = append(items, project(found.item, paths))
		}
	}
	return items, units, read
}
