package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
)

// documentedActions are those of a command in docs/attach.md.
func documentedActions(t *testing.T, command string) (actions []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/attach.md")
	noError(t, err)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "| `"+command+"` | "); found {
			for _, m := range regexp.MustCompile("`([a-z]+:[A-Za-z]+)`").FindAllStringSubmatch(rest, -1) {
				actions = append(actions, m[1])
			}
		}
	}
	slices.Sort(actions)
	return actions
}

// TestFromNothingToAttachedAndBack is the whole way: what detach leaves is what
// attach found, each command calls what the documents say it does, and a second
// time changes nothing.
func TestFromNothingToAttachedAndBack(t *testing.T) {
	r := onMoto(t, "eu-central-1")
	called := map[string][]string{}
	run := func(args ...string) string {
		t.Helper()
		r.Calls()
		out := r.must(args...)
		called[args[0]] = append(called[args[0]], r.Calls()...)
		return out
	}
	run("setup", "--yes")
	if out := run("setup"); strings.Count(out, "is as it should be") != 2 {
		t.Errorf("setup again:\n%s", out)
	}
	run("publish")
	if out := run("publish"); strings.Count(out, "version 1 has this content") != 2 {
		t.Errorf("publish again:\n%s", out)
	}
	r.function("orders", r.role("orders-role"), func(in *lambda.CreateFunctionInput) {
		in.Layers = []string{r.layer("first"), r.layer("second")}
		in.Environment = &types.Environment{Variables: map[string]string{"DB_PASSWORD": "hunter2<&>"}}
		in.Tags = map[string]string{"team": "shop"}
	})
	before := r.state("orders")
	topic := "arn:aws:sns:eu-central-1:123456789012:oncall"
	attach := []string{"attach", "orders", "-e", "LOGTABLE_FIELDS=pino", "--alert-topic", topic}
	out := run(append(attach, "--dry-run")...)
	if diff := cmp.Diff(before, r.state("orders")); diff != "" {
		t.Errorf("--dry-run changes (-before +after):\n%s", diff)
	}
	ours := "arn:aws:lambda:eu-central-1:" + motoAccount + ":layer:logtable-arm64:1"
	for _, line := range []string{"DB_PASSWORD=***", "    + LOGTABLE_FIELDS=pino", "    + " + ours,
		"    + dynamodb:BatchWriteItem on logtable-info, logtable-errors", "    + sns:Publish on oncall",
		"Dry run: nothing was changed."} {
		if !strings.Contains(out, line) {
			t.Errorf("the plan lacks %q:\n%s", line, out)
		}
	}
	if run(append(attach, "--yes")...); strings.Contains(out, "hunter2") {
		t.Error("the plan shows a secret")
	}
	if out := run(attach...); !strings.Contains(out, "orders: there is nothing to attach") {
		t.Errorf("attach again:\n%s", out)
	}
	after := r.state("orders")
	if want := append(slices.Clone(before.Layers), ours); !slices.Equal(after.Layers, want) {
		t.Errorf("layers are %q, want %q", after.Layers, want)
	}
	if want := map[string]string{"DB_PASSWORD": "hunter2<&>", "LOGTABLE_FIELDS": "pino",
		"LOGTABLE_ALERT_TOPIC_ARNS": topic}; !maps.Equal(after.Variables, want) {
		t.Errorf("variables are %v", after.Variables)
	}
	out = run("doctor", "orders")
	if strings.Contains(out, "FIX") || strings.Contains(out, "\n?") || !strings.Contains(out, "checks passed") {
		t.Errorf("doctor finds:\n%s", out)
	}
	run("detach", "orders", "--yes")
	if diff := cmp.Diff(before, r.state("orders")); diff != "" {
		t.Errorf("detach leaves (-before +after):\n%s", diff)
	}
	if out := run("detach", "orders"); !strings.Contains(out, "there is nothing to detach") {
		t.Errorf("detach again:\n%s", out)
	}
	for command, actions := range called {
		documented := documentedActions(t, command)
		for _, action := range actions {
			if !slices.Contains(documented, action) {
				t.Errorf("%s calls %s, which docs/attach.md does not name", command, action)
			}
		}
		for _, action := range documented {
			rare := []string{"lambda:ListTags", "dynamodb:UpdateTable", "iam:GetPolicy", "iam:GetPolicyVersion"}
			if command == "attach" { // to undo
				rare = append(rare, "iam:DeleteRolePolicy", "lambda:UntagResource")
			}
			if !slices.Contains(actions, action) && !slices.Contains(rare, action) {
				t.Errorf("docs/attach.md says that %s calls %s, which it did not", command, action)
			}
		}
	}
}

