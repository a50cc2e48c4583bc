package awsenv_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/awsenv"
)

func TestPartitions(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1": "aws", "us-east-1": "aws", "me-central-1": "aws", "": "aws", "cn-northwest-1": "aws-cn",
		"us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
		"eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		if got := awsenv.Partition(region); got != want {
			t.Errorf("%q is in %s, want %s", region, got, want)
		}
		if !awsenv.InPartition(region, want) || awsenv.InPartition(region, "aws-nothing") != (want == "aws") {
			t.Errorf("%q: in %s and in a partition that is not known", region, want)
		}
	}
	if awsenv.InPartition("eu-central-1", "aws-cn") || awsenv.InPartition("cn-north-1", "aws") ||
		awsenv.InPartition("eu-central-1", "azure") {
		t.Error("a region is in another's partition")
	}
}

func TestSplitARN(t *testing.T) {
	const good = "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/a:b"
	if a, ok := awsenv.SplitARN(good); !ok || a != (awsenv.ARN{
		Partition: "aws-us-gov", Service: "dynamodb", Region: "us-gov-west-1",
		AccountID: "123456789012", Resource: "table/a:b",
	}) {
		t.Errorf("%+v, %v", a, ok)
	}
	for _, bad := range []string{
		"", "arn", "arn:aws:dynamodb:eu-central-1:123456789012", "arn:aws:dynamodb:eu-central-1:123456789012:",
		"ARN:aws:dynamodb:eu-central-1:123456789012:table/a", "arn:AWS:dynamodb:eu-central-1:123456789012:table/a",
		"arn:aws\":dynamodb:eu-central-1:123456789012:table/a",
		"arn:aws-" + strings.Repeat("x", 32) + ":dynamodb:eu-central-1:123456789012:table/a",
		"arn:aws:dynamodb:central:123456789012:table/a", "arn:aws:dynamodb:eu-central-1:12345678901:table/a",
		"arn:aws::eu-central-1:123456789012:table/a", "arn:aws:dynamodb:eu-central-one:123456789012:table/a",
		"arn:aws:dynamodb:eu-" + strings.Repeat("x", 40) + "-1:123456789012:table/a",
	} {
		if a, ok := awsenv.SplitARN(bad); ok {
			t.Errorf("%q became %+v", bad, a)
		}
	}
}

const user = "User: arn:aws:sts::123456789012:assumed-role/orders-role/orders is not authorized to perform: "

