package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/read"
)

// grepContext is what `grep -m limit -C n` prints of rows, said by looking at
// all of them at once.
func grepContext(matches []bool, n, limit int) (lines []string) {
	var places []int
	end := len(matches)
	for i, match := range matches {
		if match && limit > 0 && len(places) == limit {
			end = i
			break
		}
		if match {
			places = append(places, i)
		}
	}
	last := -1
	for i := range end {
		near := slices.ContainsFunc(places, func(at int) bool { return i >= at-n && i <= at+n })
		if !near {
			continue
		}
		if last >= 0 && i > last+1 {
			lines = append(lines, "--")
		}
		sign := map[bool]string{true: ":", false: "-"}[matches[i]]
		lines, last = append(lines, fmt.Sprint(i, sign)), i
	}
	return lines
}

func TestContextIsGreps(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 2000 {
		matches := make([]bool, random.IntN(30))
		var rows []read.Row
		for i := range matches {
			matches[i] = random.IntN(5) == 0
			rows = append(rows, read.Row{Text: fmt.Sprint(i)})
		}
		n, limit := 1+random.IntN(4), random.IntN(4)
		all := func(yield func(read.Row, error) bool) {
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
		match := func(r *read.Row) bool {
			var i int
			_, _ = fmt.Sscan(r.Text, &i)
			return matches[i]
		}
		var got []string
		for row, err := range around(all, match, n, limit) {
			if err != nil {
				t.Fatal(err)
			}
			if row.gap {
				got = append(got, "--")
			}
			if row.match == row.beside {
				t.Fatalf("row %s is both or neither", row.Text)
			}
			got = append(got, row.Text+map[bool]string{true: ":", false: "-"}[row.match])
		}
		if diff := cmp.Diff(grepContext(matches, n, limit), got); diff != "" {
			t.Fatalf("%v with %d around and a limit of %d (-want +got):\n%s", matches, n, limit, diff)
		}
	}
}

// Whoever stops reading is not given more, and an error comes last.
func TestContextEndsWhenItShould(t *testing.T) {
	failed := errors.New("failed")
	failing := iter.Seq2[read.Row, error](func(yield func(read.Row, error) bool) {
		if yield(read.Row{Text: "a"}, nil) && yield(read.Row{Text: "b"}, nil) {
			yield(read.Row{}, failed)
		}
	})
	for stop := 1; stop <= 3; stop++ {
		var got []string
		for row, err := range around(failing, func(r *read.Row) bool { return r.Text == "b" }, 2, 0) {
			if got = append(got, row.Text+fmt.Sprint(err)); len(got) == stop {
				break
			}
		}
		if want := []string{"a<nil>", "b<nil>", "failed"}[:stop]; !slices.Equal(got, want) {
			t.Errorf("whoever stops after %d gets %v, want %v", stop, got, want)
		}
	}
}

// putRow stores a row; attributes may leave out the date.
func putRow(t *testing.T, client *dynamodb.Client, table string, attributes map[string]any) {
	t.Helper()
	item := map[string]types.AttributeValue{"date": &types.AttributeValueMemberS{Value: "2026-11-22"}}
	for name, value := range attributes {
		if n, ok := value.(int); ok {
			item[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(n)}
		} else {
			item[name] = &types.AttributeValueMemberS{Value: fmt.Sprint(value)}
		}
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
		t.Fatal(err)
	}
}

// The rows around a match are those of both tables, in their order.
func TestQueryWithContext(t *testing.T) {
	server, env := tables(t)
	for i := range 20 {
		at := time.Date(2026, 11, 22, 12, 0, i, 0, time.UTC)
		table, level := "info", "INFO"
		if i%3 == 2 {
			table, level = "errors", "ERROR"
		}
		text := "step"
		if i == 5 || i == 12 {
			text = "card declined"
		}
		putRow(t, server.Client(), table, map[string]any{
			"stamp_mod": fmt.Sprintf("%d.0000000+orders+2p4thtomb9", at.Unix()), "level": level, "locator": "1",
			"message": fmt.Sprintf("%s: (1) %s %d", level, text, i),
		})
	}
	query := []string{"query", "2026-11-22", "--endpoint-url", server.URL(), "--grep", "card declined"}
	got := logtable(t, env, append(query, "--context", "1")...)
	want := `2026-11-22 Sunday (UTC)
 12:00:04.000- INFO   orders  (1)  step 4
!12:00:05.000: ERROR  orders  (1)  card declined 5
 12:00:06.000- INFO   orders  (1)  step 6
--
!12:00:11.000- ERROR  orders  (1)  step 11
 12:00:12.000: INFO   orders  (1)  card declined 12
 12:00:13.000- INFO   orders  (1)  step 13
`
	if got != (result{exitOK, want, ""}) {
		t.Errorf("got %+v, want\n%s", got, want)
	}
	if got := logtable(t, env, append(query, "--context", "1", "-n", "2")...); got.stdout != want {
		t.Errorf("the last two matches:\n%s, want\n%s", got.stdout, want)
	}
	for args, want := range map[string]string{
		"--context 3":                       "2 3 4 5: 6 7 8 9 10 11 12: 13 14 15",
		"--context 1 --errors":              "2 5: 8",
		"--context 2 --limit 1":             "3 4 5: 6 7",
		"--context 1 --not step":            "refused 5: 12:",
		"--context 1 -n 1":                  "11 12: 13",
		"--context 1 -n 2":                  "4 5: 6 11 12: 13",
		"--context 1 -n 1 --newest":         "13 12: 11",
		"--context 1 --newest":              "13 12: 11 6 5: 4",
		"--context 1 --newest --limit 1":    "13 12: 11",
		"--context 1 --module nobody":       "",
		"--context 2 --level INFO":          "9 10 12: 13 15",
		"--context 1 --limit 1 --exit-code": "4 5: 6",
	} {
		got := logtable(t, env, append(query, append(strings.Fields(args), "-o", "jsonl")...)...)
		var numbers []string
		for line := range strings.Lines(got.stdout) {
			var row jsonRow
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			number := row.Text[strings.LastIndex(row.Text, " ")+1:]
			if !row.Context {
				number += ":"
			}
			numbers = append(numbers, number)
		}
		code := map[bool]int{false: exitOK, true: exitSeen}[strings.Contains(args, "--exit-code")]
		if strings.Join(numbers, " ") != want || got.code != code {
			t.Errorf("%s: %v, want %s; %+v", args, numbers, want, got)
		}
	}
	for _, args := range []string{"--context -1", "--context x", "--context 3 --grep="} {
		if got := logtable(t, env, append(query, strings.Fields(args)...)...); got.code != exitUsage {
			t.Errorf("%s: %+v", args, got)
		}
	}
}
