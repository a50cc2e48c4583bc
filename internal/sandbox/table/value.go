package table

import (
	"cmp"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The data types of an attribute value, as they are written on the wire.
const (
	typeString    = "S"
	typeNumber    = "N"
	typeBinary    = "B"
	typeBool      = "BOOL"
	typeNull      = "NULL"
	typeList      = "L"
	typeMap       = "M"
	typeStringSet = "SS"
	typeNumberSet = "NS"
	typeBinarySet = "BS"
)

// maxNesting is how deep lists and maps may be nested (DynamoDB developer
// guide, "Quotas": 32 levels).
const maxNesting = 32

// A Value is one attribute value. Type says which of the other fields holds
// it; a zero Value has no type and stands for an absent attribute.
type Value struct {
	Type string           // S, N, B, BOOL, NULL, L, M, SS, NS or BS
	Text string           // S; N in DynamoDB's plain notation; B as raw bytes
	Bool bool             // BOOL
	List []Value          // L, and the members of a set
	Map  map[string]Value // M
}

// errValue is a value that DynamoDB refuses by ValidationException, as
// opposed to one that it cannot even decode.
type errValue string

func (e errValue) Error() string { return string(e) }

// errEncoding is a value that DynamoDB cannot decode: SerializationException.
type errEncoding string

func (e errEncoding) Error() string { return string(e) }

var (
	errNoType    = errValue("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	errManyTypes = errValue("Supplied AttributeValue has more than one datatypes set, must contain exactly one of " +
		"the supported datatypes")
)

// UnmarshalJSONFrom decodes {"S":"…"} and its kin. Numbers are brought to the
// one notation in which DynamoDB returns them, so that equal numbers are equal
// strings.
func (v *Value) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != '{' {
		return errEncoding("Start of structure or map found where not expected")
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if v.Type != "" {
			return errManyTypes
		}
		v.Type = name.String()
		if err := v.decodeContent(dec); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if v.Type == "" {
		return errNoType
	}
	return nil
}

func (v *Value) decodeContent(dec *jsontext.Decoder) error {
	switch v.Type {
	case typeString, typeNumber, typeBinary:
		return v.decodeScalar(dec)
	case typeBool:
		return json.UnmarshalDecode(dec, &v.Bool)
	case typeNull:
		if err := json.UnmarshalDecode(dec, &v.Bool); err != nil {
			return err
		}
		if !v.Bool {
			return errValue("One or more parameter values were invalid: Null attribute value types must have the " +
				"value of true")
		}
		return nil
	case typeList:
		// The decoder's own depth limit is far above DynamoDB's; checkNesting
		// finds what lies between.
		return json.UnmarshalDecode(dec, &v.List)
	case typeMap:
		return json.UnmarshalDecode(dec, &v.Map)
	case typeStringSet, typeNumberSet, typeBinarySet:
		return v.decodeSet(dec)
	}
	// DynamoDB ignores members it does not know, which leaves the value empty.
	return errNoType
}

func (v *Value) decodeScalar(dec *jsontext.Decoder) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != '"' {
		return errEncoding("Unexpected token received from parser")
	}
	v.Text = token.String()
	switch v.Type {
	case typeNumber:
		n, err := parseNumber(v.Text)
		if err != nil {
			return err
		}
		v.Text = n.String()
	case typeBinary:
		raw, err := base64.StdEncoding.DecodeString(v.Text)
		if err != nil {
			return errEncoding("Base64 encoded length is expected a multiple of 4 bytes but found: " + v.Text)
		}
		v.Text = string(raw)
	}
	return nil
}

func (v *Value) decodeSet(dec *jsontext.Decoder) error {
	member := strings.TrimSuffix(v.Type, "S")
	if token, err := dec.ReadToken(); err != nil {
		return err
	} else if token.Kind() != '[' {
		return errEncoding("Unexpected token received from parser")
	}
	seen := map[string]bool{}
	duplicates := false
	for dec.PeekKind() != ']' {
		m := Value{Type: member}
		if err := m.decodeScalar(dec); err != nil {
			return err
		}
		duplicates = duplicates || seen[m.Text]
		seen[m.Text] = true
		v.List = append(v.List, m)
	}
	if len(v.List) == 0 {
		kinds := map[string]string{"S": "string", "N": "number", "B": "binary"}
		return errValue("One or more parameter values were invalid: An " + kinds[member] + " set  may not be empty")
	}
	if duplicates {
		return errValue("One or more parameter values were invalid: Input collection [" +
			strings.Join(v.members(), ", ") + "] contains duplicates.")
	}
	_, err := dec.ReadToken()
	return err
}

