package table

import (
	"slices"
)

// The limits on items and keys (DynamoDB developer guide, "Quotas").
const (
	maxItem         = 400 << 10 // bytes, see Item.Size
	maxPartitionKey = 2048      // bytes
	maxSortKey      = 1024      // bytes
)

// checkItem refuses what no table takes.
func checkItem(it Item) error {
	for name, v := range it {
		if name == "" {
			return invalid("One or more parameter values were invalid: Attribute name must not be empty")
		}
		if v.tooDeep(maxNesting) {
			return invalid("Nesting Levels have exceeded supported limits")
		}
	}
	if it.Size() > maxItem {
		return invalid("Item size has exceeded the maximum allowed size")
	}
	return nil
}

// checkPut refuses an item whose key attributes the table does not take.
func (t *tableData) checkPut(it Item) error {
	for _, attribute := range t.keyAttributes() {
		v, ok := it[attribute.name]
		if !ok {
			return invalid("One or more parameter values were invalid: Missing the key %s in the item", attribute.name)
		}
		if v.Type != attribute.typ {
			return invalid("One or more parameter values were invalid: "+
				"Type mismatch for key %s expected: %s actual: %s", attribute.name, attribute.typ, v.Type)
		}
	}
	return t.checkKeyValues(it)
}

// checkKey refuses a key that is not exactly the table's.
func (t *tableData) checkKey(key Item) error {
	if len(key) != len(t.keyAttributes()) {
		return errKeySchema
	}
	for _, attribute := range t.keyAttributes() {
		if key[attribute.name].Type != attribute.typ {
			return errKeySchema
		}
	}
	return t.checkKeyValues(key)
}

var errKeySchema = invalid("The provided key element does not match the schema")

func (t *tableData) checkKeyValues(key Item) error {
	for i, attribute := range t.keyAttributes() {
		v := key[attribute.name]
		kind := map[string]string{typeString: "string", typeBinary: "binary"}[v.Type]
		if v.Text == "" {
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute "+
				"cannot contain an empty %s value. Key: %s", kind, attribute.name)
		}
		if i == 0 && len(v.Text) > maxPartitionKey {
			return invalid("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size " +
				"limit of2048 bytes")
		}
		if i == 1 && len(v.Text) > maxSortKey {
			return invalid("One or more parameter values were invalid: Aggregated size of all range keys has " +
				"exceeded the size limit of 1024 bytes")
		}
	}
	return nil
}

// writeParameters are common to PutItem, UpdateItem and DeleteItem.
// ReturnItemCollectionMetrics is taken and has no effect: there are no local
// secondary indexes.
type writeParameters struct {
	TableName                           string
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           map[string]Value
	ReturnValues                        string
	ReturnValuesOnConditionCheckFailure string
	ReturnConsumedCapacity              string
	ReturnItemCollectionMetrics         string
}

// condition parses the write's condition; rest parses what else the request
// has of expressions, or is nil.
func (w *writeParameters) condition(rest func(*placeholders) error) (*condition, error) {
	given := newPlaceholders(w.ExpressionAttributeNames, w.ExpressionAttributeValues)
	missing := "ConditionExpression"
	if rest != nil {
		missing = "UpdateExpression and ConditionExpression"
		if err := rest(given); err != nil {
			return nil, err
		}
	}
	c, err := parseCondition("ConditionExpression", w.ConditionExpression, given)
	if err != nil {
		return nil, err
	}
	return c, given.unused(w.ConditionExpression != nil || len(given.usedNames)+len(given.usedValues) > 0, missing)
}

func (w *writeParameters) checkReturn(allowed ...string) error {
	if w.ReturnValues != "" && !slices.Contains(allowed, w.ReturnValues) {
		return invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	return nil
}

// check evaluates the condition against the stored item.
func (w *writeParameters) check(c *condition, old Item) error {
	if c.holds(old) {
		return nil
	}
	refusal := &Error{Code: codeCondition, Message: "The conditional request failed"}
	if w.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
		refusal.item = old
	}
	return refusal
}

// writeAnswer is what the single-item writes return.
type writeAnswer struct {
	Attributes       Item      `json:",omitempty"`
	ConsumedCapacity *capacity `json:",omitzero"`
}

func (e *entry) itemOrNil() Item {
	if e == nil {
		return nil
	}
	return e.item
}

func (e *entry) sizeOrZero() int {
	if e == nil {
		return 0
	}
	return e.size
}

type putItem struct {
	writeParameters `json:",inline"`
	Item            Item
}

