package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// jsonRow is a row as -o jsonl prints it, as one object. Members without a
// value are left out, but for those that every row has.
type jsonRow struct {
	Time  string `json:"time,omitempty"`
	Table string `json:"table"`
	// Category is info or errors, whatever the tables are called.
	Category string `json:"category"`
	// Context reports whether the row does not match itself, but
	// surrounds one that does.
	Context bool `json:"context,omitempty"`
	// Late reports whether rows of a later time came before it.
	Late bool `json:"late,omitempty"`
	// Elapsed is in milliseconds, of a story.
	Elapsed *int64 `json:"elapsed_ms,omitempty"`
	jsonLine
	jsonItem
	Other map[string]any `json:"other,omitempty"`
}

// jsonLine is what a function has logged.
type jsonLine struct {
	Level     string `json:"level"`
	Module    string `json:"module"`
	Locator   string `json:"locator"`
	Text      string `json:"text"`
	Exception string `json:"exception,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	jsonLinks
	Fields json.RawMessage `json:"fields,omitempty"`
	Issues string          `json:"issues,omitempty"`
}

// jsonItem is how it is stored.
type jsonItem struct {
	Truncated     int64  `json:"truncated,omitempty"`
	Expiry        int64  `json:"expiry,omitempty"`
	EnvironmentID string `json:"environment_id,omitempty"`
	Date          string `json:"date"`
	StampMod      string `json:"stamp_mod"`
	Message       string `json:"message"`
}

// printJSON prints rows as JSON, one object a line, and returns how many.
// Fields are nested as their writer printed them: member order, digits and
// duplicate names are kept. Like printText it stops at the first error.
func printJSON(w io.Writer, rows iter.Seq2[shown, error], zone *time.Location) (int, error) {
	return printEach(w, rows, func(out *bufio.Writer, row *shown) error {
		line, err := marshalRow(row, zone)
		out.Write(line)
		return err
	})
}

// printArray is printJSON as one array.
func printArray(w io.Writer, rows iter.Seq2[shown, error], zone *time.Location) error {
	before, last := "[\n", "[]\n"
	_, err := printEach(w, rows, func(out *bufio.Writer, row *shown) error {
		line, err := marshalRow(row, zone)
		out.WriteString(before)
		out.Write(bytes.TrimSuffix(line, []byte("\n")))
		before, last = ",\n", "\n]\n"
		return err
	})
	if err == nil {
		_, err = io.WriteString(w, last)
	}
	return err
}

// printEach prints rows one after the other, and returns how many.
func printEach(
	w io.Writer, rows iter.Seq2[shown, error], print func(out *bufio.Writer, row *shown) error,
) (n int, err error) {
	out := bufio.NewWriter(w)
	for row, rerr := range rows {
		if err = rerr; err != nil {
			break
		}
		if err = print(out, &row); err != nil {
			err = fmt.Errorf("cannot print row %s of %s: %w", row.StampMod, row.Date, err)
			break
		}
		n++
		if row.atOnce && out.Flush() != nil {
			break // which is said below
		}
	}
	if ferr := out.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("cannot print: %w", ferr)
	}
	return n, err
}

func marshalRow(row *shown, zone *time.Location) ([]byte, error) {
	j := jsonRow{
		Time: jsonTime(row.Time, zone), Table: row.Table, Category: category(row), Context: row.beside,
		Late: row.late,
		jsonLine: jsonLine{
			Level: row.Level, Module: row.Module, Locator: row.Locator, Text: row.Text, Exception: row.Exception,
			RequestID: row.RequestID, jsonLinks: jsonLinks(row.Links),
			Fields: fieldsJSON(row.Fields), Issues: row.Issues,
		},
		jsonItem: jsonItem{
			Truncated: row.Truncated, EnvironmentID: row.EnvironmentID,
			Date: row.Date, StampMod: row.StampMod, Message: row.Message,
		},
		Other: plainMap(row.Other),
	}
	if row.elapsed != nil {
		ms := row.elapsed.Milliseconds()
		j.Elapsed = &ms
	}
	if !row.Expiry.IsZero() {
		j.Expiry = row.Expiry.Unix()
	}
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(j); err != nil {
		return nil, err
	}
	return escapeJSON(line.Bytes()), nil
}

// fieldsJSON is fields as JSON: itself, or a JSON string if it is broken.
func fieldsJSON(fields string) json.RawMessage {
	if fields == "" || json.Valid([]byte(fields)) {
		return json.RawMessage(fields)
	}
	quoted, _ := json.Marshal(fields) // a string always marshals
	return quoted
}

func plainMap(m map[string]types.AttributeValue) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for name, v := range m {
		out[name] = plain(v)
	}
	return out
}

// plain is an attribute as JSON would have it; binary is in base64.
func plain(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return number(v.Value)
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberB:
		return v.Value
	case *types.AttributeValueMemberSS:
		return v.Value
	case *types.AttributeValueMemberNS:
		return mapSlice(v.Value, number)
	case *types.AttributeValueMemberBS:
		return v.Value
	case *types.AttributeValueMemberL:
		return mapSlice(v.Value, plain)
	case *types.AttributeValueMemberM:
		return plainMap(v.Value)
	}
	return nil // NULL, and what this SDK does not know
}

func mapSlice[E any](list []E, f func(E) any) []any {
	mapped := make([]any, len(list))
	for i, element := range list {
		mapped[i] = f(element)
	}
	return mapped
}

// number keeps all 38 digits that DynamoDB may have.
func number(s string) any {
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	return s
}
