package sdkbody_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/sdkbody"
)

// late is an HTTP client that answers before it has looked whether the body has
// ended, as net/http does.
type late struct {
	t      *testing.T
	copied chan error
	hold   chan struct{}
}

func (c late) Do(r *http.Request) (*http.Response, error) {
	if _, err := io.CopyN(io.Discard, r.Body, r.ContentLength); err != nil {
		c.t.Error(err)
	}
	body := r.Body
	go func() {
		<-c.hold
		_, err := io.Copy(io.Discard, body)
		c.copied <- err
	}()
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"TableNames":["t"]}`)),
	}, nil
}

func TestABodyIsNotEmptiedBeneathItsReader(t *testing.T) {
	for name, wrap := range map[string]func(late) aws.HTTPClient{
		"the SDK alone": func(c late) aws.HTTPClient { return c },
		"mended":        func(c late) aws.HTTPClient { return sdkbody.Client{HTTP: c} },
	} {
		t.Run(name, func(t *testing.T) {
			c := late{t, make(chan error, 1), make(chan struct{})}
			client := dynamodb.New(dynamodb.Options{
				Region: "eu-central-1", Retryer: aws.NopRetryer{}, HTTPClient: wrap(c),
				Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
				}),
			})
			out, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
			if err != nil || len(out.TableNames) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
			close(c.hold)
			if err := <-c.copied; (err != nil) != (name != "mended") {
				t.Errorf("reading on: %v. Where the SDK alone is well, this package is not needed any more", err)
			}
		})
	}
}
