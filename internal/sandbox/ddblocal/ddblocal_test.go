package ddblocal_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/sandbox/ddblocal"
	"github.com/logtable/logtable/internal/sandbox/table"
)

func TestStartAnswersTheSDK(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "/does/not/exist")
	client := ddblocal.Client(t)
	if err := table.CreateLogTables(t.Context(), client, "info", "errors"); err != nil {
		t.Fatal(err)
	}
	out, err := ddblocal.Client(t).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.TableNames) > 0 {
		t.Errorf("a new client sees the tables %v; want none", out.TableNames)
	}
}

func TestStartTwiceIsOneProcess(t *testing.T) {
	first, second := ddblocal.Start(t), ddblocal.Start(t)
	if first != second {
		t.Errorf("two processes, at %s and %s; want one", first, second)
	}
}
