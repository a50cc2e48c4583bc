package table_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/logtable/logtable/internal/sandbox/ddblocal"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// The conformance cases say what DynamoDB does and are run against the
// embedded endpoint and against AWS's DynamoDB Local, so that neither the
// cases nor the endpoint can drift from AWS's implementation.
//
// Each gets a log table of its own, filled by fill, and returns what it saw.
type conformanceCase struct {
	name string
	run  func(tb *testTable) (result string, err error)
	code string // the error code wanted; "" for success
	want string // the result wanted
}

type (
	attributes = map[string]types.AttributeValue
	str        = types.AttributeValueMemberS
	num        = types.AttributeValueMemberN
	bin        = types.AttributeValueMemberB
)

// testTable is a log table on one of the two endpoints.
type testTable struct {
	ctx    context.Context
	client *dynamodb.Client
	name   string
}

const day = "2026-11-22"

// key returns the key of the n-th row of a day.
func key(date string, n int) attributes {
	return attributes{"date": &str{Value: date},
		"stamp_mod": &str{Value: fmt.Sprintf("17953000%02d.0050000+orders+2p4thtomb9", n)}}
}

func row(date string, n int, more ...any) attributes {
	it := key(date, n)
	it["message"] = &str{Value: fmt.Sprintf("INFO: (%d) text", n)}
	it["expiry"] = &num{Value: fmt.Sprint(1800000000 + n)}
	for i := 0; i < len(more); i += 2 {
		it[more[i].(string)] = more[i+1].(types.AttributeValue)
	}
	return it
}

func put(it attributes) types.WriteRequest {
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: it}}
}

func del(key attributes) types.WriteRequest {
	return types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}}
}

// fill writes ten rows of one day and two of another.
func (tb *testTable) fill() error {
	var requests []types.WriteRequest
	for n := range 10 {
		level := "INFO"
		if n%5 == 4 {
			level = "ERROR"
		}
		requests = append(requests, put(row(day, n, "level", &str{Value: level}, "parts",
			&types.AttributeValueMemberL{Value: []types.AttributeValue{&num{Value: fmt.Sprint(n)}, &str{Value: "x"}}})))
	}
	requests = append(requests, put(row("2026-11-23", 0)), put(row("2026-11-23", 1)))
	_, err := tb.batch(requests...)
	return err
}

