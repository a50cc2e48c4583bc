package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// isolate keeps the machine's own AWS settings away from a test.
func isolate(t *testing.T) {
	for _, name := range []string{"AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_ENDPOINT_URL",
		"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	nowhere := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", nowhere)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
}

// result is what a run of the program did.
type result struct {
	code           int
	stdout, stderr string
}

func logtable(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	getenv := func(name string) string { return env[name] }
	code := run(context.Background(), args, getenv, strings.NewReader(""), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// tables is the two tables, named info and errors, with a row in each.
func tables(t *testing.T) (server *table.Server, env map[string]string) {
	isolate(t)
	server = table.Start(t)
	if err := server.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	put := func(tableName string, attributes map[string]string) {
		it := map[string]types.AttributeValue{"date": &types.AttributeValueMemberS{Value: "2026-11-22"}}
		for name, value := range attributes {
			it[name] = &types.AttributeValueMemberS{Value: value}
		}
		if _, err := server.Client().PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &tableName,
			Item: it}); err != nil {
			t.Fatal(err)
		}
	}
	put("info", map[string]string{"stamp_mod": "1795345200.0050000+orders+2p4thtomb9", "message": "INFO: (1) received",
		"level": "INFO", "locator": "1", "request_id": "7f3a9c12-1111",
		"fields": `{"order":12345678901234567890, "to":"a b"}`})
	put("errors", map[string]string{"stamp_mod": "1795345201.0050000+orders+2p4thtomb9",
		"message": "ERROR: (2) refused",
		"level":   "ERROR", "locator": "2", "color": "red"})
	return server, map[string]string{"LOGTABLE_INFO_TABLE": "info", "LOGTABLE_ERRORS_TABLE": "errors"}
}

func TestQueryPrintsADay(t *testing.T) {
	server, env := tables(t)
	got := logtable(t, env, "query", "2026-11-22", "--endpoint-url", server.URL())
	want := `2026-11-22 Sunday (UTC)
 11:00:00.005  INFO   7f3a9c12  orders  (1)  received  order=12345678901234567890 to="a b"
!11:00:01.005  ERROR            orders  (2)  refused
`
	if got != (result{exitOK, want, ""}) {
		t.Errorf("got %+v, want\n%s", got, want)
	}
}

func TestQueryPrintsJSONLines(t *testing.T) {
	server, env := tables(t)
	env["LOGTABLE_TIMEZONE"] = "Europe/Berlin"
	got := logtable(t, env, "query", "2026-11-22", "--endpoint-url", server.URL(), "-o", "jsonl")
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if got.code != exitOK || len(lines) != 2 {
		t.Fatalf("got %+v, want two lines", got)
	}
	if want := `"fields":{"order":12345678901234567890,"to":"a b"}`; !strings.Contains(lines[0], want) {
		t.Errorf("%s lacks %s", lines[0], want)
	}
	var row map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &row); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"time": "2026-11-22T12:00:01.005+01:00", "table": "errors",
		"date":      "2026-11-22",
		"stamp_mod": "1795345201.0050000+orders+2p4thtomb9", "module": "orders", "environment_id": "2p4thtomb9",
		"level": "ERROR", "locator": "2", "text": "refused", "message": "ERROR: (2) refused"} {
		if row[name] != want {
			t.Errorf("%s is %v, want %s", name, row[name], want)
		}
	}
	if other, _ := row["other"].(map[string]any); other["color"] != "red" {
		t.Errorf("an attribute of somebody else's was lost: %s", lines[1])
	}
}

