package read

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/row"
)

// TextFilter says what must stand in a row, or must not. Looked at are the
// message and the fields, as they were stored and as FieldsText shows them.
type TextFilter struct {
	Contains   string         // case and all, unless IgnoreCase
	Match      *regexp.Regexp // of the message, the text, the exception or the fields; nil: anything
	Not        []string       // none of these
	IgnoreCase bool           // of Contains and Not
}

// Found reports whether a row has what Contains and Match ask for.
func (f *TextFilter) Found(r *Row) bool {
	if f.Match == nil && f.Contains == "" {
		return true
	}
	shown := FieldsText(r.Fields)
	if f.Match != nil && !slices.ContainsFunc([]string{r.Message, r.Text, r.Exception, r.Fields, shown},
		f.Match.MatchString) {
		return false
	}
	return f.contains(r, shown, f.Contains)
}

// excluded reports whether a row has what it must not have.
func (f *TextFilter) excluded(r *Row) bool {
	if len(f.Not) == 0 {
		return false
	}
	shown := FieldsText(r.Fields)
	return slices.ContainsFunc(f.Not, func(text string) bool { return f.contains(r, shown, text) })
}

func (f *TextFilter) contains(r *Row, shown, text string) bool {
	return slices.ContainsFunc([]string{r.Message, r.Fields, shown}, func(s string) bool {
		if f.IgnoreCase {
			return strings.Contains(strings.ToLower(s), strings.ToLower(text))
		}
		return strings.Contains(s, text)
	})
}

// FieldsText renders a line's further members as key=value, values as JSON
// except that a plain word goes without quotes. What is no JSON object is
// rendered as it is.
func FieldsText(fields string) string {
	if fields == "" {
		return ""
	}
	if text, ok := plainFields(fields); ok {
		return text
	}
	return anyFields(fields)
}

// anyFields is FieldsText of any text.
func anyFields(fields string) string {
	d := json.NewDecoder(strings.NewReader(fields))
	if open, err := d.Token(); err != nil || open != json.Delim('{') || !json.Valid([]byte(fields)) {
		return fields
	}
	var parts []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fields
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fields
		}
		parts = append(parts, fmt.Sprint(name)+"="+valueText(value))
	}
	return strings.Join(parts, " ")
}

// plainFields is FieldsText for what nearly all lines have: valid JSON without
// an escape. It takes a tenth of the time, and there may be millions of rows.
func plainFields(fields string) (text string, ok bool) {
	if fields[0] != '{' || strings.IndexByte(fields, '\\') >= 0 || !utf8.ValidString(fields) {
		return "", false
	}
	object := jsonscan.Whole([]byte(fields))
	if len(object) == 0 {
		return "", false
	}
	out := make([]byte, 0, len(fields))
	for name, value := range object.Members {
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = append(append(out, name[1:len(name)-1]...), '=')
		switch {
		case value[0] == '"' && len(value) > 2 && !bytes.ContainsAny(value[1:len(value)-1], " \t\r\n="):
			out = append(out, value[1:len(value)-1]...)
		case value[0] == '"' || !bytes.ContainsAny(value, " \t\r\n"):
			out = append(out, value...)
		default:
			out = append(out, valueText(value)...)
		}
	}
	return string(out), true
}

func valueText(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil && value[0] == '"' && s != "" && !strings.ContainsAny(s, " \t\r\n\"=") {
		return s
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return string(value)
	}
	return compact.String()
}

// textFilter is the part for a TextFilter.
func (e *expression) textFilter(f *TextFilter) (parts []string) {
	message, fields := row.AttrMessage, row.AttrFields
	if f.Contains != "" && !f.IgnoreCase {
		parts = append(parts, fmt.Sprintf("(contains(%s, %s) OR %s)",
			e.name(message), e.text(f.Contains), e.inFields(f.Contains)))
	}
	for _, text := range f.Not {
		value := e.text(text)
		parts = append(parts, fmt.Sprintf("NOT contains(%s, %s)", e.name(message), value),
			fmt.Sprintf("NOT contains(%s, %s)", e.name(fields), value))
	}
	return parts
}

// words are what a text has in common with its JSON: letters and digits that
// nobody needs to escape.
var words = regexp.MustCompile(`[0-9A-Za-z_-]+`)

// mostWords bounds an expression: DynamoDB takes 4 KB of it.
const mostWords = 8

// inFields is a test that fields pass which FieldsText shows with a text in it,
// or whose JSON has it. A few others pass, too: which have its words in another
// order, or something that is escaped.
func (e *expression) inFields(text string) string {
	name := e.name(row.AttrFields)
	all := words.FindAllString(text, -1)
	if len(all) == 0 {
		return "attribute_exists(" + name + ")"
	}
	var parts []string
	for _, word := range all[:min(len(all), mostWords)] {
		parts = append(parts, fmt.Sprintf("contains(%s, %s)", name, e.text(word)))
	}
	return fmt.Sprintf("(%s OR contains(%s, %s))", strings.Join(parts, " AND "), name, e.text(`\u`))
}
