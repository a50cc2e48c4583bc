package read

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A Meter passes queries on and adds up what they cost. A Client can be made
// from it. It is safe for concurrent use if what it was made from is.
type Meter struct {
	api querier

	mu    sync.Mutex // guards what follows
	units float64
}

// NewMeter makes a Meter, usually from a *dynamodb.Client.
func NewMeter(api querier) *Meter { return &Meter{api: api} }

// Query is the client's, asked to say what it costs.
func (m *Meter) Query(
	ctx context.Context, in *dynamodb.QueryInput, options ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	asked := *in // which is its caller's
	asked.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.api.Query(ctx, &asked, options...)
	if err == nil && out.ConsumedCapacity != nil && out.ConsumedCapacity.CapacityUnits != nil {
		m.add(*out.ConsumedCapacity.CapacityUnits)
	}
	return out, err
}

func (m *Meter) add(units float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.units += units
}

// Units are the read units of the queries that were answered so far.
func (m *Meter) Units() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.units
}
