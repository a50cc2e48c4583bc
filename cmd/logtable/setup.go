package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/resources"
)

// setupFlags are what `logtable setup` can be told.
type setupFlags struct {
	cloudFlags
	tables tableFlags
	kmsKey string
}

func newSetup(sh *shell) *cobra.Command {
	f := &setupFlags{}
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Create the two tables in your AWS account",
		Long: `Create the two tables in your AWS account, or complete those that are there.
What will be done is shown first, and nothing is done without your consent. Run
it again whenever you like: what is as it should be is left alone.

This is for a start without a template. Tables that CloudFormation, the CDK or
Terraform manages are better changed there.`,
		Example: `  logtable setup --dry-run
  logtable setup --region eu-central-1 --profile shop
  logtable setup --kms-key alias/logs`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return dryRunIsFine(sh, setup(cmd.Context(), sh, f))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.kmsKey, "kms-key", "", "ID, ARN or alias of a `KEY` of yours that encrypts new\n"+
		"tables (default one that AWS owns)")
	f.tables.registerNames(flags)
	f.cloudFlags.register(flags, "what would be created")
	return cmd
}

func setup(ctx context.Context, sh *shell, f *setupFlags) error {
	c, err := connectCloud(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	owner, err := c.identity(ctx)
	if err != nil {
		return err
	}
	info, errorsName := f.tables.names(sh)
	var plans []*tablePlan
	for _, t := range []struct {
		name string
		want resources.Table
	}{{info, resources.InfoTable()}, {errorsName, resources.ErrorsTable()}} {
		p, err := c.planTable(ctx, t.name, t.want, f.kmsKey)
		if err != nil {
			return err
		}
		plans = append(plans, p)
	}
	fmt.Fprintf(sh.stdout, "Account %s, region %s\n\n", owner, c.region)
	changes := 0
	for _, p := range plans {
		fmt.Fprintln(sh.stdout, strings.Join(visibleLines(p.String()), "\n"))
		changes += len(p.steps)
	}
	if changes > 0 {
		fmt.Fprintln(sh.stdout)
		if err := f.confirmed(ctx, sh, "Do this?"); err != nil {
			return err
		}
		fmt.Fprintln(sh.stdout)
	}
	for _, p := range plans {
		if err := p.carryOut(ctx, c, sh); err != nil {
			return err
		}
	}
	fmt.Fprintf(sh.stdout, "\nThe tables are ready. Next:\n  logtable publish%s\n  logtable attach FUNCTION%s%s\n",
		visible(c.flags), visible(c.flags), visible(f.tables.renamed()))
	return nil
}

// renamed are the flags that name the tables, for another command.
func (f *tableFlags) renamed() (flags string) {
	for _, flag := range [][2]string{{"--info-table", f.infoTable}, {"--errors-table", f.errorsTable}} {
		if flag[1] != "" {
			flags += " " + flag[0] + " " + flag[1]
		}
	}
	return flags
}

// A tablePlan is what is to be done to a table.
type tablePlan struct {
	name   string
	want   resources.Table
	isNew  bool
	kmsKey string
	steps  []step
}

// A step is one change of a table.
type step struct {
	says []string // what will be, line by line
	did  string   // what was done
	call call
	do   func(ctx context.Context, c *cloud) error
}

// planTable compares a table with what it should be. An error is what only a
// person can put right.
func (c *cloud) planTable(ctx context.Context, name string, want resources.Table, kmsKey string) (*tablePlan, error) {
	state, err := c.describeTable(ctx, name)
	if err != nil {
		return nil, err
	}
	p := &tablePlan{name: name, want: want, isNew: state == nil, kmsKey: kmsKey}
	switch {
	case p.isNew && strings.HasPrefix(name, "arn:"):
		return nil, usagef("the table %s does not exist, and cannot be created by its ARN: write its name", name)
	case p.isNew:
		p.steps = append(p.steps, p.creation())
	case state.status == types.TableStatusDeleting:
		return nil, errors.New("table " + name + " is being deleted: run setup again in a minute")
	case state.keyProblem() != "":
		return nil, errors.New("table " + name + " " + state.keyProblem() + ": name another table with --info-table " +
			"and --errors-table")
	case len(state.unknown) > 0:
		return nil, state.unknown[0]
	case want.TTL != "" && state.ttl != "" && state.ttl != want.TTL:
		return nil, fmt.Errorf("table %s has its TTL on %s, and Logtable's rows expire by %s: turn it off (aws "+
			"dynamodb update-time-to-live), wait an hour, and run setup again", name, state.ttl, want.TTL)
	}
	p.complete(state)
	return p, nil
}

// complete plans what a table lacks; nil is one that is to be created.
func (p *tablePlan) complete(state *tableState) {
	if state == nil {
		state = &tableState{protected: p.want.DeletionProtection}
	}
	if p.want.TTL != "" && state.ttl == "" {
		p.steps = append(p.steps, p.expiry())
	}
	if p.want.DeletionProtection && !state.protected {
		p.steps = append(p.steps, p.protection())
	}
	if p.want.PointInTimeRecovery && !state.recovery {
		p.steps = append(p.steps, p.recovery())
	}
}

// String shows the plan: + is new, ~ is changed, = stays.
func (p *tablePlan) String() string {
	var b strings.Builder
	switch {
	case len(p.steps) == 0:
		return "= table " + p.name + " is as it should be\n"
	case p.isNew:
		fmt.Fprintf(&b, "+ table %s\n", p.name)
	default:
		fmt.Fprintf(&b, "~ table %s\n", p.name)
	}
	for _, s := range p.steps {
		for _, line := range s.says {
			fmt.Fprintf(&b, "    + %s\n", line)
		}
	}
	return b.String()
}

func (p *tablePlan) carryOut(ctx context.Context, c *cloud, sh *shell) error {
	for _, s := range p.steps {
		if err := s.do(ctx, c); err != nil {
			return c.explainCall(s.call, err)
		}
		fmt.Fprintf(sh.stdout, "table %s: %s\n", visible(p.name), s.did)
	}
	return nil
}

func (p *tablePlan) creation() step {
	s := step{did: "created", call: p.call("create table", "dynamodb:CreateTable"), says: []string{
		fmt.Sprintf("keys %s and %s (strings)", resources.PartitionKey, resources.SortKey),
		fmt.Sprintf("on demand, at most %s write units a second", thousands(int(p.want.MaxWriteUnits))),
	}}
	if p.kmsKey != "" {
		s.says = append(s.says, "encrypted with "+p.kmsKey)
	}
	if p.want.DeletionProtection {
		s.says = append(s.says, "deletion protection")
	}
	s.do = func(ctx context.Context, c *cloud) error {
		if _, err := c.client.CreateTable(ctx, p.input()); err != nil {
			return err
		}
		return c.awaitTable(ctx, p.name)
	}
	return s
}

func (p *tablePlan) input() *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName:   &p.name,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(resources.PartitionKey), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String(resources.SortKey), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(resources.PartitionKey), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(resources.SortKey), KeyType: types.KeyTypeRange},
		},
		OnDemandThroughput:        &types.OnDemandThroughput{MaxWriteRequestUnits: &p.want.MaxWriteUnits},
		DeletionProtectionEnabled: &p.want.DeletionProtection,
	}
	if p.kmsKey != "" {
		in.SSESpecification = &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms,
			KMSMasterKeyId: &p.kmsKey}
	}
	return in
}

