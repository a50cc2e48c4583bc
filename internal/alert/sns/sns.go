// Package sns is the alert.Channel of Amazon SNS.
//
// It speaks SNS's Query protocol, one signed form a message, with the AWS SDK's
// signer, credentials and HTTP client that the layer has already: the SDK's own
// client of SNS would add 120 KB to the layer for this one call.
package sns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/version"
)

const (
	// maxMessage is what SNS takes in bytes, message and attributes together,
	// unless a topic is set to take more (SNS, Publish: 256 KiB).
	maxMessage = 262_144
	// maxAttribute bounds the value of an attribute, which filters look at.
	maxAttribute = 256
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 16 << 10

	apiVersion = "2010-03-31"
)

// A Doer is what Channel needs of *http.Client.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// A Channel publishes to SNS topics, each in its own region.
type Channel struct {
	HTTP        Doer
	Credentials aws.CredentialsProvider
	Endpoint    string // in place of AWS's own, for all regions; "" for those
	FIPS        bool
	DualStack   bool
	// Refresh is called when SNS says that the credentials have expired.
	Refresh func()

	signer *v4.Signer
}

var _ alert.Channel = (*Channel)(nil)

// New returns a Channel for a function's environment. It goes to the endpoint
// in AWS_ENDPOINT_URL_SNS, else AWS_ENDPOINT_URL; warn is called for one that
// is not a URL, with what to do about it.
func New(env *awsenv.Environment, warn func(message, advice string)) *Channel {
	return &Channel{
		HTTP: env.HTTP, Credentials: env.Credentials, Refresh: env.Refresh,
		FIPS: env.FIPS, DualStack: env.DualStack,
		Endpoint: env.Endpoint("AWS_ENDPOINT_URL_SNS", func(name, _ string) {
			warn(name+" is not a URL; using SNS's regional endpoint", awsenv.EndpointAdvice(name))
		}),
	}
}

// Fits reports whether a message is within SNS's 256 KB. The subject is counted
// with it, which leaves nothing to doubt.
func (c *Channel) Fits(m alert.Message) bool {
	n := len(Body(m)) + len(m.Subject)
	for _, a := range attributes(m) {
		n += len(a.name) + len("String") + len(a.value)
	}
	return n <= maxMessage
}

// Publish sends one message. The error is an *alert.Refusal if SNS will refuse
// it again.
func (c *Channel) Publish(ctx context.Context, m alert.Message) error {
	form := form(m)
	endpoint := c.endpoint(m.Topic)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form))
	if err != nil {
		return &alert.Refusal{
			Why:    "the endpoint is not a URL",
			Advice: "correct AWS_ENDPOINT_URL_SNS or AWS_ENDPOINT_URL",
		}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("User-Agent", version.UserAgent())
	if err := c.sign(ctx, req, form, m.Topic.Region); err != nil {
		return err
	}
	resp, err := c.HTTP.Do(req)
	switch {
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		if err == nil {
			resp.Body.Close()
		}
		return errors.New("no answer in time")
	case err != nil:
		return errors.New("no connection")
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return errors.New("the answer was cut off")
	}
	return c.judge(resp.StatusCode, string(answer), m.Topic)
}

// endpoint is where a topic's region is served.
func (c *Channel) endpoint(t alert.Topic) string {
	if c.Endpoint != "" {
		return strings.TrimRight(c.Endpoint, "/") + "/"
	}
	host := "sns"
	if c.FIPS && (t.Partition != "aws-us-gov" || c.DualStack) {
		host = "sns-fips" // in GovCloud, every plain endpoint is one
	}
	return "https://" + host + "." + t.Region + "." + awsenv.DNSSuffix(t.Partition, c.DualStack) + "/"
}

func (c *Channel) sign(ctx context.Context, req *http.Request, body, region string) error {
	credentials, err := c.Credentials.Retrieve(ctx)
	var unsigned *awsenv.CredentialsError
	switch {
	case errors.As(err, &unsigned):
		return fmt.Errorf("%w: %s", unsigned, unsigned.Advice)
	case err != nil:
		return errors.New("no credentials")
	}
	if c.signer == nil {
		c.signer = v4.NewSigner()
	}
	sum := sha256.Sum256([]byte(body))
	err = c.signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), "sns", region, time.Now())
	if err != nil {
		return errors.New("cannot sign the request")
	}
	return nil
}

