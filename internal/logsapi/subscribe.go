// Package logsapi receives an environment's logs and platform events through
// the Lambda Telemetry API: it subscribes, listens, and splits what is posted
// into events.
package logsapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Buffering is how Lambda collects events before it posts them, within the
// limits of its documentation.
type Buffering struct {
	MaxItems int           // 1,000 to 10,000
	MaxBytes int           // 262,144 to 1,048,576
	Timeout  time.Duration // 25 ms to 30 s
}

// Smallest is the least delay that Lambda offers, in the smallest bodies by
// bytes. Many small lines may share one body: fewer posts cost less.
var Smallest = Buffering{MaxItems: 10_000, MaxBytes: 262_144, Timeout: 25 * time.Millisecond}

// Relaxed is for managed instances, where no invocation waits for a delivery:
// Lambda's own default delay, which makes the fewest posts.
var Relaxed = Buffering{MaxItems: 10_000, MaxBytes: 262_144, Timeout: time.Second}

// schemas are the versions of the record format, best first. From 2022-12-13
// on, a JSON line is an object. An older platform answers 400 to a newer one.
var schemas = []string{"2025-01-29", "2022-12-13", "2022-07-01"}

// subscribeTries bounds the attempts at one schema when Lambda answers 5xx or
// nothing; the subscription must be made before the first next.
const subscribeTries = 3

// ErrNotDelivering is returned by Subscribe where the platform accepts the
// call but has no telemetry (HTTP 202, AWS's on-demand emulator).
var ErrNotDelivering = errors.New("this platform provides no telemetry (HTTP 202, a local emulator)")

// Subscribe asks the Telemetry API at addr (AWS_LAMBDA_RUNTIME_API) to post
// platform events and the function's lines to uri, for the extension with the
// given id. Only with a nil error will anything ever arrive. The client is
// extapi's, whose connection is there already.
//
// The extension's own output is not subscribed to: it would come back.
func Subscribe(ctx context.Context, client *http.Client, addr, id, uri string, buffering Buffering) error {
	var err error
	for _, schema := range schemas {
		var status int
		status, err = subscribe(ctx, client, addr, id, uri, schema, buffering)
		if err == nil || status != http.StatusBadRequest {
			return err
		}
	}
	return err
}

// subscribe tries one schema, a few times where that may help.
func subscribe(
	ctx context.Context, client *http.Client, addr, id, uri, schema string, b Buffering,
) (status int, err error) {
	// Without encoding/json, which would take 0.1 ms of a cold start: a schema
	// is ours, and so is the URI, and nothing in them needs to be escaped.
	body := fmt.Appendf(nil, `{"schemaVersion":"%s","types":["platform","function"],`+
		`"buffering":{"maxItems":%d,"maxBytes":%d,"timeoutMs":%d},"destination":{"protocol":"HTTP","URI":"%s"}}`,
		schema, b.MaxItems, b.MaxBytes, b.Timeout.Milliseconds(), uri)
	for try := 1; ; try++ {
		status, err = put(ctx, client, addr, id, body)
		if status != 0 && status < 500 || try == subscribeTries {
			return status, err
		}
		select {
		case <-time.After(time.Duration(try) * 50 * time.Millisecond):
		case <-ctx.Done():
			return status, err
		}
	}
}

// put sends one subscription; status is 0 where there was no answer.
func put(ctx context.Context, client *http.Client, addr, id string, body []byte) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	// The version in the path never changes; only schemaVersion does.
	url := "http://" + addr + "/2022-07-01/telemetry"
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("cannot subscribe to telemetry: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Lambda-Extension-Identifier", id)
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("cannot subscribe to telemetry: %w", err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.StatusCode, nil
	case http.StatusAccepted:
		return resp.StatusCode, ErrNotDelivering
	}
	return resp.StatusCode, fmt.Errorf("cannot subscribe to telemetry: Lambda answered HTTP %d %s",
		resp.StatusCode, bytes.TrimSpace(answer))
}
