// Package items has rows as the AWS SDK's items, for who reads and copies them.
// The layer does without: the SDK's types cost a part of every cold start.
package items

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/row"
)

// Of returns a record as an item. The error says that the record is damaged.
func Of(r *row.Record) (map[string]types.AttributeValue, error) {
	decoded, err := r.Row()
	if err != nil {
		return nil, err
	}
	return of(decoded), nil
}

// Unpack returns the items in a pack, which is what the value of its attribute
// row.AttrPacked is, in the order of their keys. The error says that it is not
// a pack, or damaged, or wraps row.ErrNewer.
func Unpack(packed []byte) ([]map[string]types.AttributeValue, error) {
	lines, err := row.UnpackRows(packed)
	if err != nil {
		return nil, fmt.Errorf("cannot unpack an item: %w", err)
	}
	all := make([]map[string]types.AttributeValue, len(lines))
	for i, line := range lines {
		all[i] = of(line)
	}
	return all, nil
}

func of(r *row.Row) map[string]types.AttributeValue {
	item := make(map[string]types.AttributeValue, 10)
	for a := range r.Attributes {
		switch a.Type {
		case row.Binary:
			item[a.Name] = &types.AttributeValueMemberB{Value: []byte(a.Value)}
		case row.Number:
			item[a.Name] = &types.AttributeValueMemberN{Value: a.Value}
		default:
			item[a.Name] = &types.AttributeValueMemberS{Value: a.Value}
		}
	}
	return item
}
