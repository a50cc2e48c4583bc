package table

import (
	"slices"
)

// scan holds the parameters of Scan. Parallel scans are not implemented.
type scan struct {
	readParameters `json:",inline"`
}

func (s *Server) scan(_ *call, r *scan) (any, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	p := &page{request: &r.readParameters}
	given := newPlaceholders(r.ExpressionAttributeNames, r.ExpressionAttributeValues)
	if err := p.parse(given, false); err != nil {
		return nil, err
	}
	var err error
	if p.table, err = r.tableFor(s); err != nil {
		return nil, err
	}
	return r.read(p)
}

// read walks the partitions in their order, and each from its smallest sort
// key.
func (r *scan) read(p *page) (any, error) {
	t := p.table
	partitions := t.scanOrder()
	start := r.ExclusiveStartKey
	if start != nil {
		if err := t.checkKey(start); err != nil {
			return nil, invalid("The provided starting key is invalid: %s", asError(err).Message)
		}
		from := newPartition(start[t.hash.name])
		at, _ := slices.BinarySearchFunc(partitions, from, comparePartitions)
		partitions = partitions[at:]
	}
	for _, part := range partitions {
		entries := part.entries
		if start != nil && part.key.equal(start[t.hash.name]) {
			entries = after(entries, t.sortOf(start), true)
		}
		for _, e := range entries {
			if !p.add(e) {
				return p.finish(true)
			}
		}
	}
	return p.finish(false)
}
