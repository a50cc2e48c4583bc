package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// fieldsText renders a line's further members as key=value, values as JSON
// except that a plain word goes without quotes. What is no JSON object is
// shown as it is.
func fieldsText(fields string) string {
	if fields == "" {
		return ""
	}
	d := json.NewDecoder(strings.NewReader(fields))
	if open, err := d.Token(); err != nil || open != json.Delim('{') || !json.Valid([]byte(fields)) {
		return visible(fields)
	}
	var parts []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return visible(fields)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return visible(fields)
		}
		parts = append(parts, visible(fmt.Sprint(name))+"="+fieldValue(value))
	}
	return strings.Join(parts, " ")
}

func fieldValue(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil && value[0] == '"' && s != "" && !strings.ContainsAny(s, " \t\r\n\"=") {
		return visible(s)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return visible(string(value))
	}
	return visible(compact.String())
}
