package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/resources"
	policy "github.com/logtable/logtable/internal/sandbox/iam"
)

// A rolePolicies is what a role's policies say, statement by statement.
type rolePolicies struct {
	known []policy.Policy
	// odd says that there are statements that this program does not understand:
	// other conditions, NotAction and the like.
	odd bool
}

// checkRole checks whether a function's role allows what the layer does with
// its settings.
func (d *doctor) checkRole(ctx context.Context, t *target, settings config.Config) {
	info, errorsTable := d.tables[settings.InfoTable], d.tables[settings.ErrorsTable]
	if info == nil || errorsTable == nil {
		return // that has been said
	}
	at := resources.Place{InfoTable: info.arn, ErrorsTable: errorsTable.arn, Function: t.name,
		Topics: topicsOf(settings.Alerts)}
	for _, state := range []*tableState{info, errorsTable} {
		if state.kmsKey != "" {
			at.Keys = append(at.Keys, state.kmsKey)
		}
	}
	duties := []resources.Duty{resources.Write}
	if settings.Alerts.On() {
		duties = append(duties, resources.Alert)
	}
	all, err := d.policiesOf(ctx, t.role)
	if err != nil {
		d.say(unclear, "role", err.Error(), "")
		return
	}
	missing := all.lack(resources.For(at, duties...))
	switch {
	case len(missing) == 0 && !all.odd:
		d.say(fine, "role", t.role+" allows all that is needed", "")
	case all.odd:
		d.say(unclear, "role", t.role+" has statements with conditions that cannot be judged here: ask IAM's policy "+
			"simulator", "")
	default:
		d.say(finding, "role", t.role+" does not allow "+strings.Join(missing, "; "), "logtable attach "+t.name+d.flags+
			", or attach the template's "+string(duties[len(duties)-1])+" to it")
	}
}

// lack says what of a policy is not allowed.
func (all *rolePolicies) lack(needed resources.Policy) (missing []string) {
	for _, s := range needed.Statement {
		refused := s
		refused.Resource = nil
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				if !policy.Allowed(all.known, request(s, action, resource)) {
					refused.Resource = append(refused.Resource, resource)
				}
			}
		}
		if len(refused.Resource) > 0 {
			missing = append(missing, refused.Words())
		}
	}
	return missing
}

// request is what the layer asks for that needs a statement.
func request(s resources.Statement, action, resource string) policy.Request {
	sample := strings.NewReplacer("*", "0")
	r := policy.Request{Action: action, Resource: sample.Replace(resource), Keys: map[string][]string{}}
	for _, keys := range s.Condition {
		for key, patterns := range keys {
			for _, p := range patterns {
				r.Keys[key] = append(r.Keys[key], sample.Replace(p))
			}
		}
	}
	return r
}

// policiesOf reads all policies of a role: its own and those that are attached.
func (c *cloud) policiesOf(ctx context.Context, role string) (*rolePolicies, error) {
	all := &rolePolicies{}
	explain := func(permission string, err error) error {
		return c.explainCall(call{cannot: "check the role " + role, permission: permission, on: "role " + role,
			missing: "the role does not exist, and the function cannot run: give it another one"}, err)
	}
	own := iam.NewListRolePoliciesPaginator(c.iam, &iam.ListRolePoliciesInput{RoleName: &role})
	for own.HasMorePages() {
		page, err := own.NextPage(ctx)
		if err != nil {
			return nil, explain("iam:ListRolePolicies", err)
		}
		for _, name := range page.PolicyNames {
			document, err := c.readPolicy(ctx, role, name)
			if err != nil {
				return nil, err
			}
			all.add(document)
		}
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(c.iam, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, explain("iam:ListAttachedRolePolicies", err)
		}
		for _, p := range page.AttachedPolicies {
			document, err := c.managedPolicy(ctx, aws.ToString(p.PolicyArn))
			if err != nil {
				return nil, explain("iam:GetPolicy and iam:GetPolicyVersion", err)
			}
			all.add(document)
		}
	}
	return all, nil
}

// managedPolicy is the document of a managed policy that holds.
func (c *cloud) managedPolicy(ctx context.Context, arn string) (string, error) {
	out, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return "", err
	}
	version, err := c.iam.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &arn,
		VersionId: out.Policy.DefaultVersionId})
	if err != nil {
		return "", err
	}
	if version.PolicyVersion == nil {
		return "", errors.New("IAM does not say what is in " + arn)
	}
	return plainPolicy(aws.ToString(version.PolicyVersion.Document)), nil
}

// add takes a document, statement by statement: one that is not understood may
// be about something else altogether.
func (all *rolePolicies) add(document string) {
	var whole struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(document), &whole) != nil {
		all.odd = true
		return
	}
	var statements []json.RawMessage
	if json.Unmarshal(whole.Statement, &statements) != nil {
		statements = []json.RawMessage{whole.Statement}
	}
	for _, s := range statements {
		p, err := policy.Parse([]byte("[" + string(s) + "]"))
		switch {
		case err == nil:
			all.known = append(all.known, p)
		case concernsUs(s):
			all.odd = true
		}
	}
}

// concernsUs reports whether a statement may be about what the layer does.
func concernsUs(statement json.RawMessage) bool {
	var s struct{ Action resources.OneOrMore }
	if json.Unmarshal(statement, &s) != nil || len(s.Action) == 0 {
		return true // NotAction
	}
	for _, action := range s.Action {
		service, _, _ := strings.Cut(strings.ToLower(action), ":")
		switch service {
		case "dynamodb", "sns", "kms", "*":
			return true
		}
	}
	return false
}