func TestQueryFlagsReachTheTables(t *testing.T) {
	server, env := tables(t)
	for _, tt := range []struct {
		args string
		want string // the texts that are printed
	}{
		{"", "received refused"},
		{"--newest", "refused received"},
		{"--newest --limit 1", "refused"},
		{"-n 1", "refused"},
		{"-n 5", "received refused"},
		{"-n 5 --newest", "refused received"},
		{"-n 1 --info", "received"},
		{"--errors", "refused"},
		{"--info", "received"},
		{"--level error,alarm", "refused"},
		{"--grep RECEIVED -i", "received"},
		{"--grep to=", "received"}, // as it is shown
		{"--match ^re[cf]", "received refused"},
		{"--match ^RE[c] -i", "received"},
		{"--not received", "refused"},
		{"--not received --not refused", ""},
		{"--not order=1234", "refused"},
		{"--field order=12345678901234567890", "received"},
		{"--field order>5 --field to~b", "received"},
		{"--field order<5", ""},
		{"--level err", "refused"},
		{"--level warn+", "refused"},
		{"--level INFO+", "received refused"},
		{"--level DEBUG,alarm+", "refused"},
		{"--locator 1,2", "received refused"},
		{"--locator 2*,x", "refused"},
		{"--module ord*", "received refused"},
		{"--module x,*rders --info", "received"},
		{"--module ord", ""},
		{"--level critical", "refused"},
		{"--locator 1", "received"},
		{"--module orders --grep ref", "refused"},
		{"--request 7f3a9c12", "received"},
		{"--from 11:00:01", "refused"},
		{"--to 11:00:01", "received"},
		{"--info-table errors --info", "refused"},
		{"--errors-table info --errors", "received"},
		{"--module nobody", ""},
	} {
		args := append([]string{"query", "2026-11-22", "--endpoint-url", server.URL(), "-o", "jsonl"},
			strings.Fields(tt.args)...)
		got := logtable(t, env, args...)
		var texts []string
		for line := range strings.Lines(got.stdout) {
			var row jsonRow
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, row.Text)
		}
		if got.code != exitOK || strings.Join(texts, " ") != tt.want {
			t.Errorf("query %s: %q, want %q (%+v)", tt.args, texts, tt.want, got)
		}
		if empty := strings.Contains(got.stderr, "no matching rows in"); empty != (tt.want == "") {
			t.Errorf("query %s says on stderr: %q", tt.args, got.stderr)
		}
	}
}

func TestColour(t *testing.T) {
	server, env := tables(t)
	for _, tt := range []struct {
		color string
		want  bool
	}{{"always", true}, {"auto", false}, {"never", false}} { // the output is not a terminal here
		got := logtable(t, env, "query", "2026-11-22", "--endpoint-url", server.URL(), "--color", tt.color)
		if got.code != exitOK || strings.Contains(got.stdout, "\x1b[") != tt.want {
			t.Errorf("--color %s: %+v", tt.color, got)
		}
	}
}

// An error of AWS's is one line that says what to do next.
func TestQueryExplainsErrors(t *testing.T) {
	server, env := tables(t)
	url := server.URL()
	for _, tt := range []struct {
		name  string
		fault table.FaultFunc
		args  []string
		want  []string
	}{
		{"missing table", nil, []string{"--endpoint-url", url, "--info-table", "nope"},
			[]string{"table nope", "does not exist", "--info-table"}},
		{"access denied", table.AccessDenied(), []string{"--endpoint-url", url},
			[]string{"access denied", "dynamodb:Query"}},
		{"expired token", table.ExpiredToken(), []string{"--endpoint-url", url},
			[]string{"have expired", "log in again"}},
		{"no region", nil, nil, []string{"no AWS region", "--region"}},
		{"no credentials", nil, []string{"--region", "eu-west-1"},
			[]string{"in eu-west-1", "no AWS credentials", "--profile"}},
		{"no profile", nil, []string{"--profile", "nope"}, []string{"profile", "nope"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server.OnRequest(tt.fault)
			got := logtable(t, env, append([]string{"query", "2026-11-22"}, tt.args...)...)
			if got.code != exitError || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("got %+v, want code 1 and one line on stderr", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("%q does not say %q", got.stderr, want)
				}
			}
		})
	}
}

