package layer_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/resources"
	"github.com/logtable/logtable/internal/sandbox/moto"
	"github.com/logtable/logtable/internal/testkit"
)

// TestForms plays every form on a local AWS, or as far as its tool goes
// without one, and then has all templates and policies looked at.
func TestForms(t *testing.T) {
	testkit.Slow(t)
	t.Run("sam", testSAM)
	t.Run("cdk", testCDK)
	t.Run("serverless", testServerless)
	t.Run("terraform", testTerraform)
	t.Run("cli", testCLI)
	t.Run("cfn-lint", testTemplates)
	t.Run("parliament", testPolicies)
}

// templates are those of CloudFormation that were seen: files.
var templates []string

// keep puts a template where testTemplates finds it.
func keep(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(scratch, name)
	write(t, path, content)
	templates = append(templates, path)
	return path
}

// scratch is for what more than one test needs.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "logtable-forms-")
	if err != nil {
		panic(err)
	}
	scratch = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func testSAM(t *testing.T) {
	w := want{}
	got := stack(t, moto.Start(t), "template.yaml")
	w.same(t, got)
	// All that there is to say.
	w = want{topics: []string{topic}, keys: []string{key}}
	got = stack(t, moto.Start(t), "template.yaml", "AlertTopicArns="+topic, "KmsKeyArn="+key)
	w.same(t, got)
	w.function = named(got.Policies)
	w.inline(t, got.Policies, resources.Alert)
	exported(t, got.Outputs, "logtable-")
	for _, layer := range []string{"LayerArm64Arn", "LayerX8664Arn"} {
		if name, there := got.Outputs[layer]; !there || name != "" {
			t.Errorf("the output %s is there: %v, exported as %q; imports would hold up updates", layer, there, name)
		}
	}
	templates = append(templates, "template.yaml")

	snippet := keep(t, "init-sam.yaml", initialized(t, "sam", "--arch", "arm64", "--topic", topic))
	got = stack(t, moto.Start(t), snippet)
	want{topics: []string{topic}, function: "orders-api"}.inline(t, got.Policies, resources.Write, resources.Alert)
}

// named is the name that a sample function got, as its own policy has it.
func named(policies map[string]json.RawMessage) string {
	for name, document := range policies {
		if m := regexp.MustCompile(`alert#([^#*]+)#`).FindSubmatch(document); m != nil && strings.Contains(name, "/") {
			return string(m[1])
		}
	}
	return ""
}

// exported are the outputs that other stacks import.
func exported(t *testing.T, outputs map[string]string, prefix string) {
	t.Helper()
	names := []string{"InfoTableName", "ErrorsTableName"}
	for _, duty := range resources.Duties() {
		names = append(names, string(duty)+"Arn")
	}
	for _, name := range names {
		if outputs[name] != prefix+name {
			t.Errorf("the output %s is exported as %q, want %s", name, outputs[name], prefix+name)
		}
	}
}

func testCDK(t *testing.T) {
	dir := filepath.Dir(filepath.Dir(installed(t, "the CDK (`make tools` installs it)",
		"layer/cdk/node_modules/aws-cdk-lib")))
	tsc := installed(t, "TypeScript", "layer/cdk/node_modules/.bin/tsc")
	node := testkit.Program(t, "node")
	// Beside node_modules, where Node.js looks for them.
	out := filepath.Join(dir, "build", "test")
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(out, "orders.ts"), initialized(t, "cdk", "--arch", "arm64", "--topic", topic))
	write(t, filepath.Join(out, "orders-app.ts"), `import { App } from 'aws-cdk-lib/core';
import { OrdersApiStack } from './orders';
new OrdersApiStack(new App(), 'orders');
`)
	write(t, filepath.Join(out, "tsconfig.json"), `{"extends": "../../tsconfig.json",
		"compilerOptions": {"outDir": "js", "rootDir": "../.."},
		"include": ["../../lib", "../../bin", "../../test", "*.ts"]}`)
	run(t, command{}, tsc, "-p", out)
	run(t, command{}, node, "--test", filepath.Join(out, "js", "test")+"/")

	synth := func(app, context string) string {
		synthesized := t.TempDir()
		write(t, filepath.Join(synthesized, "src", "index.js"), "exports.handler = async () => {}")
		run(t, command{dir: synthesized, env: []string{"CDK_OUTDIR=" + synthesized, "CDK_CONTEXT_JSON=" + context}},
			node, filepath.Join(out, "js", app))
		return synthesized
	}
	context := fmt.Sprintf(`{"alertTopicArn": %q, "layerDirectory": %q}`, topic, dist(t, t.TempDir()))
	template := keep(t, "cdk.json", read(t, filepath.Join(synth("bin/app.js", context), "logtable.template.json")))
	w := want{topics: []string{topic}}
	got := stack(t, moto.Start(t), template)
	w.same(t, got)
	w.function = named(got.Policies)
	w.inline(t, got.Policies, resources.Write, resources.Alert)

	orders := filepath.Join(synth("build/test/orders-app.js", "{}"), "orders.template.json")
	snippet := keep(t, "init-cdk.json", read(t, orders))
	got = stack(t, moto.Start(t), snippet)
	want{topics: []string{topic}, function: "orders-api"}.inline(t, got.Policies, resources.Write, resources.Alert)
}