func (s *Server) putItem(c *call, r *putItem) (any, error) {
	if r.Item == nil {
		return nil, invalid("1 validation error detected: Value null at 'item' failed to satisfy constraint: Member " +
			"must not be null")
	}
	if err := r.checkReturn("NONE", "ALL_OLD"); err != nil {
		return nil, err
	}
	condition, err := r.condition(nil)
	if err != nil {
		return nil, err
	}
	if err := checkItem(r.Item); err != nil {
		return nil, err
	}
	t, err := s.table(r.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkPut(r.Item); err != nil {
		return nil, err
	}
	return s.replace(t, c, &r.writeParameters, condition, r.Item, r.Item)
}

// replace writes the item of a key, or removes it if the item is nil.
func (s *Server) replace(t *tableData, c *call, w *writeParameters, condition *condition, key, item Item) (any, error) {
	old := t.get(key)
	units := writeUnits(item.Size(), old.sizeOrZero())
	if !s.afford(t, key, units) {
		return nil, t.throttled()
	}
	if err := w.check(condition, old.itemOrNil()); err != nil {
		return nil, err
	}
	used, err := consumed(w.ReturnConsumedCapacity, t.name, float64(units))
	if err != nil {
		return nil, err
	}
	if item != nil {
		t.put(item)
		c.record.Puts++
		s.recorder.wrote(units, old.itemOrNil(), item)
	} else {
		t.remove(key)
		c.record.Deletes++
		s.recorder.spent(units)
	}
	answer := writeAnswer{ConsumedCapacity: used}
	if w.ReturnValues == "ALL_OLD" {
		answer.Attributes = old.itemOrNil()
	}
	return answer, nil
}

type deleteItem struct {
	writeParameters `json:",inline"`
	Key             Item
}

func (s *Server) deleteItem(c *call, r *deleteItem) (any, error) {
	if err := r.checkReturn("NONE", "ALL_OLD"); err != nil {
		return nil, err
	}
	condition, err := r.condition(nil)
	if err != nil {
		return nil, err
	}
	t, err := s.table(r.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkKey(r.Key); err != nil {
		return nil, err
	}
	return s.replace(t, c, &r.writeParameters, condition, r.Key, nil)
}

type updateItem struct {
	writeParameters  `json:",inline"`
	Key              Item
	UpdateExpression *string
}

func (s *Server) updateItem(_ *call, r *updateItem) (any, error) {
	var actions []action
	condition, err := r.condition(func(given *placeholders) (err error) {
		actions, err = parseUpdate(r.UpdateExpression, given)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := r.checkReturn("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"); err != nil {
		return nil, err
	}
	t, err := s.table(r.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkKey(r.Key); err != nil {
		return nil, err
	}
	for _, a := range actions {
		if t.isKey(a.path.top()) {
			return nil, invalid("One or more parameter values were invalid: Cannot update attribute %s. This "+
				"attribute is part of the key", a.path.top())
		}
	}
	return s.update(t, r, condition, actions)
}

func (s *Server) update(t *tableData, r *updateItem, condition *condition, actions []action) (any, error) {
	old := t.get(r.Key)
	if err := r.check(condition, old.itemOrNil()); err != nil {
		return nil, err
	}
	before := r.Key
	if old != nil {
		before = old.item
	}
	after, err := applyUpdate(before, actions)
	if err != nil {
		return nil, err
	}
	if checkItem(after) != nil {
		return nil, invalid("Item size to update has exceeded the maximum allowed size")
	}
	units := writeUnits(after.Size(), old.sizeOrZero())
	if !s.afford(t, r.Key, units) {
		return nil, t.throttled()
	}
	used, err := consumed(r.ReturnConsumedCapacity, t.name, float64(units))
	if err != nil {
		return nil, err
	}
	t.put(after)
	s.recorder.spent(units)
	return writeAnswer{Attributes: r.returned(old.itemOrNil(), after, actions), ConsumedCapacity: used}, nil
}

func (r *updateItem) returned(before, after Item, actions []action) Item {
	paths := make([]path, len(actions))
	for i, a := range actions {
		paths[i] = a.path
	}
	switch r.ReturnValues {
	case "ALL_OLD":
		return before
	case "ALL_NEW":
		return after
	case "UPDATED_OLD":
		return project(before, paths)
	case "UPDATED_NEW":
		return project(after, paths)
	}
	return nil
}

// afford spends write units of the item's partition, if they are limited.
func (s *Server) afford(t *tableData, key Item, units int) bool {
	if s.writeLimit <= 0 {
		return true
	}
	return t.partitionOf(key).bucket.take(units, s.writeLimit, s.clock())
}

func (t *tableData) throttled() *Error {
	if t.definition.onDemand() {
		return throttled(codeThrottling)
	}
	return throttled(codeProvisioned)
}

type getItem struct {
	TableName                string
	Key                      Item
	ConsistentRead           bool
	ProjectionExpression     *string
	ExpressionAttributeNames map[string]string
	ReturnConsumedCapacity   string
}

func (s *Server) getItem(_ *call, r *getItem) (any, error) {
	paths, err := readProjection(r.ProjectionExpression, r.ExpressionAttributeNames)
	if err != nil {
		return nil, err
	}
	t, err := s.table(r.TableName)
	if err != nil {
		return nil, err
	}
	if err := t.checkKey(r.Key); err != nil {
		return nil, err
	}
	found := t.get(r.Key)
	used, err := consumed(r.ReturnConsumedCapacity, t.name, readUnits(found.sizeOrZero(), r.ConsistentRead))
	if err != nil {
		return nil, err
	}
	answer := map[string]any{}
	if used != nil {
		answer["ConsumedCapacity"] = used
	}
	if found != nil {
		answer["Item"] = project(found.item, paths)
	}
	return answer, nil
}

func readProjection(expression *string, names map[string]string) ([]path, error) {
	given := newPlaceholders(names, nil)
	paths, err := parseProjection(expression, given)
	if err != nil {
		return nil, err
	}
	return paths, given.unused(expression != nil, "")
}
