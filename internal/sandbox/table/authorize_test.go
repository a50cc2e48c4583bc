package table_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// TestAuthorize: what is asked about a request, and that nothing of it is done
// when it is refused.
func TestAuthorize(t *testing.T) {
	s := table.Start(t)
	if err := s.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	var asked []string
	allow := true
	s.Authorize(func(action, arn string, keys []string) bool {
		slices.Sort(keys)
		asked = append(asked, fmt.Sprint(action, " ", arn, " ", keys))
		return allow
	})
	item := func(date string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"date": &types.AttributeValueMemberS{Value: date},
			"stamp_mod": &types.AttributeValueMemberS{Value: "s"}}
	}
	write := func() error {
		_, err := s.Client().BatchWriteItem(t.Context(),
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"info": {
				{PutRequest: &types.PutRequest{Item: item("a")}}, {DeleteRequest: &types.DeleteRequest{Key: item("b")}},
			}}})
		return err
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Client().UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String("arn:aws:dynamodb:us-east-1:000000000000:table/errors"), Key: item("c"),
		UpdateExpression: aws.String("REMOVE x"),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Client().Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String("errors"), KeyConditionExpression: aws.String("#d = :d AND begins_with(stamp_mod, :s)"),
		ExpressionAttributeNames: map[string]string{"#d": "date"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":d": &types.AttributeValueMemberS{Value: "d"},
			":s": &types.AttributeValueMemberS{Value: "s"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dynamodb:BatchWriteItem arn:aws:dynamodb:us-east-1:000000000000:table/info [a b]",
		"dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:000000000000:table/errors [c]",
		"dynamodb:Query arn:aws:dynamodb:us-east-1:000000000000:table/errors [d]",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	allow = false
	s.ResetStats()
	if err := write(); err == nil || s.Stats().ItemsWritten != 0 {
		t.Errorf("%v", err)
	}
	s.Authorize(nil)
	if err := write(); err != nil {
		t.Error(err)
	}
}
