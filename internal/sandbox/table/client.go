package table

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/sdkbody"
)

// The attributes of a log table that are in its definition. They are spelled
// here rather than taken from the package that writes the rows: this endpoint
// is to notice when that changes.
const (
	dateAttribute   = "date"
	stampAttribute  = "stamp_mod"
	expiryAttribute = "expiry"
)

// Client returns an AWS SDK client for the endpoint. It reads nothing from
// the environment and, unless an option says otherwise, does not retry: the
// caller sees each refusal once.
func (s *Server) Client(options ...func(*dynamodb.Options)) *dynamodb.Client {
	return ClientFor(s.URL(), options...)
}

// ClientFor is Client for any endpoint that takes any credentials, such as
// AWS's DynamoDB Local.
func ClientFor(url string, options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(url),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
		Retryer: aws.NopRetryer{},
		// A transport of its own, without the environment's proxy.
		HTTPClient: sdkbody.Client{HTTP: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 5 * time.Second},
		}},
	}, options...)
}

// CreateLogTables creates the informational and the error table with their
// keys, and TTL on the informational one, as the layer's template does.
func (s *Server) CreateLogTables(ctx context.Context, info, errors string) error {
	return CreateLogTables(ctx, s.Client(), info, errors)
}

// CreateLogTables is the method of this name for any endpoint whose tables
// are usable as soon as they are created.
func CreateLogTables(ctx context.Context, client *dynamodb.Client, info, errors string) error {
	for _, name := range []string{info, errors} {
		_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName:   aws.String(name),
			BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{
				{AttributeName: aws.String(dateAttribute), AttributeType: types.ScalarAttributeTypeS},
				{AttributeName: aws.String(stampAttribute), AttributeType: types.ScalarAttributeTypeS},
			},
			KeySchema: []types.KeySchemaElement{
				{AttributeName: aws.String(dateAttribute), KeyType: types.KeyTypeHash},
				{AttributeName: aws.String(stampAttribute), KeyType: types.KeyTypeRange},
			},
		})
		if err != nil {
			return fmt.Errorf("cannot create table %s: %w", name, err)
		}
	}
	_, err := client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: aws.String(info),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String(expiryAttribute),
			Enabled:       aws.Bool(true),
		},
	})
	if err != nil {
		return fmt.Errorf("cannot set the expiry attribute of table %s: %w", info, err)
	}
	return nil
}

// Items returns all items of a table, ordered by partition key and then by
// sort key; none if there is no such table. The items must not be changed.
func (s *Server) Items(tableName string) []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[tableName]
	if t == nil {
		return nil
	}
	return t.sorted()
}

func (t *tableData) count() int {
	n := 0
	for _, p := range t.partitions {
		n += len(p.entries)
	}
	return n
}
