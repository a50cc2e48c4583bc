package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/logtable/logtable/internal/alert/lock"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/iam"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// template reads the layer's template.
func template() (iam.Template, error) {
	text, err := os.ReadFile("../../layer/template.yaml")
	if err != nil {
		return iam.Template{}, err
	}
	return iam.ReadTemplate(text)
}

// deployed is what the template's policies refer to, for a function of a name.
func deployed(base, function string) map[string]any {
	return map[string]any{
		"InfoTable.Arn": base + "logtable-info", "ErrorsTable.Arn": base + "logtable-errors",
		"AlertTopicArns": []any{topicPrefix + "oncall", topicPrefix + "second"}, "SampleFunction": function,
		"SampleFunctionRole": "role",
	}
}

// enforce has the local DynamoDB allow what the role of the template's sample
// function may do, and no more: every story is played under it.
func enforce(server *table.Server, function string) error {
	t, err := template()
	if err != nil {
		return err
	}
	var role []iam.Policy
	for _, name := range []string{"WritePolicy", "SampleAlertPolicy"} {
		p, err := t.Policy(name, deployed("arn:aws:dynamodb:us-east-1:000000000000:table/", function))
		if err != nil {
			return err
		}
		role = append(role, p)
	}
	server.Authorize(func(action, arn string, keys []string) bool {
		return iam.Allowed(role, iam.Request{Action: action, Resource: arn,
			Keys: map[string][]string{"dynamodb:LeadingKeys": keys}})
	})
	return nil
}

// A grant is a policy that the project hands out, with what it is for.
type grant struct {
	where    string
	policy   iam.Policy
	function string // the one whose items it is for; "" for all
}

// documents are those that have a policy: one to write, one for alerts.
var documents = []string{"install.md", "alerts.md"}

// grants collects the policies in the template, in the documents and in what
// the code says when a permission is missing.
func grants(t *testing.T) (list []grant) {
	const base = "arn:aws:dynamodb:eu-central-1:123456789012:table/"
	tpl, err := template()
	if err != nil {
		t.Fatal(err)
	}
	names := tpl.Policies()
	slices.Sort(names)
	want := []string{"AlertPolicy", "DeletePolicy", "ReadPolicy", "ReplayPolicy", "ResolvePolicy", "SampleAlertPolicy",
		"WritePolicy"}
	if !slices.Equal(names, want) {
		t.Errorf("the template has the policies %q, this test knows %q", names, want)
	}
	for _, name := range names {
		p, err := tpl.Policy(name, deployed(base, "shop"))
		if err != nil {
			t.Fatal(err)
		}
		g := grant{where: "template.yaml, " + name, policy: p}
		if name == "SampleAlertPolicy" {
			g.function = "shop"
		}
		list = append(list, g)
	}
	for _, name := range documents {
		document, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?s)```json\n(\\{\"Effect\".*?)```").FindAllSubmatch(document, -1)
		if len(blocks) != 1 {
			t.Fatalf("docs/%s has %d policies, want one", name, len(blocks))
		}
		p, err := iam.Parse([]byte("[" + string(blocks[0][1]) + "]"))
		if err != nil {
			t.Fatalf("the policy in docs/%s: %v", name, err)
		}
		g := grant{where: "docs/" + name, policy: p}
		if strings.Contains(string(blocks[0][1]), "UpdateItem") {
			g.function = "shop"
		}
		list = append(list, g)
	}
	advised := &lock.Table{Client: refusing{}, Name: base + "logtable-info", Function: "shop", Window: time.Minute,
		Max: 1, Now: time.Now}
	_, err = advised.Acquire(t.Context(), "g")
	_, statement, found := strings.Cut(err.Error(), "role: ")
	p, bad := iam.Parse([]byte("[" + statement + "]"))
	if !found || bad != nil {
		t.Fatalf("the lock's advice %q: %v", err, bad)
	}
	return append(list, grant{where: "the lock's advice", policy: p, function: "shop"})
}

type refusing struct{}

func (refusing) Call(context.Context, string, []byte) ([]byte, error) {
	refusal := awsenv.NewFailure(400, "AccessDeniedException", "")
	return nil, &refusal
}

// may asks one policy.
func (g grant) may(action, arn string, keys ...string) bool {
	return iam.Allowed([]iam.Policy{g.policy},
		iam.Request{Action: action, Resource: arn, Keys: map[string][]string{"dynamodb:LeadingKeys": keys}})
}