// attached is a rig with tables, layers and the function orders, which is not
// attached yet.
func attached(t *testing.T, changes ...func(*lambda.CreateFunctionInput)) *awsRig {
	r := onMoto(t, "us-east-1")
	r.must("setup", "--yes")
	r.must("publish")
	r.function("orders", r.role("orders-role"), changes...)
	return r
}

// TestAttachLeavesOthersAlone: what has changed since attach stays, a layer is
// replaced where it stands, and a shared role keeps the others' policies.
func TestAttachLeavesOthersAlone(t *testing.T) {
	r := attached(t)
	r.function("billing", r.cloudRole("orders"))
	first, second := r.layer("first"), r.layer("second")
	r.must("attach", "orders", "billing", "orders", "--yes", "-e", "LOGTABLE_FIELDS=pino", "-e", "LOGTABLE_LEVEL=INFO")
	s := r.state("orders")
	r.configure("orders", []string{first, s.Layers[0], second}, map[string]string{"LOGTABLE_FIELDS": "winston",
		"LOGTABLE_LEVEL": "INFO", "NEW": "1"})
	r.refused([]string{"LOGTABLE_FIELDS is set already, and not by attach"}, "attach", "orders", "--yes", "-e",
		"LOGTABLE_FIELDS=bunyan")
	r.zips["arm64"] = layerFile(t, machines["arm64"], "2")
	if out := r.must("publish"); !strings.Contains(out, "logtable-arm64: version 2 published") {
		t.Errorf("publish:\n%s", out)
	}
	if out := r.must("doctor", "orders"); !strings.Contains(out, "version 1; the newest is 2") {
		t.Errorf("doctor:\n%s", out)
	}
	r.must("attach", "orders", "--yes", "-e", "LOGTABLE_LEVEL=", "-e", "LOGTABLE_TTL=90d")
	newer := strings.TrimSuffix(s.Layers[0], "1") + "2"
	got := r.state("orders")
	if want := []string{first, newer, second}; !slices.Equal(got.Layers, want) {
		t.Errorf("layers are %q, want %q", got.Layers, want)
	}
	want := map[string]string{"LOGTABLE_FIELDS": "winston", "LOGTABLE_TTL": "90d", "NEW": "1"}
	if !maps.Equal(got.Variables, want) {
		t.Errorf("variables are %v, want %v", got.Variables, want)
	}
	out := r.must("detach", "orders", "--yes")
	got = r.state("orders")
	if want := []string{first, second}; !slices.Equal(got.Layers, want) || len(got.Tags) > 0 ||
		!maps.Equal(got.Variables, map[string]string{"LOGTABLE_FIELDS": "winston", "NEW": "1"}) {
		t.Errorf("detach leaves %+v\n%s", got, out)
	}
	policies := slices.Sorted(maps.Keys(got.Policies))
	if !slices.Equal(policies, []string{"logtable-billing", "own"}) {
		t.Errorf("the shared role has the policies %q", policies)
	}
}

