package store

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ClientOver is the HTTP client of NewClient with another transport.
func ClientOver(transport http.RoundTripper) aws.HTTPClient { return &httpClient{transport} }

// Unstorable is a record that DynamoDB refuses: a key must not be empty.
func Unstorable(date string) *Record {
	item := beforeDate + date + beforeStamp + beforeLevel + `"INFO"},"` + AttrMessage + `":{"` + typeText + `":"INFO: (1) no key"}}`
	return &Record{item: []byte(item), lines: 1}
}
