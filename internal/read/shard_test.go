package read

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/config"
)

func TestTheWriterHasNoMoreShardsThanAreLookedFor(t *testing.T) {
	if maxShards != config.MaxShards {
		t.Errorf("%d shards are looked for, %d can be set", maxShards, config.MaxShards)
	}
}

// oneRefused refuses the query for one shard, answers that nobody says there
// are any, and nothing else.
type oneRefused struct {
	date string
	err  error
}

func (r oneRefused) Query(
	ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	for _, v := range in.ExpressionAttributeValues {
		switch text, _ := v.(*types.AttributeValueMemberS); {
		case text != nil && text.Value == r.date:
			return nil, r.err
		case text != nil && text.Value == "shards":
			return &dynamodb.QueryOutput{}, nil
		}
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// A table that refuses one query is not waited for with the others: the error
// is that of the one.
func TestAnErrorEndsTheSearchForShards(t *testing.T) {
	refused := errors.New("refused")
	client := New(oneRefused{"2026-11-21#3", refused})
	answers := 0
	for _, err := range client.Query(t.Context(), Options{From: day, To: day.AddDate(0, 0, 1), InfoTable: "info"}) {
		answers++
		var failed *TableError
		if !errors.Is(err, refused) || !errors.As(err, &failed) || failed.Table != "info" {
			t.Errorf("got error %v, want the SDK's, wrapped with the table's name", err)
		}
	}
	if answers != 1 {
		t.Errorf("got %d answers, want the error", answers)
	}
}