func TestDenials(t *testing.T) {
	const (
		table = "arn:aws:dynamodb:eu-central-1:123456789012:table/logtable-info"
		key   = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
		write = "dynamodb:BatchWriteItem"
	)
	for _, c := range []struct {
		message string
		want    awsenv.Denial
		says    string
		advises string
	}{
		{
			user + write + " on resource: " + table +
				" because no identity-based policy allows the " + write + " action",
			awsenv.Denial{Action: write, Resource: table, Policy: "identity-based policy"},
			write + " on " + table + ", which no identity-based policy allows",
			`add to the policy of the function's role: ` +
				`{"Effect":"Allow","Action":"dynamodb:BatchWriteItem","Resource":"` + table + `"}`,
		},
		{
			user + write + " on resource: " + table + " with an explicit deny in a VPC endpoint policy",
			awsenv.Denial{Action: write, Resource: table, Policy: "VPC endpoint policy", Explicit: true},
			write + " on " + table + ", explicitly denied by a VPC endpoint policy",
			"change the VPC endpoint policy that denies " + write,
		},
		{
			user + write + " on resource: " + table + " with an explicit deny in an identity-based policy: " +
				"arn:aws:iam::123456789012:policy/x",
			awsenv.Denial{Action: write, Resource: table, Policy: "identity-based policy", Explicit: true},
			"explicitly denied by an identity-based policy", "change the identity-based policy",
		},
		{
			user + write + " on resource: " + table + " with an explicit deny in a service control policy",
			awsenv.Denial{Action: write, Resource: table, Policy: "service control policy", Explicit: true},
			"explicitly denied by a service control policy", "change the service control policy",
		},
		{
			user + write + " on resource: " + table +
				" because no permissions boundary allows the " + write + " action",
			awsenv.Denial{Action: write, Resource: table, Policy: "permissions boundary"},
			"which no permissions boundary allows",
			"allow " + write + " on " + table + " in the permissions boundary: ",
		},
		{
			user + write + " on resource: " + table +
				" because no VPC endpoint policy allows the " + write + " action",
			awsenv.Denial{Action: write, Resource: table, Policy: "VPC endpoint policy"},
			"which no VPC endpoint policy allows", "in the VPC endpoint policy: ",
		},
		{
			user + write + " on resource: " + table +
				" because no resource-based policies allow the " + write + " action",
			awsenv.Denial{Action: write, Resource: table, Policy: "resource-based policy"},
			"which no resource-based policy allows", "in the resource-based policy: ",
		},
		{
			user + "kms:Decrypt on resource: " + key +
				" because no identity-based policy allows the kms:Decrypt action (Service: AWSKMS; Status Code: 400)",
			awsenv.Denial{Action: "kms:Decrypt", Resource: key, Policy: "identity-based policy"},
			"kms:Decrypt on " + key,
			`add to the policy of the function's role: ` +
				`{"Effect":"Allow","Action":"kms:Decrypt","Resource":"` + key + `"}`,
		},
		{
			user + "kms:Decrypt on the resource associated with this ciphertext " +
				"because the resource does not exist in this Region",
			awsenv.Denial{Action: "kms:Decrypt"}, "kms:Decrypt", `"Resource":"*"`,
		},
		{
			user + "SNS:Publish on the resource with an explicit deny in a resource control policy",
			awsenv.Denial{Action: "SNS:Publish", Policy: "resource control policy", Explicit: true},
			"a resource control policy", "change the resource control policy",
		},
		{user + write, awsenv.Denial{Action: write}, write, `"Resource":"*"`},
		{
			user + write + " with an explicit deny in a policy nobody has heard of",
			awsenv.Denial{Action: write, Explicit: true},
			"explicitly denied by a policy", "find the policy that denies",
		},
		{user + "SNS:Publish on resource: *.", awsenv.Denial{Action: "SNS:Publish", Resource: "*"},
			"SNS:Publish on *", "SNS:Publish"},
	} {
		d, ok := awsenv.ParseDenial(c.message)
		if !ok || d != c.want {
			t.Errorf("%s\n gave %+v, %v", c.message, d, ok)
			continue
		}
		if !strings.Contains(d.String(), c.says) || !strings.Contains(d.Advice(), c.advises) {
			t.Errorf("%s\n says %q\n advises %q", c.message, d, d.Advice())
		}
		ofRole := c.want.Policy == "" || c.want.Policy == "identity-based policy"
		if want := !c.want.Explicit && ofRole; d.OfRole() != want {
			t.Errorf("%s\n is of the role: %v", c.message, d.OfRole())
		}
	}
}

// Nothing is quoted that is not an action or a resource.
func TestNothingElseOfAMessageIsQuoted(t *testing.T) {
	long := strings.Repeat("x", 600)
	for _, message := range []string{
		"", "access denied", "User: x is not authorized to perform:", user, user + "<script> on resource: *",
		user + "pass word:x",
		user + "dynamodb", user + "dynamodb:", user + ":Put", user + "dynamodb:Put{secret}",
		user + "dynamodb:" + long, user + long + ":Put",
	} {
		if d, ok := awsenv.ParseDenial(message); ok {
			t.Errorf("%.120q gave %+v", message, d)
		}
	}
	for _, resource := range []string{
		"secret", "arn:aws:x\"y", "arn:aws:s3:::" + long, "arn:aws:x\x00", "arn:aws:größe",
	} {
		d, ok := awsenv.ParseDenial(user + "dynamodb:Put on resource: " + resource +
			" because no session policy allows it")
		if !ok || d != (awsenv.Denial{Action: "dynamodb:Put", Policy: "session policy"}) {
			t.Errorf("%.120q gave %+v, %v", resource, d, ok)
		}
	}
}

