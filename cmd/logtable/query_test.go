package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The layer may have a scale of its own: --level goes by that, or where nobody
// says which it is, by names as they are as well.
func TestLevelsOfAnotherScale(t *testing.T) {
	server, env := tables(t)
	name := "info"
	for _, level := range []string{"WARNING", "NOTICE", "CRITICAL", "LOW"} {
		item := map[string]types.AttributeValue{}
		for attribute, value := range map[string]string{
			"date": "2026-11-22", "stamp_mod": "1795345300.0050000+" + level + "+2p4thtomb9",
			"message": level + ": (3) says " + level, "level": level, "locator": "3",
		} {
			item[attribute] = &types.AttributeValueMemberS{Value: value}
		}
		put := &dynamodb.PutItemInput{TableName: &name, Item: item}
		if _, err := server.Client().PutItem(t.Context(), put); err != nil {
			t.Fatal(err)
		}
	}
	const scale = "DEBUG=0,INFO=1,NOTICE=2,WARNING=3,ERROR=7,CRITICAL=8,EMERGENCY=9"
	for _, tc := range []struct{ levels, flag, args, want string }{
		{scale, "", "--level warning", "says WARNING"},
		{scale, "", "--level warn", "says WARNING"},
		{scale, "", "--level notice", "says NOTICE"},
		{scale, "", "--level warning+", "says WARNING,says CRITICAL,refused"},
		{scale, "", "--level critical", "says CRITICAL"}, // and not ERROR
		{scale, "", "--level emergency", ""},
		{scale, "", "--level low", "says LOW"}, // not on the scale
		{"", scale, "--level emergency", ""},
		{"LOW=1,HIGH=2", "", "--level low", "says LOW"},
		{"", "", "--level warning", "says WARNING"},
		{"", "", "--level notice", "says NOTICE,received"},
		{"", "", "--level critical", "says CRITICAL,refused"}, // the default layer would have made an ERROR of it
		{"", "", "--level low", "says LOW"},
	} {
		env["LOGTABLE_LEVELS"] = tc.levels
		args := append([]string{"query", "2026-11-22", "--newest", "--endpoint-url", server.URL(), "-o", "jsonl"},
			strings.Fields(tc.args)...)
		if tc.flag != "" {
			args = append(args, "--levels", tc.flag)
		}
		got := logtable(t, env, args...)
		var texts []string
		for line := range strings.Lines(got.stdout) {
			var row jsonRow
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, row.Text)
		}
		if got.code != exitOK || strings.Join(texts, ",") != tc.want {
			t.Errorf("%s with the scale %q%q: %q, want %q (%s)",
				tc.args, tc.levels, tc.flag, texts, tc.want, got.stderr)
		}
	}
	got := logtable(t, env, "query", "--levels", "A")
	if got.code != exitUsage || !strings.Contains(got.stderr, "--levels A is not valid") {
		t.Errorf("%+v", got)
	}
}