// form is the request's body.
func form(m alert.Message) string {
	v := url.Values{
		"Action": {"Publish"}, "Version": {apiVersion}, "TopicArn": {m.Topic.ARN},
		"Subject": {m.Subject}, "Message": {Body(m)}, "MessageStructure": {"json"},
	}
	for i, a := range attributes(m) {
		entry := "MessageAttributes.entry." + strconv.Itoa(i+1)
		v.Set(entry+".Name", a.name)
		v.Set(entry+".Value.DataType", "String")
		v.Set(entry+".Value.StringValue", a.value)
	}
	if m.Topic.FIFO {
		v.Set("MessageGroupId", m.Group)
		v.Set("MessageDeduplicationId", m.DeduplicationID)
	}
	return v.Encode()
}

// Body is the message in SNS's JSON structure: one text for each kind of
// subscriber. What is not named gets the default, the text for people.
func Body(m alert.Message) string {
	b := []byte{'{'}
	for _, kind := range []struct{ name, text string }{
		{"default", m.Text}, {"email", m.Text}, {"sms", m.Short}, {"http", m.Data}, {"https", m.Data},
	} {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, kind.name...)
		b = append(b, '"', ':')
		b, _ = jsontext.AppendQuote(b, kind.text) // invalid UTF-8 is replaced
	}
	return string(append(b, '}'))
}

type attribute struct{ name, value string }

// attributes are for SNS's filter policies. SNS refuses empty values.
func attributes(m alert.Message) (list []attribute) {
	for _, a := range []attribute{{"level", m.Level}, {"module", m.Module}, {"locator", m.Locator}} {
		value := strings.ToValidUTF8(a.value, "?")
		if len(value) > maxAttribute {
			value = strings.ToValidUTF8(value[:maxAttribute], "")
		}
		if strings.TrimSpace(value) != "" {
			list = append(list, attribute{a.name, clean(value)})
		}
	}
	return list
}

// clean takes out the characters that XML, and so SNS, does not have.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, s)
}

// judge says what an answer means.
func (c *Channel) judge(status int, answer string, t alert.Topic) error {
	if status == http.StatusOK && element(answer, "MessageId", maxWord) != "" {
		return nil
	}
	f := awsenv.NewFailure(status, element(answer, "Code", maxWord), element(answer, "Message", maxErrorMessage))
	switch {
	case status < 400 || f.Code == "" && status < 500:
		return errors.New("the answer is not from SNS: check AWS_ENDPOINT_URL_SNS, AWS_ENDPOINT_URL and HTTPS_PROXY")
	case f.Code == "":
		return fmt.Errorf("HTTP %d", status)
	}
	if f.Class == awsenv.Expired && c.Refresh != nil {
		c.Refresh()
	}
	switch {
	case f.Class == awsenv.ClockOff:
		return fmt.Errorf("%s: %s", f.Code, awsenv.ClockAdvice)
	case f.Class.Passing(), status >= 500, status == http.StatusTooManyRequests:
		return errors.New(f.Code)
	}
	return refusal(f, t)
}

// refusal is the error for what SNS will refuse again.
func refusal(f awsenv.Failure, t alert.Topic) *alert.Refusal {
	if d, ok := awsenv.ParseDenial(f.Message); ok && f.Class == awsenv.Denied {
		usual := d.OfRole() && strings.EqualFold(d.Action, "sns:Publish") // of which advice knows more
		if !usual {
			return &alert.Refusal{Why: f.Code + ": " + d.String(), Advice: d.Advice()}
		}
	}
	return &alert.Refusal{Why: f.Code, Advice: advice(f, t)}
}

// advice says what to do about a refusal of which only the code is known.
func advice(f awsenv.Failure, t alert.Topic) string {
	switch {
	case f.Class == awsenv.Missing:
		return "the topic does not exist: check the ARN, its region and its account"
	case awsenv.OfKey(f.Code):
		return "the topic is encrypted: allow the function's role kms:GenerateDataKey* and kms:Decrypt on its key"
	case f.Class == awsenv.Denied:
		return "add to the policy of the function's role: " +
			awsenv.Denial{Action: "sns:Publish", Resource: t.ARN}.Statement() +
			`; a topic in another account must also allow it in its own policy`
	case f.Class == awsenv.BadSignature:
		return "check the credentials in the function's environment"
	case f.Class == awsenv.NotEnabled:
		return "the account cannot use SNS in this region yet: complete the account's sign-up and enable the region"
	}
	return ""
}

const (
	maxWord         = 200  // of a code or an ID, in bytes
	maxErrorMessage = 4096 // of an error's message
)

// element is the text of the first XML element of that name, "" if it is longer
// than most, in bytes. What is looked for in it has no characters that XML
// would escape.
func element(xml, name string, most int) string {
	_, rest, found := strings.Cut(xml, "<"+name+">")
	value, _, closed := strings.Cut(rest, "</"+name+">")
	if !found || !closed || len(value) > most {
		return ""
	}
	return strings.TrimSpace(value)
}
