package alert

import (
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/logtable/logtable/internal/awsenv"
)

// maxTopicName is the longest name of a topic, in characters, the ending .fifo
// of a FIFO topic included (SNS, CreateTopic).
const maxTopicName = 256

// A Topic is an SNS topic's ARN, taken apart.
type Topic struct {
	ARN                              string
	Partition, Region, Account, Name string
	FIFO                             bool
}

// ParseTopic takes an SNS topic's ARN apart,
// arn:aws:sns:eu-central-1:123456789012:oncall. The error says which part is
// wrong. ARNs of subscriptions and of platform endpoints are refused: they are
// no topics.
func ParseTopic(arn string) (Topic, error) {
	t, err := split(arn)
	if err != nil {
		return Topic{}, err
	}
	if !isName(strings.TrimSuffix(t.Name, ".fifo"), "_-") || len(t.Name) > maxTopicName {
		return Topic{}, fmt.Errorf("%q is not a valid topic name: use 1 to 256 characters from A-Z a-z 0-9 _ -, and "+
			".fifo at the end for a FIFO topic", short(t.Name))
	}
	t.FIFO = strings.HasSuffix(t.Name, ".fifo")
	return t, nil
}

// split checks everything but the name.
func split(s string) (Topic, error) {
	a, err := arn.Parse(s)
	switch {
	case err != nil:
		return Topic{}, fmt.Errorf("%q is not an ARN: write arn:aws:sns:REGION:ACCOUNT:NAME", short(s))
	case a.Service != "sns":
		return Topic{}, fmt.Errorf("%q is an ARN of %q, not of sns", short(s), short(a.Service))
	case strings.Contains(a.Resource, ":"):
		return Topic{}, fmt.Errorf("%q has too many parts for a topic ARN: it may be a subscription's", short(s))
	}
	t := Topic{ARN: s, Partition: a.Partition, Region: a.Region, Account: a.AccountID, Name: a.Resource}
	switch {
	case !awsenv.IsRegion(t.Region):
		return Topic{}, fmt.Errorf("%q is not a valid region", short(t.Region))
	case awsenv.Partition(t.Region) != t.Partition:
		return Topic{}, fmt.Errorf("region %s is not in partition %q but in %s", t.Region, short(t.Partition),
			awsenv.Partition(t.Region))
	case !awsenv.IsAccount(t.Account):
		return Topic{}, fmt.Errorf("%q is not a valid account ID: write 12 digits", short(t.Account))
	}
	return t, nil
}

// These are loops and no regular expressions, which every cold start would
// compile, with alerts or without.

// isName reports whether s is not empty and of letters, digits and the others.
func isName(s, others string) bool {
	for i := range len(s) {
		if !isLetter(s[i]|0x20) && !isDigit(s[i]) && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// short keeps what somebody else wrote from filling a message.
func short(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// An Allow is what LOGTABLE_ALERT_ALLOW says: topics that a line may ask for.
type Allow []Topic

// ParseAllowed reads one entry of LOGTABLE_ALERT_ALLOW: a topic's ARN, in whose
// name * stands for any characters, and nowhere else.
func ParseAllowed(entry string) (Topic, error) {
	t, err := split(entry)
	if err != nil {
		return Topic{}, err
	}
	if !isPattern(t.Name) || len(t.Name) > maxTopicName {
		return Topic{}, fmt.Errorf("%q is not a valid topic name or pattern", short(t.Name))
	}
	return t, nil
}

// isPattern reports whether s is a topic's name with any number of * in it. The
// dot of .fifo may be behind a *.
func isPattern(s string) bool {
	base, dotted := strings.CutSuffix(s, ".fifo")
	if !dotted {
		base = strings.TrimSuffix(s, ".*")
	}
	return isName(base, "_-*")
}

// Allows reports whether a line may ask for the topic.
func (a Allow) Allows(t Topic) bool {
	for _, p := range a {
		sameAccount := p.Partition == t.Partition && p.Region == t.Region && p.Account == t.Account
		// A name has no slash, and ParseAllowed has taken no pattern but *.
		if matches, _ := path.Match(p.Name, t.Name); sameAccount && matches {
			return true
		}
	}
	return false
}
