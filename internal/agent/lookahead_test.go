package agent_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/store"
)

// said are events of what a function prints in the Text log format.
func said(texts ...string) (events []string) {
	for _, text := range texts {
		quoted, err := json.Marshal(text + "\n")
		if err != nil {
			panic(err)
		}
		events = append(events, event("function", string(quoted)))
	}
	return events
}

// wrapped are events of the same in the JSON log format.
func wrapped(id string, texts ...string) (events []string) {
	for _, text := range texts {
		record, err := json.Marshal(map[string]string{"timestamp": "2026-11-22T10:52:00.573Z", "level": "INFO",
			"requestId": id, "message": text})
		if err != nil {
			panic(err)
		}
		events = append(events, event("function", string(record)))
	}
	return events
}

// messages are the messages of the rows that are stored.
func (c *cloud) messages() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, row := range c.rows {
		var value struct{ Value string }
		if err := json.Unmarshal([]byte(row), &value); err != nil {
			c.t.Error(err)
		}
		all = append(all, value.Value)
	}
	return all
}

func (c *cloud) wants(when string, want ...string) {
	c.t.Helper()
	got := c.messages()
	slices.Sort(got) // the two tables are written at the same time
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("%s: -want +got\n%s", when, diff)
	}
}

const (
	prefix    = "[ERROR]\t2026-11-22T10:52:00.573Z\tID\t"
	unshipped = `{"locator":"2","level":"ERROR","text":"cannot ship"}`
	row       = "ERROR: (2) cannot ship"
)

var trace = []string{"Traceback (most recent call last):", `  File "/var/task/app.py", line 3, in ship`,
	"    carrier(order)", "ValueError: no carrier"}

// What is printed line by line, and the rows that come of it.
func TestLookAheadJoins(t *testing.T) {
	pretty := []string{"{", `  "locator": "3",`, `  "level": "ERROR",`, `  "text": "cannot price",`, `  "items": [`,
		"    1,", "    {}", "  ]", "}"}
	java := []string{"java.lang.IllegalStateException: no carrier", "\tat app.Ship.ship(Ship.java:9)", "\t... 5 more",
		"Caused by: java.io.IOException: closed", "\tat app.Net.open(Net.java:3)"}
	long := strings.Repeat("x", 300_000)
	cut := fmt.Sprintf(`{"body":"%s","locator":"6","level":"ERROR","text":"too long"}`, long)
	const cutAt = 262_118
	cutLine := `{"locator":"6","level":"ERROR","text":"long","body":"` + long[:cutAt]
	tests := []struct {
		name   string
		events []string
		want   []string
	}{
		{"a traceback", said(append([]string{prefix + unshipped}, trace...)...),
			[]string{row + " " + strings.Join(trace, "\n")}},
		{"a traceback with its cause", said(append(append([]string{prefix + unshipped}, trace...),
			append([]string{"", "During handling of the above exception, another exception occurred:", ""},
				trace...)...)...),
			[]string{row + " " + strings.Join(trace, "\n") +
				"\n\nDuring handling of the above exception, another exception occurred:\n\n" +
				strings.Join(trace, "\n")}},
		{"Java's, head first", said(append([]string{unshipped}, java...)...),
			[]string{row + " " + strings.Join(java, "\n")}},
		{"what only looks like a head", said(unshipped, "Status: ok", `{"locator":"1","level":"INFO","text":"next"}`),
			[]string{row, "INFO: (1) next"}},
		{"a line behind the trace", said(append(append([]string{unshipped}, trace...), unshipped, "done")...),
			[]string{row + " " + strings.Join(trace, "\n"), row}},
		{"two lines, a trace each", said(append(append(append([]string{unshipped}, trace...), unshipped), java...)...),
			[]string{row + " " + strings.Join(trace, "\n"), row + " " + strings.Join(java, "\n")}},
		{"not behind information", said(append([]string{`{"locator":"1","level":"INFO","text":"x"}`}, trace...)...),
			[]string{"INFO: (1) x"}},
		{"pretty-printed", said(pretty...), []string{"ERROR: (3) cannot price"}},
		{"pretty-printed, JSON format", wrapped("r", pretty...), []string{"ERROR: (3) cannot price"}},
		{"pretty-printed behind a prefix", said(append([]string{prefix + pretty[0]}, pretty[1:]...)...),
			[]string{"ERROR: (3) cannot price"}},
		{"pretty-printed twice, a comma between", said(append(pretty, append([]string{", {"}, pretty[1:]...)...)...),
			[]string{"ERROR: (3) cannot price", "ERROR: (3) cannot price"}},
		{"pretty-printed, with a trace behind it", said(append(pretty, trace...)...),
			[]string{"ERROR: (3) cannot price"}},
		{"others' pretty-printed JSON", said("{", `  "a": 1`, "}", unshipped), []string{row}},
		{"pretty-printed, not to its end", said("{", `  "a": 1,`, unshipped, "}"), []string{row}},
		{"cut by Lambda", append(said(cut[:cutAt]), said(cut[cutAt:])...), []string{"ERROR: (6) too long"}},
		{"cut, and something else follows", append(said(cutLine), said(unshipped)...),
			[]string{"ERROR: (6) long", row}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			play(t, nil, func(c *cloud, _ <-chan error) {
				c.invoke("a")
				c.post(append(tt.events, done("a", ""))...)
				<-c.asked
				c.wants("in one body", slices.Clone(tt.want)...)
			})
			play(t, nil, func(c *cloud, _ <-chan error) {
				c.invoke("a")
				half := min(1+len(tt.events)/2, len(tt.events))
				c.post(tt.events[:half]...)
				c.post(append(tt.events[half:], done("a", ""))...)
				<-c.asked
				c.wants("in two", slices.Clone(tt.want)...)
			})
		})
	}
}