func testServerless(t *testing.T) {
	osls := installed(t, "the Serverless Framework (`make tools` installs it)",
		"layer/serverless/node_modules/.bin/osls")
	endpoint := moto.Start(t)
	pack := func(dir string, arguments ...string) string {
		args := append([]string{"package"}, arguments...)
		run(t, command{dir: dir, env: []string{"AWS_ENDPOINT_URL=" + endpoint, "HOME=" + t.TempDir()}}, osls, args...)
		return read(t, filepath.Join(dir, ".serverless", "cloudformation-template-update-stack.json"))
	}
	root := t.TempDir()
	dist(t, filepath.Join(root, "dist"))
	write(t, filepath.Join(root, "serverless", "serverless.yml"), read(t, "serverless/serverless.yml"))
	template := keep(t, "serverless.json",
		pack(filepath.Join(root, "serverless"), "--param=alertTopics="+topic, "--param=kmsKey="+key))
	got := stack(t, moto.Start(t), template)
	want{topics: []string{topic}, keys: []string{key}}.same(t, got)
	exported(t, got.Outputs, "logtable-")
	if state := read(t, filepath.Join(root, "serverless", ".serverless", "serverless-state.json")); !regexp.MustCompile(
		`"stackName": *"logtable"`).MatchString(state) {
		t.Error("the stack's name, with which its exports begin, is not the template's: logtable")
	}

	dir := t.TempDir()
	write(t, filepath.Join(dir, "index.js"), "exports.handler = async () => {}")
	write(t, filepath.Join(dir, "serverless.yml"), initialized(t, "serverless", "--arch", "arm64", "--topic", topic))
	snippet := keep(t, "init-serverless.json", pack(dir))
	got = stack(t, moto.Start(t), snippet)
	for name, document := range got.Policies { // Serverless has statements of its own, for CloudWatch
		var p struct {
			Version   string
			Statement []json.RawMessage
		}
		if err := json.Unmarshal(document, &p); err != nil {
			t.Fatal(err)
		}
		p.Statement = slices.DeleteFunc(p.Statement, func(s json.RawMessage) bool {
			return strings.Contains(string(s), `"logs:`)
		})
		got.Policies[name], _ = json.Marshal(p)
	}
	want{topics: []string{topic}, function: "orders-api"}.inline(t, got.Policies, resources.Write, resources.Alert)
}

