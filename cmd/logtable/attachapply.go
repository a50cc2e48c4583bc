package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

// undoTimeout bounds what is undone after a failure or Ctrl-C.
const undoTimeout = 30 * time.Second

// apply makes a change. Permissions and the tag come before the layer and go
// after it, so that a function never runs without what it needs, and so that
// whatever is interrupted can be detached. If it is certain that the function
// itself is not changed, what came before is undone.
func (c *cloud) apply(ctx context.Context, ch *change) error {
	undo, err := c.grant(ctx, ch)
	if err == nil && ch.reconfigures() {
		err = c.reconfigure(ctx, ch)
	}
	if err == nil {
		return c.takeAway(ctx, ch)
	}
	if unsure := (unsureError{}); errors.As(err, &unsure) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	for _, f := range slices.Backward(undo) {
		if left := f(ctx); left != nil {
			err = fmt.Errorf("%w; and what came before it is not undone, use logtable detach: %w", err, left)
		}
	}
	return err
}

// grant does what comes before the change of the function itself, and returns
// what undoes it.
func (c *cloud) grant(ctx context.Context, ch *change) (undo []func(context.Context) error, err error) {
	for _, p := range ch.policies {
		if !p.isGrant() {
			continue
		}
		if err := c.setPolicy(ctx, p.role, p.name, p.after); err != nil {
			return undo, err
		}
		undo = append(undo, func(ctx context.Context) error { return c.setPolicy(ctx, p.role, p.name, p.before) })
	}
	before := ch.target.tags[attachedTag]
	if ch.tag != "" && ch.tag != before {
		if err := c.setTag(ctx, ch.target, ch.tag); err != nil {
			return undo, err
		}
		undo = append(undo, func(ctx context.Context) error { return c.setTag(ctx, ch.target, before) })
	}
	return undo, nil
}

// unsureError is one after which the function may have been changed, or will
// be.
type unsureError struct{ error }

func (e unsureError) Unwrap() error { return e.error }

// isGrant reports whether a policy is to be put.
func (p policyChange) isGrant() bool { return p.after != "" && p.after != p.before }

// takeAway deletes the policies and the tag that nothing needs any more.
func (c *cloud) takeAway(ctx context.Context, ch *change) error {
	for _, p := range ch.policies {
		if p.after == "" {
			if err := c.setPolicy(ctx, p.role, p.name, ""); err != nil {
				return err
			}
		}
	}
	if ch.tag == "" && ch.target.tags[attachedTag] != "" {
		return c.setTag(ctx, ch.target, "")
	}
	return nil
}

// setPolicy puts an inline policy, or deletes it for "".
func (c *cloud) setPolicy(ctx context.Context, role, name, document string) error {
	if document == "" {
		_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name})
		if errorCode(err) == "NoSuchEntity" || err == nil {
			return nil
		}
		return c.explainCall(call{cannot: "delete the policy " + name, permission: "iam:DeleteRolePolicy",
			on: "role " + role}, err)
	}
	_, err := c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name,
		PolicyDocument: &document})
	switch {
	case err == nil:
		return nil
	case errorCode(err) == "LimitExceeded":
		return fmt.Errorf("the inline policies of the role %s have no room for another one (10,240 characters in "+
			"all): give the function a role of its own", role)
	}
	return c.explainCall(call{cannot: "give the role " + role + " its policy", permission: "iam:PutRolePolicy",
		on: "role " + role, missing: "the role does not exist"}, err)
}

// setTag tags a function as attached, or removes the tag for "".
func (c *cloud) setTag(ctx context.Context, t *target, value string) error {
	of := call{cannot: "tag the function " + t.name, permission: "lambda:TagResource", on: t.name}
	var err error
	if value == "" {
		of.permission = "lambda:UntagResource"
		_, err = c.lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: &t.arn,
			TagKeys: []string{attachedTag}})
	} else {
		_, err = c.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: &t.arn,
			Tags: map[string]string{attachedTag: value}})
	}
	if err != nil {
		return c.explainCall(of, err)
	}
	return nil
}

// errMeanwhile is that somebody else has changed the function since it was
// read.
var errMeanwhile = errors.New("somebody else has changed it meanwhile, and nothing was done: look at the changes " +
	"again, and repeat")

// reconfigure changes the function, unless somebody else has done so since it
// was read, and waits until it is done.
func (c *cloud) reconfigure(ctx context.Context, ch *change) error {
	// A tag may have given the function another revision.
	now, err := c.readFunction(ctx, ch.target.name)
	if err != nil {
		return err
	}
	was := ch.target
	if !slices.Equal(now.layers, was.layers) || !maps.Equal(now.variables, was.variables) || now.role != was.role {
		return errMeanwhile
	}
	in := &lambda.UpdateFunctionConfigurationInput{FunctionName: &was.name, RevisionId: now.config.RevisionId}
	if !slices.Equal(ch.layers, was.layers) {
		in.Layers = append([]string{}, ch.layers...) // nil would leave them
	}
	if !maps.Equal(ch.variables, was.variables) {
		in.Environment = &types.Environment{Variables: ch.variables}
	}
	if _, err = c.lambda.UpdateFunctionConfiguration(ctx, in); err != nil {
		switch errorCode(err) {
		case "PreconditionFailedException":
			return errMeanwhile
		case "ResourceConflictException":
			return errors.New("it is being updated by somebody else: try again in a minute")
		}
		explained := c.explainCall(call{cannot: "change the function " + was.name,
			permission: "lambda:UpdateFunctionConfiguration", on: was.name}, err)
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorFault() != smithy.FaultServer {
			return explained
		}
		return unsureError{fmt.Errorf("%w; whether it was changed is not known: repeat the command", explained)}
	}
	if err = c.awaitUpdate(ctx, was.name); err != nil {
		return unsureError{err}
	}
	return nil
}

// awaitUpdate waits until a function has its new configuration.
func (c *cloud) awaitUpdate(ctx context.Context, name string) error {
	return poll(ctx, func() (bool, error) {
		t, err := c.readFunction(ctx, name)
		if err != nil {
			return false, err
		}
		if t.config.LastUpdateStatus == types.LastUpdateStatusFailed {
			return false, errors.New("Lambda could not update it: " +
				oneLine(aws.ToString(t.config.LastUpdateStatusReason)))
		}
		return t.config.LastUpdateStatus != types.LastUpdateStatusInProgress, nil
	})
}