func (p *tablePlan) call(cannot, permission string) call {
	return call{cannot: cannot + " " + p.name, permission: permission, on: p.name, missing: missingTable}
}

func (p *tablePlan) expiry() step {
	return step{says: []string{"rows expire (TTL on " + p.want.TTL + ")"}, did: "rows expire",
		call: p.call("turn on the TTL of table", "dynamodb:UpdateTimeToLive"),
		do: func(ctx context.Context, c *cloud) error {
			_, err := c.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &p.name,
				TimeToLiveSpecification: &types.TimeToLiveSpecification{
					Enabled: aws.Bool(true), AttributeName: &p.want.TTL,
				}})
			return err
		}}
}

func (p *tablePlan) protection() step {
	return step{says: []string{"deletion protection"}, did: "protected from deletion",
		call: p.call("protect table", "dynamodb:UpdateTable"),
		do: func(ctx context.Context, c *cloud) error {
			_, err := c.client.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &p.name,
				DeletionProtectionEnabled: aws.Bool(true)})
			if err != nil {
				return err
			}
			return c.awaitTable(ctx, p.name)
		}}
}

func (p *tablePlan) recovery() step {
	return step{says: []string{"point-in-time recovery (35 days)"}, did: "point-in-time recovery is on",
		call: p.call("turn on the recovery of table", "dynamodb:UpdateContinuousBackups"),
		do: func(ctx context.Context, c *cloud) error {
			return c.enableRecovery(ctx, p.name)
		}}
}
