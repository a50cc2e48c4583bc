package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/alert"
	channel "github.com/logtable/logtable/internal/alert/sns"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/config"
)

// alertFlags are what `logtable alert test` can be told.
type alertFlags struct {
	topics               []string
	profile, endpointURL string
	timezone             string
}

func newAlert(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alert",
		Short: "Check that alerts are delivered",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := &alertFlags{}
	test := &cobra.Command{
		Use:   "test --topic ARN",
		Short: "Publish a sample alert to an SNS topic",
		Long: `Publish a sample alert to an SNS topic, as a function with the layer would, and
report anything that is missing: a permission, the topic's policy, a confirmation.

The sample is published with your own credentials. The function's role also needs
sns:Publish on the topic; layer/template.yaml grants it.`,
		Example: `  logtable alert test --topic arn:aws:sns:eu-central-1:123456789012:oncall`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return alertTest(cmd.Context(), sh, f) },
	}
	flags := test.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.topics, "topic", nil,
		"`ARN` of the topic; may be repeated\n(default LOGTABLE_ALERT_TOPIC_ARNS)")
	flags.StringVar(&f.timezone, "timezone", "",
		"time `ZONE` of the message\n(default LOGTABLE_TIMEZONE, else UTC)")
	flags.StringVar(&f.profile, "profile", "", "`NAME` of the AWS profile")
	flags.StringVar(&f.endpointURL, "endpoint-url", "", "`URL` of another SNS endpoint, such as a local one")
	cmd.AddCommand(test)
	return cmd
}

// alertTest publishes to every topic; one that fails does not keep the others
// from being tried.
func alertTest(ctx context.Context, sh *shell, f *alertFlags) error {
	if f.endpointURL != "" && !awsenv.IsEndpoint(f.endpointURL) {
		return usagef("--endpoint-url %q is not a valid URL: write it as http://127.0.0.1:4566", f.endpointURL)
	}
	topics, err := f.parseTopics(sh)
	if err != nil {
		return err
	}
	failed, unheard := 0, 0
	for _, topic := range topics {
		heard, err := f.try(ctx, sh, topic)
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			failed++
			fmt.Fprintf(sh.stderr, "%s: %s\n", topic.Name, visible(err.Error()))
		case !heard:
			unheard++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d topics did not accept the sample", failed, len(topics))
	}
	if unheard > 0 {
		return errSeen
	}
	return nil
}

// parseTopics returns the topics to be tried: those of the flags, or else of
// the environment.
func (f *alertFlags) parseTopics(sh *shell) (topics []alert.Topic, err error) {
	arns := f.topics
	if len(arns) == 0 {
		isSeparator := func(r rune) bool { return r == ',' || r == ' ' }
		arns = strings.FieldsFunc(sh.getenv(config.AlertTopics), isSeparator)
	}
	if len(arns) == 0 {
		return nil, usagef("no topic is given: use --topic arn:aws:sns:REGION:ACCOUNT:NAME")
	}
	for _, arn := range arns {
		topic, err := alert.ParseTopic(strings.TrimSpace(arn))
		if err != nil {
			return nil, usagef("cannot publish: %w", err)
		}
		topics = append(topics, topic)
	}
	return topics, nil
}