// TestAttachRefuses: nothing is changed where it would do harm.
func TestAttachRefuses(t *testing.T) {
	r := attached(t, func(in *lambda.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"LOGTABLE_LEVEL": "WARN"}}
	})
	role := r.cloudRole("orders")
	r.function("stack", role, func(in *lambda.CreateFunctionInput) {
		in.Tags = map[string]string{"aws:cloudformation:stack-name": "shop"}
	})
	r.function("full", role, func(in *lambda.CreateFunctionInput) {
		for i := range 5 {
			in.Layers = append(in.Layers, r.layer(fmt.Sprintf("layer-%d", i)))
		}
	})
	r.function("large", role, func(in *lambda.CreateFunctionInput) {
		long := strings.Repeat("x", 4090-len(`{"X":""}`))
		in.Environment = &types.Environment{Variables: map[string]string{"X": long}}
	})
	before := r.state("orders")
	for _, tc := range []struct{ command, says string }{
		{"attach stack --yes", "belongs to the CloudFormation stack shop"},
		{"attach full --yes", "it has 5 layers, and Lambda allows 5 with ours"},
		{"attach large --yes -e LOGTABLE_FIELDS=pino", "and Lambda allows 4,096"},
		{"attach orders:live --yes", "names a version or alias"},
		{"attach nobody --yes", "there is no such function"},
		{"attach orders --yes -e LOGTABLE_LEVEL=INFO", "LOGTABLE_LEVEL is set already"},
		{"attach orders --yes -e LOGTABLE_FIELD=pino", "did you mean LOGTABLE_FIELDS?"},
		{"attach orders --yes -e LOGTABLE_TTL=soon", "is not a duration"},
		{"attach orders --yes -e PATH=/bin", "not a setting of Logtable's"},
		{"attach orders --yes --alert-topic oncall", "is not an ARN"},
		{"attach orders --yes --info-table nowhere", "there is no table nowhere"},
		{"attach orders --yes --layer x", "is not the ARN of a layer's version"},
		{"attach orders --yes --layer arn:aws:lambda:us-east-1:123456789012:layer:logtable-x86_64:1", "is for x86_64"},
		{"attach orders --yes --layer arn:aws:lambda:eu-west-1:123456789012:layer:logtable-arm64:1", "in eu-west-1"},
		{"attach arn:aws:lambda:eu-west-1:123456789012:function:orders", "say --region eu-west-1"},
		{"attach orders", "nobody can be asked here"},
	} {
		r.refused([]string{tc.says}, strings.Fields(tc.command)...)
	}
	if got := r.run("attach", "orders", "stack", "--yes"); got.code != exitError ||
		!strings.Contains(got.stderr, "1 of 2 functions were not changed") ||
		!strings.Contains(got.stdout, "orders: attached") {
		t.Errorf("%+v", got)
	}
	r.must("detach", "orders", "--yes")
	if got := r.run("attach", "stack"); !strings.Contains(got.stdout, "AWS::Serverless::Function") ||
		!strings.Contains(got.stdout, "layer:logtable-arm64:1") {
		t.Errorf("attach prints no snippet: %+v", got)
	}
	r.must("attach", "stack", "--yes", "--force")
	r.must("detach", "stack", "--yes", "--force")
	for member, c := range map[string]struct {
		value any
		says  string
	}{
		"PackageType":      {"Image", "it is a container image"},
		"LastUpdateStatus": {"InProgress", "it is being updated"},
		"Environment": {map[string]any{"Error": map[string]string{"Message": "no key"}},
			"its environment cannot be read"},
	} {
		r.Configure(member, c.value)
		r.refused([]string{c.says}, "attach", "orders", "--yes")
		r.Configure(member, nil)
	}
	if diff := cmp.Diff(before, r.state("orders")); diff != "" {
		t.Errorf("what was refused has changed (-before +after):\n%s", diff)
	}
}

