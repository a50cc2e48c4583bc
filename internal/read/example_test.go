package read_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// The errors of a morning, both tables merged, printed with the invocation that
// each belongs to.
func ExampleClient_Query() {
	server, err := table.Listen("127.0.0.1:0") // a DynamoDB on this machine
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client := server.Client()
	storeRows(client)

	rows := read.New(client).Query(context.Background(), read.Options{
		From:        time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		To:          time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		InfoTable:   "logtable-info",
		ErrorsTable: "logtable-errors",
		Filter:      read.Filter{Levels: []string{"warn", "error"}},
	})
	for row, err := range rows {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %-5s %s: %s [%s]\n",
			row.Time.Format(time.TimeOnly), row.Level, row.Module, row.Text, row.RequestID)
	}
	// Output:
	// 09:00:01 WARN  orders: stock is low [7f3a]
	// 09:00:02 ERROR orders: card declined [7f3a]
}

// storeRows makes the two tables and stores what the layer would, of three
// lines.
func storeRows(client *dynamodb.Client) {
	ctx := context.Background()
	if err := table.CreateLogTables(ctx, client, "logtable-info", "logtable-errors"); err != nil {
		log.Fatal(err)
	}
	for _, line := range []struct{ table, stamp, level, text string }{
		{"logtable-info", "1795338000.0000000", "INFO", "order received"},
		{"logtable-info", "1795338001.0000000", "WARN", "stock is low"},
		{"logtable-errors", "1795338002.0000000", "ERROR", "card declined"},
	} {
		item := map[string]types.AttributeValue{}
		for name, value := range map[string]string{
			"date": "2026-11-22", "stamp_mod": line.stamp + "+orders+2p4thtomb9", "level": line.level,
			"locator": "1", "message": line.level + ": (1) " + line.text, "request_id": "7f3a",
		} {
			item[name] = &types.AttributeValueMemberS{Value: value}
		}
		put := &dynamodb.PutItemInput{TableName: aws.String(line.table), Item: item}
		if _, err := client.PutItem(ctx, put); err != nil {
			log.Fatal(err)
		}
	}
}