// TestPoliciesFitTheKeys holds the policies and the keys that the layer makes
// together: each allows what it is for and nothing beside it.
func TestPoliciesFitTheKeys(t *testing.T) {
	const base = "arn:aws:dynamodb:eu-central-1:123456789012:table/"
	info, errorsTable := base+"logtable-info", base+"logtable-errors"
	days := []string{"2026-11-22", row.ShardDate("2026-11-22", 1), row.ShardDate("2099-12-31", 255)}
	own, others := lockKeys(t, "shop"), lockKeys(t, "shop-2")
	for _, g := range grants(t) {
		writes := strings.Contains(g.where, "WritePolicy") || g.where == "docs/install.md"
		replays := strings.Contains(g.where, "ReplayPolicy")
		alerts := g.function != "" || strings.Contains(g.where, "AlertPolicy")
		for _, arn := range []string{info, errorsTable} {
			if g.may("dynamodb:BatchWriteItem", arn, days...) != writes {
				t.Errorf("%s: BatchWriteItem of %q: %v", g.where, days, !writes)
			}
			if g.may("dynamodb:BatchWriteItem", arn, append(days, row.ShardsDate)...) != writes ||
				g.may("dynamodb:PutItem", arn, row.ShardsDate) != replays {
				t.Errorf("%s: writing the item %q", g.where, row.ShardsDate)
			}
			for _, key := range append(own, "alert#x", "shards#", "", "1970-01-01") {
				if g.may("dynamodb:BatchWriteItem", arn, append(days, key)...) {
					t.Errorf("%s: BatchWriteItem of %q is allowed", g.where, key)
				}
			}
			if g.may("dynamodb:PutItem", arn, days...) != replays || g.may("dynamodb:PutItem", arn, "alert#x") {
				t.Errorf("%s: PutItem of %q: %v", g.where, days, !replays)
			}
			if g.may("dynamodb:GetItem", arn, days...) {
				t.Errorf("%s: GetItem of a row is allowed", g.where)
			}
			for _, action := range []string{"Scan", "DeleteTable", "PartiQLInsert"} {
				if g.may("dynamodb:"+action, arn, days...) || g.may("dynamodb:"+action, arn) {
					t.Errorf("%s: %s is allowed", g.where, action)
				}
			}
			for _, day := range days {
				if g.may("dynamodb:UpdateItem", arn, day) {
					t.Errorf("%s: UpdateItem of a row is allowed", g.where)
				}
			}
		}
		for i := range own {
			if g.may("dynamodb:UpdateItem", info, own[i]) != alerts ||
				g.may("dynamodb:UpdateItem", errorsTable, own[i]) {
				t.Errorf("%s: UpdateItem of %q: %v", g.where, own[i], !alerts)
			}
			if g.may("dynamodb:UpdateItem", info, others[i]) != (alerts && g.function == "") {
				t.Errorf("%s: UpdateItem of another function's %q", g.where, others[i])
			}
		}
		if g.may("dynamodb:BatchWriteItem", base+"other", days...) ||
			g.may("dynamodb:UpdateItem", base+"other", own...) {
			t.Errorf("%s: another table is allowed", g.where)
		}
		publishes, want := g.may("sns:Publish", topicPrefix+"oncall"), alerts && g.where != "the lock's advice"
		if publishes != want {
			t.Errorf("%s: sns:Publish: %v", g.where, publishes)
		}
	}
	tpl, _ := template()
	policies := fmt.Sprint(tpl.Resource("SampleFunction")["Properties"])
	if strings.Contains(policies, "AlertPolicy") {
		t.Error("the sample function has the policy that is for all functions")
	}
}

