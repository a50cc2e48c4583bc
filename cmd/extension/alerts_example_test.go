package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/runtimes"
	"github.com/logtable/logtable/internal/sandbox/sns"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
)

// exampleOutput is what the examples leave behind, in both languages, but for
// the text of the exception. docs/alerts.md shows it.
const exampleOutput = `Rows                                             Alerts
INFO: (2) taking stock
ERROR: (5) cannot count the pears …              oncall: ERROR shop 5: cannot count the pears
ALARM: (7) the store is nearly empty             oncall: ALARM shop 7: the store is nearly empty
                                                 store:  ALARM shop 7: 3 apples left: order some
WARN: (7+) unknown alert channel "pigeon": only "sns" is supported
`

// TestAlertsExample runs examples/alerts-* and holds what they leave behind
// against what docs/alerts.md shows.
func TestAlertsExample(t *testing.T) {
	document, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), exampleOutput) {
		t.Errorf("docs/alerts.md does not show:\n%s", exampleOutput)
	}
	for _, tc := range []struct {
		name, program, handler string
		runtime                func(dir string) ([]string, error)
	}{
		{"python", "python3", "handler.handler", runtimes.Python},
		{"node", "node", "index.handler", runtimes.Node},
	} {
		t.Run(tc.name, func(t *testing.T) {
			testkit.Program(t, tc.program)
			command, err := tc.runtime(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			dir, err := filepath.Abs("../../examples/alerts-" + tc.name)
			if err != nil {
				t.Fatal(err)
			}
			topics, err := sns.Listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer topics.Close()
			for _, name := range []string{"oncall", "store"} {
				topics.AddTopic(topicPrefix+name, 1, 0)
			}
			env, server := start(t, func(c *lambda.Config) {
				c.Function, c.Handler, c.Dir, c.FunctionName = command, tc.handler, dir, "shop"
				c.FunctionEnv = map[string]string{"STORE_TOPIC": topicPrefix + "store"}
				c.Env["AWS_ENDPOINT_URL_SNS"] = topics.URL()
				c.Env["LOGTABLE_ALERT_TOPIC_ARNS"] = topicPrefix + "oncall"
				c.Env["LOGTABLE_ALERT_ALLOW"] = topicPrefix + "*"
			})
			if r, err := env.Invoke(context.Background(), []byte("{}")); err != nil ||
				r.Status != lambda.StatusSuccess {
				t.Fatal(r, err)
			}
			shutDown(t, env)
			if diff := cmp.Diff(exampleOutput, picture(server, topics)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// picture shows rows, and beside them the alerts of each.
func picture(server *table.Server, topics *sns.Server) string {
	items := append(server.Items("logtable-info"), server.Items("logtable-errors")...)
	sort.Slice(items, func(i, j int) bool { return items[i].Str("stamp_mod") < items[j].Str("stamp_mod") })
	alerts := map[string][]string{} // by locator
	for _, m := range topics.Messages() {
		locator := m.Attributes["locator"]
		alerts[locator] = append(alerts[locator],
			fmt.Sprintf("%-7s %s", strings.TrimPrefix(m.TopicARN, topicPrefix)+":", m.Subject))
	}
	var b strings.Builder
	line := func(left, right string) {
		b.WriteString(strings.TrimRight(left+strings.Repeat(" ", max(1, 49-len([]rune(left))))+right, " ") + "\n")
	}
	line("Rows", "Alerts")
	for _, item := range items {
		if isLock(item) {
			continue
		}
		message := item.Str("message")
		if at := item.Num("exception_at"); at != "" {
			var n int
			fmt.Sscan(at, &n)
			message = message[:n] + "…"
		}
		first, rest := "", alerts[item.Str("locator")]
		if len(rest) > 0 {
			first, rest = rest[0], rest[1:]
		}
		line(message, first)
		for _, more := range rest {
			line("", more)
		}
	}
	return b.String()
}
