package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// A target is a function as it was read.
type target struct {
	name, arn, region string
	config            types.FunctionConfiguration
	tags              map[string]string
	noTags            error    // why the tags are not known
	layers            []string // ARNs
	variables         map[string]string
	role              string // its name
	aliases           []string
}

func (t *target) architecture() string {
	if len(t.config.Architectures) > 0 {
		return string(t.config.Architectures[0])
	}
	return string(types.ArchitectureX8664)
}

var errNoFunction = errors.New("there is no such function")

// readFunction reads all of a function that attach and doctor look at.
func (c *cloud) readFunction(ctx context.Context, name string) (*target, error) {
	out, err := c.lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if missing := (&types.ResourceNotFoundException{}); errors.As(err, &missing) {
		return nil, fmt.Errorf("%w %s: check its name, --region and --profile", errNoFunction, c.where())
	}
	if err != nil {
		return nil, c.explainCall(call{cannot: "look at the function " + name, permission: "lambda:GetFunction",
			on: name}, err)
	}
	t := &target{name: name, region: c.region, config: *out.Configuration, tags: out.Tags,
		variables: map[string]string{}}
	t.arn = aws.ToString(t.config.FunctionArn)
	if out.TagsError != nil {
		t.noTags = errors.New("its tags cannot be read: allow lambda:ListTags on it (" +
			oneLine(aws.ToString(out.TagsError.Message)) + ")")
	}
	for _, layer := range t.config.Layers {
		t.layers = append(t.layers, aws.ToString(layer.Arn))
	}
	if e := t.config.Environment; e != nil {
		t.variables = e.Variables
	}
	role := aws.ToString(t.config.Role)
	t.role = role[strings.LastIndexByte(role, '/')+1:]
	return t, nil
}

// readAliases finds out which aliases and versions stay as they are.
func (c *cloud) readAliases(ctx context.Context, t *target) error {
	pages := lambda.NewListAliasesPaginator(c.lambda, &lambda.ListAliasesInput{FunctionName: &t.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return c.explainCall(call{cannot: "list the aliases of " + t.name, permission: "lambda:ListAliases",
				on: t.name}, err)
		}
		for _, a := range page.Aliases {
			t.aliases = append(t.aliases, fmt.Sprintf("%s (version %s)", aws.ToString(a.Name),
				aws.ToString(a.FunctionVersion)))
		}
	}
	return nil
}

// refusal says why a function must be left alone.
func (t *target) refusal(force bool) error {
	stack, managed := t.tags["aws:cloudformation:stack-name"]
	e := t.config.Environment
	switch {
	case t.config.PackageType == types.PackageTypeImage:
		return errors.New("it is a container image, which takes no layers: copy the extension into the image " +
			"(docs/install.md, \"In a container image\")")
	case e != nil && e.Error != nil:
		return errors.New("its environment cannot be read, and would be lost: have kms:Decrypt on its key allowed (" +
			oneLine(aws.ToString(e.Error.Message)) + ")")
	case t.config.LastUpdateStatus == types.LastUpdateStatusInProgress, t.config.State == types.StatePending:
		return errors.New("it is being updated: try again in a minute")
	case t.noTags != nil && !force:
		return fmt.Errorf("%w; --force goes on without", t.noTags)
	case managed && !force:
		return &stackError{t, stack}
	}
	return nil
}

// A stackError is that a function belongs to a CloudFormation stack.
type stackError struct {
	target *target
	stack  string
}

func (e *stackError) Error() string {
	return "it belongs to the CloudFormation stack " + e.stack + ", whose next deployment would undo this: write it " +
		"into the template (logtable init prints what, for SAM, the CDK and Serverless); --force does it all the same"
}

// policyName is the inline policy of a function. It has the function's name, so
// that functions that share a role do not take it from one another.
func policyName(function string) string { return "logtable-" + function }

// readPolicy is an inline policy of a role, as JSON in its shortest form; ""
// for none.
func (c *cloud) readPolicy(ctx context.Context, role, policy string) (string, error) {
	out, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &policy})
	if missing := (&iamtypes.NoSuchEntityException{}); errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", c.explainCall(call{cannot: "look at the policy " + policy + " of the role " + role,
			permission: "iam:GetRolePolicy", on: "role " + role}, err)
	}
	return plainPolicy(aws.ToString(out.PolicyDocument)), nil
}

// plainPolicy is a policy document that IAM has encoded for a URL.
func plainPolicy(document string) string {
	if plain, err := url.PathUnescape(document); err == nil {
		document = plain
	}
	var compact json.RawMessage
	if json.Unmarshal([]byte(document), &compact) == nil {
		if text, err := json.Marshal(compact); err == nil {
			return string(text)
		}
	}
	return document
}
