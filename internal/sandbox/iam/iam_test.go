package iam_test

import (
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/sandbox/iam"
)

func TestAllowed(t *testing.T) {
	const allow = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:Batch*Item","Resource":["arn:a?","arn:t"],
		"Condition":{"ForAllValues:StringLike":{"k":["20*","x"]}}}}`
	for _, tc := range []struct {
		document string
		request  iam.Request
		want     bool
	}{
		{allow, iam.Request{Action: "dynamodb:BatchWriteItem", Resource: "arn:t",
			Keys: map[string][]string{"k": {"2026", "x"}}}, true},
		{allow, iam.Request{Action: "DynamoDB:batchwriteitem", Resource: "arn:ab",
			Keys: map[string][]string{"k": {"20"}}}, true},
		// no key, so none that does not fit
		{allow, iam.Request{Action: "dynamodb:BatchWriteItem", Resource: "arn:t"}, true},
		{allow, iam.Request{Action: "dynamodb:BatchWriteItem", Resource: "arn:t",
			Keys: map[string][]string{"k": {"2026", "y"}}}, false},
		{allow, iam.Request{Action: "dynamodb:BatchWriteItem", Resource: "arn:T"}, false},
		{allow, iam.Request{Action: "dynamodb:PutItem", Resource: "arn:t"}, false},
		{strings.Replace(allow, `"k":["20*","x"]}`, `"k":"20*"},"Null":{"k":"false"}`, 1),
			iam.Request{Action: "dynamodb:BatchWriteItem", Resource: "arn:t"}, false},
		{`[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"a:b","Resource":"*"}]`,
			iam.Request{Action: "a:b", Resource: "r"}, false},
		{`[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"a:b","Resource":"*"}]`,
			iam.Request{Action: "a:c", Resource: "r"}, true},
	} {
		p, err := iam.Parse([]byte(tc.document))
		if err != nil {
			t.Fatal(err)
		}
		if got := iam.Allowed([]iam.Policy{p}, tc.request); got != tc.want {
			t.Errorf("%s\n%+v: %v", tc.document, tc.request, got)
		}
	}
	if iam.Allowed(nil, iam.Request{Action: "a:b", Resource: "r"}) {
		t.Error("nothing allows")
	}
}

// TestWhatIsNotKnownIsAnError: it must not be skipped.
func TestWhatIsNotKnownIsAnError(t *testing.T) {
	for _, document := range []string{
		``, `{}`, `[]`, `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
		`[{"Effect":"allow","Action":"*","Resource":"*"}]`, `[{"Effect":"Allow","Action":"*"}]`,
		`[{"Effect":"Allow","NotAction":"*","Resource":"*"}]`,
		`[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"k":"v"}}}]`,
		`[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"k":[]}}}]`,
	} {
		if _, err := iam.Parse([]byte(document)); err == nil {
			t.Errorf("%s is taken", document)
		}
	}
}

const template = `
# a comment
Description: >-
  two
  lines
Resources:
  One: # the first
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: [a:b, "a:c"]
            Resource:
              - !GetAtt Table.Arn
              - !Ref Topics
            Condition:
              ForAllValues:StringLike:
                k: !Sub "x#${Function}#*"
          - !If [Encrypted, { Effect: Allow, Action: "k:d", Resource: !Ref Key }, !Ref AWS::NoValue]
  Two: { Type: Other, List: [1, { a: b }], If: !If [C, !Ref X, ""] }
`

func TestTemplates(t *testing.T) {
	tpl, err := iam.ReadTemplate([]byte(template))
	if err != nil {
		t.Fatal(err)
	}
	if names := tpl.Policies(); len(names) != 1 || names[0] != "One" || tpl.Resource("Two")["Type"] != "Other" ||
		tpl.Resource("Three") != nil {
		t.Errorf("%q, %v", names, tpl.Resource("Two"))
	}
	values := map[string]any{"Table.Arn": "arn:t", "Topics": "arn:s", "Function": "f"}
	p, err := tpl.Policy("One", values)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"x#f#1": true, "x#g#1": false} {
		r := iam.Request{Action: "a:c", Resource: "arn:s", Keys: map[string][]string{"k": {key}}}
		if iam.Allowed([]iam.Policy{p}, r) != want {
			t.Errorf("%s: %v", key, !want)
		}
	}
	decrypt := iam.Request{Action: "k:d", Resource: "arn:k"}
	if iam.Allowed([]iam.Policy{p}, decrypt) {
		t.Error("the condition Encrypted is not given, and yet holds")
	}
	values["Encrypted"], values["Key"] = true, "arn:k"
	if p, err = tpl.Policy("One", values); err != nil || !iam.Allowed([]iam.Policy{p}, decrypt) {
		t.Errorf("the condition Encrypted does not hold: %v", err)
	}
	delete(values, "Function")
	if _, err := tpl.Policy("One", values); err == nil {
		t.Error("nothing is given for Function, and nobody says so")
	}
	if _, err := tpl.Policy("Two", values); err == nil {
		t.Error("Two is taken for a policy")
	}
	for _, bad := range []string{"a: [1", "a: { b", "a: \"x", "a: b\n c\n", "just text", "a: \"x\" y"} {
		if _, err := iam.ReadTemplate([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