func FuzzParseDenial(f *testing.F) {
	f.Add(user + "kms:Decrypt on resource: arn:aws:kms:eu-central-1:1:key/x with an explicit deny in a VPC " +
		"endpoint policy")
	f.Add(user + "a:b because no permissions boundary allows it")
	f.Add(user)
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/_.-*+=@"
	f.Fuzz(func(t *testing.T, message string) {
		d, ok := awsenv.ParseDenial(message)
		if ok != (d.Action != "") {
			t.Errorf("%q: %+v, %v", message, d, ok)
		}
		if quoted := d.Action + d.Resource; strings.Trim(quoted, allowed) != "" || len(quoted) > 700 ||
			!strings.Contains(message, d.Action) || !strings.Contains(message, d.Resource) {
			t.Errorf("%q: quoted %q", message, quoted)
		}
		if ok && (d.String() == "" || d.Advice() == "" || len(d.String())+len(d.Advice()) > 3000) {
			t.Errorf("%q: %q, %q", message, d, d.Advice())
		}
	})
}

func TestCodesAreQuotedClean(t *testing.T) {
	for raw, want := range map[string]string{
		"ReplicatedWriteConflictException": "ReplicatedWriteConflictException", "UnknownError": "", "": "",
		"Runtime.Exit-Error_1": "Runtime.Exit-Error_1", "a secret: \"x\"\n": "a?secret???x??",
		strings.Repeat("x", 100): strings.Repeat("x", 64),
		"größe":                  "gr????e",
	} {
		if got := awsenv.NewFailure(400, raw, "").Code; got != want {
			t.Errorf("%q became %q, want %q", raw, got, want)
		}
	}
}

func TestTheClockAndTheKeyHaveOneCode(t *testing.T) {
	for _, c := range []struct {
		code, message string
		clock         bool
	}{
		{"InvalidSignatureException", "Signature expired: 20261122T101500Z is now earlier than 20261122T102000Z " +
			"(20261122T102500Z - 5 min.)", true},
		{"InvalidSignatureException", "Signature not yet current: 20261122T111500Z is still later than " +
			"20261122T102500Z", true},
		{"SignatureDoesNotMatch", "Signature expired: 20261122T101500Z is now earlier than 20261122T102000Z", true},
		{"InvalidSignatureException", "The request signature we calculated does not match the signature you " +
			"provided.", false},
		{"RequestTimeTooSkewed", "", true}, {"RequestExpired", "Request has expired.", true},
		{"RequestInTheFuture", "", true},
		{"ExpiredTokenException", "The security token included in the request is expired", false},
		{"ValidationException", "Signature expired", false},
	} {
		if got := awsenv.Classify(c.code, c.message) == awsenv.ClockOff; got != c.clock {
			t.Errorf("%s, %q: about the clock: %v", c.code, c.message, got)
		}
	}
}

// A code that is not known decides nothing, and every class that passes may be
// tried again.
func TestClasses(t *testing.T) {
	for code, want := range map[string]awsenv.Class{
		"": awsenv.Unknown, "NobodyKnows": awsenv.Unknown,
		"ThrottlingException": awsenv.Throttled, "KMSThrottling": awsenv.Throttled,
		"InternalServerError": awsenv.Broken, "TransactionConflictException": awsenv.Broken,
		"RequestExpired": awsenv.ClockOff, "ExpiredToken": awsenv.Expired,
		"ExpiredTokenException": awsenv.Expired,
		"AuthorizationError":    awsenv.Denied, "AccessDeniedException": awsenv.Denied,
		"KMSAccessDenied":      awsenv.Denied,
		"InvalidClientTokenId": awsenv.BadSignature, "SignatureDoesNotMatch": awsenv.BadSignature,
		"KMSDisabledException": awsenv.BadKey, "OptInRequired": awsenv.NotEnabled,
		"NotFound": awsenv.Missing, "ResourceNotFoundException": awsenv.Missing,
		"ValidationException": awsenv.Invalid,
	} {
		got := awsenv.Classify(code, "")
		if got != want {
			t.Errorf("%s is of class %d, want %d", code, got, want)
		}
		passing := []awsenv.Class{awsenv.Throttled, awsenv.Broken, awsenv.ClockOff, awsenv.Expired}
		if got.Passing() != slices.Contains(passing, want) {
			t.Errorf("%s passes: %v", code, got.Passing())
		}
	}
}
