package alert

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

const (
	// maxRequests bounds the requests of one line, and maxTopics the topics of
	// one request: a line may be forged by anybody whose text a function
	// prints.
	maxRequests = 10
	maxTopics   = 10
	// member is the name that a line's request has.
	member = "alert"
)

// A Request is what a line asks for by itself: that its message be sent to
// topics, all of which are allowed.
type Request struct {
	Topics  []Topic
	Message string
}

// Requests finds the requests in a line's further members, a JSON object that
// is valid: the member alert, which is an object or a list of such,
//
//	{"channel":"sns","topic_arns":["arn:aws:sns:…"],"message":"…"}
//
// What is refused is named in issues, each of which says what to write instead;
// the rest is returned all the same. Fields without the member cost a search.
func Requests(fields string, allow Allow) (requests []Request, issues []string) {
	if !strings.Contains(fields, `"`+member+`"`) {
		return nil, nil
	}
	var asked jsontext.Value
	for name, value := range jsonscan.Object(fields).Members {
		if text(name) == member {
			asked = value // of a name that occurs twice the last one counts
		}
	}
	if asked == nil {
		return nil, nil
	}
	return readRequests(asked, allow)
}

const wanted = `write {"channel":"sns","topic_arns":["arn:aws:sns:…"],"message":"…"} or a list of these`

func readRequests(raw jsontext.Value, allow Allow) (requests []Request, issues []string) {
	switch raw.Kind() {
	case 'n':
		return nil, nil
	case '{':
		return readRequest(raw, allow)
	case '[':
	default:
		return nil, []string{"alert is neither an object nor a list: " + wanted}
	}
	list := elements(raw)
	if len(list) == 0 {
		return nil, []string{"alert is an empty list: " + wanted}
	}
	for i, one := range list {
		if i == maxRequests {
			issues = append(issues,
				fmt.Sprintf("alert holds %d requests: only the first %d are read", len(list), maxRequests))
			break
		}
		if one.Kind() != '{' {
			issues = append(issues, "an alert request is not an object: "+wanted)
			continue
		}
		r, refused := readRequest(one, allow)
		requests, issues = append(requests, r...), append(issues, refused...)
	}
	return requests, issues
}

// readRequest reads one object. A request without a good topic is none.
func readRequest(raw jsontext.Value, allow Allow) ([]Request, []string) {
	var channel, message string
	var names []jsontext.Value
	for name, value := range jsonscan.Object(raw).Members {
		switch text(name) {
		case "channel":
			channel = text(value)
		case "message":
			message = text(value)
		case "topic_arns":
			if value[0] == '[' {
				names = elements(value)
			}
		}
	}
	switch {
	case channel != "sns":
		return nil, []string{"unknown alert channel " + strconv.Quote(short(channel)) + `: only "sns" is supported`}
	case strings.TrimSpace(message) == "":
		return nil, []string{"an alert's message is empty or not a string"}
	case len(names) == 0:
		return nil, []string{"an alert's topic_arns is empty or not a list"}
	}
	topics, issues := readTopics(names, allow)
	if len(topics) == 0 {
		return nil, issues
	}
	return []Request{{Topics: topics, Message: message}}, issues
}

// readTopics reads a request's topics, and says what is wrong with those that
// it leaves out.
func readTopics(names []jsontext.Value, allow Allow) (topics []Topic, issues []string) {
	for i, raw := range names {
		if i == maxTopics {
			issues = append(issues,
				fmt.Sprintf("an alert names %d topics: only the first %d are used", len(names), maxTopics))
			break
		}
		t, err := ParseTopic(text(raw))
		switch {
		case err != nil:
			issues = append(issues, "an alert names an invalid SNS topic: "+err.Error())
		case !allow.Allows(t):
			issues = append(issues, "an alert names a topic that LOGTABLE_ALERT_ALLOW does not allow: "+short(t.ARN))
		default:
			topics = append(topics, t)
		}
	}
	return topics, issues
}

// elements returns the values of an array.
func elements(array []byte) (list []jsontext.Value) {
	for value := range jsonscan.Array(array).Elements {
		list = append(list, value)
	}
	return list
}

// text is a JSON string's value, "" for anything else.
func text(v jsontext.Value) string {
	if v.Kind() != '"' {
		return ""
	}
	b, err := jsontext.AppendUnquote(nil, v)
	if err != nil && len(b) == 0 {
		return ""
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
