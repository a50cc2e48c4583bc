package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/awsenv"
)

// protocolID is the protocol of DynamoDB whose bodies we know how to write.
var protocolID = smithy.ShapeID{Namespace: "aws.protocols", Name: "awsJson1_0"}

// encoded is the SDK's protocol with one difference: the body of a request is
// the one given. Everything else, headers, answers and errors, is the SDK's.
type encoded struct {
	smithyhttp.ClientProtocol
	body []byte
	used bool // the SDK has asked for the body
}

// SerializeRequest has the SDK write its request and replaces the body. What
// the SDK is given to write is almost empty: see sender.names.
func (p *encoded) SerializeRequest(
	ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, req *smithyhttp.Request,
) error {
	if err := p.ClientProtocol.SerializeRequest(ctx, schema, in, req); err != nil {
		return err
	}
	with, err := req.SetStream(bytes.NewReader(p.body))
	if err != nil {
		return fmt.Errorf("cannot set the request's body: %w", err)
	}
	*req = *with
	p.used = true
	return nil
}

// takesEncoded reports whether a client sends what encoded hands it. The field
// of the SDK's options is public and undocumented; the SDK's version is pinned
// and a test compares the bodies.
func takesEncoded(c Client) bool {
	sdk, ok := c.(interface{ Options() dynamodb.Options })
	if !ok {
		return false
	}
	p := sdk.Options().Protocol
	return p != nil && p.ID() == protocolID
}

// A sender sends batches, each encoded once. It may be used from any goroutine.
type sender struct {
	client Client
	report Reporter
	names  [2]tableName
	check  sync.Once   // before the first request: sets plain
	plain  atomic.Bool // the client does not take encoded rows

	mu     sync.Mutex // guards bodies
	bodies [][]byte   // of earlier requests, to be used again
}

// A tableName is the name of a table in the forms that a request needs.
type tableName struct {
	name   string
	quoted []byte                          // in JSON
	only   map[string][]types.WriteRequest // the name, and no items
}

func newSender(cfg Config) *sender {
	s := &sender{client: cfg.Client, report: cfg.Report}
	for t, name := range [2]string{errorsTable: cfg.ErrorsTable, infoTable: cfg.InfoTable} {
		quoted, _ := jsontext.AppendQuote(nil, name)
		s.names[t] = tableName{name, quoted, map[string][]types.WriteRequest{name: nil}}
	}
	return s
}

// send sends a batch: encoded once, as it is, where the client takes that, and
// through the SDK's own types where it does not.
func (s *sender) send(ctx context.Context, batch []*record) (*dynamodb.BatchWriteItemOutput, error) {
	s.check.Do(func() { s.plain.Store(!takesEncoded(s.client)) })
	if !s.plain.Load() {
		out, err, ok := s.sendEncoded(ctx, batch)
		if ok {
			return out, err
		}
		s.plain.Store(true)
		s.report.Fail("encoded", "the AWS SDK does not take encoded rows; they are written the slower way", "")
	}
	in, err := s.plainInput(batch)
	if err != nil {
		return nil, err
	}
	return s.client.BatchWriteItem(ctx, in)
}

// sendEncoded reports ok false if the SDK did not ask for the body: then what
// it has sent holds no item.
func (s *sender) sendEncoded(
	ctx context.Context, batch []*record,
) (out *dynamodb.BatchWriteItemOutput, err error, ok bool) {
	p := encoded{body: s.appendBody(s.body(), batch)}
	in := &dynamodb.BatchWriteItemInput{RequestItems: s.emptyItems(batch)}
	out, err = s.client.BatchWriteItem(awsenv.WithBody(ctx, p.body), in, func(o *dynamodb.Options) {
		if o.Protocol == nil {
			return
		}
		p.ClientProtocol = o.Protocol
		o.Protocol = &p
	})
	if err == nil && p.used && out.UnprocessedItems != nil {
		s.bodyDone(p.body)
	}
	// An error from before the serialiser's turn (no credentials, say) is an
	// error like any other.
	return out, err, p.used || err != nil && p.ClientProtocol != nil
}

// keptBody bounds a body whose memory is used again, in bytes.
const keptBody = 64 << 10

// body returns memory for a request's body, for bodyDone to take back. It does
// so only after a confirmation, which DynamoDB gives when it has read the whole
// body; after an error the transport may still be reading it.
func (s *sender) body() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.bodies); n > 0 {
		b := s.bodies[n-1]
		s.bodies = s.bodies[:n-1]
		return b[:0]
	}
	return nil
}

func (s *sender) bodyDone(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(b) <= keptBody && len(s.bodies) < maxWriters {
		s.bodies = append(s.bodies, b)
	}
}

// emptyItems is the input for a request whose body is written already: it names
// the tables, which the SDK's endpoint rules may look at, and no items.
func (s *sender) emptyItems(batch []*record) map[string][]types.WriteRequest {
	if batch[0].IsError() == batch[len(batch)-1].IsError() {
		return s.names[tableOf(batch[0])].only
	}
	both := maps.Clone(s.names[errorsTable].only)
	maps.Copy(both, s.names[infoTable].only)
	return both
}

const (
	beforeItem = `{"PutRequest":{"Item":`
	afterItem  = `}},`
	// requestOverhead is more than a body has beside its items and the names of
	// the tables.
	requestOverhead = 128
)

// appendBody appends the body of a BatchWriteItem request. In a batch errors
// come first; both indexes may name the same table.
func (s *sender) appendBody(dst []byte, batch []*record) []byte {
	if n := s.bodySize(batch); cap(dst) < n {
		dst = make([]byte, 0, n)
	}
	dst = append(dst, `{"RequestItems":{`...)
	for i, r := range batch {
		if t := &s.names[tableOf(r)]; i == 0 || t.name != s.names[tableOf(batch[i-1])].name {
			if i > 0 {
				dst = append(dst[:len(dst)-1], `],`...) // in place of the comma
			}
			dst = append(append(dst, t.quoted...), `:[`...)
		}
		dst = append(dst, beforeItem...)
		dst = append(dst, r.Item()...)
		dst = append(dst, afterItem...)
	}
	return append(dst[:len(dst)-1], `]}}`...)
}

// bodySize is how long the body is at most.
func (s *sender) bodySize(batch []*record) int {
	n := requestOverhead
	for t := range s.names {
		n += len(s.names[t].quoted)
	}
	for _, r := range batch {
		n += len(beforeItem) + len(r.Item()) + len(afterItem)
	}
	return n
}

// plainInput is the batch in the SDK's own types.
func (s *sender) plainInput(batch []*record) (*dynamodb.BatchWriteItemInput, error) {
	items := make(map[string][]types.WriteRequest, 2)
	for _, r := range batch {
		item, err := r.Values()
		if err != nil {
			return nil, fmt.Errorf("cannot take a record apart: %w", err)
		}
		name := s.names[tableOf(r)].name
		items[name] = append(items[name], types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
	}
	return &dynamodb.BatchWriteItemInput{RequestItems: items}, nil
}