// Whatever ends the look-ahead, what waited is stored.
func TestLookAheadEnds(t *testing.T) {
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.invoke("a")
		c.post(said(prefix + unshipped)...)
		synctest.Wait()
		c.wants("while it waits")
		time.Sleep(600 * time.Millisecond) // the half second after which everything leaves
		c.wants("after 200 ms", row)
		c.post(said("{", `  "locator": "3",`)...)
		c.post(said(`  "level": "ERROR"`, "}")...)
		c.post(said("{", `  "locator": "4",`)...)
		c.post(said(`  "level": "ERROR",`)...) // the end of the next body
		c.post(said(`  "text": "x"`, "}")...)
		c.post(done("a", ""))
		<-c.asked
		c.wants("at the end of the next body", row, "ERROR: (3)")
	})
	play(t, nil, func(c *cloud, stopped <-chan error) {
		c.invoke("a")
		c.post(done("a", ""))
		<-c.asked
		c.post(said(prefix + unshipped)...)
		c.events <- extapi.NextEvent{Type: extapi.Shutdown, Deadline: time.Now().Add(2 * time.Second)}
		<-stopped // before 200 ms are over
		c.wants("at SHUTDOWN", row)
	})
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.invoke("a")
		c.post(done("a", ""))
		c.post(said(prefix + unshipped)...)
		c.invoke("b")
		synctest.Wait()
		c.wants("at INVOKE", row)
	})
	play(t, nil, func(c *cloud, _ <-chan error) {
		c.invoke("a")
		c.post(append([]string{done("a", "")}, said(prefix+unshipped)...)...)
		<-c.asked // what came with the end is stored before the environment freezes
		c.wants("behind the end", row)
	})
}

// No end is told, and the environment freezes: what waits must be on /tmp.
func TestLookAheadEndsWithoutAnEnd(t *testing.T) {
	var rows *store.Store
	play(t, both(spilling(t), func(cfg *agent.Config) { rows = cfg.Store }), func(c *cloud, _ <-chan error) {
		c.latency = time.Hour
		began := c.invoke("a")
		time.Sleep(9750 * time.Millisecond) // next is called 9.8 s after INVOKE
		c.post(said(prefix + unshipped)...)
		c.nextWithin(began, 9800*time.Millisecond, 9800*time.Millisecond)
		synctest.Wait()
		if waiting, unsafe := rows.Waiting(), rows.Unsafe(); waiting != 1 || unsafe != 0 {
			t.Errorf("%d messages in the store, %d of them in memory only; want one, on /tmp", waiting, unsafe)
		}
	})
}

// What does not become a line is stored as it would have been without waiting.
func TestLookAheadGivesBack(t *testing.T) {
	plain := func(cfg *agent.Config) { cfg.Rows.Plain = "INFO" }
	play(t, plain, func(c *cloud, _ <-chan error) {
		c.invoke("a")
		c.post(append(said("{", `  "a": 1`, "}", unshipped, "Error: no"), done("a", ""))...)
		<-c.asked
		c.wants("with LOGTABLE_PLAIN", row, "INFO: (plain) {", `INFO: (plain)   "a": 1`, "INFO: (plain) }",
			"INFO: (plain) Error: no")
	})
}

