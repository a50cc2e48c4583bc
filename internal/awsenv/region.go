// Package awsenv is AWS as a function's environment shows it: the settings that
// AWS's SDKs go by (region, endpoints, credentials, the way to the network),
// its partitions and regions, and what its error codes and messages mean.
//
// It is small on purpose and has nothing to initialise, because every cold
// start of a function waits for the binary that it is linked into. What it says
// never holds more of an AWS message than its grammar allows: names of actions,
// resources and kinds of policies, each of bounded length.
package awsenv

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// A partition is a part of AWS with accounts and host names of its own. The
// names are those of the endpoint rules of AWS's SDKs.
type partition struct {
	name      string
	regions   string // what the names of its regions begin with
	ipv4      string // where the host names of its services end
	dualStack string // where those end that have IPv6, too
	console   string // the console's host without the region; "" if not known
}

// partitions are those that are known. Regions of the first one may begin with
// anything that those of no other begin with.
var partitions = [...]partition{
	{"aws", "", "amazonaws.com", "api.aws", "console.aws.amazon.com"},
	{"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "console.amazonaws.cn"},
	{"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws", "console.amazonaws-us-gov.com"},
	{"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov", ""},
	{"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud", ""},
	{"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", ""},
	{"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", ""},
	{"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu", ""},
}

// known is what is known of a partition. One that is newer than the list is
// taken to be like the first, but for its console.
func known(name string) partition {
	for _, p := range &partitions {
		if p.name == name {
			return p
		}
	}
	p := partitions[0]
	p.console = ""
	return p
}

// DNSSuffix returns where the host names of a partition's services end:
// "amazonaws.com" for "aws".
func DNSSuffix(partition string, dualStack bool) string {
	p := known(partition)
	if dualStack {
		return p.dualStack
	}
	return p.ipv4
}

// Console returns the host of a partition's console without the region in
// front; "" if none is known.
func Console(partition string) string { return known(partition).console }

// Partition returns the partition that a region belongs to, the second part of
// every ARN: "aws-cn" for "cn-north-1". It is "aws" for a region that begins
// like none of the others', and for "".
func Partition(region string) string {
	for _, p := range partitions[1:] {
		if strings.HasPrefix(region, p.regions) {
			return p.name
		}
	}
	return partitions[0].name
}

// InPartition reports whether a region may belong to a partition. Of a
// partition that is newer than this list nothing is known, so any region that
// belongs to no other may.
func InPartition(region, partition string) bool {
	if p := Partition(region); p == partition || p != "aws" {
		return p == partition
	}
	return known(partition).name != partition && strings.HasPrefix(partition, "aws-")
}

// IsRegion reports whether s has the form of a region: eu-central-1.
func IsRegion(s string) bool {
	words := strings.Split(s, "-")
	if len(words) < 3 || len(words) > 5 || len(s) > 32 {
		return false
	}
	last := len(words) - 1
	for _, word := range words[:last] {
		if len(word) < 2 || !only(word, isLower) {
			return false
		}
	}
	return len(words[last]) > 0 && len(words[last]) <= 2 && only(words[last], isDigit)
}

// IsAccount reports whether s has the form of an account's ID: 12 digits.
func IsAccount(s string) bool { return len(s) == 12 && only(s, isDigit) }

// An ARN is the name of a resource, taken apart.
type ARN = arn.ARN

// SplitARN takes an ARN apart and reports whether it has all parts and says a
// region and an account as they are written; the resource may hold anything.
func SplitARN(s string) (ARN, bool) {
	a, err := arn.Parse(s)
	ok := err == nil && isPartition(a.Partition) && a.Service != "" && IsRegion(a.Region) && IsAccount(a.AccountID) &&
		a.Resource != ""
	return a, ok
}

func isPartition(s string) bool {
	return len(s) <= 32 && (s == "aws" || strings.HasPrefix(s, "aws-")) &&
		only(s, func(c byte) bool { return isLower(c) || c == '-' })
}

// only reports whether all bytes of s pass.
func only(s string, pass func(byte) bool) bool {
	for i := range len(s) {
		if !pass(s[i]) {
			return false
		}
	}
	return true
}

func isLower(c byte) bool  { return c >= 'a' && c <= 'z' }
func isLetter(c byte) bool { return isLower(c | 0x20) }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
