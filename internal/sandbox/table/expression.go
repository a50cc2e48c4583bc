package table

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// placeholders are a request's ExpressionAttributeNames and -Values. They
// remember which of them the request's expressions used, since DynamoDB
// refuses a request with superfluous ones.
type placeholders struct {
	names      map[string]string
	values     map[string]Value
	usedNames  map[string]bool
	usedValues map[string]bool
}

func newPlaceholders(names map[string]string, values map[string]Value) *placeholders {
	return &placeholders{names, values, map[string]bool{}, map[string]bool{}}
}

// unused returns the ValidationException for placeholders that no expression
// mentions. expressions reports whether the request has any, and missing names
// the absent parameter that could have used values.
func (p *placeholders) unused(expressions bool, missing string) error {
	if !expressions {
		if p.names != nil {
			return invalid("ExpressionAttributeNames can only be specified when using expressions")
		}
		if p.values != nil {
			return invalid("ExpressionAttributeValues can only be specified when using expressions: %s is null",
				missing)
		}
		return nil
	}
	for _, c := range []struct {
		parameter string
		given     []string
		used      map[string]bool
		present   bool
	}{
		{"ExpressionAttributeNames", slices.Sorted(maps.Keys(p.names)), p.usedNames, p.names != nil},
		{"ExpressionAttributeValues", slices.Sorted(maps.Keys(p.values)), p.usedValues, p.values != nil},
	} {
		if c.present && len(c.given) == 0 {
			return invalid("%s must not be empty", c.parameter)
		}
		left := slices.DeleteFunc(c.given, func(name string) bool { return c.used[name] })
		if len(left) > 0 {
			return invalid("Value provided in %s unused in expressions: keys: {%s}", c.parameter,
				strings.Join(left, ", "))
		}
	}
	return nil
}

// A step is one element of a document path: an attribute's name, or an index
// into a list.
type step struct {
	name    string
	index   int
	isIndex bool
}

type path []step

func (p path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.name
		if s.isIndex {
			parts[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// top is the name of the attribute that the path begins with.
func (p path) top() string { return p[0].name }

func (p path) lookUp(it Item) (Value, bool) {
	v, ok := it[p.top()]
	for _, s := range p[1:] {
		if !ok {
			return Value{}, false
		}
		if s.isIndex {
			if v.Type != typeList || s.index >= len(v.List) {
				return Value{}, false
			}
			v = v.List[s.index]
			continue
		}
		if v.Type != typeMap {
			return Value{}, false
		}
		v, ok = v.Map[s.name]
	}
	return v, ok
}

// An operand is what a condition compares: a path, a placeholder's value, or
// the size of a path's value.
type operand struct {
	path    path
	literal *Value
	size    bool
}

func (o operand) isPath() bool { return o.path != nil && !o.size }

func (o operand) value(it Item) (Value, bool) {
	if o.literal != nil {
		return *o.literal, true
	}
	v, ok := o.path.lookUp(it)
	if !ok || !o.size {
		return v, ok
	}
	switch v.Type {
	case typeList, typeStringSet, typeNumberSet, typeBinarySet:
		return Value{Type: typeNumber, Text: strconv.Itoa(len(v.List))}, true
	case typeMap:
		return Value{Type: typeNumber, Text: strconv.Itoa(len(v.Map))}, true
	case typeString, typeBinary:
		return Value{Type: typeNumber, Text: strconv.Itoa(len(v.Text))}, true
	}
	return Value{}, false
}
