// Package dynamo calls DynamoDB with bodies that are encoded already.
//
// It speaks AWS's JSON protocol itself, with the AWS SDK's signer and
// credentials: one signed POST. The SDK's own client builds a stack of some
// thirty steps for every call and has tables of all of DynamoDB's shapes, which
// every cold start of a function waits for. What it does more, retries and
// waiting, is the Store's business here, which knows the deadlines.
package dynamo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/version"
)

const (
	// target is what every operation's name stands behind (DynamoDB's version
	// of 2012, its only one).
	target = "DynamoDB_20120810."
	// contentType is the protocol's.
	contentType = "application/x-amz-json-1.0"
	// maxAnswer bounds an answer in bytes: more than one that gives all items
	// of our largest request back.
	maxAnswer = 4 << 20
	// warmTimeout bounds Warm.
	warmTimeout = 3 * time.Second
	// trustedTime is how long a call may have taken whose answer says what time
	// it is. One that took longer was frozen on the way.
	trustedTime = 10 * time.Second
)

// ErrForeignAnswer is wrapped by the error for an answer that is not one of
// DynamoDB's: a captive portal or a proxy answers in its place.
var ErrForeignAnswer = errors.New("the answer is not from DynamoDB")

// ErrNotRegion is returned where a region is set that cannot be a part of a
// host's name.
var ErrNotRegion = errors.New("AWS_REGION is not a region")

// A Client calls DynamoDB in one region. Its methods may be called from any
// goroutine.
type Client struct {
	env    *awsenv.Environment
	url    string
	agent  string
	signer *v4.Signer
	// ahead is by how many nanoseconds signatures are ahead of this machine's
	// clock, which DynamoDB has said to be wrong.
	ahead atomic.Int64
	// Now is time.Now except in tests.
	Now func() time.Time
}

// New returns a Client for a function's environment. It makes no connection.
func New(env *awsenv.Environment) *Client {
	return &Client{
		env: env, url: endpoint(env), agent: version.UserAgent(), signer: v4.NewSigner(), Now: time.Now,
	}
}

// endpoint is the URL of all requests: the endpoint that is set, else
// DynamoDB's in the region, as the endpoint rules of AWS's SDK have it.
func endpoint(env *awsenv.Environment) string {
	if env.DynamoDB != "" {
		return strings.TrimRight(env.DynamoDB, "/") + "/"
	}
	partition, host := awsenv.Partition(env.Region), "dynamodb"
	if env.FIPS && (partition != "aws-us-gov" || env.DualStack) {
		host = "dynamodb-fips" // in GovCloud, every plain endpoint is one
	}
	return "https://" + host + "." + env.Region + "." + awsenv.DNSSuffix(partition, env.DualStack) + "/"
}

// Call makes one request of an operation, such as BatchWriteItem, and returns
// the answer, which is a JSON object. It does not retry. body must stay as it
// is until Call returns without an error; after one the transport may read it
// for a while.
//
// An answer that is an error is an *awsenv.Failure, whatever became of its
// body. Other errors wrap their cause: the context's, an
// *awsenv.CredentialsError, ErrForeignAnswer, or what the network had to say.
func (c *Client) Call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	req, err := c.request(ctx, operation, body)
	if err != nil {
		return nil, err
	}
	sent := c.Now()
	resp, err := c.env.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot reach DynamoDB: %w", err)
	}
	defer resp.Body.Close()
	answer, err := read(resp)
	switch {
	case resp.StatusCode/100 == 2 && err == nil:
		return object(answer)
	case resp.StatusCode/100 == 2:
		return nil, err
	}
	failure := failureOf(resp, answer)
	if err != nil { // what could be read says nothing, but the status does
		return nil, fmt.Errorf("%w; %w", failure, err)
	}
	if failure.Class == awsenv.ClockOff {
		c.correctClock(resp.Header, sent)
	}
	return nil, failure
}

