package sns_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/logtable/logtable/internal/sandbox/sns"
)

const (
	topicARN = "arn:aws:sns:eu-central-1:123456789012:oncall"
	fifoARN  = "arn:aws:sns:eu-central-1:123456789012:oncall.fifo"
	secret   = "not a secret"
)

func start(t *testing.T) *sns.Server {
	t.Helper()
	s, err := sns.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.VerifySecret(secret)
	s.AddTopic(topicARN, 1, 0)
	s.AddTopic(fifoARN, 1, 2)
	return s
}

func client(s *sns.Server) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(s.URL()), Retryer: aws.NopRetryer{},
		HTTPClient: &http.Client{Transport: &http.Transport{}},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDLOCAL", SecretAccessKey: secret, SessionToken: "token"}, nil
		}),
	})
}

// TestTheSDKPublishes has AWS's own client speak to the endpoint, with the
// signature computed.
func TestTheSDKPublishes(t *testing.T) {
	s := start(t)
	out, err := client(s).Publish(t.Context(), &sdk.PublishInput{
		TopicArn: aws.String(topicARN), Subject: aws.String("s & <t>"),
		Message: aws.String(`{"default":"ü+ %","sms":"short","ignored":1}`), MessageStructure: aws.String("json"),
		MessageAttributes: map[string]types.MessageAttributeValue{"level": {DataType: aws.String("String"),
			StringValue: aws.String("ERROR")}},
	})
	if err != nil || out.MessageId == nil {
		t.Fatal(out, err)
	}
	m := s.Messages()[0]
	if m.ByProtocol["default"] != "ü+ %" || m.ByProtocol["sms"] != "short" || len(m.ByProtocol) != 2 ||
		m.Attributes["level"] != "ERROR" || m.Subject != "s & <t>" || m.ID != *out.MessageId {
		t.Errorf("%+v", m)
	}
}

func TestRefusals(t *testing.T) {
	in := func(change func(*sdk.PublishInput)) *sdk.PublishInput {
		p := &sdk.PublishInput{TopicArn: aws.String(topicARN), Subject: aws.String("s"), Message: aws.String("m")}
		change(p)
		return p
	}
	attributes := func(n int) map[string]types.MessageAttributeValue {
		all := map[string]types.MessageAttributeValue{}
		for i := range n {
			all[strings.Repeat("a", i+1)] = types.MessageAttributeValue{DataType: aws.String("String"),
				StringValue: aws.String("v")}
		}
		return all
	}
	for _, tc := range []struct {
		name, code string
		in         *sdk.PublishInput
	}{
		{"no topic's ARN", "InvalidParameter", in(func(p *sdk.PublishInput) { p.TopicArn = aws.String("oncall") })},
		{"a subscription", "InvalidParameter",
			in(func(p *sdk.PublishInput) { p.TopicArn = aws.String(topicARN + ":1") })},
		{"another region's", "InvalidParameter",
			in(func(p *sdk.PublishInput) { p.TopicArn = aws.String(strings.Replace(topicARN, "central", "west", 1)) })},
		{"no such topic", "NotFound", in(func(p *sdk.PublishInput) { p.TopicArn = aws.String(topicARN + "x") })},
		{"a long subject", "InvalidParameter",
			in(func(p *sdk.PublishInput) { p.Subject = aws.String(strings.Repeat("s", 101)) })},
		{"a line feed in it", "InvalidParameter", in(func(p *sdk.PublishInput) { p.Subject = aws.String("a\nb") })},
		{"no ASCII", "InvalidParameter", in(func(p *sdk.PublishInput) { p.Subject = aws.String("größer") })},
		{"an empty one", "InvalidParameter", in(func(p *sdk.PublishInput) { p.Subject = aws.String("") })},
		{"empty message", "InvalidParameter", in(func(p *sdk.PublishInput) { p.Message = aws.String("") })},
		{"long message", "InvalidParameter",
			in(func(p *sdk.PublishInput) { p.Message = aws.String(strings.Repeat("m", 256<<10+1)) })},
		{"long with attributes", "InvalidParameter", in(func(p *sdk.PublishInput) {
			p.Message, p.MessageAttributes = aws.String(strings.Repeat("m", 256<<10)), attributes(1)
		})},
		{"no default", "InvalidParameter", in(func(p *sdk.PublishInput) {
			p.Message, p.MessageStructure = aws.String(`{"sms":"x"}`), aws.String("json")
		})},
		{"no JSON", "InvalidParameter", in(func(p *sdk.PublishInput) { p.MessageStructure = aws.String("json") })},
		{"another structure", "InvalidParameter",
			in(func(p *sdk.PublishInput) { p.MessageStructure = aws.String("xml") })},
		{"too many attributes", "InvalidParameter",
			in(func(p *sdk.PublishInput) { p.MessageAttributes = attributes(11) })},
		{"empty attribute", "ParameterValueInvalid", in(func(p *sdk.PublishInput) {
			p.MessageAttributes = map[string]types.MessageAttributeValue{"a": {DataType: aws.String("String"),
				StringValue: aws.String("")}}
		})},
		{"attribute's name", "ParameterValueInvalid", in(func(p *sdk.PublishInput) {
			p.MessageAttributes = map[string]types.MessageAttributeValue{"AWS.x": {DataType: aws.String("String"),
				StringValue: aws.String("v")}}
		})},
		{"attribute's type", "ParameterValueInvalid", in(func(p *sdk.PublishInput) {
			p.MessageAttributes = map[string]types.MessageAttributeValue{"a": {DataType: aws.String("Text"),
				StringValue: aws.String("v")}}
		})},
		{"FIFO without group", "InvalidParameter",
			in(func(p *sdk.PublishInput) {
				p.TopicArn, p.MessageDeduplicationId = aws.String(fifoARN), aws.String("1")
			})},
		{"FIFO without ID", "InvalidParameter",
			in(func(p *sdk.PublishInput) { p.TopicArn, p.MessageGroupId = aws.String(fifoARN), aws.String("1") })},
		{"ID without FIFO", "InvalidParameter",
			in(func(p *sdk.PublishInput) { p.MessageDeduplicationId = aws.String("1") })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t)
			_, err := client(s).Publish(t.Context(), tc.in)
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != tc.code || len(s.Messages()) > 0 {
				t.Errorf("%v, want %s; %d messages", err, tc.code, len(s.Messages()))
			}
		})
	}
	t.Run("another secret", func(t *testing.T) {
		s := start(t)
		s.VerifySecret("another")
		_, err := client(s).Publish(t.Context(), in(func(*sdk.PublishInput) {}))
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "SignatureDoesNotMatch" {
			t.Error(err)
		}
	})
	t.Run("unsigned", func(t *testing.T) {
		s := start(t)
		resp, err := http.Post(s.URL(), "application/x-www-form-urlencoded", strings.NewReader("Action=Publish"))
		if err != nil || resp.StatusCode != 403 {
			t.Error(resp, err)
		}
	})
}