// TestAttachAmongOthers: somebody else changes the function while attach does,
// AWS throttles, and credentials end. Nothing is left half done.
func TestAttachAmongOthers(t *testing.T) {
	r := attached(t)
	before := r.state("orders")
	unchanged := func(what string) {
		t.Helper()
		if diff := cmp.Diff(before, r.state("orders")); diff != "" {
			t.Errorf("%s leaves (-before +after):\n%s", what, diff)
		}
	}
	attach := []string{"attach", "orders", "--yes", "-e", "LOGTABLE_FIELDS=pino"}
	r.Before("lambda:UpdateFunctionConfiguration", func() { r.Touch("orders") })
	r.refused([]string{"somebody else has changed it meanwhile"}, attach...)
	unchanged("a change between reading and writing")
	other := map[string]string{"OTHER": "1"}
	r.Before("iam:PutRolePolicy", func() { r.configure("orders", nil, other) })
	r.refused([]string{"somebody else has changed it meanwhile"}, attach...)
	if s := r.state("orders"); !maps.Equal(s.Variables, other) || len(s.Layers)+len(s.Tags) > 0 ||
		len(s.Policies) != 1 {
		t.Errorf("a change while the plan was read leaves %+v", s)
	}
	r.configure("orders", nil, map[string]string{})
	for _, tc := range []struct {
		action, code string
		status       int
		says         string
	}{
		{"lambda:UpdateFunctionConfiguration", "ResourceConflictException", 409, "is being updated by somebody else"},
		{"lambda:UpdateFunctionConfiguration", "AccessDeniedException", 403,
			"allow lambda:UpdateFunctionConfiguration on orders"},
		{"lambda:UpdateFunctionConfiguration", "InvalidParameterValueException", 400, "250 MB, says Lambda"},
		{"lambda:TagResource", "AccessDeniedException", 403, "allow lambda:TagResource on orders"},
		{"iam:PutRolePolicy", "LimitExceeded", 409, "have no room for another one"},
		{"iam:PutRolePolicy", "AccessDenied", 403, "allow iam:PutRolePolicy on role orders-role"},
		{"iam:GetRolePolicy", "AccessDenied", 403, "allow iam:GetRolePolicy on role orders-role"},
		{"lambda:GetFunction", "ExpiredTokenException", 403, "the AWS credentials have expired"},
		{"lambda:ListLayerVersions", "UnrecognizedClientException", 403, "AWS refused the credentials"},
		{"dynamodb:DescribeTable", "AccessDeniedException", 400, "allow dynamodb:DescribeTable on logtable-info"},
	} {
		r.Fail(tc.action, 1, tc.status, tc.code, "250 MB, says Lambda")
		r.refused([]string{tc.says}, attach...)
		unchanged(tc.action + " refused with " + tc.code)
	}
	r.Fail("lambda:UpdateFunctionConfiguration", 1, 500, "ServiceException", "")
	at := append(slices.Clone(attach), "--region", r.region, "--endpoint-url", r.URL)
	got := logtable(t, map[string]string{"AWS_MAX_ATTEMPTS": "1"}, at...)
	if got.code != exitError || !strings.Contains(got.stderr, "whether it was changed is not known: repeat") {
		t.Errorf("%+v", got)
	}
	r.must("detach", "orders", "--yes")
	unchanged("a change of which nobody knows, and detach")
	ctx, interrupt := context.WithCancel(t.Context())
	r.Before("lambda:UpdateFunctionConfiguration", func() { r.Before("lambda:GetFunction", interrupt) })
	code := run(ctx, at, func(string) string { return "" }, strings.NewReader(""), io.Discard, io.Discard)
	if s := r.state("orders"); code != exitInterrupted || len(s.Layers) != 1 || s.Policies["logtable-orders"] == "" {
		t.Errorf("interrupted while Lambda changes it: exit code %d, %+v", code, s)
	}
	r.refused([]string{"it is being updated: try again in a minute"}, "detach", "orders", "--yes")
	r.must("detach", "orders", "--yes")
	unchanged("an interrupted attach, and detach")
	r.Fail("lambda:UpdateFunctionConfiguration", 1, 403, "AccessDeniedException", "")
	r.Fail("iam:DeleteRolePolicy", 1, 403, "AccessDenied", "")
	r.refused([]string{"what came before it is not undone, use logtable detach", "allow iam:DeleteRolePolicy"},
		attach...)
	r.must("detach", "orders", "--yes")
	for _, action := range []string{"lambda:GetFunction", "iam:PutRolePolicy", "lambda:UpdateFunctionConfiguration"} {
		code := map[bool]string{true: "Throttling", false: "TooManyRequestsException"}[strings.HasPrefix(action, "iam")]
		r.Fail(action, 1, 429, code, "Rate exceeded")
	}
	r.Fail("lambda:ListAliases", 1, 500, "ServiceException", "")
	r.must(attach...)
	r.Fail("lambda:UpdateFunctionConfiguration", 1, 403, "AccessDeniedException", "")
	attachedState := r.state("orders")
	r.refused([]string{"access denied"}, "detach", "orders", "--yes")
	if diff := cmp.Diff(attachedState, r.state("orders")); diff != "" {
		t.Errorf("a refused detach leaves (-before +after):\n%s", diff)
	}
	r.must("detach", "orders", "--yes")
	unchanged("attach and detach")
}

// TestAttachNamesAliases: all of them, page by page.
func TestAttachNamesAliases(t *testing.T) {
	r := attached(t)
	orders := aws.String("orders")
	v, err := r.cloud.lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: orders})
	noError(t, err)
	for _, name := range []string{"live", "canary"} {
		_, err := r.cloud.lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: orders,
			Name: &name, FunctionVersion: v.Version})
		noError(t, err)
	}
	out := r.must("attach", "orders", "--dry-run")
	if !strings.Contains(out, "live (version 1)") || !strings.Contains(out, "canary (version 1)") {
		t.Error(out)
	}
}

// TestPartitions: ARNs are those of the region's partition.
func TestPartitions(t *testing.T) {
	for region, partition := range map[string]string{"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		r := onMoto(t, region)
		r.must("setup", "--yes")
		r.must("publish")
		r.function("orders", r.role("orders-role"))
		before := r.state("orders")
		r.must("attach", "arn:"+partition+":lambda:"+region+":"+motoAccount+":function:orders", "--yes")
		s := r.state("orders")
		want := "arn:" + partition + ":lambda:" + region + ":" + motoAccount + ":layer:logtable-arm64:1"
		if !slices.Equal(s.Layers, []string{want}) {
			t.Errorf("layers are %q, want %q", s.Layers, want)
		}
		if want := "arn:" + partition + ":dynamodb:" + region; !strings.Contains(s.Policies["logtable-orders"], want) {
			t.Errorf("the policy is %s, want %s in it", s.Policies["logtable-orders"], want)
		}
		r.must("doctor", "orders")
		r.must("detach", "orders", "--yes")
		if diff := cmp.Diff(before, r.state("orders")); diff != "" {
			t.Error(diff)
		}
	}
}