// TestPoliciesFitCauses holds the policies to the items that say what became
// of causes, and to the rows of them: who may write a state may delete nothing,
// and who may delete rows no state.
func TestPoliciesFitCauses(t *testing.T) {
	const base = "arn:aws:dynamodb:eu-central-1:123456789012:table/"
	info, errorsTable := base+"logtable-info", base+"logtable-errors"
	states := []string{"cause#orders", "cause#"}
	rows := []string{"2026-11-22", row.ShardDate("2026-11-22", 1), row.ShardDate("2099-12-31", 255)}
	others := []string{"alert#shop#all", "shards", "cause", "1970-01-01"}
	for _, g := range grants(t) {
		may := map[string]bool{} // each action, on states
		switch {
		case strings.HasSuffix(g.where, "ResolvePolicy"):
			may = map[string]bool{"GetItem": true, "PutItem": true, "UpdateItem": true, "Query": true}
		case strings.HasSuffix(g.where, "AlertPolicy"), g.where == "docs/alerts.md":
			may["GetItem"] = true
		case strings.HasSuffix(g.where, "ReadPolicy"):
			may["Query"] = true
		}
		for _, action := range []string{"GetItem", "PutItem", "UpdateItem", "Query", "DeleteItem", "BatchWriteItem"} {
			for _, key := range states {
				if g.may("dynamodb:"+action, errorsTable, key) != may[action] {
					t.Errorf("%s: %s of %q: %v", g.where, action, key, !may[action])
				}
				if action != "Query" && g.may("dynamodb:"+action, info, key) {
					t.Errorf("%s: %s of %q in the informational table is allowed", g.where, action, key)
				}
			}
			for _, key := range others {
				if action == "GetItem" && g.may("dynamodb:GetItem", errorsTable, key) {
					t.Errorf("%s: GetItem of %q is allowed", g.where, key)
				}
			}
		}
		deletes := strings.HasSuffix(g.where, "DeletePolicy")
		for _, key := range rows {
			if g.may("dynamodb:DeleteItem", errorsTable, key) != deletes || g.may("dynamodb:DeleteItem", info, key) {
				t.Errorf("%s: DeleteItem of %q: %v", g.where, key, !deletes)
			}
		}
		for _, key := range others {
			if g.may("dynamodb:DeleteItem", errorsTable, key) {
				t.Errorf("%s: DeleteItem of %q is allowed", g.where, key)
			}
		}
	}
}

// lockKeys are the keys that alerts of a function have in the table.
func lockKeys(t *testing.T, function string) []string {
	t.Helper()
	r := &recording{}
	l := &lock.Table{Client: r, Name: "logtable-info", Function: function, Window: time.Minute, Max: 1, Now: time.Now}
	_, _ = l.Acquire(t.Context(), "0123456789abcdef0123456789abcdef")
	_, _ = l.Places(t.Context(), 1)
	if len(r.keys) != 2 {
		t.Fatalf("%q", r.keys)
	}
	return r.keys
}

type recording struct{ keys []string }

func (r *recording) Call(_ context.Context, _ string, body []byte) ([]byte, error) {
	var request struct {
		Key struct{ Date struct{ S string } }
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	r.keys = append(r.keys, request.Key.Date.S)
	return nil, errors.New("only looking")
}

// TestTheStoriesPoliciesAreEnforced: what the role may not do is refused, or
// the stories would prove nothing.
func TestTheStoriesPoliciesAreEnforced(t *testing.T) {
	server := table.Start(t)
	if err := server.CreateLogTables(t.Context(), "logtable-info", "logtable-errors"); err != nil {
		t.Fatal(err)
	}
	if err := enforce(server, "orders"); err != nil {
		t.Fatal(err)
	}
	client, name := server.Client(), "logtable-info"
	item := func(date string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"date": &types.AttributeValueMemberS{Value: date},
			"stamp_mod": &types.AttributeValueMemberS{Value: "s"}}
	}
	write := func(dates ...string) error {
		var requests []types.WriteRequest
		for _, date := range dates {
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item(date)}})
		}
		_, err := client.BatchWriteItem(t.Context(),
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: requests}})
		return err
	}
	update := func(date string) error {
		expression := "SET held = stamp"
		_, err := client.UpdateItem(t.Context(),
			&dynamodb.UpdateItemInput{TableName: &name, Key: item(date), UpdateExpression: &expression})
		return err
	}
	_, put := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item("2026-11-22")})
	for what, err := range map[string]error{
		"a key beside days": write("2026-11-22", "alert#orders#all"), "PutItem": put,
		"an update of a row":                   update("2026-11-22"),
		"an update of another function's item": update("alert#orders-2#all"),
	} {
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "AccessDeniedException" {
			t.Errorf("%s: %v", what, err)
		}
	}
	var api smithy.APIError
	if err := write("2026-11-22", "2026-11-22#3"); err != nil {
		t.Errorf("rows: %v", err)
	}
	if err := update("alert#orders#all"); errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException" {
		t.Errorf("the function's own item: %v", err)
	}
}
