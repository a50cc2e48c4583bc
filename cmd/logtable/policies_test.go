package main

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/iam"
	"github.com/logtable/logtable/internal/sandbox/sns"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// enforce has a table allow what policies of the template do, with + between
// them, but for an action on a table ("" for all that they do).
func enforce(t *testing.T, server *table.Server, policy, without, arn string) {
	t.Helper()
	text, err := os.ReadFile("../../layer/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	template, err := iam.ReadTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	const base = "arn:aws:dynamodb:us-east-1:000000000000:table/"
	var all []iam.Policy
	for name := range strings.SplitSeq(policy, "+") {
		p, err := template.Policy(name,
			map[string]any{"InfoTable.Arn": base + "info", "ErrorsTable.Arn": base + "errors"})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	server.Authorize(func(action, on string, keys []string) bool {
		if action == without && on == base+arn {
			return false
		}
		return iam.Allowed(all, iam.Request{Action: action, Resource: on,
			Keys: map[string][]string{"dynamodb:LeadingKeys": keys}})
	})
}

// Each command does with the policy that the template has for it, and says what
// is missing where something is.
func TestCommandsUnderTheirPolicies(t *testing.T) {
	for _, tc := range []struct{ command, policy, action string }{
		{"query 2026-11-22", "ReadPolicy", "dynamodb:Query"},
		{"query 2026-11-22 --module nobody", "ReadPolicy", "dynamodb:Query"},
		{"show 7f3a9c12", "ReadPolicy", "dynamodb:Query"},
		{"stats 2026-11-22", "ReadPolicy", "dynamodb:Query"},
		{"tail --since 60h", "ReadPolicy", "dynamodb:Query"},
		{"export DIR/new.jsonl 2026-11-22", "ReadPolicy", "dynamodb:Query"},
		{"errors --since 7d", "ReadPolicy", "dynamodb:Query"},
		{"errors orders 2", "ReadPolicy", "dynamodb:Query"},
		{"query --open --since 7d", "ReadPolicy", "dynamodb:Query"},
		{"resolve orders 2", "ReadPolicy+ResolvePolicy", "dynamodb:PutItem"},
		{"ignore orders 2 --until 1h", "ReadPolicy+ResolvePolicy", "dynamodb:GetItem"},
		{"reopen orders 2", "ReadPolicy+ResolvePolicy", "dynamodb:GetItem"},
		{"import DIR/rows.jsonl", "ReplayPolicy", "dynamodb:PutItem"},
		{"replay DIR/log", "ReplayPolicy", "dynamodb:PutItem"},
	} {
		t.Run(tc.command, func(t *testing.T) {
			server, env := tables(t)
			dir := t.TempDir()
			run := func(command string) result {
				args := strings.Fields(strings.ReplaceAll(command, "DIR", dir))
				return logtableAt(t, showNow, env, append(args, "--endpoint-url", server.URL())...)
			}
			if got := run("export DIR/rows.jsonl 2026-11-22"); got.code != exitOK {
				t.Fatalf("%+v", got)
			}
			log := signedLog(t, nil, false, entries(5)...)
			if err := os.WriteFile(filepath.Join(dir, "log"), []byte(log), 0o600); err != nil {
				t.Fatal(err)
			}
			refused := 0
			for _, name := range []string{"info", "errors"} {
				enforce(t, server, tc.policy, tc.action, name)
				got := run(tc.command)
				if got.code == exitOK {
					continue // of replay's five records, all are of one table
				}
				refused++
				if got.code != exitError || !strings.Contains(got.stderr, "allow "+tc.action+" on "+name) {
					t.Errorf("without %s on %s: %+v", tc.action, name, got)
				}
			}
			ofOneTable := []string{"replay", "errors", "resolve", "ignore", "reopen"}
			least := 2
			if slices.Contains(ofOneTable, strings.Fields(tc.command)[0]) || strings.Contains(tc.command, "--open") {
				least = 1
			}
			if refused < least {
				t.Errorf("without %s on either table, %d were refused", tc.action, refused)
			}
			enforce(t, server, tc.policy, "", "")
			if got := run(tc.command); got.code != exitOK {
				t.Errorf("under %s: %+v", tc.policy, got)
			}
		})
	}
}

// The same for SNS. The policy is the function's and does not allow to look at
// subscriptions: the command says that it could not, and is done.
func TestAlertTestUnderItsPolicy(t *testing.T) {
	isolate(t)
	const topic = "arn:aws:sns:eu-central-1:123456789012:oncall"
	text, err := os.ReadFile("../../layer/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	template, err := iam.ReadTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := template.Policy("AlertPolicy", map[string]any{"AlertTopicArns": []any{topic},
		"InfoTable.Arn":   "arn:aws:dynamodb:eu-central-1:123456789012:table/info",
		"ErrorsTable.Arn": "arn:aws:dynamodb:eu-central-1:123456789012:table/errors"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		without        string
		code           int
		stdout, stderr string
	}{
		{"", exitOK, "that takes sns:GetTopicAttributes, for this check only", ""},
		{"sns:Publish", exitError, "", `"Action":"sns:Publish","Resource":"` + topic},
	} {
		s, err := sns.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.AddTopic(topic, 1, 0)
		s.OnRequest(func(action string, _ int, form url.Values) (fault sns.Fault) {
			action = "sns:" + action
			if action == tc.without || !iam.Allowed([]iam.Policy{policy},
				iam.Request{Action: action, Resource: form.Get("TopicArn")}) {
				fault = sns.AccessDenied
			}
			return fault
		})
		got := logtable(t, nil, "alert", "test", "--topic", topic, "--endpoint-url", s.URL())
		if got.code != tc.code || !strings.Contains(got.stdout, tc.stdout) || !strings.Contains(got.stderr, tc.stderr) {
			t.Errorf("without %q: %+v", tc.without, got)
		}
	}
}