func TestNothingAnswers(t *testing.T) {
	server, env := tables(t)
	url := server.URL()
	server.Close()
	got := logtable(t, env, "query", "--endpoint-url", url)
	if got.code != exitError || !strings.Contains(got.stderr, "no connection") ||
		strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestUsageErrors(t *testing.T) {
	isolate(t)
	for args, want := range map[string]string{
		"qeury":                      "did you mean query",
		"query --colour":             "unknown flag: --colour",
		"query -o xml":               "write text, jsonl, json, csv or raw",
		"query --color pink":         "write auto, always or never",
		"query a b":                  "one DAY at most",
		"query 22.11.":               "is not a day",
		"query --info --errors":      "leave out both",
		"query --limit -1":           "--limit -1",
		"query --limit ten":          "--limit\" flag: write a whole number",
		"query --match (":            "--match \"(\" is not a valid regular expression",
		"query --field order":        "--field \"order\" is not valid: write, for example, order=17",
		"query --field order~(":      "is not a valid regular expression",
		"query --not=":               "--not is empty",
		"query --match=":             "--match is empty",
		"export":                     "an argument is missing: write the name of a FILE",
		"import":                     "an argument is missing: write the names",
		"query --context 3":          "--grep or --match",
		"query --level loud+":        "the scale is DEBUG, INFO, WARN, ALARM, ERROR",
		"query -n -1":                "-n -1",
		"query -n 3 --limit 3":       "without --limit",
		"query --timezone Mars":      "is not a time zone",
		"query --since 1h yesterday": "--since",
		"stats --by nothing":         "choose from module, locator, level, hour, day, field:NAME",
		"stats --by field:":          "choose from",
		"stats --by day,day":         "names day twice",
		"stats --by=":                "--by is empty",
		"stats --module=":            "--module is empty",
		"stats -n -1":                "-n -1 is negative",
		"stats -o raw":               "write text, jsonl or csv",
		"version now":                "unknown command",
		"query --module=":            "--module is empty",
		"query --request=":           "--request is empty",
		"query --endpoint-url bogus": "is not a valid URL",
	} {
		got := logtable(t, nil, strings.Fields(args)...)
		if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, want) ||
			!strings.Contains(got.stderr, "--help") {
			t.Errorf("logtable %s: %+v, want code 2, %q and where to find help", args, got, want)
		}
	}
}

// TestEmptyArguments: an unset variable of a script names no file and no day.
func TestEmptyArguments(t *testing.T) {
	isolate(t)
	for _, command := range []string{"query", "stats", "show", "export", "import", "replay"} {
		got := logtable(t, nil, command, "")
		if got.code != exitUsage || !strings.Contains(got.stderr, "an argument is empty: write ") {
			t.Errorf("logtable %s \"\": %+v", command, got)
		}
	}
}

func TestHelpIsForANewcomer(t *testing.T) {
	isolate(t)
	for _, args := range [][]string{nil, {"help"}, {"--help"}} {
		got := logtable(t, nil, args...)
		if got.code != exitOK || got.stderr != "" || !strings.Contains(got.stdout, "DynamoDB") ||
			!strings.Contains(got.stdout, "logtable query yesterday") {
			t.Errorf("logtable %v: %+v", args, got)
		}
	}
}

func TestCompletionKnowsTheWords(t *testing.T) {
	isolate(t)
	for _, tt := range [][]string{{"text", "jsonl", "query", "-o", ""}, {"auto", "never", "query", "--color", ""},
		{"today", "yesterday", "query", ""}, {"module,level", "module,field:", "stats", "--by", "module,"}} {
		got := logtable(t, nil, append([]string{"__complete"}, tt[2:]...)...)
		if got.code != exitOK || !strings.Contains(got.stdout, tt[0]+"\n") ||
			!strings.Contains(got.stdout, tt[1]+"\n") {
			t.Errorf("completion of %v: %+v, want %v", tt[2:], got, tt[:2])
		}
	}
}