func (tb *testTable) batch(requests ...types.WriteRequest) (string, error) {
	out, err := tb.client.BatchWriteItem(tb.ctx, &dynamodb.BatchWriteItemInput{
		RequestItems:           map[string][]types.WriteRequest{tb.name: requests},
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("left %d, units %g", len(out.UnprocessedItems), *out.ConsumedCapacity[0].CapacityUnits), nil
}

func (tb *testTable) put(it attributes) (string, error) {
	_, err := tb.client.PutItem(tb.ctx, &dynamodb.PutItemInput{TableName: &tb.name, Item: it})
	return "", err
}

// query runs the query and returns the sequence numbers of the rows, the
// counts and whether there is more. vals are pairs of placeholder and string.
func (tb *testTable) query(condition string, change func(*dynamodb.QueryInput), vals ...string) (string, error) {
	in := &dynamodb.QueryInput{
		TableName:                 &tb.name,
		KeyConditionExpression:    &condition,
		ExpressionAttributeNames:  map[string]string{"#d": "date"},
		ExpressionAttributeValues: attributes{":d": &str{Value: day}},
	}
	for i := 0; i < len(vals); i += 2 {
		in.ExpressionAttributeValues[vals[i]] = &str{Value: vals[i+1]}
	}
	if change != nil {
		change(in)
	}
	out, err := tb.client.Query(tb.ctx, in)
	if err != nil {
		return "", err
	}
	return describe(out.Items, out.Count, out.ScannedCount, out.LastEvaluatedKey), nil
}

func describe(items []attributes, count, scanned int32, last attributes) string {
	var rows []string
	for _, it := range items {
		rows = append(rows, rowNumber(it))
	}
	result := fmt.Sprintf("%s count %d of %d", strings.Join(rows, ","), count, scanned)
	if last != nil {
		result += " last " + rowNumber(last)
	}
	return result
}

func rowNumber(it attributes) string {
	if stamp, ok := it["stamp_mod"].(*str); ok {
		return stamp.Value[8:10]
	}
	return fmt.Sprintf("%d attributes", len(it))
}

func (tb *testTable) scan(change func(*dynamodb.ScanInput)) (string, error) {
	in := &dynamodb.ScanInput{TableName: &tb.name}
	if change != nil {
		change(in)
	}
	out, err := tb.client.Scan(tb.ctx, in)
	if err != nil {
		return "", err
	}
	// The order of a Scan means nothing.
	slices.SortFunc(out.Items, func(a, b attributes) int { return strings.Compare(text(a), text(b)) })
	return describe(out.Items, out.Count, out.ScannedCount, nil), nil
}

// text writes attributes in a fixed order.
func text(it attributes) string {
	var parts []string
	for name, v := range it {
		parts = append(parts, name+"="+valueText(v))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func valueText(v types.AttributeValue) string {
	switch v := v.(type) {
	case *str:
		return v.Value
	case *num:
		return "N" + v.Value
	case *types.AttributeValueMemberL:
		var parts []string
		for _, m := range v.Value {
			parts = append(parts, valueText(m))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case *types.AttributeValueMemberM:
		return "{" + text(v.Value) + "}"
	case *types.AttributeValueMemberSS:
		return fmt.Sprint(slices.Sorted(slices.Values(v.Value)))
	case *types.AttributeValueMemberBOOL:
		return fmt.Sprint(v.Value)
	}
	return fmt.Sprintf("%T", v)
}

// update runs an update expression on row 1 and returns the row's changed
// attributes as asked.
func (tb *testTable) update(expression string, want types.ReturnValue, values attributes) (string, error) {
	out, err := tb.client.UpdateItem(tb.ctx, &dynamodb.UpdateItemInput{
		TableName: &tb.name, Key: key(day, 1), UpdateExpression: &expression,
		ExpressionAttributeValues: values, ReturnValues: want,
	})
	if err != nil {
		return "", err
	}
	return text(out.Attributes), nil
}

// conditionalPut puts row 1 again, on a condition.
func (tb *testTable) conditionalPut(condition string, values attributes) (string, error) {
	_, err := tb.client.PutItem(tb.ctx, &dynamodb.PutItemInput{
		TableName: &tb.name, Item: row(day, 1), ConditionExpression: &condition, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		return valueText(failed.Item["message"]), err
	}
	return "", err
}

// filtered queries the day with a filter.
func (tb *testTable) filtered(filter string, names map[string]string, values attributes) (string, error) {
	return tb.query("#d = :d", func(in *dynamodb.QueryInput) {
		in.FilterExpression = &filter
		for k, v := range names {
			in.ExpressionAttributeNames[k] = v
		}
		for k, v := range values {
			in.ExpressionAttributeValues[k] = v
		}
	})
}

func rows(from, to int) []types.WriteRequest {
	var requests []types.WriteRequest
	for n := from; n < to; n++ {
		requests = append(requests, put(row(day, n)))
	}
	return requests
}

const (
	refused   = "ValidationException"
	notFound  = "ResourceNotFoundException"
	condition = "ConditionalCheckFailedException"
)

var levelName = map[string]string{"#l": "level"}

var conformance = []conformanceCase{
	// Tables.
	{name: "create a table that exists", code: "ResourceInUseException", run: func(tb *testTable) (string, error) {
		return "", table.CreateLogTables(tb.ctx, tb.client, tb.name, "other")
	}},
	{name: "describe", want: "ACTIVE date HASH stamp_mod RANGE 12 items", run: func(tb *testTable) (string, error) {
		out, err := tb.client.DescribeTable(tb.ctx, &dynamodb.DescribeTableInput{TableName: &tb.name})
		if err != nil {
			return "", err
		}
		d, k := out.Table, out.Table.KeySchema
		return fmt.Sprintf("%s %s %s %s %s %d items", d.TableStatus, *k[0].AttributeName, k[0].KeyType,
			*k[1].AttributeName, k[1].KeyType, *d.ItemCount), nil
	}},
	{name: "describe a missing table", code: notFound, run: func(tb *testTable) (string, error) {
		_, err := tb.client.DescribeTable(tb.ctx, &dynamodb.DescribeTableInput{TableName: aws.String("missing")})
		return "", err
	}},
	{name: "describe with a bad name", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.DescribeTable(tb.ctx, &dynamodb.DescribeTableInput{TableName: aws.String("a b c")})
		return "", err
	}},
	{name: "create with too short a name", code: refused, run: func(tb *testTable) (string, error) {
		return "", table.CreateLogTables(tb.ctx, tb.client, "ab", "other")
	}},
	{name: "create without key definitions", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.CreateTable(tb.ctx, &dynamodb.CreateTableInput{
			TableName: aws.String("undefined"), BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("x"), AttributeType: "S"}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("date"), KeyType: "HASH"}},
		})
		return "", err
	}},
	{name: "create with an unused definition", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.CreateTable(tb.ctx, &dynamodb.CreateTableInput{
			TableName: aws.String("unused"), BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("date"), AttributeType: "S"},
				{AttributeName: aws.String("x"), AttributeType: "S"}},
			KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("date"), KeyType: "HASH"}},
		})
		return "", err
	}},
	{name: "create without throughput", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.CreateTable(tb.ctx, &dynamodb.CreateTableInput{
			TableName:            aws.String("nothroughput"),
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("date"), AttributeType: "S"}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("date"), KeyType: "HASH"}},
		})
		return "", err
	}},
	{name: "list from a table on", want: "true more true", run: func(tb *testTable) (string, error) {
		// Between the last table of the case before and the first of this one.
		n, err := strconv.Atoi(strings.TrimPrefix(tb.name, "conformance-"))
		if err != nil {
			return "", err
		}
		out, err := tb.client.ListTables(tb.ctx, &dynamodb.ListTablesInput{
			ExclusiveStartTableName: aws.String(fmt.Sprintf("conformance-%03d_", n-1)), Limit: aws.Int32(1),
		})
		if err != nil {
			return "", err
		}
		first := slices.Equal(out.TableNames, []string{tb.name})
		return fmt.Sprintf("%t more %t", first, out.LastEvaluatedTableName != nil), nil
	}},

	// TTL.
	{name: "TTL enabled twice", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.UpdateTimeToLive(tb.ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &tb.name,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("expiry"),
				Enabled: aws.Bool(true)}})
		return "", err
	}},
	{name: "TTL on another attribute", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.UpdateTimeToLive(tb.ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &tb.name,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("until"),
				Enabled: aws.Bool(true)}})
		return "", err
	}},
	{name: "TTL of a missing table", code: notFound, run: func(tb *testTable) (string, error) {
		_, err := tb.client.UpdateTimeToLive(tb.ctx, &dynamodb.UpdateTimeToLiveInput{TableName: aws.String("missing"),
			TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("expiry"),
				Enabled: aws.Bool(true)}})
		return "", err
	}},

	// Items.
	{name: "get", want: "date=2026-11-22 expiry=N1800000001 level=INFO message=INFO: (1) text parts=[N1 x] " +
		"stamp_mod=1795300001.0050000+orders+2p4thtomb9", run: func(tb *testTable) (string, error) {
		out, err := tb.client.GetItem(tb.ctx, &dynamodb.GetItemInput{TableName: &tb.name, Key: key(day, 1)})
		if err != nil {
			return "", err
		}
		return text(out.Item), nil
	}},
	{name: "get what is not there", want: "nothing true", run: func(tb *testTable) (string, error) {
		out, err := tb.client.GetItem(tb.ctx, &dynamodb.GetItemInput{TableName: &tb.name, Key: key(day, 77)})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("nothing %t", out.Item == nil), nil
	}},
	{name: "get a projection", want: "message=INFO: (1) text parts=[N1]", run: func(tb *testTable) (string, error) {
		out, err := tb.client.GetItem(tb.ctx,
			&dynamodb.GetItemInput{TableName: &tb.name, Key: key(day, 1),
				ProjectionExpression: aws.String("message, parts[0], nothing")})
		if err != nil {
			return "", err
		}
		return text(out.Item), nil
	}},
	{name: "get by half a key", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.GetItem(tb.ctx,
			&dynamodb.GetItemInput{TableName: &tb.name, Key: attributes{"date": &str{Value: day}}})
		return "", err
	}},
	{name: "get by a key of the wrong type", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.GetItem(tb.ctx,
			&dynamodb.GetItemInput{TableName: &tb.name,
				Key: attributes{"date": &num{Value: "1"}, "stamp_mod": &str{Value: "x"}}})
		return "", err
	}},
	{name: "put into a missing table", code: notFound, run: func(tb *testTable) (string, error) {
		tb.name = "missing"
		return tb.put(row(day, 1))
	}},
	{name: "put without a sort key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(attributes{"date": &str{Value: day}})
	}},
	{name: "put with a number as sort key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(attributes{"date": &str{Value: day}, "stamp_mod": &num{Value: "1"}})
	}},
	{name: "put with an empty partition key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(attributes{"date": &str{}, "stamp_mod": &str{Value: "x"}})
	}},
	{name: "put with an empty sort key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(attributes{"date": &str{Value: day}, "stamp_mod": &str{}})
	}},
	{name: "put with an empty text", run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "message", &str{}))
	}},
	{name: "put with a partition key of 2048 bytes", run: func(tb *testTable) (string, error) {
		return tb.put(row(strings.Repeat("é", 1024), 1))
	}},
	{name: "put with a partition key of 2049 bytes", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(strings.Repeat("é", 1024)+"x", 1))
	}},
	{name: "put with a sort key of 1024 bytes", run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "stamp_mod", &str{Value: strings.Repeat("é", 512)}))
	}},
	{name: "put with a sort key of 1025 bytes", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "stamp_mod", &str{Value: strings.Repeat("é", 512) + "x"}))
	}},
	{name: "put an item of 400 KB", run: func(tb *testTable) (string, error) { return tb.put(sized(400 << 10)) }},
	{name: "put an item of 400 KB and a byte", code: refused,
		run: func(tb *testTable) (string, error) { return tb.put(sized(400<<10 + 1)) }},
	{name: "put a number that is none", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "expiry", &num{Value: "soon"}))
	}},
	{name: "put an empty number", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "expiry", &num{}))
	}},
	{name: "put a number of 39 digits", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "expiry", &num{Value: strings.Repeat("1", 39)}))
	}},
	{name: "put a number of 38 digits", run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "expiry", &num{Value: strings.Repeat("1", 38)}))
	}},
	{name: "put too large a number", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "expiry", &num{Value: "1E126"}))
	}},
	{name: "put too small a number", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "expiry", &num{Value: "1E-131"}))
	}},
	// At the top level only: within a list DynamoDB Local keeps the digits as
	// sent, which AWS documents nowhere.
	{name: "numbers come back plain", want: "N0 N1500 N-0.0025 N1 N100", run: func(tb *testTable) (string, error) {
		var read []string
		for _, s := range []string{"-0", "1.5e3", "-2.50E-3", "+01.0", "100"} {
			v, err := tb.putAndRead("n", &num{Value: s})
			if err != nil {
				return "", err
			}
			read = append(read, v)
		}
		return strings.Join(read, " "), nil
	}},
	{name: "put an empty set", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "set", &types.AttributeValueMemberSS{Value: []string{}}))
	}},
	{name: "put a set with a member twice", code: refused, run: func(tb *testTable) (string, error) {
		return tb.put(row(day, 1, "set", &types.AttributeValueMemberSS{Value: []string{"a", "a"}}))
	}},
	{name: "put nested values", want: "{deep=[{x=N1} true]}", run: func(tb *testTable) (string, error) {
		deep := &types.AttributeValueMemberL{Value: []types.AttributeValue{
			&types.AttributeValueMemberM{Value: attributes{"x": &num{Value: "1"}}},
			&types.AttributeValueMemberBOOL{Value: true},
		}}
		return tb.putAndRead("map", &types.AttributeValueMemberM{Value: attributes{"deep": deep}})
	}},
	{name: "put nested 40 deep", code: refused, run: func(tb *testTable) (string, error) {
		var v types.AttributeValue = &str{Value: "x"}
		for range 40 {
			v = &types.AttributeValueMemberL{Value: []types.AttributeValue{v}}
		}
		return tb.put(row(day, 1, "list", v))
	}},
	{name: "put returns the old item", want: "INFO: (1) text", run: func(tb *testTable) (string, error) {
		out, err := tb.client.PutItem(tb.ctx,
			&dynamodb.PutItemInput{TableName: &tb.name, Item: row(day, 1, "message", &str{Value: "new"}),
				ReturnValues: types.ReturnValueAllOld})
		if err != nil {
			return "", err
		}
		return valueText(out.Attributes["message"]), nil
	}},
	{name: "put cannot return the new item", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.PutItem(tb.ctx,
			&dynamodb.PutItemInput{TableName: &tb.name, Item: row(day, 1), ReturnValues: types.ReturnValueAllNew})
		return "", err
	}},
	{name: "put on a condition that fails", code: condition, want: "INFO: (1) text",
		run: func(tb *testTable) (string, error) {
			return tb.conditionalPut("attribute_not_exists(stamp_mod)", nil)
		}},
	{name: "put on a condition that holds", run: func(tb *testTable) (string, error) {
		return tb.conditionalPut("attribute_exists(stamp_mod) AND expiry < :n", attributes{":n": &num{Value: "1.9e9"}})
	}},
	{name: "delete on a condition that fails", code: condition, run: func(tb *testTable) (string, error) {
		_, err := tb.client.DeleteItem(tb.ctx, &dynamodb.DeleteItemInput{TableName: &tb.name, Key: key(day, 1),
			ConditionExpression: aws.String("attribute_not_exists(message)")})
		return "", err
	}},
	{name: "delete returns the old item, once", want: "INFO: (1) text, then 0",
		run: func(tb *testTable) (string, error) {
			in := &dynamodb.DeleteItemInput{TableName: &tb.name, Key: key(day, 1),
				ReturnValues: types.ReturnValueAllOld}
			first, err := tb.client.DeleteItem(tb.ctx, in)
			if err != nil {
				return "", err
			}
			second, err := tb.client.DeleteItem(tb.ctx, in)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%s, then %d", valueText(first.Attributes["message"]), len(second.Attributes)), nil
		}},

	// Updates.
	{name: "set and remove", want: "message=new", run: func(tb *testTable) (string, error) {
		return tb.update("SET message = :m REMOVE parts", types.ReturnValueUpdatedNew,
			attributes{":m": &str{Value: "new"}})
	}},
	{name: "set sums and defaults", want: "expiry=N1800000011.5 hits=N1", run: func(tb *testTable) (string, error) {
		return tb.update("SET expiry = expiry + :n, hits = if_not_exists(hits, :one)", types.ReturnValueUpdatedNew,
			attributes{":n": &num{Value: "10.5"}, ":one": &num{Value: "1"}})
	}},
	{name: "append to a list", want: "parts=[N1 x N1 x]", run: func(tb *testTable) (string, error) {
		return tb.update("SET parts = list_append(parts, parts)", types.ReturnValueUpdatedNew, nil)
	}},
	{name: "set and remove list elements", want: "parts=[y]", run: func(tb *testTable) (string, error) {
		y := attributes{":y": &str{Value: "y"}}
		if _, err := tb.update("SET parts[1] = :y", types.ReturnValueNone, y); err != nil {
			return "", err
		}
		if _, err := tb.update("REMOVE parts[0]", types.ReturnValueNone, nil); err != nil {
			return "", err
		}
		out, err := tb.client.GetItem(tb.ctx,
			&dynamodb.GetItemInput{TableName: &tb.name, Key: key(day, 1), ProjectionExpression: aws.String("parts")})
		if err != nil {
			return "", err
		}
		return text(out.Item), nil
	}},
	{name: "add to a number and a set", want: "expiry=N1800000000 tags=[a b]",
		run: func(tb *testTable) (string, error) {
			return tb.update("ADD expiry :n, tags :t", types.ReturnValueUpdatedNew,
				attributes{":n": &num{Value: "-1"}, ":t": &types.AttributeValueMemberSS{Value: []string{"a", "b"}}})
		}},
	{name: "old values", want: "message=INFO: (1) text", run: func(tb *testTable) (string, error) {
		return tb.update("SET message = :m, hits = :m", types.ReturnValueUpdatedOld,
			attributes{":m": &str{Value: "new"}})
	}},
	{name: "update a key attribute", code: refused, run: func(tb *testTable) (string, error) {
		return tb.update("SET stamp_mod = :m", types.ReturnValueNone, attributes{":m": &str{Value: "new"}})
	}},
	{name: "update with a reserved word", code: refused, run: func(tb *testTable) (string, error) {
		return tb.update("SET level = :m", types.ReturnValueNone, attributes{":m": &str{Value: "new"}})
	}},
	{name: "update one path twice", code: refused, run: func(tb *testTable) (string, error) {
		return tb.update("SET message = :m REMOVE message", types.ReturnValueNone, attributes{":m": &str{Value: "new"}})
	}},
	{name: "update with a section twice", code: refused, run: func(tb *testTable) (string, error) {
		return tb.update("SET message = :m SET hits = :m", types.ReturnValueNone, attributes{":m": &str{Value: "new"}})
	}},
	{name: "update from an absent attribute", code: refused, run: func(tb *testTable) (string, error) {
		return tb.update("SET message = nothing", types.ReturnValueNone, nil)
	}},
	{name: "update a sum of texts", code: refused, run: func(tb *testTable) (string, error) {
		return tb.update("SET message = message + message", types.ReturnValueNone, nil)
	}},
	{name: "update through a missing map", code: refused, run: func(tb *testTable) (string, error) {
		return tb.update("SET nothing.x = :m", types.ReturnValueNone, attributes{":m": &str{Value: "new"}})
	}},
	{name: "update makes an item", want: "1", run: func(tb *testTable) (string, error) {
		_, err := tb.client.UpdateItem(tb.ctx, &dynamodb.UpdateItemInput{TableName: &tb.name, Key: key("2026-12-01", 1),
			UpdateExpression:          aws.String("SET message = :m"),
			ExpressionAttributeValues: attributes{":m": &str{Value: "new"}}})
		if err != nil {
			return "", err
		}
		out, err := tb.client.Query(tb.ctx,
			&dynamodb.QueryInput{TableName: &tb.name, KeyConditionExpression: aws.String("#d = :d"),
				ExpressionAttributeNames:  map[string]string{"#d": "date"},
				ExpressionAttributeValues: attributes{":d": &str{Value: "2026-12-01"}}})
		if err != nil {
			return "", err
		}
		return fmt.Sprint(out.Count), nil
	}},

	// Batches.
	{name: "batch of 25", want: "left 0, units 25",
		run: func(tb *testTable) (string, error) { return tb.batch(rows(20, 45)...) }},
	{name: "batch of 26", code: refused, run: func(tb *testTable) (string, error) { return tb.batch(rows(20, 46)...) }},
	{name: "batch of 13 and 13 over two tables", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.BatchWriteItem(tb.ctx,
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				tb.name: rows(20, 33), tb.name + "-errors": rows(20, 33)}})
		return "", err
	}},
	{name: "batch over two tables", want: "0", run: func(tb *testTable) (string, error) {
		out, err := tb.client.BatchWriteItem(tb.ctx,
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				tb.name: rows(20, 32), tb.name + "-errors": rows(20, 33)}})
		if err != nil {
			return "", err
		}
		return fmt.Sprint(len(out.UnprocessedItems)), nil
	}},
	{name: "empty batch", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.BatchWriteItem(tb.ctx,
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{}})
		return "", err
	}},
	{name: "batch with an empty list", code: refused,
		run: func(tb *testTable) (string, error) { return tb.batch([]types.WriteRequest{}...) }},
	{name: "batch with a key twice", code: refused, run: func(tb *testTable) (string, error) {
		return tb.batch(put(row(day, 20)), put(row(day, 20, "message", &str{Value: "other"})))
	}},
	{name: "batch with a put and a delete of one key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.batch(put(row(day, 20)), del(key(day, 20)))
	}},
	{name: "batch with an item too large", code: refused, run: func(tb *testTable) (string, error) {
		return tb.batch(put(row(day, 20)), put(sized(400<<10+1)))
	}},
	{name: "a refused batch stores nothing", want: "00,01,02,03,04,05,06,07,08,09 count 10 of 10",
		run: func(tb *testTable) (string, error) {
			if _, err := tb.batch(put(row(day, 20)), put(sized(400<<10+1))); err == nil {
				return "the batch was taken", nil
			}
			return tb.query("#d = :d", nil)
		}},
	{name: "batch with a missing key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.batch(put(row(day, 20)), put(attributes{"date": &str{Value: day}}))
	}},
	{name: "batch with a key of the wrong type", code: refused, run: func(tb *testTable) (string, error) {
		return tb.batch(put(row(day, 20, "stamp_mod", &bin{Value: []byte("x")})))
	}},
	{name: "batch with too long a sort key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.batch(put(row(day, 20, "stamp_mod", &str{Value: strings.Repeat("x", 1025)})))
	}},
	{name: "batch into a missing table", code: notFound, run: func(tb *testTable) (string, error) {
		_, err := tb.client.BatchWriteItem(tb.ctx,
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
				tb.name: rows(20, 21), "missing": rows(20, 21)}})
		return "", err
	}},
	{name: "batch with neither put nor delete", code: refused, run: func(tb *testTable) (string, error) {
		return tb.batch(types.WriteRequest{})
	}},
	{name: "batch deletes, absent rows too", want: "00,02,03,04,05,06,07,08,09 count 9 of 9",
		run: func(tb *testTable) (string, error) {
			if _, err := tb.batch(del(key(day, 1)), del(key(day, 77))); err != nil {
				return "", err
			}
			return tb.query("#d = :d", nil)
		}},
	{name: "batch units round up by item", want: "left 0, units 6", run: func(tb *testTable) (string, error) {
		return tb.batch(put(sized(1024)), put(row(day, 21)), put(atNumber(sized(3*1024+1), 22)))
	}},

	// Queries.
	{name: "query a day", want: "00,01,02,03,04,05,06,07,08,09 count 10 of 10",
		run: func(tb *testTable) (string, error) {
			return tb.query("#d = :d", nil)
		}},
	{name: "query an empty day", want: " count 0 of 0", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", nil, ":d", "2020-01-01")
	}},
	{name: "query backwards", want: "09,08,07 count 3 of 3 last 07", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", func(in *dynamodb.QueryInput) {
			in.ScanIndexForward, in.Limit = aws.Bool(false), aws.Int32(3)
		})
	}},
	{name: "query between", want: "02,03,04 count 3 of 3", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND stamp_mod BETWEEN :a AND :b", nil, ":a", "1795300002", ":b", "1795300005")
	}},
	{name: "query between, ends included", want: "02,03 count 2 of 2", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND (stamp_mod BETWEEN :a AND :b)", nil, ":a", stamp(2), ":b", stamp(3))
	}},
	{name: "query begins_with", want: "03 count 1 of 1", run: func(tb *testTable) (string, error) {
		return tb.query("begins_with(stamp_mod, :p) and #d = :d", nil, ":p", "1795300003.")
	}},
	{name: "query begins_with nothing there", want: " count 0 of 0", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND begins_with(stamp_mod, :p)", nil, ":p", "18")
	}},
	{name: "query after", want: "08,09 count 2 of 2", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND stamp_mod > :a", nil, ":a", stamp(7))
	}},
	{name: "query from", want: "07,08,09 count 3 of 3", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND stamp_mod >= :a", nil, ":a", stamp(7))
	}},
	{name: "query before", want: "00,01 count 2 of 2", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND stamp_mod < :a", nil, ":a", stamp(2))
	}},
	{name: "query up to", want: "02,01,00 count 3 of 3", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND stamp_mod <= :a",
			func(in *dynamodb.QueryInput) { in.ScanIndexForward = aws.Bool(false) }, ":a", stamp(2))
	}},
	{name: "query one", want: "02 count 1 of 1", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND stamp_mod = :a", nil, ":a", stamp(2))
	}},
	{name: "query with a filter", want: "04,09 count 2 of 10", run: func(tb *testTable) (string, error) {
		return tb.filtered("#l = :e", levelName, attributes{":e": &str{Value: "ERROR"}})
	}},
	{name: "a limit counts what the filter drops", want: "04 count 1 of 6 last 05",
		run: func(tb *testTable) (string, error) {
			return tb.query("#d = :d", func(in *dynamodb.QueryInput) {
				in.FilterExpression, in.Limit = aws.String("#l = :e"), aws.Int32(6)
				in.ExpressionAttributeNames["#l"] = "level"
			}, ":e", "ERROR")
		}},
	{name: "a limit that is all there is", want: "00,01,02,03,04,05,06,07,08,09 count 10 of 10 last 09",
		run: func(tb *testTable) (string, error) {
			return tb.query("#d = :d", func(in *dynamodb.QueryInput) { in.Limit = aws.Int32(10) })
		}},
	{name: "query on from a key", want: "06,07 count 2 of 2 last 07", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", func(in *dynamodb.QueryInput) {
			in.Limit, in.ExclusiveStartKey = aws.Int32(2), key(day, 5)
		})
	}},
	{name: "query back from a key", want: "04,03 count 2 of 2 last 03", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", func(in *dynamodb.QueryInput) {
			in.Limit, in.ExclusiveStartKey, in.ScanIndexForward = aws.Int32(2), key(day, 5), aws.Bool(false)
		})
	}},
	{name: "query on from a key of another day", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = key("2026-11-23", 1) })
	}},
	{name: "query on from half a key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d",
			func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = attributes{"date": &str{Value: day}} })
	}},
	{name: "count", want: " count 1 of 10", run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", func(in *dynamodb.QueryInput) {
			in.Select, in.FilterExpression = types.SelectCount, aws.String("contains(message, :e)")
		}, ":e", "(4")
	}},
	{name: "query a projection", want: "1 attributes,1 attributes count 2 of 2",
		run: func(tb *testTable) (string, error) {
			return tb.query("#d = :d",
				func(in *dynamodb.QueryInput) { in.ProjectionExpression = aws.String("message") }, ":d", "2026-11-23")
		}},
	{name: "query without a condition", code: refused, run: func(tb *testTable) (string, error) {
		_, err := tb.client.Query(tb.ctx, &dynamodb.QueryInput{TableName: &tb.name})
		return "", err
	}},
	{name: "query a missing table", code: notFound, run: func(tb *testTable) (string, error) {
		tb.name = "missing"
		return tb.query("#d = :d", nil)
	}},
	{name: "query a missing index", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", func(in *dynamodb.QueryInput) { in.IndexName = aws.String("by_module") })
	}},
	{name: "query with limit 0", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", func(in *dynamodb.QueryInput) { in.Limit = aws.Int32(0) })
	}},
	{name: "query with a reserved word", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("date = :d", func(in *dynamodb.QueryInput) { in.ExpressionAttributeNames = nil })
	}},
	{name: "query by the sort key only", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("stamp_mod = :d", func(in *dynamodb.QueryInput) { in.ExpressionAttributeNames = nil })
	}},
	{name: "query a range of partition keys", code: refused,
		run: func(tb *testTable) (string, error) { return tb.query("#d > :d", nil) }},
	{name: "query with OR", code: refused,
		run: func(tb *testTable) (string, error) { return tb.query("#d = :d OR #d = :d", nil) }},
	{name: "query with two conditions on the sort key", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND stamp_mod > :a AND stamp_mod < :b", nil, ":a", stamp(1), ":b", stamp(3))
	}},
	{name: "query by another attribute", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND message = :a", nil, ":a", "x")
	}},
	{name: "query between the wrong way round", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d AND stamp_mod BETWEEN :a AND :b", nil, ":a", "2", ":b", "1")
	}},
	{name: "query by a number", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d",
			func(in *dynamodb.QueryInput) { in.ExpressionAttributeValues[":d"] = &num{Value: "1"} })
	}},
	{name: "query with an unknown name", code: refused,
		run: func(tb *testTable) (string, error) { return tb.query("#d = :d AND #x = :d", nil) }},
	{name: "query with an unknown value", code: refused,
		run: func(tb *testTable) (string, error) { return tb.query("#d = :x", nil) }},
	{name: "query with an unused value", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", nil, ":x", "x")
	}},
	{name: "query with an unused name", code: refused, run: func(tb *testTable) (string, error) {
		return tb.query("#d = :d", func(in *dynamodb.QueryInput) { in.ExpressionAttributeNames["#x"] = "x" })
	}},
	{name: "query with a syntax error", code: refused,
		run: func(tb *testTable) (string, error) { return tb.query("#d = = :d", nil) }},
	{name: "query with an empty condition", code: refused,
		run: func(tb *testTable) (string, error) { return tb.query("", nil) }},
	{name: "filter on a key attribute", code: refused, run: func(tb *testTable) (string, error) {
		return tb.filtered("stamp_mod > :a", nil, attributes{":a": &str{Value: "1"}})
	}},
	{name: "filter with a reserved word", code: refused, run: func(tb *testTable) (string, error) {
		return tb.filtered("level = :a", nil, attributes{":a": &str{Value: "1"}})
	}},

	// Filters; each looks at the ten rows of the day.
	{name: "filter not expired", want: "06,07,08,09 count 4 of 10", run: func(tb *testTable) (string, error) {
		return tb.filtered("attribute_not_exists(expiry) OR expiry > :n", nil,
			attributes{":n": &num{Value: "1800000005"}})
	}},
	{name: "filter across types", want: " count 0 of 10", run: func(tb *testTable) (string, error) {
		return tb.filtered("expiry > :n", nil, attributes{":n": &str{Value: "0"}})
	}},
	{name: "filter not equal across types", want: "00,01,02,03,04,05,06,07,08,09 count 10 of 10",
		run: func(tb *testTable) (string, error) {
			return tb.filtered("expiry <> :n", nil, attributes{":n": &str{Value: "0"}})
		}},
	{name: "filter not equal to an absent attribute", want: "00,01,02,03,04,05,06,07,08,09 count 10 of 10",
		run: func(tb *testTable) (string, error) {
			return tb.filtered("nothing <> :n", nil, attributes{":n": &str{Value: "0"}})
		}},
	{name: "filter NOT before AND before OR", want: "00,01,02,03,04,05,06,07,08 count 9 of 10",
		run: func(tb *testTable) (string, error) {
			return tb.filtered("NOT #l = :e OR #l = :e AND expiry < :n", levelName,
				attributes{":e": &str{Value: "ERROR"}, ":n": &num{Value: "1800000005"}})
		}},
	{name: "filter with brackets", want: "04 count 1 of 10", run: func(tb *testTable) (string, error) {
		return tb.filtered("(NOT #l = :i OR #l = :e) AND expiry < :n", levelName,
			attributes{":i": &str{Value: "INFO"}, ":e": &str{Value: "ERROR"}, ":n": &num{Value: "1800000005"}})
	}},
	{name: "filter IN", want: "01,02 count 2 of 10", run: func(tb *testTable) (string, error) {
		return tb.filtered("expiry IN (:a, :b)", nil,
			attributes{":a": &num{Value: "1800000001"}, ":b": &num{Value: "1800000002.0"}})
	}},
	{name: "filter BETWEEN numbers", want: "01,02 count 2 of 10", run: func(tb *testTable) (string, error) {
		return tb.filtered("expiry BETWEEN :a AND :b", nil,
			attributes{":a": &num{Value: "1.800000001E9"}, ":b": &num{Value: "1800000002"}})
	}},
	{name: "filter by size", want: "00,01,02,03,04,05,06,07,08,09 count 10 of 10",
		run: func(tb *testTable) (string, error) {
			return tb.filtered("size(message) = :n AND size(parts) = :two", nil,
				attributes{":n": &num{Value: "14"}, ":two": &num{Value: "2"}})
		}},
	{name: "filter by type", want: "00,01,02,03,04,05,06,07,08,09 count 10 of 10",
		run: func(tb *testTable) (string, error) {
			return tb.filtered("attribute_type(parts, :t) AND begins_with(message, :p)", nil,
				attributes{":t": &str{Value: "L"}, ":p": &str{Value: "INFO:"}})
		}},
	{name: "filter by a list element", want: "03 count 1 of 10", run: func(tb *testTable) (string, error) {
		return tb.filtered("parts[0] = :n AND contains(parts, :x)", nil,
			attributes{":n": &num{Value: "3"}, ":x": &str{Value: "x"}})
	}},
	{name: "filter with brackets twice", code: refused, run: func(tb *testTable) (string, error) {
		return tb.filtered("((expiry > :n))", nil, attributes{":n": &num{Value: "3"}})
	}},
	{name: "filter with an unknown function", code: refused, run: func(tb *testTable) (string, error) {
		return tb.filtered("ends_with(message, :n)", nil, attributes{":n": &str{Value: "3"}})
	}},
	{name: "filter begins_with a number", code: refused, run: func(tb *testTable) (string, error) {
		return tb.filtered("begins_with(message, :n)", nil, attributes{":n": &num{Value: "3"}})
	}},
	{name: "filter greater than a bool", code: refused, run: func(tb *testTable) (string, error) {
		return tb.filtered("message > :n", nil, attributes{":n": &types.AttributeValueMemberBOOL{Value: true}})
	}},

	// Scans.
	{name: "scan", want: "00,01,02,03,04,05,06,07,08,09,00,01 count 12 of 12",
		run: func(tb *testTable) (string, error) {
			return tb.scan(func(in *dynamodb.ScanInput) {})
		}},
	{name: "scan with a filter on a key", want: "00,01 count 2 of 12", run: func(tb *testTable) (string, error) {
		return tb.scan(func(in *dynamodb.ScanInput) {
			in.FilterExpression = aws.String("#d = :d")
			in.ExpressionAttributeNames = map[string]string{"#d": "date"}
			in.ExpressionAttributeValues = attributes{":d": &str{Value: "2026-11-23"}}
		})
	}},
	{name: "scan in pages", want: "12 rows", run: (*testTable).scanPages},
	{name: "names without an expression", code: refused, run: func(tb *testTable) (string, error) {
		return tb.scan(func(in *dynamodb.ScanInput) { in.ExpressionAttributeNames = map[string]string{"#d": "date"} })
	}},

	// Pages of 1 MB: five rows of 300 KB are read in at least two.
	{name: "pages of 1 MB", want: "5 rows in more than one page",
		run: func(tb *testTable) (string, error) { return tb.readPages() }},
}

