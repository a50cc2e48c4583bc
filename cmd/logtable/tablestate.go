package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/resources"
	"github.com/logtable/logtable/internal/wait"
)

// A change that AWS is carrying out is looked at with growing pauses, and not
// for ever.
const (
	pollFirst = 100 * time.Millisecond
	pollMost  = 2 * time.Second
	pollFor   = 5 * time.Minute
)

// A tableState is what a table is like.
type tableState struct {
	arn    string
	status types.TableStatus
	keys   string // as keyNames writes them
	mode   types.BillingMode
	kmsKey string // ARN of its KMS key; "" for one that AWS owns

	ttl                 string // attribute by which rows expire; "" for none
	protected, recovery bool
	unknown             []error // what could not be found out, explained
}

// findTable finds out where a table is and what keys it has; nil for none.
func (c *cloud) findTable(ctx context.Context, name string) (*tableState, error) {
	out, err := c.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if missing := (&types.ResourceNotFoundException{}); errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, c.explainTable("look at", "dynamodb:DescribeTable", name, err)
	}
	t := out.Table
	s := &tableState{arn: aws.ToString(t.TableArn), status: t.TableStatus, keys: keyNames(t),
		protected: aws.ToBool(t.DeletionProtectionEnabled)}
	if t.BillingModeSummary != nil {
		s.mode = t.BillingModeSummary.BillingMode
	}
	if t.SSEDescription != nil {
		s.kmsKey = aws.ToString(t.SSEDescription.KMSMasterKeyArn)
	}
	return s, nil
}

// describeTable is findTable, and finds out the rest. That may fail: see
// unknown.
func (c *cloud) describeTable(ctx context.Context, name string) (*tableState, error) {
	s, err := c.findTable(ctx, name)
	if s == nil || err != nil {
		return nil, err
	}
	ttl, err := c.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		s.unknown = append(s.unknown, c.explainTable("see the TTL of", "dynamodb:DescribeTimeToLive", name, err))
	} else if d := ttl.TimeToLiveDescription; d != nil && (d.TimeToLiveStatus == types.TimeToLiveStatusEnabled ||
		d.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		s.ttl = aws.ToString(d.AttributeName)
	}
	backups, err := c.client.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	if err != nil {
		s.unknown = append(s.unknown,
			c.explainTable("see the backups of", "dynamodb:DescribeContinuousBackups", name, err))
	} else if d := backups.ContinuousBackupsDescription; d != nil && d.PointInTimeRecoveryDescription != nil {
		s.recovery = d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus ==
			types.PointInTimeRecoveryStatusEnabled
	}
	return s, nil
}

// keyNames are a table's keys with their types: "date (S), stamp_mod (S)".
func keyNames(t *types.TableDescription) (text string) {
	for _, kind := range []types.KeyType{types.KeyTypeHash, types.KeyTypeRange} {
		for _, key := range t.KeySchema {
			if key.KeyType != kind {
				continue
			}
			for _, d := range t.AttributeDefinitions {
				if aws.ToString(d.AttributeName) == aws.ToString(key.AttributeName) {
					if text != "" {
						text += ", "
					}
					text += fmt.Sprintf("%s (%s)", aws.ToString(key.AttributeName), d.AttributeType)
				}
			}
		}
	}
	return text
}

// keyProblem says what is wrong with a table's keys, which nothing can change.
func (s *tableState) keyProblem() string {
	want := fmt.Sprintf("%s (S), %s (S)", resources.PartitionKey, resources.SortKey)
	if s.keys == want {
		return ""
	}
	return "has the keys " + s.keys + ", and Logtable needs " + want
}

// awaitTable waits until a table can be used.
func (c *cloud) awaitTable(ctx context.Context, name string) error {
	return poll(ctx, func() (bool, error) {
		out, err := c.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
		if missing := (&types.ResourceNotFoundException{}); errors.As(err, &missing) {
			return false, nil // its creation is not seen everywhere yet
		}
		return err == nil && out.Table.TableStatus == types.TableStatusActive, err
	})
}

// enableRecovery turns on point-in-time recovery, which a table that has just
// been created may not take for a moment.
func (c *cloud) enableRecovery(ctx context.Context, name string) error {
	return poll(ctx, func() (bool, error) {
		_, err := c.client.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: &name,
			PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
				PointInTimeRecoveryEnabled: aws.Bool(true),
			}})
		if soon := (&types.ContinuousBackupsUnavailableException{}); errors.As(err, &soon) {
			return false, nil
		}
		return err == nil, err
	})
}

// poll asks until it is done.
func poll(ctx context.Context, done func() (bool, error)) error {
	end := time.Now().Add(pollFor)
	for n := 1; ; n++ {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("AWS has not finished within %s: look again later", pollFor)
		}
		if err := wait.Sleep(ctx, wait.Backoff(pollFirst, pollMost, n)); err != nil {
			return err
		}
	}
}