// TestSetupComparesTables: what is there is completed, or refused.
func TestSetupComparesTables(t *testing.T) {
	r := onMoto(t, "us-east-1")
	create := func(name, key string) {
		in := (&tablePlan{name: name}).input()
		in.OnDemandThroughput = nil
		in.AttributeDefinitions[0].AttributeName, in.KeySchema[0].AttributeName = &key, &key
		_, err := r.cloud.client.CreateTable(t.Context(), in)
		noError(t, err)
	}
	create("info", "date")
	create("errors", "date")
	create("other", "id")
	r.refused([]string{"table other has the keys id (S), stamp_mod (S), and Logtable needs date (S), stamp_mod (S)"},
		"setup", "--yes", "--info-table", "info", "--errors-table", "other")
	args := []string{"setup", "--info-table", "info", "--errors-table", "errors"}
	out := r.must(append(args, "--dry-run")...)
	want := "~ table info\n    + rows expire (TTL on expiry)\n~ table errors\n    + deletion protection\n" +
		"    + point-in-time recovery (35 days)\n"
	if !strings.Contains(out, want) {
		t.Errorf("the plan is\n%s\nwant\n%s", out, want)
	}
	r.Fail("dynamodb:UpdateContinuousBackups", 1, 400, "ContinuousBackupsUnavailableException", "not yet")
	if out := r.must(append(args, "--yes")...); !strings.Contains(out,
		"logtable attach FUNCTION --region us-east-1 --info-table info --errors-table errors") {
		t.Error(out)
	}
	if out := r.must(args...); strings.Count(out, "is as it should be") != 2 {
		t.Error(out)
	}
	create("third", "date")
	_, err := r.cloud.client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: aws.String("third"), TimeToLiveSpecification: &dynamotypes.TimeToLiveSpecification{
			Enabled: aws.Bool(true), AttributeName: aws.String("ttl")}})
	noError(t, err)
	r.refused([]string{"table third has its TTL on ttl"}, "setup", "--yes", "--info-table", "third")
	r.Fail("dynamodb:CreateTable", 1, 400, "AccessDeniedException", "no")
	r.refused([]string{"allow dynamodb:CreateTable on logtable-errors"}, "setup", "--yes", "--info-table", "info",
		"--kms-key", "alias/logs")
}

// TestAnotherRoleAndAKey: the policy has the key that the tables are encrypted
// with, and leaves a role that the function has no more.
func TestAnotherRoleAndAKey(t *testing.T) {
	r := onMoto(t, "us-east-1")
	key := "arn:aws:kms:us-east-1:" + motoAccount + ":key/11111111-2222-3333-4444-555555555555"
	r.must("setup", "--yes", "--kms-key", key)
	r.must("publish")
	r.function("orders", r.role("first"))
	r.must("attach", "orders", "--yes")
	p := r.state("orders").Policies["logtable-orders"]
	if !strings.Contains(p, `"Action":"kms:Decrypt","Resource":"`+key) {
		t.Errorf("the policy is %s", p)
	}
	r.must("doctor", "orders")
	second := r.role("second")
	_, err := r.cloud.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("orders"), Role: &second})
	noError(t, err)
	if got := r.run("doctor", "orders"); got.code != exitSeen || !strings.Contains(got.stdout, "FIX   role") {
		t.Errorf("%+v", got)
	}
	r.must("attach", "orders", "--yes")
	policyOf := func(role string) string {
		text, err := r.cloud.readPolicy(t.Context(), role, "logtable-orders")
		noError(t, err)
		return text
	}
	if policyOf("first") != "" || policyOf("second") == "" {
		t.Errorf("after attach, first has %q, second %q", policyOf("first"), policyOf("second"))
	}
	first := "arn:aws:iam::" + motoAccount + ":role/app/first"
	_, err = r.cloud.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("orders"), Role: &first})
	noError(t, err)
	r.must("detach", "orders", "--yes")
	if policyOf("first") != "" || policyOf("second") != "" {
		t.Errorf("after detach, first has %q, second %q", policyOf("first"), policyOf("second"))
	}
}