// reservedNames are words of which a log table's reader or writer may well
// think; each is refused bare, as AWS documents.
var reservedNames = []string{"date", "level", "LOCATOR", "log", "module", "time", "timestamp", "ttl", "source", "type",
	"name", "count", "data", "text", "value", "function", "request", "shard"}

// freeNames are not reserved.
var freeNames = []string{"message", "expiry", "stamp_mod", "request_id", "fields_", "issues", "truncated",
	"exception_at", "severity"}

func stamp(n int) string { return key(day, n)["stamp_mod"].(*str).Value }

// sized returns row 20 padded to the size in bytes.
func sized(size int) attributes {
	it := key(day, 20)
	used := 0
	for name, v := range it {
		used += len(name) + len(v.(*str).Value)
	}
	it["message"] = &str{Value: strings.Repeat("x", size-used-len("message"))}
	return it
}

func atNumber(it attributes, n int) attributes {
	it["stamp_mod"] = key(day, n)["stamp_mod"]
	return it
}

func (tb *testTable) putAndRead(name string, v types.AttributeValue) (string, error) {
	if _, err := tb.put(row(day, 1, name, v)); err != nil {
		return "", err
	}
	out, err := tb.client.GetItem(tb.ctx, &dynamodb.GetItemInput{TableName: &tb.name, Key: key(day, 1)})
	if err != nil {
		return "", err
	}
	return valueText(out.Item[name]), nil
}

