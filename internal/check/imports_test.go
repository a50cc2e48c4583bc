package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/testkit"
	"github.com/logtable/logtable/layer/build"
)

const module = "github.com/logtable/logtable/"

// A rule says what some packages must not import. Packages of ours begin with
// "./"; "a/..." is a and all below it.
type rule struct {
	who    []string
	but    []string // of who: the rule is not theirs
	linked bool     // not only themselves: nothing that they link, either
	not    []string
	may    []string // of not: these are allowed
	reason string
}

const (
	sandboxes = "./internal/sandbox/..."
	awsSDK    = "github.com/aws/aws-sdk-go-v2/..."
	dynamoDB  = "github.com/aws/aws-sdk-go-v2/service/dynamodb/..."
)

// rules are who may import whom. Those of the layer are about what it links: it
// is paid for in every cold start.
var rules = []rule{
	{who: []string{"./cmd/extension"}, linked: true, not: []string{sandboxes, "./internal/testkit", "testing",
		"github.com/rogpeppe/go-internal/...", "github.com/google/go-cmp/..."},
		reason: "the layer has no test code in it; the local Lambda and DynamoDB are for tests and the tool"},
	{who: []string{"./cmd/extension"}, linked: true, not: []string{"./internal/read", "./internal/replay",
		"./internal/explain", "github.com/spf13/cobra/..."},
		reason: "the layer never reads tables or replays logs: the command-line tool does"},
	{who: []string{"./cmd/extension"}, linked: true, not: []string{"./internal/resources"},
		reason: "the layer creates nothing in an account: people do, with the tool or a template"},
	{who: []string{"./cmd/extension"}, linked: true, not: []string{"github.com/aws/aws-sdk-go-v2/config/..."},
		reason: "2 MB, a millisecond of every cold start, and it fails over the function's settings"},
	{who: []string{"./cmd/extension"}, linked: true, not: []string{"github.com/aws/aws-sdk-go-v2/service/sns/..."},
		reason: "120 KB of the layer for one call: internal/alert/sns makes it"},
	{who: []string{"./cmd/extension"}, linked: true,
		not: []string{"github.com/aws/aws-sdk-go-v2/service/lambda/...", "github.com/aws/aws-sdk-go-v2/service/iam/...",
			"github.com/aws/aws-sdk-go-v2/service/sts/...", "github.com/spf13/pflag"},
		reason: "5 MB that only the tool needs"},
	{who: []string{"./cmd/extension"}, linked: true, not: []string{"github.com/aws/aws-lambda-go/..."},
		reason: "it is for the sample functions"},
	{who: []string{"./cmd/extension"}, linked: true, not: []string{"net/http/pprof"}, reason: "an open door"},

	{who: []string{"./internal/jsonscan", "./internal/level", "./internal/signing", "./internal/wait",
		"./internal/sdkbody", "./internal/version"},
		not:    []string{"./..."},
		reason: "they are the leaves: everything may import them, so they import nothing of ours"},
	{who: []string{"./internal/parse"}, linked: true, not: []string{awsSDK, "./internal/awsenv", "net/http"},
		reason: "what a line means depends on the line and the settings, not on where it goes"},
	{who: []string{"./internal/agent"}, not: []string{"net/http", awsSDK, "./internal/awsenv", "./internal/row"},
		reason: "it decides when to send; how is the business of extapi, logsapi and store"},
	{who: []string{"./internal/row"}, linked: true,
		not:    []string{"./internal/store", "./internal/spill", "./internal/parse"},
		reason: "the tables' format is shared by who writes and who reads them"},
	{who: []string{"./internal/cause"}, linked: true, not: []string{awsSDK, "./internal/cause/causeitem", "net/http",
		"encoding/json", "log"},
		reason: "the layer links it for alerts: what the tool's side needs is in cause/causeitem"},
	{who: []string{"./internal/read"}, linked: true, not: []string{"./internal/store", "./internal/spill"},
		reason: "a reader has neither queue nor spill: it imports row, the tables' format"},
	{who: []string{"./internal/store", "./internal/spill"}, not: []string{"./internal/parse", "./internal/agent",
		"./internal/alert/...", "./internal/logsapi", "./internal/extapi"},
		reason: "they keep and deliver rows, whatever these say and wherever they come from"},
	{who: []string{"./..."}, but: []string{"./internal/extension", "./cmd/logtable"},
		not:    []string{"./internal/alert/lock", "./internal/alert/sns", "./internal/alert/causes"},
		reason: "alert knows its lock and its channels as interfaces: only who wires them names an adapter"},
	{who: []string{"./internal/alert"}, linked: true, not: []string{dynamoDB},
		reason: "the share of alerts is kept by alert/lock, and who may alert is decided without it"},
	{who: []string{"./..."}, but: []string{"./cmd/extension", "./cmd/logtable"}, not: []string{"./internal/extension"},
		reason: "it is the life of a process: only a main starts one"},
	{who: []string{sandboxes}, linked: true, not: []string{"./internal/..."},
		may:    []string{sandboxes, "./internal/testkit", "./internal/wait", "./internal/sdkbody"},
		reason: "it judges the layer and therefore shares no code with it: a mistake would be made twice and not seen"},
	{who: []string{"./..."}, but: []string{sandboxes, "./cmd/logtable"}, not: []string{sandboxes},
		reason: "only the demo, local and tests play AWS"},
	{who: []string{"./..."}, but: []string{sandboxes}, not: []string{"./internal/testkit"},
		reason: "it is for tests"},
}

