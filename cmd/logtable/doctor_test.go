package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/logtable/logtable/internal/resources"
)

// found holds that a doctor's output has checks, by verdict, subject and a part
// of the text, and what is to be done.
func found(t *testing.T, out string, checks ...[4]string) {
	t.Helper()
	out = strings.Join(strings.Fields(out), " ")
	for _, c := range checks {
		_, rest, ok := strings.Cut(out, c[0]+" "+c[1]+" "+c[2])
		if !ok || c[3] != "" && !strings.HasPrefix(strings.TrimSpace(rest), "-> "+c[3]) {
			t.Errorf("doctor does not say %q:\n%s", c, out)
		}
	}
}

// TestDoctorSaysWhatToDo: each finding has its advice, and ends with exit code
// 3.
func TestDoctorSaysWhatToDo(t *testing.T) {
	r := onMoto(t, "us-east-1")
	expect := func(code int, args ...string) string {
		t.Helper()
		got := r.run(append([]string{"doctor"}, args...)...)
		if got.code != code || got.stderr != "" {
			t.Errorf("doctor %v: exit code %d\n%s%s", args, got.code, got.stdout, got.stderr)
		}
		return got.stdout
	}
	found(t, expect(exitSeen),
		[4]string{"FIX", "table", "logtable-info does not exist at " + r.URL, "logtable setup --region us-east-1"},
		[4]string{"note", "layer", "logtable-arm64 is not published at " + r.URL, "logtable publish"})
	_, err := r.cloud.client.CreateTable(t.Context(), (&tablePlan{name: "logtable-info"}).input())
	noError(t, err)
	_, err = r.cloud.client.CreateTable(t.Context(), (&tablePlan{name: "logtable-errors"}).input())
	noError(t, err)
	found(t, expect(exitSeen),
		[4]string{"FIX", "TTL", "logtable-info has no TTL: its rows stay for ever, and you pay for them",
			"logtable setup"},
		[4]string{"note", "protection", "logtable-errors can be deleted with all its rows", "logtable setup"},
		[4]string{"note", "protection", "logtable-errors has no point-in-time recovery", "logtable setup"})
	found(t, expect(exitSeen, "nobody"), [4]string{"FIX", "function", "there is no such function at " + r.URL, ""})
	r.must("setup", "--yes")
	r.must("publish")
	role := r.role("orders-role")
	r.function("orders", role, func(in *lambda.CreateFunctionInput) {
		in.Timeout, in.MemorySize = aws.Int32(2), aws.Int32(128)
		in.Architectures = []types.Architecture{types.ArchitectureX8664}
		in.Environment = &types.Environment{Variables: map[string]string{"LOGTABLE_TTL": "soon",
			"LOGTABLE_FEILDS": "x"}}
	})
	found(t, expect(exitSeen, "orders"),
		[4]string{"FIX", "layer", "it has no layer of Logtable's: nothing it logs is stored", "logtable attach orders"},
		[4]string{"FIX", "settings", `LOGTABLE_TTL="soon" is not a duration; using 60d`, "write days as 60d"},
		[4]string{"note", "settings", "LOGTABLE_FEILDS is not a Logtable setting and has no effect",
			"did you mean LOGTABLE_FIELDS?"},
		[4]string{"FIX", "role", "orders-role does not allow dynamodb:BatchWriteItem on logtable-info, logtable-errors",
			"logtable attach orders"},
		[4]string{"FIX", "time-out", "2s, of which writing may take 2s when DynamoDB is slow",
			"raise the time-out, or set LOGTABLE_FLUSH_TIMEOUT to less"},
		[4]string{"note", "memory", "128 MB, of which Logtable takes 11 to 16 MB", ""})
	arm := "arn:aws:lambda:us-east-1:" + motoAccount + ":layer:logtable-arm64:1"
	r.configure("orders", []string{arm}, map[string]string{"LOGTABLE_ALERT_TOPIC_ARNS": "arn:aws:sns:us-east-1:" +
		motoAccount + ":oncall", "LOGTABLE_FLUSH_TIMEOUT": "500ms"})
	r.attachManaged("orders-role", resources.For(resources.Place{
		InfoTable:   "arn:aws:dynamodb:us-east-1:" + motoAccount + ":table/logtable-info",
		ErrorsTable: "arn:aws:dynamodb:us-east-1:" + motoAccount + ":table/logtable-errors"}, resources.Write).JSON())
	r.Configure("LoggingConfig", map[string]string{"LogFormat": "JSON", "ApplicationLogLevel": "WARN"})
	found(t, expect(exitSeen, "orders"),
		[4]string{"FIX", "layer", "logtable-arm64 is for arm64, and the function is x86_64", ""},
		[4]string{"FIX", "role", "orders-role does not allow sns:Publish on oncall; dynamodb:UpdateItem on " +
			"logtable-info; dynamodb:GetItem on logtable-errors", "logtable attach orders"},
		[4]string{"note", "log format", "JSON; what the runtime's loggers say below WARN is dropped", ""},
		[4]string{"ok", "time-out", "2s, of which writing takes 500ms at most", ""})
}

// TestDoctorWithoutPermissions: what cannot be checked is named, keeps nothing
// else from being checked, and is no finding.
func TestDoctorWithoutPermissions(t *testing.T) {
	r := attached(t)
	r.must("attach", "orders", "--yes")
	for action, want := range map[string]string{
		"sts:GetCallerIdentity":              "account",
		"dynamodb:DescribeTimeToLive":        "table",
		"dynamodb:DescribeContinuousBackups": "table",
		"lambda:ListLayerVersions":           "layer",
		"iam:ListRolePolicies":               "role",
		"iam:GetRolePolicy":                  "role",
		"iam:ListAttachedRolePolicies":       "role",
		"dynamodb:Query":                     "rows",
	} {
		r.Fail(action, 1, 403, "AccessDenied", "no")
		got := r.run("doctor", "orders")
		text := strings.Join(strings.Fields(got.stdout), " ")
		if got.code != exitOK || !strings.Contains(text, "? "+want+" cannot") ||
			!strings.Contains(text, "allow "+action) || !strings.Contains(text, "1 could not be made") {
			t.Errorf("without %s: exit code %d\n%s", action, got.code, got.stdout)
		}
		if strings.Count(text, "time-out")+strings.Count(text, "memory") != 2 {
			t.Errorf("without %s the other checks are not made:\n%s", action, got.stdout)
		}
	}
	r.attachManaged("orders-role", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"dynamodb:*",
		"Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}]}`)
	found(t, r.must("doctor", "orders"),
		[4]string{"?", "role", "orders-role has statements with conditions that cannot be judged here", ""})
}

// attachManaged gives a role a managed policy.
func (r *awsRig) attachManaged(role, document string) {
	r.t.Helper()
	p, err := r.cloud.iam.CreatePolicy(r.t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("managed"),
		PolicyDocument: &document})
	noError(r.t, err)
	_, err = r.cloud.iam.AttachRolePolicy(r.t.Context(), &iam.AttachRolePolicyInput{RoleName: &role,
		PolicyArn: p.Policy.Arn})
	noError(r.t, err)
}
