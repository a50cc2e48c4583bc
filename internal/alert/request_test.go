package alert_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/alert"
)

const oncall = "arn:aws:sns:eu-central-1:123456789012:oncall"

func TestTopics(t *testing.T) {
	for arn, want := range map[string]string{ // "" for good, else part of the error
		oncall:           "",
		oncall + ".fifo": "",
		"arn:aws-cn:sns:cn-north-1:123456789012:a_B-9":                             "",
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:x":                          "",
		"arn:aws-iso-b:sns:us-isob-east-1:123456789012:x":                          "",
		"arn:aws-eusc:sns:eusc-de-east-1:123456789012:x":                           "",
		"arn:aws:sns:ap-southeast-2:123456789012:" + strings.Repeat("x", 256):      "",
		"arn:aws:sns:ap-southeast-2:123456789012:" + strings.Repeat("x", 257):      "not a valid topic name",
		"arn:aws:sns:eu-west-1:123456789012:" + strings.Repeat("x", 252) + ".fifo": "not a valid topic name",
		"":       "not an ARN",
		"oncall": "not an ARN",
		"arn:aws:sqs:eu-west-1:123456789012:oncall":             "not of sns",
		oncall + ":0f3a4b5c-0000-0000-0000-000000000000":        "subscription",
		"arn:aws:sns:eu-west-1:12345678901:oncall":              "not a valid account ID",
		"arn:aws:sns::123456789012:oncall":                      "not a valid region",
		"arn:aws:sns:mars:123456789012:oncall":                  "not a valid region",
		"arn:aws:sns:cn-north-1:123456789012:oncall":            "not in partition",
		"arn:aws-cn:sns:eu-west-1:123456789012:oncall":          "not in partition",
		"arn:azure:sns:eu-west-1:123456789012:oncall":           "not in partition",
		"arn:aws:sns:eu-west-1:123456789012:":                   "not a valid topic name",
		"arn:aws:sns:eu-west-1:123456789012:endpoint/GCM/app/x": "not a valid topic name",
		"arn:aws:sns:eu-west-1:123456789012:a.b":                "not a valid topic name",
		"arn:aws:sns:eu-west-1:123456789012:.fifo":              "not a valid topic name",
		"arn:aws:sns:eu-west-1:123456789012:on*":                "not a valid topic name",
		"arn:aws:sns:eu-west-1:123456789012:oncall\n":           "not a valid topic name",
	} {
		topic, err := alert.ParseTopic(arn)
		good := err == nil && topic.ARN == arn && topic.FIFO == strings.HasSuffix(arn, ".fifo")
		refused := err != nil && strings.Contains(err.Error(), want)
		if want == "" && !good || want != "" && !refused {
			t.Errorf("%q: %+v, %v; want %q", arn, topic, err, want)
		}
	}
}

// TestErrorsAreShort: they quote what strangers wrote, and become rows.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, arn := range []string{
		long, "arn:" + long, oncall + long,
		"arn:aws:" + long + ":a:b:c", "arn:aws:sns:" + long + ":b:c", "arn:" + long + ":sns:eu-west-1:1:c",
	} {
		if _, err := alert.ParseTopic(arn); err == nil || len(err.Error()) > 400 {
			t.Errorf("%.500v", err)
		}
	}
}

func allow(t *testing.T, entries ...string) (list alert.Allow) {
	t.Helper()
	for _, e := range entries {
		topic, err := alert.ParseAllowed(e)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, topic)
	}
	return list
}

func TestAllowed(t *testing.T) {
	base := "arn:aws:sns:eu-central-1:123456789012:"
	list := allow(t, oncall, base+"orders-*", base+"a*b*c", "arn:aws:sns:us-east-1:123456789012:*")
	for arn, want := range map[string]bool{
		oncall: true, oncall + "2": false, base + "orders-": true, base + "orders-x.fifo": true, base + "orders": false,
		base + "abc": true, base + "aXbYbZc": true, base + "aXbYc2": false, base + "x": false,
		"arn:aws:sns:us-east-1:123456789012:anything": true, "arn:aws:sns:us-east-1:123456789013:anything": false,
		"arn:aws:sns:us-east-2:123456789012:anything": false,
	} {
		topic, err := alert.ParseTopic(arn)
		if err != nil || list.Allows(topic) != want {
			t.Errorf("%s: %v, %v; want %v", arn, list.Allows(topic), err, want)
		}
	}
	for _, bad := range []string{
		"*", "arn:aws:sns:*:123456789012:x", "arn:aws:sns:eu-west-1:*:x", "arn:*:sns:eu-west-1:123456789012:x",
		base + "a?",
	} {
		if topic, err := alert.ParseAllowed(bad); err == nil {
			t.Errorf("%q is taken: %+v", bad, topic)
		}
	}
	if (alert.Allow)(nil).Allows(list[0]) {
		t.Error("nothing allowed allows")
	}
}