// try publishes one sample and looks whether anybody gets it. heard is false if
// it is certain that nobody does.
func (f *alertFlags) try(ctx context.Context, sh *shell, topic alert.Topic) (heard bool, err error) {
	zone, err := parseZone(cmp.Or(f.timezone, sh.getenv(config.Timezone)))
	if err != nil {
		return false, err
	}
	client, err := f.connect(ctx, sh, topic.Region)
	if err != nil {
		return false, err
	}
	m := alert.Sample(topic, sh.now(), zone)
	in := &sns.PublishInput{
		TopicArn: &topic.ARN, Subject: &m.Subject,
		Message: aws.String(channel.Body(m)), MessageStructure: aws.String("json"),
		MessageAttributes: map[string]types.MessageAttributeValue{},
	}
	for name, value := range map[string]string{"level": m.Level, "module": m.Module, "locator": m.Locator} {
		in.MessageAttributes[name] = types.MessageAttributeValue{
			DataType: aws.String("String"), StringValue: aws.String(value),
		}
	}
	if topic.FIFO {
		in.MessageGroupId, in.MessageDeduplicationId = &m.Group, &m.DeduplicationID
	}
	out, err := client.Publish(ctx, in)
	if err != nil {
		return false, explainPublish(err, topic)
	}
	fmt.Fprintf(sh.stdout, "%s: published, message ID %s\n", topic.Name, visible(aws.ToString(out.MessageId)))
	text, heard := subscribers(ctx, client, topic)
	fmt.Fprintf(sh.stdout, "%s: %s\n", topic.Name, visible(text))
	return heard, nil
}

func (f *alertFlags) connect(ctx context.Context, sh *shell, region string) (*sns.Client, error) {
	cfg, err := loadConfig(ctx, sh, region, f.profile, f.endpointURL)
	if err != nil {
		return nil, err
	}
	return sns.NewFromConfig(cfg, func(o *sns.Options) {
		if f.endpointURL != "" {
			o.BaseEndpoint = aws.String(f.endpointURL)
		}
	}), nil
}

// subscribers says who gets what is published: a message to a topic that nobody
// has subscribed to, or confirmed, is taken and seen by nobody; then heard is
// false.
func subscribers(ctx context.Context, client *sns.Client, topic alert.Topic) (text string, heard bool) {
	out, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &topic.ARN})
	if err != nil {
		return "cannot check the subscriptions: that takes sns:GetTopicAttributes, for this check only", true
	}
	confirmed, pending := out.Attributes["SubscriptionsConfirmed"], out.Attributes["SubscriptionsPending"]
	switch {
	case confirmed == "0" && pending == "0":
		return "NOBODY receives it: the topic has no subscriptions; add one (aws sns subscribe --topic-arn " +
			topic.ARN + " --protocol email --notification-endpoint you@example.com)", false
	case confirmed == "0":
		return "NOBODY receives it yet: " + pending + " subscriptions await confirmation through the link in the " +
			"email from SNS", false
	case pending != "0" && pending != "":
		return confirmed + " subscriptions receive it, unless their filter policy excludes it; " +
			pending + " await confirmation", true
	}
	return confirmed + " subscriptions receive it, unless their filter policy excludes it", true
}

// explainPublish turns a refusal into what to do next.
func explainPublish(err error, topic alert.Topic) error {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return errors.New(explainRefusal(api, topic))
	case isCredentials(err):
		return errors.New(noCredentials)
	}
	return errors.New("no connection: check the region in the ARN, --endpoint-url and the network (" +
		rootCause(err) + ")")
}

func explainRefusal(api smithy.APIError, topic alert.Topic) string {
	code, message := api.ErrorCode(), oneLine(api.ErrorMessage())
	class := awsenv.Classify(code, message)
	switch {
	case class == awsenv.Missing:
		return fmt.Sprintf("the topic does not exist in account %s, region %s: check the ARN",
			topic.Account, topic.Region)
	case awsenv.OfKey(code):
		return "the topic is encrypted: the publisher needs kms:GenerateDataKey* and kms:Decrypt on its key (" +
			code + ": " + message + ")"
	case class == awsenv.Denied:
		return "not allowed: the publisher's policy needs " +
			awsenv.Denial{Action: "sns:Publish", Resource: topic.ARN}.Statement() +
			"; a topic in another account must also allow it in its own access policy (" + message + ")"
	case class == awsenv.Expired:
		return expiredCredentials
	case class == awsenv.BadSignature:
		return refusedCredentials + " (" + message + ")"
	}
	return code + ": " + message
}
