package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// typedValue is an attribute's value in DynamoDB's JSON, as AWS's own exports
// have it: one member, which is named after the type.
type typedValue struct {
	S    *string                `json:",omitempty"`
	N    *string                `json:",omitempty"`
	B    *[]byte                `json:",omitempty"` // base64
	BOOL *bool                  `json:",omitempty"`
	NULL *bool                  `json:",omitempty"`
	SS   []string               `json:",omitempty"`
	NS   []string               `json:",omitempty"`
	BS   [][]byte               `json:",omitempty"`
	L    *[]typedValue          `json:",omitempty"`
	M    *map[string]typedValue `json:",omitempty"`
}

// typed is a value for encoding.
func typed(v types.AttributeValue) (t typedValue) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		t.S = &v.Value
	case *types.AttributeValueMemberN:
		t.N = &v.Value
	case *types.AttributeValueMemberB:
		t.B = &v.Value
	case *types.AttributeValueMemberBOOL:
		t.BOOL = &v.Value
	case *types.AttributeValueMemberNULL:
		t.NULL = &v.Value
	case *types.AttributeValueMemberSS:
		t.SS = v.Value
	case *types.AttributeValueMemberNS:
		t.NS = v.Value
	case *types.AttributeValueMemberBS:
		t.BS = v.Value
	case *types.AttributeValueMemberL:
		list := make([]typedValue, len(v.Value))
		for i, element := range v.Value {
			list[i] = typed(element)
		}
		t.L = &list
	case *types.AttributeValueMemberM:
		members := make(map[string]typedValue, len(v.Value))
		for name, member := range v.Value {
			members[name] = typed(member)
		}
		t.M = &members
	}
	return t
}

// value is what typed was made of. It is nil for what has not exactly one type.
func (t *typedValue) value() types.AttributeValue {
	var all []types.AttributeValue
	add := func(there bool, make func() types.AttributeValue) {
		if there {
			all = append(all, make())
		}
	}
	add(t.S != nil, func() types.AttributeValue { return &types.AttributeValueMemberS{Value: *t.S} })
	add(t.N != nil, func() types.AttributeValue { return &types.AttributeValueMemberN{Value: *t.N} })
	add(t.B != nil, func() types.AttributeValue { return &types.AttributeValueMemberB{Value: *t.B} })
	add(t.BOOL != nil, func() types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: *t.BOOL} })
	add(t.NULL != nil, func() types.AttributeValue { return &types.AttributeValueMemberNULL{Value: *t.NULL} })
	add(t.SS != nil, func() types.AttributeValue { return &types.AttributeValueMemberSS{Value: t.SS} })
	add(t.NS != nil, func() types.AttributeValue { return &types.AttributeValueMemberNS{Value: t.NS} })
	add(t.BS != nil, func() types.AttributeValue { return &types.AttributeValueMemberBS{Value: t.BS} })
	add(t.L != nil, t.list)
	add(t.M != nil, t.members)
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

func (t *typedValue) list() types.AttributeValue {
	list := make([]types.AttributeValue, len(*t.L))
	for i := range *t.L {
		list[i] = (*t.L)[i].value()
	}
	return &types.AttributeValueMemberL{Value: list}
}

func (t *typedValue) members() types.AttributeValue {
	members := make(attributes, len(*t.M))
	for name, member := range *t.M {
		members[name] = member.value()
	}
	return &types.AttributeValueMemberM{Value: members}
}

var errValue = errors.New("an attribute's value is not DynamoDB's JSON")

// parseValue reads a value in DynamoDB's JSON.
func parseValue(data []byte) (types.AttributeValue, error) {
	var t typedValue
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(&t) != nil {
		return nil, errValue
	}
	v := t.value()
	if v == nil || holdsNil(v) {
		return nil, errValue
	}
	return v, nil
}

// holdsNil reports whether something within a value had no type.
func holdsNil(v types.AttributeValue) bool {
	var within []types.AttributeValue
	switch v := v.(type) {
	case *types.AttributeValueMemberL:
		within = v.Value
	case *types.AttributeValueMemberM:
		for member := range maps.Values(v.Value) {
			within = append(within, member)
		}
	}
	for _, member := range within {
		if member == nil || holdsNil(member) {
			return true
		}
	}
	return false
}

// encoded is a value in DynamoDB's JSON, the same for equal ones.
func encoded(v types.AttributeValue) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(typed(v)) // texts, and lists of them
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func equalItems(a, b attributes) bool { return maps.EqualFunc(a, b, equalValues) }

// equalValues compares what most attributes are without encoding them.
func equalValues(a, b types.AttributeValue) bool {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		b, ok := b.(*types.AttributeValueMemberS)
		return ok && a.Value == b.Value
	case *types.AttributeValueMemberN:
		b, ok := b.(*types.AttributeValueMemberN)
		return ok && a.Value == b.Value
	}
	return b != nil && bytes.Equal(encoded(a), encoded(b))
}

// itemSize is an item's size in bytes as DynamoDB bills it, or a little more.
func itemSize(item attributes) (n int) {
	for name, v := range item {
		n += len(name) + len(encoded(v))
	}
	return n
}