// MarshalJSONTo encodes the value as DynamoDB answers it.
func (v Value) MarshalJSONTo(enc *jsontext.Encoder) error {
	var content any
	switch v.Type {
	case typeString, typeNumber:
		content = v.Text
	case typeBinary:
		content = []byte(v.Text)
	case typeBool, typeNull:
		content = v.Bool
	case typeList:
		content = v.List
	case typeMap:
		content = v.Map
	case typeStringSet, typeNumberSet:
		content = v.members()
	case typeBinarySet:
		raw := make([][]byte, len(v.List))
		for i, m := range v.List {
			raw[i] = []byte(m.Text)
		}
		content = raw
	default:
		return errors.New("cannot encode a value without a type")
	}
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	if err := enc.WriteToken(jsontext.String(v.Type)); err != nil {
		return err
	}
	if err := json.MarshalEncode(enc, content); err != nil {
		return err
	}
	return enc.WriteToken(jsontext.EndObject)
}

func (v Value) members() []string {
	texts := make([]string, len(v.List))
	for i, m := range v.List {
		texts[i] = m.Text
	}
	return texts
}

// equal reports whether both values are of one type and hold the same; the
// order of a set's members does not count.
func (v Value) equal(w Value) bool {
	if v.Type != w.Type {
		return false
	}
	switch v.Type {
	case typeStringSet, typeNumberSet, typeBinarySet:
		return slices.Equal(slices.Sorted(slices.Values(v.members())), slices.Sorted(slices.Values(w.members())))
	case typeList:
		return slices.EqualFunc(v.List, w.List, Value.equal)
	case typeMap:
		return maps.EqualFunc(v.Map, w.Map, Value.equal)
	}
	return v.Text == w.Text && v.Bool == w.Bool
}

// compareValues orders two scalars of one type: strings by their UTF-8 bytes,
// numbers by value.
func compareValues(v, w Value) int {
	if v.Type == typeNumber && w.Type == typeNumber {
		return compareNumbers(v.Text, w.Text)
	}
	return cmp.Compare(v.Text, w.Text)
}

// ordered reports whether values of the type have an order, that is whether
// they may be keys and stand beside <, > and BETWEEN.
func ordered(typ string) bool {
	return typ == typeString || typ == typeNumber || typ == typeBinary
}

// size is the value's part of the item size (DynamoDB developer guide,
// "Capacity unit consumption": item sizes and formats).
func (v Value) size() int {
	switch v.Type {
	case typeString, typeBinary:
		return len(v.Text)
	case typeNumber:
		return numberSize(v.Text)
	case typeList:
		n := 3
		for _, m := range v.List {
			n += 1 + m.size()
		}
		return n
	case typeMap:
		n := 3
		for name, m := range v.Map {
			n += 1 + len(name) + m.size()
		}
		return n
	case typeStringSet, typeNumberSet, typeBinarySet:
		n := 0
		for _, m := range v.List {
			n += m.size()
		}
		return n
	}
	return 1
}

// tooDeep reports whether lists and maps are nested below depth more levels.
func (v Value) tooDeep(depth int) bool {
	if v.Type != typeList && v.Type != typeMap {
		return false
	}
	if depth == 0 {
		return true
	}
	for _, m := range v.List {
		if m.tooDeep(depth - 1) {
			return true
		}
	}
	for _, m := range v.Map {
		if m.tooDeep(depth - 1) {
			return true
		}
	}
	return false
}

// clone copies the value so deep that changing the copy leaves v alone.
func (v Value) clone() Value {
	if v.List != nil {
		list := make([]Value, len(v.List))
		for i, m := range v.List {
			list[i] = m.clone()
		}
		v.List = list
	}
	if v.Map != nil {
		m := make(map[string]Value, len(v.Map))
		for name, member := range v.Map {
			m[name] = member.clone()
		}
		v.Map = m
	}
	return v
}

// An Item is a row: its attributes by name.
type Item map[string]Value

// Str returns a string attribute, or "" if the item has none of that name and
// type.
func (it Item) Str(name string) string {
	if v := it[name]; v.Type == typeString {
		return v.Text
	}
	return ""
}

// Num returns a number attribute in DynamoDB's plain notation ("1795300002"),
// or "" if the item has none of that name and type.
func (it Item) Num(name string) string {
	if v := it[name]; v.Type == typeNumber {
		return v.Text
	}
	return ""
}

// Has reports whether the item has the attribute, whatever its type.
func (it Item) Has(name string) bool {
	_, ok := it[name]
	return ok
}

// Size is the item's size in bytes as DynamoDB bills it: the UTF-8 lengths of
// the names and the sizes of the values.
func (it Item) Size() int {
	n := 0
	for name, v := range it {
		n += len(name) + v.size()
	}
	return n
}

func (it Item) equal(other Item) bool {
	return maps.EqualFunc(it, other, Value.equal)
}

func (it Item) clone() Item {
	c := make(Item, len(it))
	for name, v := range it {
		c[name] = v.clone()
	}
	return c
}
