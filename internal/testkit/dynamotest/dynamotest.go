// Package dynamotest has the layer's client of DynamoDB for tests: before any
// endpoint, and over tables of a test's own that are written in terms of the
// SDK.
package dynamotest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/dynamo"
)

// Client returns the layer's client for a DynamoDB that takes any credentials,
// such as the local one, after changes of its environment.
func Client(url string, changes ...func(*awsenv.Environment)) *dynamo.Client {
	variables := map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_DYNAMODB": url,
		"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
	}
	env, err := awsenv.Load(func(name string) string { return variables[name] },
		func(message, _ string) { panic(message) })
	if err != nil {
		panic(err)
	}
	for _, change := range changes {
		change(env)
	}
	return dynamo.New(env)
}

// A BatchWriter is a table of a test's own that is written in terms of the SDK,
// whose types are not those of the code under test.
type BatchWriter interface {
	BatchWriteItem(
		context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.BatchWriteItemOutput, error)
}

// Typed is the client of a BatchWriter: it reads a request's body, and encodes
// what the BatchWriter says.
type Typed struct{ BatchWriter }

// Call implements what the layer needs of a client.
func (c Typed) Call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	if operation != "BatchWriteItem" {
		return nil, &awsenv.Failure{Status: 400, Code: "UnknownOperationException"}
	}
	var request struct {
		RequestItems map[string][]struct {
			PutRequest struct {
				Item map[string]map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, fmt.Errorf("the body of the request is not JSON: %w", err)
	}
	in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{}}
	for name, puts := range request.RequestItems {
		for _, put := range puts {
			item, err := typed(put.PutRequest.Item)
			if err != nil {
				return nil, err
			}
			in.RequestItems[name] = append(in.RequestItems[name],
				types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
		}
	}
	out, err := c.BatchWriteItem(ctx, in)
	if err != nil {
		return nil, failure(err)
	}
	return json.Marshal(untyped(out))
}

// typed is an item in the SDK's types.
func typed(item map[string]map[string]json.RawMessage) (map[string]types.AttributeValue, error) {
	values := make(map[string]types.AttributeValue, len(item))
	for name, attribute := range item {
		for kind, raw := range attribute {
			var text string
			var bytes []byte
			var err error
			switch kind {
			case "S":
				err = json.Unmarshal(raw, &text)
				values[name] = &types.AttributeValueMemberS{Value: text}
			case "N":
				err = json.Unmarshal(raw, &text)
				values[name] = &types.AttributeValueMemberN{Value: text}
			case "B":
				err = json.Unmarshal(raw, &bytes)
				values[name] = &types.AttributeValueMemberB{Value: bytes}
			default:
				err = fmt.Errorf("attribute %s has the type %s", name, kind)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return values, nil
}

// untyped is what an answer's body is made of.
func untyped(out *dynamodb.BatchWriteItemOutput) map[string]any {
	if out == nil || out.UnprocessedItems == nil {
		return map[string]any{}
	}
	left := make(map[string][]any, len(out.UnprocessedItems))
	for name, requests := range out.UnprocessedItems {
		for _, w := range requests {
			item := map[string]any{}
			for attribute, value := range w.PutRequest.Item {
				switch v := value.(type) {
				case *types.AttributeValueMemberS:
					item[attribute] = map[string]string{"S": v.Value}
				case *types.AttributeValueMemberN:
					item[attribute] = map[string]string{"N": v.Value}
				case *types.AttributeValueMemberB:
					item[attribute] = map[string][]byte{"B": v.Value}
				}
			}
			left[name] = append(left[name], map[string]any{"PutRequest": map[string]any{"Item": item}})
		}
	}
	return map[string]any{"UnprocessedItems": left}
}

// failure is what the layer's client makes of an answer that the SDK has a type
// for; other errors are themselves.
func failure(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	status := 400
	if api.ErrorFault() == smithy.FaultServer {
		status = 500
	}
	f := awsenv.NewFailure(status, api.ErrorCode(), api.ErrorMessage())
	return &f
}

// Over returns the layer's client in place of one of the SDK's: with the same
// endpoint, region, credentials and transport; for any other BatchWriter,
// Typed.
func Over(w BatchWriter) interface {
	Call(context.Context, string, []byte) ([]byte, error)
} {
	sdk, ok := w.(*dynamodb.Client)
	if !ok {
		return Typed{w}
	}
	o := sdk.Options()
	env := &awsenv.Environment{
		Region: o.Region, Credentials: o.Credentials, HTTP: &awsenv.HTTPClient{Transport: doer{o.HTTPClient}},
	}
	if o.BaseEndpoint != nil {
		env.DynamoDB = *o.BaseEndpoint
	}
	return dynamo.New(env)
}

// A doer is a transport over what the SDK has.
type doer struct{ dynamodb.HTTPClient }

func (d doer) RoundTrip(req *http.Request) (*http.Response, error) { return d.Do(req) }
