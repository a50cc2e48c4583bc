package table

import (
	"slices"
	"strings"
)

// A condition is a node of a condition, filter or key condition expression.
// op is AND, OR, NOT, a comparison, BETWEEN, IN, or a function's name.
type condition struct {
	op       string
	children []*condition
	operands []operand
}

// holds reports whether the item meets the condition, as it does a nil one.
// A comparison with an absent attribute, or across types, does not hold,
// except <>.
func (c *condition) holds(it Item) bool {
	if c == nil {
		return true
	}
	switch c.op {
	case "AND":
		return c.children[0].holds(it) && c.children[1].holds(it)
	case "OR":
		return c.children[0].holds(it) || c.children[1].holds(it)
	case "NOT":
		return !c.children[0].holds(it)
	case "attribute_exists", "attribute_not_exists":
		_, ok := c.operands[0].value(it)
		return ok == (c.op == "attribute_exists")
	}
	first, ok := c.operands[0].value(it)
	if !ok && c.op != "<>" {
		return false
	}
	rest := make([]Value, 0, 2)
	for _, o := range c.operands[1:] {
		v, ok := o.value(it)
		if !ok && c.op != "IN" && c.op != "<>" {
			return false
		}
		rest = append(rest, v)
	}
	return c.compare(first, rest)
}

func (c *condition) compare(v Value, rest []Value) bool {
	w := rest[0]
	switch c.op {
	case "=":
		return v.equal(w)
	case "<>":
		return !v.equal(w)
	case "IN":
		return slices.ContainsFunc(rest, v.equal)
	case "begins_with":
		textual := v.Type == typeString || v.Type == typeBinary
		return textual && v.Type == w.Type && strings.HasPrefix(v.Text, w.Text)
	case "contains":
		return contains(v, w)
	case "attribute_type":
		return v.Type == w.Text
	}
	if v.Type != w.Type || !ordered(v.Type) {
		return false
	}
	return c.inOrder(v, rest)
}

// inOrder compares v with values that have an order.
func (c *condition) inOrder(v Value, rest []Value) bool {
	order := compareValues(v, rest[0])
	switch c.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "BETWEEN":
		return order >= 0 && v.Type == rest[1].Type && compareValues(v, rest[1]) <= 0
	}
	panic("unknown condition " + c.op)
}

func contains(v, w Value) bool {
	switch v.Type {
	case typeString, typeBinary:
		return v.Type == w.Type && strings.Contains(v.Text, w.Text)
	case typeList, typeStringSet, typeNumberSet, typeBinarySet:
		return slices.ContainsFunc(v.List, w.equal)
	}
	return false
}

// tops are the names of the attributes that the condition looks at.
func (c *condition) tops() []string {
	if c == nil {
		return nil
	}
	var names []string
	for _, child := range c.children {
		names = append(names, child.tops()...)
	}
	for _, o := range c.operands {
		if o.path != nil {
			names = append(names, o.path.top())
		}
	}
	return names
}