func TestFIFOTopicsDropDuplicatesForFiveMinutes(t *testing.T) {
	s := start(t)
	now := time.Now()
	s.SetClock(func() time.Time { return now })
	send := func() {
		t.Helper()
		_, err := client(s).Publish(t.Context(), &sdk.PublishInput{
			TopicArn: aws.String(fifoARN), Message: aws.String("m"), MessageGroupId: aws.String("g"),
			MessageDeduplicationId: aws.String("1"),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	send()
	now = now.Add(4 * time.Minute)
	send()
	if n := len(s.Messages()); n != 1 {
		t.Errorf("%d messages within five minutes", n)
	}
	now = now.Add(2 * time.Minute)
	send()
	if n := len(s.Messages()); n != 2 {
		t.Errorf("%d messages after them", n)
	}
}

func TestFaultsAndAttributes(t *testing.T) {
	s := start(t)
	c := client(s)
	publish := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := c.Publish(ctx, &sdk.PublishInput{TopicArn: aws.String(topicARN), Message: aws.String("m")})
		return err
	}
	for name, tc := range map[string]struct {
		fault     sns.Fault
		delivered bool
	}{
		"denied": {sns.AccessDenied, false}, "throttled": {sns.Throttled, false},
		"before": {sns.Fault{ResetBefore: true}, false},
		"after":  {sns.Fault{ResetAfter: true}, true}, "internal": {sns.Internal, false},
	} {
		before := len(s.Messages())
		s.OnRequest(sns.First(1, tc.fault))
		if err := publish(); err == nil || (len(s.Messages()) > before) != tc.delivered {
			t.Errorf("%s: %v, %d messages", name, err, len(s.Messages())-before)
		}
	}
	s.OnRequest(sns.Always(sns.Fault{Hang: true}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { cancel() }()
	in := &sdk.PublishInput{TopicArn: aws.String(topicARN), Message: aws.String("m")}
	if _, err := c.Publish(ctx, in); err == nil {
		t.Error("a request that hangs was answered")
	}
	s.OnRequest(nil)
	out, err := c.GetTopicAttributes(t.Context(), &sdk.GetTopicAttributesInput{TopicArn: aws.String(fifoARN)})
	if err != nil || out.Attributes["SubscriptionsConfirmed"] != "1" || out.Attributes["SubscriptionsPending"] != "2" {
		t.Errorf("%v %v", out, err)
	}
}
