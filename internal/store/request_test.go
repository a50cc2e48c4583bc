package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/store"
)

// plainOnly hides what kind of client it is: what it sends, the SDK has written
// from its own types.
type plainOnly struct{ client *dynamodb.Client }

func (p plainOnly) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	return p.client.BatchWriteItem(ctx, in, o...)
}

// captured is a client's transport that keeps requests and confirms them.
type captured struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func (c *captured) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, req)
	c.bodies = append(c.bodies, string(body))
	return &http.Response{
		StatusCode: 200, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"UnprocessedItems":{}}`)),
	}, nil
}

func (c *captured) client(options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", HTTPClient: c, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token"),
		// As NewClient has it. Otherwise the host follows whichever of two
		// tables a map's random order names first.
		AccountIDEndpointMode: aws.AccountIDEndpointModeDisabled,
	}, options...)
}

// oddEntries have what JSON may stumble over.
func oddEntries() []store.Entry {
	text := "größe \x00\x1f\u2028\u2029\"\\/</script>&🙂\xff\xc3 \t\r\n end"
	return []store.Entry{
		{
			Time: base, Level: "INFO", Locator: text, Module: "m", RequestID: text, Message: "INFO: (1) " + text,
			ExceptionAt: 3, Fields: `{"a":"\u0000\"<>&"}`, Issues: text,
		},
		{Time: base, Error: true, Level: "ERROR", Locator: "1", Module: "m", Message: "ERROR: (1)", ExceptionAt: -1},
		{
			Time: base, Level: "INFO", Locator: "2", Module: "m", ExceptionAt: -1,
			Message: "INFO: (2) " + strings.Repeat(`"`, 300_000) + text,
		},
		{Time: base, Level: `L"\`, Locator: "3", Module: "m", Message: "x", ExceptionAt: 0},
	}
}

// The body that we write and the one that the SDK writes are the same JSON.
func TestOurRequestIsTheSDKs(t *testing.T) {
	for name, change := range map[string]func(*store.Config){
		"two tables": func(*store.Config) {},
		"one table":  func(c *store.Config) { c.InfoTable = c.ErrorsTable },
		"an ARN":     func(c *store.Config) { c.InfoTable = "arn:aws:dynamodb:eu-central-1:123456789012:table/a" },
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := &captured{}, &captured{}
			var log bytes.Buffer
			f := newFixtureOn(t, nil, ours.client(), change)
			for _, e := range oddEntries() {
				f.Add(e)
			}
			// Both send the same records: those of the first, as it would have
			// put them into the log.
			f.LastResort(&log, 1<<20, false, base.AddDate(99, 0, 0))
			g := newFixtureOn(t, nil, plainOnly{theirs.client()}, change)
			for line := range strings.Lines(log.String()) {
				for _, s := range []*fixture{f, g} {
					r, _, err := row.ReadLastResort([]byte(line))
					if err != nil {
						t.Fatal(err)
					}
					s.AddRecord(r)
				}
			}
			f.flushed()
			g.flushed()
			if len(ours.bodies) != 1 || len(theirs.bodies) != 1 {
				t.Fatalf("%d requests and %d", len(ours.bodies), len(theirs.bodies))
			}
			if diff := cmp.Diff(decoded(t, theirs.bodies[0]), decoded(t, ours.bodies[0])); diff != "" {
				t.Errorf("bodies differ (-SDK's +ours):\n%s", diff)
			}
			if ours.bodies[0] == theirs.bodies[0] {
				t.Error("both bodies are the SDK's: what is compared here?")
			}
			if n := ours.requests[0].ContentLength; int(n) != len(ours.bodies[0]) {
				t.Errorf("length %d of a body of %d bytes", n, len(ours.bodies[0]))
			}
		})
	}
}

// decoded is a request's JSON. Within a table the order of puts must be the
// same, too.
func decoded(t *testing.T, body string) any {
	t.Helper()
	var v any
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	return v
}

func TestWhatWritingCosts(t *testing.T) {
	f := newFixture(t)
	f.add(40, "line")
	f.Add(info(strings.Repeat("x", 2000)))
	f.flushed()
	if n := f.server.Stats().WriteUnits; n != 43 {
		t.Errorf("%d write units, want 43", n)
	}
	g := newFixture(t)
	g.server.OnRequest(func(_ string, _ int, body []byte) table.Fault {
		if bytes.Contains(body, []byte("ReturnConsumedCapacity")) {
			t.Error("the price is asked for though nobody wants to know")
		}
		return table.Fault{}
	})
	g.add(5, "line")
	g.flushed()
}

// A record is decoded to what was added, whatever was in it.
func FuzzARecordIsWhatWasAdded(f *testing.F) {
	f.Add("INFO", "1", "INFO: (1) x", `{"a":1}`, 3, false)
	f.Add(`"\`, "\x00", "\xff\xfe x", "", 1, true)
	f.Fuzz(func(t *testing.T, level, locator, message, fields string, exceptionAt int, isError bool) {
		if len(message)+len(fields) > 300_000 {
			return
		}
		s := newFixtureOn(t, nil, plainOnly{})
		s.Add(store.Entry{
			Time: base, Error: isError, Level: level, Locator: locator, Module: "m", Message: message, Fields: fields,
			ExceptionAt: exceptionAt,
		})
		var log bytes.Buffer
		s.LastResort(&log, 8<<20, false, base.AddDate(99, 0, 0))
		var line struct {
			Record struct {
				Table string                       `json:"table"`
				Item  map[string]map[string]string `json:"item"`
			} `json:"logtable_record"`
		}
		if log.Len() == 0 {
			return // too long for a log
		}
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, log.Bytes())
		}
		texts := map[string]string{"level": level, "locator": locator, "message": message, "fields": fields}
		for name, want := range texts {
			want = strings.ToValidUTF8(want, "\uFFFD")
			if got := line.Record.Item[name]["S"]; got != want && len(want) <= 2<<10 {
				t.Errorf("%s is %q, added as %q", name, got, want)
			}
		}
		at, ok := line.Record.Item["exception_at"]
		same := fmt.Sprint(exceptionAt) == at["N"]
		if ok && !same && exceptionAt < len(message) && strings.ToValidUTF8(message, "") == message {
			t.Errorf("exception_at is %s, added as %d", at["N"], exceptionAt)
		}
	})
}
