package table

import (
	"encoding/binary"
	"slices"
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
		return invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *r.Limit)
	}
	switch r.Select {
	case "", "ALL_ATTRIBUTES", "COUNT":
		if r.Select != "" && r.ProjectionExpression != nil {
			return invalid("Cannot specify the ProjectionExpression when choosing to get %s", r.Select)
		}
	case "SPECIFIC_ATTRIBUTES":
		if r.ProjectionExpression == nil {
			return invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
		}
	case "ALL_PROJECTED_ATTRIBUTES":
		return invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	default:
		return invalid("1 validation error detected: Value '%s' at 'select' failed to satisfy constraint: Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]", r.Select)
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

// finish completes the answer; more says whether the page ended before the
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
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
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
			return nil, invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
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

// splitKeyCondition takes a key condition apart: the partition key's value
// and, if there is one, the condition on the sort key, path first.
func (t *tableData) splitKeyCondition(c *condition) (hash Value, sort *condition, err error) {
	parts, err := conjuncts(c)
	if err != nil {
		return Value{}, nil, err
	}
	seen := map[string]bool{}
	for _, part := range parts {
		name, err := keyPart(part)
		if err != nil {
			return Value{}, nil, err
		}
		if seen[name] {
			return Value{}, nil, invalid("Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key")
		}
		seen[name] = true
		switch {
		case name == t.hash.name:
			if part.op != "=" {
				return Value{}, nil, invalid("Query key condition not supported")
			}
			hash = *part.operands[1].literal
		case t.sort != nil && name == t.sort.name:
			sort = part
		}
	}
	if !seen[t.hash.name] {
		return Value{}, nil, invalid("Query condition missed key schema element: %s", t.hash.name)
	}
	if len(parts) > len(t.keyAttributes()) {
		return Value{}, nil, invalid("Conditions can be of length 1 or 2 only")
	}
	if len(parts) == 2 && sort == nil {
		return Value{}, nil, invalid("Query condition missed key schema element: %s", t.sort.name)
	}
	return hash, sort, t.checkConditionTypes(hash, sort)
}

// conjuncts returns the parts that AND joins.
func conjuncts(c *condition) ([]*condition, error) {
	switch c.op {
	case "AND":
		left, err := conjuncts(c.children[0])
		if err != nil {
			return nil, err
		}
		right, err := conjuncts(c.children[1])
		if err != nil {
			return nil, err
		}
		return append(left, right...), nil
	case "=", "<", "<=", ">", ">=", "BETWEEN", "begins_with":
		return []*condition{c}, nil
	}
	return nil, invalid("Invalid KeyConditionExpression: Invalid operator used in KeyConditionExpression: %s", c.op)
}

// mirrored is a comparison's operator once its sides are swapped.
var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// keyPart returns the attribute that the part is about, and brings the
// attribute to the left side.
func keyPart(c *condition) (name string, err error) {
	if c.operands[0].path == nil && len(c.operands) == 2 && mirrored[c.op] != "" {
		c.op = mirrored[c.op]
		slices.Reverse(c.operands)
	}
	key := c.operands[0]
	if key.path == nil {
		return "", invalid("Invalid KeyConditionExpression: No key attribute specified; operator: %s", c.op)
	}
	if key.size {
		return "", invalid("Invalid KeyConditionExpression: KeyConditionExpressions cannot contain nested operations")
	}
	if len(key.path) > 1 {
		return "", invalid("Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on nested attributes")
	}
	for _, o := range c.operands[1:] {
		if o.literal == nil {
			return "", invalid("Invalid KeyConditionExpression: The operand must be a value; operator: %s", c.op)
		}
	}
	return key.path.top(), nil
}

func (t *tableData) checkConditionTypes(hash Value, sort *condition) error {
	mismatch := invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
	if hash.Type != t.hash.typ {
		return mismatch
	}
	if hash.Text == "" {
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", t.hash.name)
	}
	if sort == nil {
		return nil
	}
	for _, o := range sort.operands[1:] {
		if o.literal.Type != t.sort.typ {
			return mismatch
		}
		if o.literal.Text == "" {
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", t.sort.name)
		}
	}
	return nil
}

type scan struct {
	readParameters `json:",inline"`
	Segment        *int
	TotalSegments  *int
}

func (s *Server) scan(_ *call, r *scan) (any, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := r.checkSegments(); err != nil {
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

func (r *scan) checkSegments() error {
	switch {
	case r.Segment == nil && r.TotalSegments == nil:
		return nil
	case r.TotalSegments == nil:
		return invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case r.Segment == nil:
		return invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case *r.TotalSegments < 1 || *r.TotalSegments > 1_000_000:
		return invalid("1 validation error detected: Value '%d' at 'totalSegments' failed to satisfy constraint: Member must have value between 1 and 1000000", *r.TotalSegments)
	case *r.Segment < 0 || *r.Segment >= *r.TotalSegments:
		return invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *r.Segment, *r.TotalSegments)
	}
	return nil
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
		if !r.inSegment(part) {
			continue
		}
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

// inSegment says whether the partition belongs to this worker of a parallel
// scan.
func (r *scan) inSegment(p *partition) bool {
	if r.TotalSegments == nil {
		return true
	}
	return int(binary.BigEndian.Uint32(p.digest[:4]))%*r.TotalSegments == *r.Segment
}
