package read

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// A FieldTest is what a member of a line must be, such as order=17.
type FieldTest struct {
	name, operator, value string
	number                *big.Float     // the value, if it is one
	match                 *regexp.Regexp // of ~ and !~
	ignoreCase            bool
}

// operators of a FieldTest; longer ones first.
var operators = []string{"!=", "!~", ">=", "<=", "=", "~", ">", "<"}

// ParseFieldTest reads NAME=VALUE, where instead of = there may be !=, >, >=,
// <, <=, or ~ and !~ with a regular expression. A name with dots is also that
// of a member within members.
func ParseFieldTest(text string, ignoreCase bool) (t FieldTest, err error) {
	at := strings.IndexAny(text, "=!~<>")
	if at <= 0 {
		return t, errors.New("write, for example, order=17, status!=ok, user.name~^A or took>1.5")
	}
	t = FieldTest{name: text[:at], ignoreCase: ignoreCase}
	for _, operator := range operators {
		if value, ok := strings.CutPrefix(text[at:], operator); ok {
			t.operator, t.value = operator, value
			break
		}
	}
	switch t.operator {
	case "":
		return t, errors.New("! stands before = or ~ only")
	case "~", "!~":
		expression := t.value
		if ignoreCase {
			expression = "(?i)" + expression
		}
		if t.match, err = regexp.Compile(expression); err != nil {
			return t, fmt.Errorf("%q is not a valid regular expression: %w", t.value, err)
		}
	default:
		t.number = parseNumber(t.value)
	}
	return t, nil
}

var number = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?$`)

// parseNumber reads a number of JSON's with all its digits; nil for another
// text.
func parseNumber(s string) *big.Float {
	const precision = 256 // bits: 77 digits
	if !number.MatchString(s) {
		return nil
	}
	f, _, err := big.ParseFloat(s, 10, precision, big.ToNearestEven)
	if err != nil {
		return nil
	}
	return f
}

// passes reports whether the members of a line pass. A line without the member
// does not, whatever it must not be.
func (t *FieldTest) passes(members map[string]any) bool {
	found := find(members, t.name)
	switch t.operator {
	case "!=", "!~":
		return len(found) > 0 && !slices.ContainsFunc(found, t.fits)
	}
	return slices.ContainsFunc(found, t.fits)
}

// find returns the values of a member; of an array, those of its elements.
func find(value any, name string) (found []any) {
	if list, ok := value.([]any); ok {
		for _, element := range list {
			found = append(found, find(element, name)...)
		}
		return found
	}
	if name == "" {
		return []any{value}
	}
	members, _ := value.(map[string]any)
	if member, ok := members[name]; ok {
		found = find(member, "")
	}
	for i := range len(name) {
		if name[i] != '.' || i == len(name)-1 {
			continue
		}
		if member, ok := members[name[:i]]; ok {
			found = append(found, find(member, name[i+1:])...)
		}
	}
	return found
}

// fits reports whether a value is what is asked for, or what it must not be.
func (t *FieldTest) fits(value any) bool {
	text := fieldText(value)
	if t.match != nil {
		return t.match.MatchString(text)
	}
	var order int
	if n := parseNumber(text); n != nil && t.number != nil {
		order = n.Cmp(t.number)
	} else if t.operator == "=" || t.operator == "!=" {
		return text == t.value || t.ignoreCase && strings.EqualFold(text, t.value)
	} else if t.number != nil || n != nil {
		return false // a text is neither more nor less than a number
	} else {
		order = strings.Compare(text, t.value)
	}
	switch t.operator {
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	}
	return order == 0
}

// fieldText is a value as a FieldTest compares it: JSON, but for texts.
func fieldText(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // it came out of JSON
	return strings.TrimSuffix(b.String(), "\n")
}

// fieldsPass reports whether a row's fields pass all tests.
func fieldsPass(tests []FieldTest, fields string) bool {
	if len(tests) == 0 {
		return true
	}
	members := fieldMembers(fields)
	if members == nil {
		return false
	}
	return !slices.ContainsFunc(tests, func(t FieldTest) bool { return !t.passes(members) })
}

// fieldMembers are the members of a row's fields, numbers with all their
// digits; nil if there are none.
func fieldMembers(fields string) (members map[string]any) {
	d := json.NewDecoder(strings.NewReader(fields))
	d.UseNumber()
	if fields == "" || d.Decode(&members) != nil {
		return nil
	}
	return members
}

// FieldValue returns a member of a row's fields as a FieldTest of this name
// compares it: a text as it is, anything else as JSON. Several values, as those
// of a list, are a list. ok is false if there is none.
func FieldValue(fields, name string) (value string, ok bool) {
	switch found := find(fieldMembers(fields), name); len(found) {
	case 0:
		return "", false
	case 1:
		return fieldText(found[0]), true
	default:
		return fieldText(found), true
	}
}

// field is the part for a FieldTest: the words of the name, and of a text that
// is asked for.
func (e *expression) field(t *FieldTest) string {
	text := t.name
	if t.operator == "=" && t.number == nil && !t.ignoreCase {
		text += " " + t.value
	}
	return e.inFields(text)
}