// A graph is which packages a package imports, and which it links.
type graph map[string]struct{ imports, linked []string }

func TestWhoMayImportWhom(t *testing.T) {
	g := imports(t)
	for _, b := range broken(rules, g) {
		t.Error(b)
	}
	for _, r := range rules {
		for _, pattern := range append(append(r.who, r.but...), r.may...) {
			if !known(g, pattern) {
				t.Errorf("no package is %s any more: correct the rule whose reason is %q", pattern, r.reason)
			}
		}
		for _, pattern := range r.not {
			if strings.HasPrefix(pattern, "./") && !known(g, pattern) {
				t.Errorf("no package is %s any more: correct the rule whose reason is %q", pattern, r.reason)
			}
		}
	}
}

func TestEachImportRuleFindsWhatBreaksIt(t *testing.T) {
	for _, r := range rules {
		who, what := strings.TrimSuffix(r.who[0], "/..."), strings.TrimSuffix(r.not[0], "/...")
		if who == "." {
			who = "./internal/somebody"
		}
		if what == "." || what == "./internal" {
			what = "./internal/other"
		}
		g := graph{who: {imports: []string{what}, linked: []string{what}}}
		if got := broken([]rule{r}, g); len(got) != 1 || !strings.Contains(got[0], r.reason) {
			t.Errorf("%s imports %s, and found is %q; want the reason %q", who, what, got, r.reason)
		}
	}
}

// imports is the graph of the product's packages, built as for the layer.
func imports(t *testing.T) graph {
	t.Helper()
	testkit.Slow(t)
	format := `{{.ImportPath}};{{join .Imports " "}};{{join .Deps " "}}`
	list := exec.Command("go", "list", "-tags", build.Tags, "-f", format, "./cmd/...", "./internal/...", "./layer/...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	g := graph{}
	for line := range strings.Lines(strings.ReplaceAll(string(out), module, "./")) {
		parts := strings.Split(strings.TrimSpace(line), ";")
		p := g[parts[0]]
		p.imports, p.linked = strings.Fields(parts[1]), strings.Fields(parts[2])
		g[parts[0]] = p
	}
	if len(g["./cmd/extension"].linked) < 50 {
		t.Fatalf("go list says that the layer links only %d packages", len(g["./cmd/extension"].linked))
	}
	return g
}

// broken says which rules are, and by which packages.
func broken(rules []rule, g graph) (found []string) {
	for _, r := range rules {
		for name, p := range g {
			if !matches(r.who, name) || matches(r.but, name) {
				continue
			}
			verb, others := "imports", p.imports
			if r.linked {
				verb, others = "links", p.linked
			}
			for _, other := range others {
				if other != name && matches(r.not, other) && !matches(r.may, other) {
					found = append(found, fmt.Sprintf("%s %s %s, which it must not: %s. Move what both need to a "+
						"package that both may import; if the rule is wrong, change it here and in the docs.",
						name, verb, other, r.reason))
				}
			}
		}
	}
	return found
}

// matches reports whether a package is one of the patterns'.
func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		tree, isTree := strings.CutSuffix(pattern, "/...")
		if name == tree || isTree && strings.HasPrefix(name, tree+"/") {
			return true
		}
	}
	return false
}

func known(g graph, pattern string) bool {
	for name := range g {
		if matches([]string{pattern}, name) {
			return true
		}
	}
	return false
}
