package store_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/testkit"
)

// says is a client's transport that answers everything with 200 and a text.
type says string

func (s says) Do(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(string(s))), Request: req,
	}, nil
}

func (s says) client() *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", HTTPClient: s, Retryer: aws.NopRetryer{},
		Credentials:           credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token"),
		AccountIDEndpointMode: aws.AccountIDEndpointModeDisabled,
	})
}

// A proxy or a captive portal that says 200 to everybody has stored nothing.
// DynamoDB names the unprocessed items even when there are none.
func TestOnlyDynamoDBConfirms(t *testing.T) {
	testkit.Slow(t)
	for answer, confirms := range map[string]bool{
		`{}`:                              false,
		`<html>welcome</html>`:            false,
		`{"UnprocessedItems":null}`:       false,
		`{"status":"ok"}`:                 false,
		`{"ConsumedCapacity":[]}`:         false,
		`{"UnprocessedItems":{}}`:         true,
		`{"UnprocessedItems":{},"x":[1]}`: true,
	} {
		t.Run(answer, func(t *testing.T) {
			f := newFixtureOn(t, nil, says(answer).client())
			f.add(3, "line")
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			for f.Waiting() > 0 && !f.Resting() {
				f.Flush(ctx)
			}
			if confirmed := f.Written() == 3; confirmed != confirms || f.Written()+f.Waiting() != 3 {
				t.Errorf("%d confirmed, %d wait", f.Written(), f.Waiting())
			}
			if said := strings.Contains(f.reports.text(), "AWS_ENDPOINT_URL"); said == confirms {
				t.Errorf("advice: %q", f.reports.text())
			}
		})
	}
}
