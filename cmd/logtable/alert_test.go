package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/sns"
)

func TestAlertTest(t *testing.T) {
	const base = "arn:aws:sns:eu-central-1:123456789012:"
	for name, tc := range map[string]struct {
		args   []string // but for the endpoint
		fault  sns.Fault
		code   int
		stdout string
		stderr string
	}{
		"published": {[]string{"--topic", base + "oncall"}, sns.Fault{}, 0, "2 subscriptions receive it", ""},
		"FIFO": {[]string{"--topic", base + "oncall.fifo"}, sns.Fault{}, 0,
			"1 subscriptions receive it, unless their filter policy excludes it; 1 await", ""},
		"unconfirmed": {[]string{"--topic", base + "new"}, sns.Fault{}, 3,
			"NOBODY receives it yet: 1 subscriptions await confirmation", ""},
		"unheard": {[]string{"--topic", base + "empty"}, sns.Fault{}, 3,
			"NOBODY receives it: the topic has no subscriptions", ""},
		"no such topic": {[]string{"--topic", base + "x", "--topic", base + "oncall"}, sns.Fault{}, 1,
			"oncall: published", "x: the topic does not exist in account 123456789012, region eu-central-1"},
		"denied": {[]string{"--topic", base + "oncall"}, sns.AccessDenied, 1, "",
			`"Action":"sns:Publish","Resource":"` + base + "oncall"},
		"encrypted": {[]string{"--topic", base + "oncall"},
			sns.Fault{Err: &sns.Error{Code: "KMSAccessDenied", Message: "no"}}, 1, "", "kms:GenerateDataKey*"},
		"expired":  {[]string{"--topic", base + "oncall"}, sns.ExpiredToken, 1, "", "log in again"},
		"no topic": {nil, sns.Fault{}, 2, "", "use --topic"},
		"no ARN":   {[]string{"--topic", "oncall"}, sns.Fault{}, 2, "", "is not an ARN"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sns.Listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.VerifySecret("local")
			s.AddTopic(base+"oncall", 2, 0)
			s.AddTopic(base+"oncall.fifo", 1, 1)
			s.AddTopic(base+"new", 0, 1)
			s.AddTopic(base+"empty", 0, 0)
			s.OnRequest(sns.First(1, tc.fault))
			var stdout, stderr bytes.Buffer
			args := append([]string{"alert", "test", "--endpoint-url", s.URL()}, tc.args...)
			code := run(t.Context(), args, func(string) string { return "" }, nil, &stdout, &stderr)
			if code != tc.code || !strings.Contains(stdout.String(), tc.stdout) ||
				!strings.Contains(stderr.String(), tc.stderr) {
				t.Errorf("exit code %d\n%s%s", code, &stdout, &stderr)
			}
			if sent := s.Messages(); tc.code%3 == 0 && (len(sent) != 1 ||
				sent[0].Subject != "INFO logtable test: this is a test: alerts from Logtable reach you" ||
				sent[0].Attributes["level"] != "INFO") {
				t.Errorf("%+v", sent)
			}
		})
	}
}

func TestAlertTestTakesTheLayersSetting(t *testing.T) {
	var stdout, stderr bytes.Buffer
	env := map[string]string{"LOGTABLE_ALERT_TOPIC_ARNS": "nonsense"}
	getenv := func(name string) string { return env[name] }
	code := run(t.Context(), []string{"alert", "test"}, getenv, nil, &stdout, &stderr)
	if code != 2 || !strings.Contains(stderr.String(), "nonsense") {
		t.Errorf("%d %s", code, &stderr)
	}
}