// request is the signed request.
func (c *Client) request(ctx context.Context, operation string, body []byte) (*http.Request, error) {
	if c.env.DynamoDB == "" && !isLabel(c.env.Region) {
		return nil, ErrNotRegion
	}
	// The reader's type tells net/http that the body is in memory: it goes out
	// with the header, and once more on another connection if the first turns
	// out to be dead before anything was written.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("cannot make a request to %q: %w", c.url, err)
	}
	req.Header["Content-Type"] = []string{contentType}
	req.Header["X-Amz-Target"] = []string{target + operation}
	req.Header["User-Agent"] = []string{c.agent}
	req.Header["Accept-Encoding"] = []string{"identity"} // the checksum is the body's as it is sent
	credentials, err := c.env.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot sign a request: %w", err)
	}
	sum := sha256.Sum256(body)
	at := c.Now().Add(time.Duration(c.ahead.Load()))
	err = c.signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), "dynamodb", c.env.Region, at)
	if err != nil {
		return nil, fmt.Errorf("cannot sign a request: %w", err)
	}
	return req, nil
}

// isLabel reports whether s can be a part of a host's name.
func isLabel(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 63 && s[0] != '-'
}

// read returns the body of an answer, nil with an error. DynamoDB sends a
// checksum with it.
func read(resp *http.Response) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("DynamoDB's answer was cut off: %w", err)
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrForeignAnswer, maxAnswer)
	}
	if said := resp.Header.Get("X-Amz-Crc32"); said != "" {
		want, err := strconv.ParseUint(said, 10, 32)
		if err != nil || crc32.ChecksumIEEE(answer) != uint32(want) {
			return nil, fmt.Errorf("%w: its checksum does not match", ErrForeignAnswer)
		}
	}
	return answer, nil
}

// object returns the answer to a request that has succeeded. All of DynamoDB's
// are objects, if only {}: a captive portal or a proxy may answer 200 to
// everybody, and what it did not get is not stored.
func object(answer []byte) ([]byte, error) {
	whole := jsonscan.Whole(answer)
	if whole == nil {
		return nil, fmt.Errorf("%w: it is not a JSON object", ErrForeignAnswer)
	}
	return whole, nil
}

// correctClock signs for DynamoDB's time from now on, after it has refused a
// signature because of the time. The answer's own time is exact to the second,
// and five minutes are what counts.
func (c *Client) correctClock(header http.Header, sent time.Time) {
	theirs, err := http.ParseTime(header.Get("Date"))
	took := c.Now().Sub(sent.Round(0)) // by the wall clock: the monotonic one may stand still in a freeze
	// What comes out of a cache has an age, and an old date.
	if err != nil || header.Get("Age") != "" || took > trustedTime {
		return
	}
	c.ahead.Store(int64(theirs.Sub(c.Now())))
}

// failureOf is what an answer says that is an error. The code stands in it as
// com.amazonaws.dynamodb.v20120810#ResourceNotFoundException, which some
// services let a colon and a URL follow.
func failureOf(resp *http.Response, answer []byte) *awsenv.Failure {
	var message, inBody string
	answer = answer[jsonscan.Space(answer, 0):]
	if jsonscan.Value(answer) > 0 {
		for name, value := range jsonscan.Object(answer).Members {
			switch string(name) {
			case `"__type"`:
				inBody = jsonscan.Text(value)
			case `"code"`: // of some gateways
				inBody = cmp.Or(inBody, jsonscan.Text(value))
			case `"message"`, `"Message"`:
				message = jsonscan.Text(value)
			}
		}
	}
	code, _, _ := strings.Cut(cmp.Or(resp.Header.Get("X-Amzn-Errortype"), inBody), ":")
	code = code[strings.LastIndexByte(code, '#')+1:]
	f := awsenv.NewFailure(resp.StatusCode, code, message)
	f.Answer = answer
	return &f
}

// Warm opens a connection to DynamoDB and leaves it to the first request, which
// then needs no name, no TCP and no TLS handshake. It asks for /, which
// DynamoDB answers to anybody with a word on its health; what comes back does
// not matter. It needs no credentials and reports no failure: the first request
// will.
func (c *Client) Warm(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return
	}
	req.Header["User-Agent"] = []string{c.agent}
	resp, err := c.env.HTTP.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // read to its end, or the connection is closed
}
