package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ancestorDay reads a table as the ancestor's users do: all of a day, in the
// order of the keys.
func (s *rowStore) ancestorDay(tableName, day string) (items []attributes) {
	s.t.Helper()
	in := &dynamodb.QueryInput{TableName: &tableName, KeyConditionExpression: aws.String("#d = :day"),
		ExpressionAttributeNames:  map[string]string{"#d": "date"},
		ExpressionAttributeValues: attributes{":day": text(day)}}
	for {
		out, err := s.server.Client().Query(s.t.Context(), in)
		if err != nil {
			s.t.Fatal(err)
		}
		items = append(items, out.Items...)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return items
		}
	}
}

// ancestorAll reads a whole table, as who empties it by hand does.
func (s *rowStore) ancestorAll(tableName string) (items []attributes) {
	s.t.Helper()
	in := &dynamodb.ScanInput{TableName: &tableName}
	for {
		out, err := s.server.Client().Scan(s.t.Context(), in)
		if err != nil {
			s.t.Fatal(err)
		}
		items = append(items, out.Items...)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return items
		}
	}
}

// ancestorLine is the form of the ancestor's messages.
var ancestorLine = regexp.MustCompile(`(?s)^([A-Z]+): \(([^)]+)\)( .*)?$`)

// What people say of causes does not disturb a reader of the ancestor's: a
// day's rows are the same as before, and who reads the whole table finds one
// line more for each cause, of the form that he knows.
func TestTheAncestorsReadersAreNotDisturbedByCauses(t *testing.T) {
	s := newRowStore(t)
	for i, message := range []string{"ERROR: (7) no pears KeyError", "ALARM: (7+) no answer", "ERROR: (8)"} {
		s.put("errors", attributes{"date": text("2026-11-22"), "message": text(message),
			"stamp_mod": text(fmt.Sprintf("%d+example", 1795345200+i))})
	}
	before := s.ancestorDay("errors", "2026-11-22")
	for _, args := range []string{
		"resolve example 7 --note fixed_in_41", "ignore example 7+ --until 7d", "resolve example 8", "reopen example 8",
	} {
		env := map[string]string{"LOGTABLE_ERRORS_TABLE": "errors", "LOGTABLE_USER": "ada"}
		got := logtableAt(t, showNow, env, append(strings.Fields(args), "--endpoint-url", s.server.URL())...)
		if got.code != exitOK {
			t.Fatalf("%s: %+v", args, got)
		}
	}
	after := s.ancestorDay("errors", "2026-11-22")
	if len(before) != 3 || !slices.EqualFunc(before, after, equalItems) {
		t.Errorf("the day's rows were\n%v\nand are\n%v", before, after)
	}
	var said []string
	for _, item := range s.ancestorAll("errors") {
		it := map[string]string{}
		for _, name := range []string{"date", "stamp_mod", "message"} {
			value, ok := item[name].(*types.AttributeValueMemberS)
			if !ok {
				t.Fatalf("%v has no text %s", item, name)
			}
			it[name] = value.Value
		}
		match := ancestorLine.FindStringSubmatch(it["message"])
		if match == nil || item["expiry"] != nil {
			t.Errorf("%v is not a line of an error", item)
			continue
		}
		if match[1] == "CAUSE" {
			said = append(said, it["message"])
			if it["date"] != "cause#example" || match[2] != it["stamp_mod"] {
				t.Errorf("%v", it)
			}
		}
	}
	slices.Sort(said)
	want := []string{"CAUSE: (7) resolved by ada: fixed_in_41",
		"CAUSE: (7+) ignored by ada until 2026-12-01T09:00:00Z", "CAUSE: (8) reopened by ada"}
	if !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
	if items := s.ancestorAll("info"); len(items) > 0 {
		t.Errorf("the informational table has %v", items)
	}
}
