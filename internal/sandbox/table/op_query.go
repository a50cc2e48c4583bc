package table

import (
	"sort"
	"strings"
)

// maxPage is how many bytes of items a Query or Scan looks at, filtered ones
// included, before it ends a page (API reference, Query: 1 MB).
const maxPage = 1 << 20

// readParameters are common to Query and Scan.
type readParameters struct {
	TableName                 string
	IndexName                 string
	ConsistentRead            bool
	ExclusiveStartKey         Item
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]Value
	FilterExpression          *string
	ProjectionExpression      *string
	Limit                     *int
	ReturnConsumedCapacity    string
	Select                    string
}

type readAnswer struct {
	Items            *[]Item `json:",omitzero"`
	Count            int
	ScannedCount     int
	LastEvaluatedKey Item      `json:",omitempty"`
	ConsumedCapacity *capacity `json:",omitzero"`
}

func (r *readParameters) check() error {
	if r.Limit != nil && *r.Limit < 1 {
		return invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must "+
			"have value greater than or equal to 1", *r.Limit)
	}
	switch r.Select {
	case "", "ALL_ATTRIBUTES", "COUNT":
		if r.Select != "" && r.ProjectionExpression != nil {
			return invalid("Cannot specify the ProjectionExpression when choosing to get %s", r.Select)
		}
	case "SPECIFIC_ATTRIBUTES":
		if r.ProjectionExpression == nil {
			return invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get " +
				"SPECIFIC_ATTRIBUTES")
		}
	case "ALL_PROJECTED_ATTRIBUTES":
		return invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	default:
		return invalid("1 validation error detected: Value '%s' at 'select' failed to satisfy constraint: Member "+
			"must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]",
			r.Select)
	}
	return nil
}

func (r *readParameters) tableFor(s *Server) (*tableData, error) {
	t, err := s.table(r.TableName)
	if err != nil {
		return nil, err
	}
	if r.IndexName != "" {
		return nil, invalid("The table does not have the specified index: %s", r.IndexName)
	}
	return t, nil
}

// page gathers one answer of a Query or Scan.
type page struct {
	request *readParameters
	table   *tableData
	filter  *condition
	paths   []path

	answer readAnswer
	items  []Item
	size   int
	last   *entry
}

// add looks at one item; false if the page is full with it.
func (p *page) add(e *entry) bool {
	p.answer.ScannedCount++
	p.size += e.size
	p.last = e
	if p.filter.holds(e.item) {
		p.answer.Count++
		if p.request.Select != "COUNT" {
			p.items = append(p.items, project(e.item, p.paths))
		}
	}
	full := p.request.Limit != nil && p.answer.ScannedCount == *p.request.Limit
	return !full && p.size < maxPage
}

// finish completes the answer; more reports whether the page ended before the
// items did.
func (p *page) finish(more bool) (any, error) {
	if more {
		p.answer.LastEvaluatedKey = p.table.keyOf(p.last.item)
	}
	if p.request.Select != "COUNT" {
		if p.items == nil {
			p.items = []Item{}
		}
		p.answer.Items = &p.items
	}
	used, err := consumed(p.request.ReturnConsumedCapacity, p.table.name, readUnits(p.size, p.request.ConsistentRead))
	if err != nil {
		return nil, err
	}
	p.answer.ConsumedCapacity = used
	return p.answer, nil
}

type query struct {
	readParameters         `json:",inline"`
	KeyConditionExpression *string
	ScanIndexForward       *bool
}

func (s *Server) query(_ *call, r *query) (any, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.KeyConditionExpression == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the " +
			"request.")
	}
	given := newPlaceholders(r.ExpressionAttributeNames, r.ExpressionAttributeValues)
	keyCondition, err := parseCondition("KeyConditionExpression", r.KeyConditionExpression, given)
	if err != nil {
		return nil, err
	}
	p := &page{request: &r.readParameters}
	if err := p.parse(given, true); err != nil {
		return nil, err
	}
	if p.table, err = r.tableFor(s); err != nil {
		return nil, err
	}
	hash, sortKey, err := p.table.splitKeyCondition(keyCondition)
	if err != nil {
		return nil, err
	}
	for _, name := range p.filter.tops() {
		if p.table.isKey(name) {
			return nil, invalid("Filter Expression can only contain non-primary key attributes: Primary key "+
				"attribute: %s", name)
		}
	}
	return r.read(p, hash, sortKey)
}

// parse reads the filter and the projection.
func (p *page) parse(given *placeholders, keyCondition bool) (err error) {
	r := p.request
	if p.filter, err = parseCondition("FilterExpression", r.FilterExpression, given); err != nil {
		return err
	}
	if p.paths, err = parseProjection(r.ProjectionExpression, given); err != nil {
		return err
	}
	any := keyCondition || r.FilterExpression != nil || r.ProjectionExpression != nil
	return given.unused(any, "FilterExpression")
}

// read walks the partition from the start key on, in the order asked for.
func (r *query) read(p *page, hash Value, sortKey *condition) (any, error) {
	t := p.table
	partition := t.partitions[hash.Text]
	forward := r.ScanIndexForward == nil || *r.ScanIndexForward
	if err := r.checkStart(t, hash, sortKey); err != nil {
		return nil, err
	}
	var matching []*entry
	if partition != nil {
		matching = within(partition, sortKey)
	}
	if start := r.ExclusiveStartKey; start != nil {
		matching = after(matching, t.sortOf(start), forward)
	}
	for i := range matching {
		e := matching[i]
		if !forward {
			e = matching[len(matching)-1-i]
		}
		if !p.add(e) {
			return p.finish(true)
		}
	}
	return p.finish(false)
}

func (r *query) checkStart(t *tableData, hash Value, sort *condition) error {
	start := r.ExclusiveStartKey
	if start == nil {
		return nil
	}
	if err := t.checkKey(start); err != nil {
		return invalid("The provided starting key is invalid: %s", asError(err).Message)
	}
	if !start[t.hash.name].equal(hash) || !sort.holds(start) {
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	}
	return nil
}

// within returns the partition's entries that meet the sort key condition;
// they always are neighbours.
func within(p *partition, sort *condition) []*entry {
	if sort == nil {
		return p.entries
	}
	low, high := 0, len(p.entries)
	bound := sort.operands[1].literal
	switch at, found := p.find(*bound); sort.op {
	case "=":
		low, high = at, at
		if found {
			high++
		}
	case "<":
		high = at
	case "<=":
		high = at
		if found {
			high++
		}
	case ">":
		low = at
		if found {
			low++
		}
	case ">=":
		low = at
	case "BETWEEN":
		low = at
		if high, found = p.find(*sort.operands[2].literal); found {
			high++
		}
	case "begins_with":
		low = at
		high = low + withPrefix(p.entries[low:], bound.Text)
	}
	return p.entries[low:high]
}

// withPrefix returns how many of the entries, which begin at the prefix, have
// it.
func withPrefix(entries []*entry, prefix string) int {
	return sort.Search(len(entries), func(i int) bool {
		return !strings.HasPrefix(entries[i].sort.Text, prefix)
	})
}

// after drops what lies up to and including the start key.
func after(entries []*entry, start Value, forward bool) []*entry {
	part := partition{entries: entries}
	at, found := part.find(start)
	if !forward {
		return entries[:at]
	}
	if found {
		at++
	}
	return entries[at:]
}