func testTerraform(t *testing.T) {
	terraform := testkit.Program(t, "terraform")
	t.Setenv("CHECKPOINT_DISABLE", "1") // it would ask whether it is the newest
	run(t, command{}, terraform, "fmt", "-check", "-diff", "-recursive", "terraform")

	// What the policies say is Terraform's own word: they are in a file without
	// resources, which needs no provider.
	dir := t.TempDir()
	for _, name := range []string{"variables.tf", "policies.tf"} {
		write(t, filepath.Join(dir, name), read(t, "terraform/"+name))
	}
	write(t, filepath.Join(dir, "stub.tf"), fmt.Sprintf(`
locals {
  info_arn   = %q
  errors_arn = %q
}
output "policies" {
  value = local.policies
}
`, tables+"logtable-info", tables+"logtable-errors"))
	run(t, command{dir: dir}, terraform, "init", "-no-color")
	run(t, command{dir: dir}, terraform, "validate", "-no-color")
	evaluated := func(w want, arguments ...string) inventory {
		run(t, command{dir: dir}, terraform, append([]string{"apply", "-auto-approve", "-no-color"}, arguments...)...)
		var texts map[string]string
		text := run(t, command{dir: dir}, terraform, "output", "-json", "policies")
		if err := json.Unmarshal(text, &texts); err != nil {
			t.Fatal(err)
		}
		got := declared(t, w)
		got.Policies = map[string]json.RawMessage{}
		for name, text := range texts {
			got.Policies[name] = json.RawMessage(text)
		}
		return got
	}
	w := want{}
	w.same(t, evaluated(w))
	w = want{topics: []string{topic}, keys: []string{key}}
	w.same(t, evaluated(w, "-var", fmt.Sprintf("alert_topic_arns=[%q]", topic), "-var", "kms_key_arn="+key))

	snippet := filepath.Join(t.TempDir(), "orders.tf")
	for _, arguments := range [][]string{
		{"--topic", topic, "--errors-table", "failures"},
		{"--layer", "arn:aws:lambda:eu-central-1:123456789012:layer:logtable-x86_64:3",
			"--info-table", tables + "logtable-info"},
	} {
		write(t, snippet, initialized(t, "terraform", arguments...))
		run(t, command{}, terraform, "fmt", "-check", "-diff", snippet)
		run(t, command{}, tool(t, "python"), "testdata/terraform.py", snippet)
	}
	// What is wrong is found.
	write(t, snippet, strings.Replace(read(t, snippet), "  handler ", "  handle ", 1))
	out := string(run(t, command{fails: true}, tool(t, "python"), "testdata/terraform.py", snippet))
	if !strings.Contains(out, "the provider has no argument handle\n") {
		t.Error(out)
	}
}

// declared is what the module's resources say, checked against the provider's
// schema; a variable has its default, but for the key.
func declared(t *testing.T, w want) inventory {
	t.Helper()
	files, err := filepath.Glob("terraform/*.tf")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	text := run(t, command{}, tool(t, "python"), append([]string{"testdata/terraform.py"}, files...)...)
	var all map[string]map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	value := func(v any) any {
		text, _ := v.(string)
		switch name, found := strings.CutPrefix(strings.TrimSuffix(text, "}"), "${var."); {
		case name == "kms_key_arn":
			return strings.Join(w.keys, "")
		case found:
			return all["variable."+name]["default"]
		}
		return v
	}
	got := inventory{Tables: map[string]table{}, Layers: map[string][]string{}}
	for _, name := range []string{"info", "errors"} {
		r := all["resource aws_dynamodb_table."+name]
		block := func(name, argument string) any {
			if blocks, ok := r[name].([]any); ok && len(blocks) == 1 {
				return value(blocks[0].(map[string]any)[argument])
			}
			return nil
		}
		types := map[string]string{}
		for _, a := range r["attribute"].([]any) {
			types[a.(map[string]any)["name"].(string)] = a.(map[string]any)["type"].(string)
		}
		units, _ := block("on_demand_throughput", "max_write_request_units").(float64)
		ttl, _ := block("ttl", "attribute_name").(string)
		encryption, _ := block("server_side_encryption", "kms_key_arn").(string)
		got.Tables[value(r["name"]).(string)] = table{
			Keys:  map[string]string{"HASH": r["hash_key"].(string), "RANGE": r["range_key"].(string)},
			Types: types, OnDemand: r["billing_mode"] == "PAY_PER_REQUEST",
			Protected: value(r["deletion_protection_enabled"]) == true,
			PITR:      block("point_in_time_recovery", "enabled") == true,
			TTL:       ttl, Key: encryption, WriteUnits: int(units),
		}
	}
	layer := all["resource aws_lambda_layer_version.logtable"]
	for _, m := range regexp.MustCompile(`\\?"(\w+)\\?"`).FindAllStringSubmatch(fmt.Sprint(layer["for_each"]), -1) {
		each := func(v any) string { return strings.ReplaceAll(v.(string), "${each.key}", m[1]) }
		got.Layers[each(layer["layer_name"])] = []string{each(layer["compatible_architectures"].([]any)[0])}
	}
	for _, name := range []string{"layer_arns", "policy_arns", "info_table_name", "errors_table_name"} {
		if all["output."+name] == nil {
			t.Errorf("the module has no output %s", name)
		}
	}
	return got
}

