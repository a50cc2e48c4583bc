package main

import (
	"strings"
	"testing"
)

const (
	aTopic = "arn:aws:sns:eu-central-1:123456789012:oncall"
	aLayer = "arn:aws:lambda:eu-central-1:123456789012:layer:logtable-arm64:7"
	aTable = "arn:aws:dynamodb:eu-central-1:210987654321:table/shared"
)

// What the snippets do where they are deployed, layer/tools_test.go tests with
// the tools themselves.
func TestInit(t *testing.T) {
	for _, form := range []string{"sam", "cdk", "terraform", "serverless", "cli"} {
		t.Run(form, func(t *testing.T) {
			got := logtable(t, nil, "init", form, "--function", "orders_api-2")
			if got.code != exitOK || got.stderr != "" || !strings.Contains(got.stdout, "orders_api-2") ||
				strings.Contains(got.stdout, "LOGTABLE_") || strings.Contains(got.stdout, "sns:") {
				t.Errorf("%+v", got)
			}
			// Everything that it can be told.
			env := map[string]string{"LOGTABLE_INFO_TABLE": "rows"}
			got = logtable(t, env, "init", form, "--function", "orders", "--arch", "arm64", "--layer", aLayer,
				"--errors-table", aTable, "--topic", aTopic, "--topic", aTopic+"-2", "--region", "eu-central-1")
			for _, want := range []string{aLayer, aTable, aTopic, "rows", "alert#orders#*", "arm64",
				"LOGTABLE_INFO_TABLE", "LOGTABLE_ERRORS_TABLE", aTopic + "," + aTopic + "-2"} {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("there is no %s in\n%s", want, got.stdout)
				}
			}
			if form != "terraform" && !strings.Contains(got.stdout, "eu-central-1") ||
				strings.Contains(got.stdout, "AWS::Region") || strings.Contains(got.stdout, "Aws.REGION") {
				t.Errorf("the region is not the one that was given:\n%s", got.stdout)
			}
			if strings.Contains(got.stdout, "<no value>") || strings.Contains(got.stdout, "{{") {
				t.Error(got.stdout)
			}
		})
	}
}

// TestInitRefuses holds that nothing gets into a template or script that means
// something else there.
func TestInitRefuses(t *testing.T) {
	for _, tc := range []struct{ arguments, want string }{
		{"", "one of sam, cdk, terraform, serverless and cli"},
		{"pulumi", `"pulumi" is not a form: write one of cdk, cli, sam, serverless, terraform`},
		{"sam cdk", "2 arguments are too many"},
		{"sam --function a;b", `--function "a;b" is not the name of a function`},
		{"sam --function $(x)", "is not the name of a function"},
		{"cli --arch amd64", `--arch "amd64" is not an architecture of Lambda: write arm64 or x86_64`},
		{"sam --region nowhere", "write it as eu-central-1"},
		{"cli --layer logtable-arm64", `"logtable-arm64" is not an ARN`},
		{"cli --topic arn:aws:sns:eu-central-1:1:$(x)", "is not an ARN"},
		{"cli --info-table a`b", "is neither a table's name nor an ARN"},
		{"cdk --errors-table ${x}", "is neither a table's name nor an ARN"},
	} {
		got := logtable(t, nil, append([]string{"init"}, strings.Fields(tc.arguments)...)...)
		if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, tc.want) {
			t.Errorf("init %s: %+v, want %q", tc.arguments, got, tc.want)
		}
	}
}

// TestInitNames: names of functions become names that each form takes.
func TestInitNames(t *testing.T) {
	for function, want := range map[string][2]string{
		"orders": {"Orders", "orders"}, "orders-api_v2": {"OrdersApiV2", "orders_api_v2"},
		"7": {"Function", "function"}, "-_-": {"Function", "function"}, "2fast": {"fast", "fast"},
	} {
		s := snippet{Function: function}
		if got := [2]string{s.ID(), s.Label()}; got != want {
			t.Errorf("%s: %q, want %q", function, got, want)
		}
	}
}
