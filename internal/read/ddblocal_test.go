package read

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/logtable/logtable/internal/sandbox/ddblocal"
)

// TestQueriesOnDynamoDBLocal runs the tests that query tables once more, on
// AWS's DynamoDB Local: what its expressions mean there, they mean in DynamoDB.
func TestQueriesOnDynamoDBLocal(t *testing.T) {
	embedded := newClient
	newClient = func(t *testing.T) *dynamodb.Client { return ddblocal.Client(t) }
	defer func() { newClient = embedded }()
	for name, test := range map[string]func(*testing.T){
		"merged in time order":  TestQueryMergesBothTablesInTimeOrder,
		"the span":              TestQueryIncludesTheBeginningAndNotTheEnd,
		"zones":                 TestQueryFindsRowsOfEveryWritersZone,
		"the ancestor's rows":   TestQueryReadsTheAncestorsRowsBesideOurs,
		"filters":               TestQueryFilters,
		"any filter":            TestFiltersFindWhatALookAtEveryRowFinds,
		"write units":           TestWriteUnits,
		"stories":               TestAStoryIsWholeAcrossInvocations,
		"where stories are":     TestAStoryIsLookedForAsFarAsItMustBe,
		"long stories":          TestAStoryOfManyInvocations,
		"no partition too soon": TestQueryAsksNoPartitionBeforeItsTime,
		"errors":                TestQueryYieldsTheErrorLastAndOnce,
		"causes":                TestErrorsAreGroupedByTheirCauses,
		"how causes stand":      TestHowCausesStand,
		"one cause":             TestOneCauseHasItsLastRowAndItsHistory,
	} {
		t.Run(name, test)
	}
}
