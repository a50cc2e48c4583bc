package store

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/awsenv"
)

// NewClient returns a DynamoDB client for a function's environment. It makes
// one attempt at a request, because the Store retries by itself.
func NewClient(env *awsenv.Environment) *dynamodb.Client {
	o := dynamodb.Options{
		Region:                env.Region,
		Retryer:               aws.NopRetryer{},
		Credentials:           env.Credentials,
		HTTPClient:            env.HTTP,
		AccountIDEndpointMode: aws.AccountIDEndpointModeDisabled,
	}
	if env.DynamoDB != "" {
		o.BaseEndpoint = aws.String(env.DynamoDB)
	}
	if env.FIPS {
		o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
	}
	if env.DualStack {
		o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	}
	return dynamodb.New(o)
}

// warmTimeout bounds Warm.
const warmTimeout = 3 * time.Second

// Warm opens a connection to the client's endpoint and leaves it to the first
// request, which then needs no name, no TCP and no TLS handshake. It asks for
// /, which DynamoDB answers to anybody with a word on its health; what comes
// back does not matter. It needs no credentials and reports no failure: the
// first request will.
func Warm(ctx context.Context, client *dynamodb.Client) {
	ctx, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	o := client.Options()
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(ctx, dynamodb.EndpointParameters{
		Region:       aws.String(o.Region),
		Endpoint:     o.BaseEndpoint,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	})
	if err != nil {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint.URI.String(), nil)
	if err != nil {
		return
	}
	resp, err := o.HTTPClient.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // read to its end, or the connection is closed
}
