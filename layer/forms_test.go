// Package layer_test holds the forms of infrastructure below this folder, and
// what `logtable init` prints, to package resources: each creates the same
// tables, layers and policies. The tools that deploy them are run as far as
// that is possible without AWS: see the pages.
package layer_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/resources"
	"github.com/logtable/logtable/internal/sandbox/iam"
	"github.com/logtable/logtable/internal/testkit"
)

const (
	region = "eu-central-1"
	tables = "arn:aws:dynamodb:" + region + ":123456789012:table/"
	topic  = "arn:aws:sns:" + region + ":123456789012:oncall"
	key    = "arn:aws:kms:" + region + ":123456789012:key/k"
)

// An inventory is what there is in an account, as testdata/stack.py prints it.
type inventory struct {
	Tables   map[string]table
	Layers   map[string][]string        // their architectures
	Policies map[string]json.RawMessage // inline ones as role/name
	Outputs  map[string]string          // the names under which they are exported
}

type table struct {
	Keys, Types               map[string]string
	OnDemand, Protected, PITR bool
	TTL, Key                  string
	WriteUnits                int
}

// A want is what a form was told.
type want struct {
	topics, keys []string
	function     string // that has an inline policy, "" for none
}

func (w want) place(function string) resources.Place {
	return resources.Place{InfoTable: tables + "logtable-info", ErrorsTable: tables + "logtable-errors",
		Topics: w.topics, Keys: w.keys, Function: function}
}

// same fails the test where there is anything else than resources says.
func (w want) same(t *testing.T, got inventory) {
	t.Helper()
	wantTables := map[string]table{}
	for _, r := range []resources.Table{resources.InfoTable(), resources.ErrorsTable()} {
		wantTables[r.Name] = table{
			Keys:     map[string]string{"HASH": resources.PartitionKey, "RANGE": resources.SortKey},
			Types:    map[string]string{resources.PartitionKey: "S", resources.SortKey: "S"},
			OnDemand: true, Protected: r.DeletionProtection, PITR: r.PointInTimeRecovery, TTL: r.TTL,
			Key: strings.Join(w.keys, ""), WriteUnits: map[bool]int{true: 1000, false: 200}[r.TTL != ""],
		}
	}
	if !reflect.DeepEqual(got.Tables, wantTables) {
		t.Errorf("tables:\n%+v, want\n%+v", got.Tables, wantTables)
	}
	wantLayers := map[string][]string{}
	for _, l := range resources.Layers() {
		wantLayers[l.Name] = []string{l.Architecture}
	}
	if !reflect.DeepEqual(got.Layers, wantLayers) {
		t.Errorf("layers: %v, want %v", got.Layers, wantLayers)
	}
	w.samePolicies(t, got.Policies)
}

func (w want) samePolicies(t *testing.T, got map[string]json.RawMessage) {
	t.Helper()
	for _, duty := range resources.Duties() {
		var named []string
		for name := range got {
			if strings.Contains(name, string(duty)) && !strings.Contains(name, "/") {
				named = append(named, name)
			}
		}
		switch {
		case duty == resources.Alert && w.topics == nil:
			if len(named) > 0 {
				t.Errorf("%s is there without topics", named)
			}
		case len(named) != 1:
			t.Errorf("the policies of %s are %s", duty, named)
		default:
			equal(t, named[0], got[named[0]], resources.For(w.place(""), duty))
		}
	}
	for name := range got {
		if !slices.ContainsFunc(resources.Duties(), func(d resources.Duty) bool {
			return strings.Contains(name, string(d))
		}) && !strings.Contains(name, "/") {
			t.Errorf("there is a policy %s, which is nobody's duty", name)
		}
	}
}

// inline is the one inline policy.
func (w want) inline(t *testing.T, got map[string]json.RawMessage, duties ...resources.Duty) {
	t.Helper()
	var names []string
	for name := range got {
		if strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		t.Fatalf("the inline policies are %q, want one", names)
	}
	equal(t, names[0], got[names[0]], resources.For(w.place(w.function), duties...))
}

// policies are all that were seen, for what looks at them last.
var policies = map[string]json.RawMessage{}

