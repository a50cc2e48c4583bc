package sns

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 ` +
	`Credential=([^/,]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})$`)

// admit checks the HTTP side of a request and returns the region that it is
// signed for.
func admit(r *http.Request, body []byte, secret string) (region string, refused *Error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", &Error{Status: 403, Code: "MissingAuthenticationToken",
			Message: "Request is missing Authentication Token"}
	}
	m := authorization.FindStringSubmatch(header)
	date := r.Header.Get("X-Amz-Date")
	switch {
	case m == nil:
		return "", &Error{Code: "IncompleteSignature",
			Message: "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters."}
	case !strings.HasPrefix(date, m[2]):
		return "", &Error{Code: "IncompleteSignature",
			Message: "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"}
	case m[4] != "sns":
		return "", &Error{Status: 403, Code: "SignatureDoesNotMatch",
			Message: "Credential should be scoped to correct service: 'sns'."}
	case secret != "" && !verified(r, body, m, secret):
		return "", &Error{Status: 403, Code: "SignatureDoesNotMatch", Message: "The request signature we calculated " +
			"does not match the signature you provided. Check your AWS Secret Access Key and signing method."}
	}
	for _, name := range []string{"host", "x-amz-date"} {
		if !strings.Contains(";"+m[5]+";", ";"+name+";") {
			return "", &Error{Code: "IncompleteSignature", Message: "'" + name + "' must be a signed header"}
		}
	}
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if r.Method != http.MethodPost || media != "application/x-www-form-urlencoded" {
		return "", &Error{Code: "UnknownOperationException", Message: "neither a form nor a POST"}
	}
	return m[3], nil
}

// verified signs the request once more, with the headers that were signed.
func verified(r *http.Request, body []byte, m []string, secret string) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	again := &http.Request{Method: r.Method, URL: &url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path},
		Host: r.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(m[5], ";") {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
		if name == "content-length" {
			again.ContentLength = int64(len(body))
		}
	}
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: m[1], SecretAccessKey: secret,
		SessionToken: r.Header.Get("X-Amz-Security-Token")}
	signer, hash := v4.NewSigner(), hex.EncodeToString(sum[:])
	if signer.SignHTTP(context.Background(), credentials, again, hash, m[4], m[3], at) != nil {
		return false
	}
	return strings.HasSuffix(again.Header.Get("Authorization"), "Signature="+m[6])
}

// run carries out an action and returns the answer's XML.
func (s *Server) run(form url.Values, region string) (string, *Error) {
	if form.Get("Version") != "2010-03-31" {
		return "", &Error{Code: "NoSuchVersion",
			Message: "The requested version (" + form.Get("Version") + ") of service AmazonSNS does not exist"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var result string
	var refused *Error
	action := form.Get("Action")
	switch action {
	case "Publish":
		result, refused = s.publish(form, region)
	case "CreateTopic":
		arn := "arn:aws:sns:" + region + ":000000000000:" + form.Get("Name")
		if s.topics[arn] == nil {
			s.topics[arn] = &topic{seen: map[string]seen{}}
		}
		result = "<TopicArn>" + escape(arn) + "</TopicArn>"
	case "GetTopicAttributes":
		t := s.topics[form.Get("TopicArn")]
		if t == nil {
			return "", NoTopic.Err
		}
		result = fmt.Sprintf("<Attributes><entry><key>SubscriptionsConfirmed</key><value>%d</value></entry><entry><key>SubscriptionsPending</key><value>%d</value></entry></Attributes>",
			t.confirmed, t.pending)
	default:
		return "", &Error{Code: "InvalidAction",
			Message: "The action " + action + " is not valid for this web service."}
	}
	if refused != nil {
		return "", refused
	}
	return "<" + action + `Response xmlns="` + namespace + `"><` + action + "Result>" + result + "</" + action +
		"Result><ResponseMetadata><RequestId>" + rand.Text() + "</RequestId></ResponseMetadata></" +
		action + "Response>", nil
}

func invalid(format string, args ...any) *Error {
	return &Error{Code: "InvalidParameter", Message: "Invalid parameter: " + fmt.Sprintf(format, args...)}
}

// topicARN is the form of a topic's ARN, with its region.
var topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)

// idForm is what group and deduplication IDs are made of.
var idForm = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\\[\\\\\\]^_`{|}~-]{1,128}$")

// parameters are those that Publish has and this endpoint knows.
var parameters = map[string]bool{
	"Action": true, "Version": true, "TopicArn": true, "Subject": true, "Message": true, "MessageStructure": true,
	"MessageGroupId": true, "MessageDeduplicationId": true,
}

// The limit of a message with its attributes, in bytes, and the number of
// attributes that every kind of subscription gets.
const (
	maxBytes      = 256 << 10
	maxAttributes = 10
)

// publish must be called with mu held.
func (s *Server) publish(form url.Values, region string) (string, *Error) {
	m := Message{
		ID: messageID(), TopicARN: form.Get("TopicArn"), Subject: form.Get("Subject"), Body: form.Get("Message"),
		Group: form.Get("MessageGroupId"), Once: form.Get("MessageDeduplicationId"),
	}
	parts := topicARN.FindStringSubmatch(m.TopicARN)
	switch {
	case parts == nil:
		return "", invalid("TopicArn Reason: An ARN must have at least 6 elements, not %d",
			strings.Count(m.TopicARN, ":")+1)
	case parts[1] != region:
		return "", invalid("TopicArn")
	case s.topics[m.TopicARN] == nil:
		return "", NoTopic.Err
	case m.Body == "":
		return "", invalid("Empty message")
	case !utf8.ValidString(m.Body):
		return "", invalid("Message")
	}
	if form.Has("Subject") && !goodSubject(m.Subject) {
		return "", invalid("Subject")
	}
	size, refused := m.readAttributes(form)
	if refused != nil {
		return "", refused
	}
	if size+len(m.Body) > maxBytes {
		return "", invalid("Message too long")
	}
	if refused := m.readStructure(form); refused != nil {
		return "", refused
	}
	return s.deliver(&m, parts[2] != "")
}