// On managed instances only records of the same request join.
func TestLookAheadOnManagedInstances(t *testing.T) {
	play(t, concurrent, func(c *cloud, _ <-chan error) {
		one, other := wrapped("1", append([]string{unshipped}, trace...)...), wrapped("2", trace...)
		c.post(append(one[:1:1], other...)...)
		c.post(one...)
		time.Sleep(3 * time.Second)
		c.wants("two requests at a time", row, row+" "+strings.Join(trace, "\n"))
	})
}

// What waits is bounded by number and by size.
func TestLookAheadIsBounded(t *testing.T) {
	for name, body := range map[string][]string{
		"63 lines": said(append(append([]string{"{"}, manyMembers(61)...), `  "locator": "3"`, "}")...),
		"65 lines": said(append(append([]string{"{"}, manyMembers(62)...), `  "locator": "3"`, "}")...),
		"over 64 KiB": said("{", `  "a": "`+strings.Repeat("x", 64<<10)+`",`, `  "level": "ERROR",`, `  "locator": "3"`,
			"}"),
	} {
		play(t, nil, func(c *cloud, _ <-chan error) {
			c.invoke("a")
			c.post(append(body, done("a", ""))...)
			<-c.asked
			if got, want := c.stored(), map[string]int{"63 lines": 1}[name]; got != want {
				t.Errorf("%s: %d rows, want %d", name, got, want)
			}
		})
	}
}

func manyMembers(n int) (lines []string) {
	for i := range n - 1 {
		lines = append(lines, fmt.Sprintf(`  "m%d": 1,`, i))
	}
	return append(lines, `  "level": "ERROR",`)
}

// The row has the time of its first record.
func TestLookAheadKeepsTheFirstTime(t *testing.T) {
	l := &ledger{}
	play(t, func(cfg *agent.Config) { l.writesTo(cfg) }, func(c *cloud, _ <-chan error) {
		c.invoke("a")
		const first, last = "2026-11-22T10:52:00.100Z", "2026-11-22T10:52:00.200Z"
		at, err := time.Parse(time.RFC3339, first)
		if err != nil {
			t.Fatal(err)
		}
		var events []string
		for i, e := range said("{", `  "locator": "3",`, `  "level": "ERROR"`, "}") {
			_, rest, _ := strings.Cut(e, `","type"`)
			events = append(events, `{"time":"`+[...]string{first, last}[min(i, 1)]+`","type"`+rest)
		}
		c.post(append(events, done("a", ""))...)
		<-c.asked
		l.mu.Lock()
		defer l.mu.Unlock()
		want := fmt.Sprintf("%d.%03d", at.Unix(), at.UnixMilli()%1000)
		for key := range l.rows {
			if !strings.Contains(key, want) {
				t.Errorf("the row's key is %s, want a stamp of %s", key, want)
			}
		}
		if len(l.rows) != 1 {
			t.Errorf("%d rows, want one", len(l.rows))
		}
	})
}

// A line that had to be repaired, or is quoted in another's message, asks for
// no alert by its member `alert`: somebody else may have written that. Its
// level counts.
func TestARepairedLineAsksForNoAlert(t *testing.T) {
	const request = `"alert":{"channel":"sns","topic_arns":["` + topicARN + `"],"message":"m"}`
	for text, want := range map[string]int{
		`{"locator":"1","level":"INFO","text":"t",` + request + `}`:                1,
		`{"locator":"1","level":"INFO","text":"t","n":NaN,` + request + `}`:        0,
		`{"locator":"1","level":"ERROR","text":"t","n":NaN,` + request + `}`:       1, // for its level
		`{"locator":"1","level":"INFO","text":"t",` + request:                      0,
		"{\"locator\":\"1\",\"level\":\"INFO\",\"text\":\"a\tb\"," + request + `}`: 0,
	} {
		p := &phone{}
		play(t, func(cfg *agent.Config) {
			alerting(p)(cfg)
			topic, err := alert.ParseAllowed(topicARN)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Alerts.Allow = alert.Allow{topic}
		}, func(c *cloud, _ <-chan error) {
			p.c = c
			c.invoke("a")
			c.post(append(said(text), done("a", ""))...)
			<-c.asked
			if len(p.messages) != want {
				t.Errorf("%s: told %q, want %d messages", text, p.messages, want)
			}
			c.asked <- time.Now()
		})
	}
}
