package table

import "slices"

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
			return Value{}, nil, invalid("Invalid KeyConditionExpression: KeyConditionExpressions must only contain " +
				"one condition per key")
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
		return "", invalid("Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on nested " +
			"attributes")
	}
	for _, o := range c.operands[1:] {
		if o.literal == nil {
			return "", invalid("Invalid KeyConditionExpression: The operand must be a value; operator: %s", c.op)
		}
	}
	return key.path.top(), nil
}

func (t *tableData) checkConditionTypes(hash Value, sort *condition) error {
	mismatch := invalid("One or more parameter values were invalid: " +
		"Condition parameter type does not match schema type")
	if hash.Type != t.hash.typ {
		return mismatch
	}
	if hash.Text == "" {
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot "+
			"contain an empty string value. Key: %s", t.hash.name)
	}
	if sort == nil {
		return nil
	}
	for _, o := range sort.operands[1:] {
		if o.literal.Type != t.sort.typ {
			return mismatch
		}
		if o.literal.Text == "" {
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute "+
				"cannot contain an empty string value. Key: %s", t.sort.name)
		}
	}
	return nil
}
