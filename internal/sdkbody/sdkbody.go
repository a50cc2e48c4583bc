// Package sdkbody mends how the AWS SDK's clients send the bodies of requests.
package sdkbody

import (
	"bytes"
	"io"
	"net/http"
)

// A Client sends requests of the SDK with their bodies in memory. It is an
// aws.HTTPClient around another one.
//
// The SDK (smithy-go 1.28) empties a request's body as soon as the answer's
// header is there, and a body that it has emptied reports io.EOF as an error to
// whoever copies it. net/http may be doing that just then, to see that the body
// has no more than was announced. It takes the error for its own, and closes
// the connection while the answer is being read: "use of closed network
// connection". A body in memory is nobody's to empty, and leaves together with
// the header.
type Client struct {
	HTTP interface {
		Do(*http.Request) (*http.Response, error)
	}
}

// Do implements aws.HTTPClient.
func (c Client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.HTTP.Do(r)
}