func TestRequests(t *testing.T) {
	list := allow(t, "arn:aws:sns:eu-central-1:123456789012:*")
	good := `{"channel":"sns","topic_arns":["` + oncall + `"],"message":"m"}`
	for _, tc := range []struct {
		fields string
		want   string // topics and message of each, then the issues' parts
		issues []string
	}{
		{``, "", nil},
		{`{"order":17}`, "", nil},
		{`{"order":"the \"alert\" of today"}`, "", nil},
		{`{"alert":null}`, "", nil},
		{`{"alert":` + good + `}`, "oncall=m", nil},
		{`{"a":{"alert":1},"alert":[` + good + `,` + strings.Replace(good, "oncall", "two", 1) + `]}`,
			"oncall=m two=m", nil},
		{`{"alert":[]}`, "", []string{"empty list"}},
		{`{"alert":"call me"}`, "", []string{"neither an object nor a list"}},
		{`{"alert":[7,` + good + `]}`, "oncall=m", []string{"not an object"}},
		{`{"alert":{"topic_arns":["` + oncall + `"],"message":"m"}}`, "", []string{`unknown alert channel ""`}},
		{`{"alert":[{"channel":"pigeon","topic_arns":["` + oncall + `"],"message":"m"},` + good + `]}`,
			"oncall=m", []string{`unknown alert channel "pigeon"`}},
		{`{"alert":[` + strings.Replace(good, `"m"`, `" "`, 1) + `,` + strings.Replace(good, `"m"`, `7`, 1) + `]}`,
			"", []string{"message is empty", "message is empty"}},
		{`{"alert":{"channel":"sns","topic_arns":[],"message":"m"}}`, "", []string{"topic_arns is empty"}},
		{`{"alert":{"channel":"sns","topic_arns":"` + oncall + `","message":"m"}}`,
			"", []string{"topic_arns is empty or not a list"}},
		{`{"alert":{"channel":"sns","topic_arns":["x",7,"` + oncall + `"],"message":"m"}}`,
			"oncall=m", []string{"invalid SNS topic", "invalid SNS topic"}},
		{`{"alert":{"channel":"sns","topic_arns":["arn:aws:sns:us-east-1:123456789012:oncall"],"message":"m"}}`,
			"", []string{"LOGTABLE_ALERT_ALLOW does not allow"}},
		{`{"alert":[` + strings.Repeat(good+",", 11) + good + `]}`,
			strings.TrimSpace(strings.Repeat("oncall=m ", 10)), []string{"holds 12 requests"}},
		{`{"alert":{"channel":"sns","topic_arns":[` + strings.Repeat(`"`+oncall+`",`, 11) + `"` + oncall +
			`"],"message":"\u00e9\ud83d\ude00"}}`,
			strings.TrimSuffix(strings.Repeat("oncall,", 10), ",") + "=é😀", []string{"names 12 topics"}},
		{`{"alert":`, "", nil},
	} {
		requests, issues := alert.Requests(tc.fields, list)
		var got []string
		for _, r := range requests {
			var names []string
			for _, topic := range r.Topics {
				names = append(names, topic.Name)
			}
			got = append(got, strings.Join(names, ",")+"="+r.Message)
		}
		if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s:\n%s", tc.fields, diff)
		}
		if len(issues) != len(tc.issues) {
			t.Errorf("%s: issues %q", tc.fields, issues)
			continue
		}
		for i := range issues {
			if !strings.Contains(issues[i], tc.issues[i]) {
				t.Errorf("%s: issue %q, want %q", tc.fields, issues[i], tc.issues[i])
			}
		}
	}
}

func FuzzRequests(f *testing.F) {
	f.Add(`{"alert":{"channel":"sns","topic_arns":["` + oncall + `"],"message":"m"}}`)
	f.Add(`{"alert":[[],{},{"channel":"sns","message":"\ud800"}]}`)
	list := alert.Allow{{Partition: "aws", Region: "eu-central-1", Account: "123456789012", Name: "*"}}
	f.Fuzz(func(t *testing.T, fields string) {
		requests, issues := alert.Requests(fields, list)
		for _, r := range requests {
			if r.Message == "" || len(r.Topics) == 0 || len(r.Topics) > 10 {
				t.Errorf("%q: %+v", fields, r)
			}
		}
		if len(requests) > 10 || len(fmt.Sprint(issues)) > 200_000 {
			t.Errorf("%q: %d requests, %d issues", fields, len(requests), len(issues))
		}
	})
}