func equal(t *testing.T, name string, document json.RawMessage, want resources.Policy) {
	t.Helper()
	policies[t.Name()+": "+name] = document
	got, err := iam.Parse(document)
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, document)
	}
	wanted, err := iam.Parse([]byte(want.JSON()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s is\n%s, want\n%s", name, document, want.JSON())
	}
}

// stack creates a stack on the local AWS, if there is a template, and returns
// what is there then.
func stack(t *testing.T, endpoint string, arguments ...string) (got inventory) {
	t.Helper()
	args := append([]string{"testdata/stack.py", endpoint, region}, arguments...)
	if err := json.Unmarshal(run(t, command{}, tool(t, "python"), args...), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// A command is how a program is started.
type command struct {
	dir   string
	env   []string
	stdin []byte
	fails bool // it must fail, and both outputs are returned
}

// run returns what a program prints, and fails the test if it fails.
func run(t *testing.T, c command, program string, arguments ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, arguments...)
	cmd.Dir, cmd.Stdin = c.dir, bytes.NewReader(c.stdin)
	// AWS's settings on this machine are not the tests'.
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_DEFAULT_REGION="+region,
		"AWS_REGION="+region, "NODE_NO_WARNINGS=1", "PYTHONDONTWRITEBYTECODE=1")
	cmd.Env = append(cmd.Env, c.env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if (err != nil) != c.fails {
		t.Fatalf("%s %q: %v\n%s%s", filepath.Base(program), arguments, err, out, &stderr)
	}
	if c.fails {
		out = append(out, stderr.Bytes()...)
	}
	return out
}

// tool is the path of a Python tool.
func tool(t *testing.T, name string) string {
	t.Helper()
	return installed(t, name+" (`make tools` installs it)", "build/tools/venv/bin", name)
}

// installed is the path of what `make tools` puts below the repository's root.
func installed(t *testing.T, name string, parts ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", filepath.Join(parts...)))
	if err == nil {
		_, err = os.Stat(path)
	}
	testkit.Component(t, name, err)
	return path
}

// dist is a folder with zip files that have the names of layers.
func dist(t *testing.T, dir string) string {
	t.Helper()
	for _, l := range resources.Layers() {
		var layer strings.Builder
		z := zip.NewWriter(&layer)
		w, err := z.Create("extensions/logtable")
		if err == nil {
			_, err = w.Write([]byte(l.Architecture)) // CDK tells files apart by what is in them
		}
		if err = errors.Join(err, z.Close()); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, l.Zip), layer.String())
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// initialized is what `logtable init` prints for a function.
func initialized(t *testing.T, form string, arguments ...string) string {
	t.Helper()
	program := filepath.Join(scratch, "logtable")
	if _, err := os.Stat(program); err != nil {
		run(t, command{}, "go", "build", "-o", program, "../cmd/logtable")
	}
	args := append([]string{"init", form, "--function", "orders-api"}, arguments...)
	return string(run(t, command{env: []string{"LOGTABLE_INFO_TABLE=", "LOGTABLE_ERRORS_TABLE="}}, program, args...))
}

// testPolicies has parliament look at every policy that the tests before it
// saw, and at two in which it must find something.
func testPolicies(t *testing.T) {
	if len(policies) < 20 {
		t.Fatalf("only %d policies were seen", len(policies))
	}
	all := maps.Clone(policies)
	for name, action := range map[string]string{"control: all": "*", "control: unknown": "Guess"} {
		all[name] = json.RawMessage(fmt.Sprintf(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
			"Action": "dynamodb:%s", "Resource": "*"}}`, action))
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	controls := map[string]bool{}
	for line := range strings.Lines(string(run(t, command{stdin: text}, tool(t, "python"), "testdata/policies.py"))) {
		if strings.HasPrefix(line, "control: ") {
			controls[strings.Join(strings.Split(line, ": ")[:2], ": ")] = true
			continue
		}
		t.Error(strings.TrimSpace(line))
	}
	if len(controls) != 2 {
		t.Errorf("of the controls, only %v were found", controls)
	}
}