func testCLI(t *testing.T) {
	aws := tool(t, "aws")
	endpoint := moto.Start(t)
	root := t.TempDir()
	dist(t, filepath.Join(root, "dist"))
	script := filepath.Join(root, "cli", "create.sh")
	write(t, script, read(t, "cli/create.sh"))
	env := []string{"AWS_ENDPOINT_URL=" + endpoint, "PATH=" + filepath.Dir(aws) + ":" + os.Getenv("PATH"),
		"ALERT_TOPIC_ARNS=" + topic, "KMS_KEY_ARN=" + key}
	sh := func(script string) string { return string(run(t, command{env: env}, "sh", script)) }
	out := sh(script)
	w := want{topics: []string{topic}, keys: []string{key}}
	same := func() {
		t.Helper()
		got := stack(t, endpoint)
		for name, units := range map[string]int{"logtable-info": 1000, "logtable-errors": 200} {
			// moto does not keep them.
			if one := got.Tables[name]; one.WriteUnits == 0 && strings.Contains(read(t, script),
				fmt.Sprintf("\ntable \"$%s\" %d", strings.TrimPrefix(name, "logtable-"), units)) {
				one.WriteUnits = units
				got.Tables[name] = one
			}
		}
		w.same(t, got)
	}
	same()
	// Nothing is there twice.
	if again := sh(script); strings.Contains(again, "created") || strings.Count(again, " is there\n") != 8 {
		t.Errorf("the second time:\n%s\nthe first time:\n%s", again, out)
	}
	same()

	// A function that has a layer and a variable of its own, which stay, and an
	// older Logtable.
	write(t, filepath.Join(root, "function.sh"), `set -eu
role=$(aws iam create-role --role-name orders --assume-role-policy-document '{}' --query Role.Arn --output text)
other=$(aws lambda publish-layer-version --layer-name other --zip-file fileb://`+root+`/dist/logtable-layer-arm64.zip \
	--query LayerVersionArn --output text)
aws lambda create-function --function-name orders-api --role "$role" --runtime python3.13 --handler a.b \
	--architectures arm64 --layers "${other%other:*}logtable-arm64:1" "$other" --environment 'Variables={OWN=1}' \
	--zip-file fileb://`+root+`/dist/logtable-layer-arm64.zip >/dev/null
`)
	sh(filepath.Join(root, "function.sh"))
	snippet := filepath.Join(root, "init.sh")
	write(t, snippet, initialized(t, "cli", "--topic", topic, "--region", region))
	sh(snippet)
	var function struct {
		Layers      []struct{ Arn string }
		Environment struct{ Variables map[string]string }
	}
	text := run(t, command{env: env}, aws, "lambda", "get-function-configuration", "--function-name", "orders-api")
	if err := json.Unmarshal(text, &function); err != nil {
		t.Fatal(err)
	}
	layers := "arn:aws:lambda:" + region + ":123456789012:layer:"
	if fmt.Sprint(function.Layers) != fmt.Sprintf("[{%sother:1} {%slogtable-arm64:2}]", layers, layers) ||
		!maps.Equal(function.Environment.Variables, map[string]string{"OWN": "1", "LOGTABLE_ALERT_TOPIC_ARNS": topic}) {
		t.Errorf("the function has %+v", function)
	}
	want{topics: []string{topic}, function: "orders-api"}.inline(t, stack(t, endpoint).Policies,
		resources.Write, resources.Alert)
}

// testTemplates has cfn-lint look at all that were seen. W3005 is about what
// CDK writes by itself; Serverless writes its parameters in, so that W8003 sees
// conditions of constants.
func testTemplates(t *testing.T) {
	if len(templates) < 6 {
		t.Fatalf("only the templates %q were seen", templates)
	}
	lint := tool(t, "cfn-lint")
	args := []string{"-r", region, "us-east-1", "-i", "W3005", "W8003", "-t"}
	run(t, command{}, lint, append(args, templates...)...)
	wrong := keep(t, "wrong.yaml", strings.Replace(read(t, "template.yaml"), "KeyType: RANGE", "KeyType: RANG", 1))
	out := string(run(t, command{fails: true}, lint, append(args, wrong)...))
	if !strings.Contains(out, "'RANG'") || !strings.Contains(out, "wrong.yaml") {
		t.Error(out)
	}
}
