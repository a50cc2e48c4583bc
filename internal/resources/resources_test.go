package resources_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/resources"
	"github.com/logtable/logtable/internal/sandbox/iam"
)

const base = "arn:aws:dynamodb:eu-central-1:123456789012:table/"

// place is what the template is deployed as.
var place = resources.Place{InfoTable: base + "info", ErrorsTable: base + "errors",
	Topics: []string{"arn:aws:sns:eu-central-1:123456789012:oncall"}}

// policyOf is what a policy of resources says, as package iam reads it.
func policyOf(t *testing.T, at resources.Place, duties ...resources.Duty) iam.Policy {
	t.Helper()
	for _, text := range []string{resources.For(at, duties...).Indented("  "), resources.For(at, duties...).JSON()} {
		if _, err := iam.Parse([]byte(text)); err != nil {
			t.Fatalf("%v: %v\n%s", duties, err, text)
		}
	}
	p, _ := iam.Parse([]byte(resources.For(at, duties...).JSON()))
	return p
}

// TestTheTemplateIsTheSame: each policy of layer/template.yaml, statement by
// statement, and the tables.
func TestTheTemplateIsTheSame(t *testing.T) {
	text, err := os.ReadFile("../../layer/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	template, err := iam.ReadTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{"InfoTable.Arn": place.InfoTable, "ErrorsTable.Arn": place.ErrorsTable,
		"AlertTopicArns": []any{place.Topics[0]}, "SampleFunction": "shop"}
	compared := 0
	for _, name := range template.Policies() {
		at, duty := place, resources.Duty(strings.TrimPrefix(name, "Sample"))
		if name != string(duty) {
			at.Function = "shop"
		}
		for _, keys := range [][]string{nil, {"arn:aws:kms:eu-central-1:123456789012:key/k"}} {
			at.Keys = keys
			values["Encrypted"], values["KmsKeyArn"] = keys != nil, strings.Join(keys, "")
			got, err := template.Policy(name, values)
			if err != nil {
				t.Fatal(err)
			}
			if want := policyOf(t, at, duty); !reflect.DeepEqual(got, want) {
				t.Errorf("%s is %+v in the template, here %+v", name, got, want)
			}
		}
		if name == string(duty) {
			compared++
		}
	}
	if compared != len(resources.Duties()) {
		t.Errorf("the template has the policies of %d duties, want %d", compared, len(resources.Duties()))
	}
	for resource, table := range map[string]resources.Table{
		"InfoTable": resources.InfoTable(), "ErrorsTable": resources.ErrorsTable(),
	} {
		properties := template.Resource(resource)["Properties"].(map[string]any)
		keys := fmt.Sprint(properties["KeySchema"])
		if keys != fmt.Sprintf("[map[AttributeName:%s KeyType:HASH] map[AttributeName:%s KeyType:RANGE]]",
			resources.PartitionKey, resources.SortKey) {
			t.Errorf("%s has the keys %s", resource, keys)
		}
		ttl, _ := properties["TimeToLiveSpecification"].(map[string]any)
		if (ttl != nil) != (table.TTL != "") || ttl != nil && ttl["AttributeName"] != table.TTL {
			t.Errorf("%s has the TTL %v, here %q", resource, ttl, table.TTL)
		}
		if protected := properties["DeletionProtectionEnabled"] == "true"; protected != table.DeletionProtection {
			t.Errorf("%s: deletion protection is %v, here %v", resource, protected, table.DeletionProtection)
		}
		parameter := "Max" + strings.TrimSuffix(resource, "Table") + "WriteUnits"
		_, rest, _ := strings.Cut(string(text), "  "+parameter+":\n    Type: Number\n    Default: ")
		if limit := fmt.Sprint(table.MaxWriteUnits, "\n"); !strings.HasPrefix(rest, limit) {
			t.Errorf("%s is not %s by default", parameter, limit)
		}
	}
	for _, layer := range resources.Layers() {
		if !strings.Contains(string(text), "LayerName: "+layer.Name+"\n") ||
			!strings.Contains(string(text), "dist/"+layer.Zip+"\n") {
			t.Errorf("the template does not have the layer %s of %s", layer.Name, layer.Zip)
		}
	}
	if !strings.Contains(string(text), "Description: "+resources.LayerDescription) {
		t.Error("the layers' description is not the template's")
	}
}

// TestPolicies: several duties are one document, keys come with them, and what
// is not there is not named.
func TestPolicies(t *testing.T) {
	at := place
	at.Keys = []string{"arn:aws:kms:eu-central-1:123456789012:key/k"}
	p := policyOf(t, at, resources.Write, resources.Alert)
	may := func(action, arn string) bool {
		return iam.Allowed([]iam.Policy{p}, iam.Request{Action: action, Resource: arn})
	}
	if !may("dynamodb:BatchWriteItem", place.ErrorsTable) || !may("sns:Publish", place.Topics[0]) ||
		!may("kms:Decrypt", at.Keys[0]) {
		t.Error(resources.For(at, resources.Write, resources.Alert).JSON())
	}
	text := resources.For(place, resources.Write).JSON()
	if strings.Contains(text, "kms") || strings.Contains(text, "sns") {
		t.Error(text)
	}
	arm := func(l resources.Layer) bool { return l.Architecture == "arm64" }
	if got := resources.Layers(); !slices.ContainsFunc(got, arm) {
		t.Error(got)
	}
}
