package agent_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/agent"
)

const (
	pinos   = `{"level":50,"time":1795344720573,"pid":8,"hostname":"h","msg":"cannot ship"}`
	dicts   = `{'level': 'INFO', 'text': 'hello'}`
	isPinos = "1 line looks like pino's, an error: LOGTABLE_FIELDS=auto stores it"
	areDict = "look like a Python dict: print json.dumps(…)"
)

// prettyPinos is pinos on several lines, which makes several records.
var prettyPinos = strings.Split(strings.NewReplacer(`{`, "{\n", `,`, ",\n", `}`, "\n}").Replace(pinos), "\n")

func (c *cloud) hints() int { return strings.Count(c.log.String(), "seen, but not stored") }

// The line is written with the telemetry that comes a minute after the first
// that something was known of, and once: no timer waits for it.
func TestAHintAfterAMinute(t *testing.T) {
	play(t, nil, func(c *cloud, stopped <-chan error) {
		c.invoke("a")
		c.post(append(said(pinos), done("a", ""))...)
		<-c.asked
		c.asked <- time.Now()
		time.Sleep(time.Hour) // frozen, say
		synctest.Wait()
		if c.hints() != 0 {
			t.Error("something has woken up to say it")
		}
		c.invoke("b")
		if c.hints() != 1 || !strings.Contains(c.log.String(), isPinos) {
			t.Errorf("%d hints", c.hints())
		}
		c.post(append(said(pinos, pinos, dicts), done("b", ""))...)
		<-c.asked
		c.asked <- time.Now()
		time.Sleep(time.Hour)
		c.invoke("c")
		c.post(append(said(dicts), done("c", ""))...)
		if c.hints() != 1 {
			t.Errorf("%d hints before SHUTDOWN", c.hints())
		}
		<-c.asked
		c.events <- shutdownEvent("spindown")
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if c.hints() != 2 || !strings.Contains(c.log.String(), "not stored: 2 lines "+areDict+`"`) {
			t.Errorf("%d hints", c.hints())
		}
		if strings.Contains(c.log.String(), "ship") || strings.Contains(c.log.String(), "hello") {
			t.Error("a hint has contents")
		}
	})
}

// Before a minute is over SHUTDOWN says it; a run without anything foreign, or
// with nothing that is known, says nothing.
func TestAHintAtShutdown(t *testing.T) {
	for name, tc := range map[string]struct {
		printed []string
		change  func(*agent.Config)
		want    string
	}{
		"pino's":         {said(pinos), nil, isPinos},
		"nothing":        {nil, nil, ""},
		"ours":           {[]string{}, nil, ""},
		"text":           {said("START of it", "{not: json}", `{"order":1}`), nil, ""},
		"off":            {said(pinos), func(cfg *agent.Config) { cfg.Hints.Off = true }, ""},
		"LOGTABLE_PLAIN": {said(pinos), func(cfg *agent.Config) { cfg.Rows.Plain = "INFO" }, ""},
		"LOGTABLE_PLAIN, pretty-printed": {said(prettyPinos...),
			func(cfg *agent.Config) { cfg.Rows.Plain = "INFO" }, ""},
		// In pieces, it is one line; and nothing of it is counted twice.
		"pretty-printed": {said(prettyPinos...), nil, isPinos},
		"pretty-printed, not to its end": {said("{", `"level": "INFO",`, "oh"), nil,
			"1 line looks like pretty-printed JSON: print each on one line"},
		"many workers": {said("{", `"level": "INFO",`, `"text": "x"`, "}"),
			func(cfg *agent.Config) { cfg.Concurrent = true }, "1 line looks like pretty-printed JSON:"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, tc.change, func(c *cloud, stopped <-chan error) {
				c.invoke("a")
				c.post(append(append(tc.printed, line("ours")), done("a", ""))...)
				<-c.asked
				c.events <- shutdownEvent("spindown")
				if err := <-stopped; err != nil {
					t.Error(err)
				}
				want := 1
				if tc.want == "" {
					want = 0
				}
				if c.hints() != want || !strings.Contains(c.log.String(), tc.want) {
					t.Errorf("%d hints, want %d: %s", c.hints(), want, tc.want)
				}
			})
		})
	}
}

// What is said of init before a snapshot is said by each clone, a minute after
// its restore: the time in the snapshot does not count.
func TestHintsOfASnapshot(t *testing.T) {
	play(t, snapshot, func(c *cloud, _ <-chan error) {
		c.post(said(pinos)...)
		time.Sleep(time.Hour)
		c.post(event("platform.restoreStart", `{"functionName":"orders"}`))
		c.invoke("a")
		if c.hints() != 0 {
			t.Error("said at once")
		}
		time.Sleep(2 * time.Minute)
		c.post(done("a", ""))
		if c.hints() != 1 {
			t.Errorf("%d hints", c.hints())
		}
	})
}