// scanPages scans in pages of two and counts distinct rows.
func (tb *testTable) scanPages() (string, error) {
	seen := map[string]bool{}
	var start attributes
	for {
		out, err := tb.client.Scan(tb.ctx, &dynamodb.ScanInput{
			TableName: &tb.name, Limit: aws.Int32(2), ExclusiveStartKey: start,
		})
		if err != nil {
			return "", err
		}
		for _, it := range out.Items {
			if seen[text(it)] {
				return "a row twice: " + text(it), nil
			}
			seen[text(it)] = true
		}
		if start = out.LastEvaluatedKey; start == nil {
			return fmt.Sprintf("%d rows", len(seen)), nil
		}
	}
}

func (tb *testTable) readPages() (string, error) {
	const date = "2026-12-24"
	for n := range 5 {
		it := row(date, n, "message", &str{Value: strings.Repeat("x", 300<<10)})
		if _, err := tb.put(it); err != nil {
			return "", err
		}
	}
	pages := dynamodb.NewQueryPaginator(tb.client,
		&dynamodb.QueryInput{TableName: &tb.name, KeyConditionExpression: aws.String("#d = :d"),
			ExpressionAttributeNames:  map[string]string{"#d": "date"},
			ExpressionAttributeValues: attributes{":d": &str{Value: date}}})
	number, rows := 0, 0
	for pages.HasMorePages() {
		out, err := pages.NextPage(tb.ctx)
		if err != nil {
			return "", err
		}
		number++
		rows += len(out.Items)
	}
	if number < 2 {
		return fmt.Sprintf("%d rows in one page", rows), nil
	}
	return fmt.Sprintf("%d rows in more than one page", rows), nil
}