// deliver keeps a message, unless its topic is FIFO and has it already.
func (s *Server) deliver(m *Message, fifo bool) (string, *Error) {
	t := s.topics[m.TopicARN]
	if !fifo {
		if m.Once != "" {
			return "", invalid("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter " +
				"that is not valid for this topic type")
		}
		s.messages = append(s.messages, *m)
		return "<MessageId>" + m.ID + "</MessageId>", nil
	}
	switch {
	case m.Group == "":
		return "", invalid("The MessageGroupId parameter is required for FIFO topics")
	case m.Once == "":
		return "", invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId " +
			"provided explicitly")
	case !idForm.MatchString(m.Group):
		return "", invalid("MessageGroupId")
	case !idForm.MatchString(m.Once):
		return "", invalid("MessageDeduplicationId")
	}
	now := s.clock()
	if before, known := t.seen[m.Once]; known && now.Sub(before.at) < deduplication {
		return "<MessageId>" + before.id + "</MessageId><SequenceNumber>10000000000000000000</SequenceNumber>", nil
	}
	t.seen[m.Once] = seen{m.ID, now}
	t.sequence++
	s.messages = append(s.messages, *m)
	return fmt.Sprintf("<MessageId>%s</MessageId><SequenceNumber>%020d</SequenceNumber>", m.ID, t.sequence), nil
}

// goodSubject is SNS's rule: printable ASCII that does not begin with a space,
// at most 100 characters.
func goodSubject(s string) bool {
	if s == "" || len(s) > 100 || s[0] == ' ' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// readStructure reads what MessageStructure promises.
func (m *Message) readStructure(form url.Values) *Error {
	switch structure := form.Get("MessageStructure"); structure {
	case "":
		return nil
	case "json":
	default:
		return invalid("MessageStructure")
	}
	var members map[string]any
	dec := json.NewDecoder(bytes.NewReader([]byte(m.Body)))
	if err := dec.Decode(&members); err != nil || dec.More() {
		return invalid("Message Structure - JSON message body failed to parse")
	}
	m.ByProtocol = map[string]string{}
	for name, value := range members {
		if text, ok := value.(string); ok {
			m.ByProtocol[name] = text
		}
	}
	if _, ok := m.ByProtocol["default"]; !ok {
		return invalid("Message Structure - No default entry in JSON message body")
	}
	return nil
}

var (
	attributeKey  = regexp.MustCompile(`^MessageAttributes\.entry\.([1-9][0-9]*)\.(Name|Value\.DataType|Value\.StringValue|Value\.BinaryValue)$`)
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
)

// readAttributes reads the message's attributes and returns their size.
func (m *Message) readAttributes(form url.Values) (size int, refused *Error) {
	entries, refused := attributeEntries(form)
	if refused != nil {
		return 0, refused
	}
	if len(entries) > maxAttributes {
		return 0, invalid("MessageAttributes: more than %d", maxAttributes)
	}
	m.Attributes = map[string]string{}
	for i := range len(entries) {
		e := entries[i+1]
		if e == nil {
			return 0, invalid("MessageAttributes.entry: not numbered from 1")
		}
		name, value := e["Name"], e["Value.StringValue"]
		if refused := checkAttribute(name, e["Value.DataType"], value+e["Value.BinaryValue"]); refused != nil {
			return 0, refused
		}
		if _, twice := m.Attributes[name]; twice {
			return 0, invalid("MessageAttributes: %s occurs twice", name)
		}
		m.Attributes[name] = value
		size += len(name) + len(e["Value.DataType"]) + len(value) + len(e["Value.BinaryValue"])
	}
	return size, nil
}

// attributeEntries gathers the attributes' parts by their numbers.
func attributeEntries(form url.Values) (map[int]map[string]string, *Error) {
	entries := map[int]map[string]string{}
	for key, values := range form {
		parts := attributeKey.FindStringSubmatch(key)
		if parts == nil {
			if !parameters[key] {
				return nil, invalid("%s", key)
			}
			continue
		}
		i, _ := strconv.Atoi(parts[1])
		if entries[i] == nil {
			entries[i] = map[string]string{}
		}
		entries[i][parts[2]] = values[0]
	}
	return entries, nil
}

func checkAttribute(name, kind, value string) *Error {
	message := ""
	lower := strings.ToLower(name)
	base, _, _ := strings.Cut(kind, ".")
	switch {
	case !attributeName.MatchString(name), len(name) > 256,
		strings.HasPrefix(lower, "aws."), strings.HasPrefix(lower, "amazon."):
		message = "The message attribute name '" + name + "' is not valid"
	case base != "String" && base != "Number" && base != "Binary":
		message = "The message attribute '" + name + "' has an invalid message attribute type, the set of " +
			"supported type prefixes is Binary, Number, and String."
	case value == "":
		message = "The message attribute '" + name + "' must contain non-empty message attribute value for " +
			"message attribute type '" + kind + "'."
	default:
		return nil
	}
	return &Error{Code: "ParameterValueInvalid", Message: message}
}

// messageID is a random UUID.
func messageID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
