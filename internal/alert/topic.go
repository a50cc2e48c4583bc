package alert

import (
	"fmt"
	"regexp"
	"strings"
)

// The forms of the parts of an SNS topic's ARN. A name has at most 256
// characters, the ending .fifo of a FIFO topic included (SNS, CreateTopic).
var (
	regionForm  = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.fifo)?$`)
	patternForm = regexp.MustCompile(`^[A-Za-z0-9_*-]+(\.fifo|\.\*)?$`)
)

const maxTopicName = 256

// partitions are AWS's partitions with what their regions begin with. Regions
// of the first, which is last here, may begin with anything else.
var partitions = []struct{ name, regions string }{
	{"aws-cn", "cn-"},
	{"aws-us-gov", "us-gov-"},
	{"aws-iso", "us-iso-"},
	{"aws-iso-b", "us-isob-"},
	{"aws-iso-e", "eu-isoe-"},
	{"aws-iso-f", "us-isof-"},
	{"aws-eusc", "eusc-"},
	{"aws", ""},
}

// A Topic is an SNS topic's ARN, taken apart.
type Topic struct {
	ARN                              string
	Partition, Region, Account, Name string
	FIFO                             bool
}

// ParseTopic takes an SNS topic's ARN apart, arn:aws:sns:eu-central-1:123456789012:oncall.
// The error says which part is wrong. ARNs of subscriptions and of platform
// endpoints are refused: they are no topics.
func ParseTopic(arn string) (Topic, error) {
	t, err := split(arn)
	if err != nil {
		return Topic{}, err
	}
	if !nameForm.MatchString(t.Name) || len(t.Name) > maxTopicName {
		return Topic{}, fmt.Errorf("%q is no topic's name: it has 1 to 256 characters out of A-Z a-z 0-9 _ -, and .fifo at the end for a FIFO topic", short(t.Name))
	}
	t.FIFO = strings.HasSuffix(t.Name, ".fifo")
	return t, nil
}

// split checks everything but the name.
func split(arn string) (Topic, error) {
	parts := strings.Split(arn, ":")
	switch {
	case len(parts) < 6 || parts[0] != "arn":
		return Topic{}, fmt.Errorf("%q is no ARN: write arn:aws:sns:REGION:ACCOUNT:NAME", short(arn))
	case parts[2] != "sns":
		return Topic{}, fmt.Errorf("%q is an ARN of %q, not of sns", short(arn), short(parts[2]))
	case len(parts) > 6:
		return Topic{}, fmt.Errorf("%q has too many parts for a topic: a subscription's ARN is no topic's", short(arn))
	}
	t := Topic{ARN: arn, Partition: parts[1], Region: parts[3], Account: parts[4], Name: parts[5]}
	switch {
	case !regionForm.MatchString(t.Region):
		return Topic{}, fmt.Errorf("%q is no region", short(t.Region))
	case partitionOf(t.Region) != t.Partition:
		return Topic{}, fmt.Errorf("region %s is not in partition %q but in %s", t.Region, short(t.Partition), partitionOf(t.Region))
	case !accountForm.MatchString(t.Account):
		return Topic{}, fmt.Errorf("%q is no account: it has 12 digits", short(t.Account))
	}
	return t, nil
}

// partitionOf returns the partition that a region belongs to.
func partitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.regions) {
			return p.name
		}
	}
	return "aws"
}

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
	if !patternForm.MatchString(t.Name) || len(t.Name) > maxTopicName {
		return Topic{}, fmt.Errorf("%q is no topic's name, nor one with * in it", short(t.Name))
	}
	return t, nil
}

// Allows reports whether a line may ask for the topic.
func (a Allow) Allows(t Topic) bool {
	for _, p := range a {
		if p.Partition == t.Partition && p.Region == t.Region && p.Account == t.Account && matches(p.Name, t.Name) {
			return true
		}
	}
	return false
}

// matches reports whether name is pattern with something in place of each *. It
// takes time in proportion to their lengths' product at most.
func matches(pattern, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