func TestConformance(t *testing.T) {
	t.Run("embedded endpoint", func(t *testing.T) { runConformance(t, table.Start(t).Client()) })
	t.Run("DynamoDB Local", func(t *testing.T) { runConformance(t, ddblocal.Client(t)) })
}

func runConformance(t *testing.T, client *dynamodb.Client) {
	for i, c := range conformance {
		t.Run(c.name, func(t *testing.T) {
			result, err := c.run(newTable(t, client, i))
			if code := codeOf(err); code != c.code {
				t.Fatalf("error %v; want code %q", err, c.code)
			}
			if err != nil {
				t.Logf("refusal: %v", err)
			}
			if result != c.want {
				t.Errorf("result %q; want %q", result, c.want)
			}
		})
	}
	t.Run("reserved words", func(t *testing.T) {
		tb := newTable(t, client, len(conformance))
		for _, name := range slices.Concat(reservedNames, freeNames) {
			_, err := tb.scan(func(in *dynamodb.ScanInput) {
				in.FilterExpression = aws.String("attribute_exists(" + name + ")")
			})
			want := ""
			if slices.Contains(reservedNames, name) {
				want = refused
			}
			if codeOf(err) != want {
				t.Errorf("%s bare in an expression: error %v; want code %q", name, err, want)
			}
		}
	})
}

// newTable creates and fills the tables of one case.
func newTable(t *testing.T, client *dynamodb.Client, i int) *testTable {
	t.Helper()
	tb := &testTable{ctx: t.Context(), client: client, name: fmt.Sprintf("conformance-%03d", i)}
	if err := table.CreateLogTables(tb.ctx, client, tb.name, tb.name+"-errors"); err != nil {
		t.Fatal(err)
	}
	if err := tb.fill(); err != nil {
		t.Fatal(err)
	}
	return tb
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return refusal.ErrorCode()
	}
	return "not an answer of the endpoint: " + err.Error()
}
