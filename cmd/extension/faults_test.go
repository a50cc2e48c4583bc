package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// A mood is what DynamoDB does wrong, and how it is made to.
type mood struct {
	name string
	set  func(*table.Server)
}

var moods = []mood{
	{"30 % throttled", func(s *table.Server) { s.OnRequest(table.Throttle(0.3, 1)) }},
	{"5xx", func(s *table.Server) { s.OnRequest(table.ServerError(500, 1, 1)) }},
	{"reset before storing", func(s *table.Server) { s.OnRequest(table.ResetBefore(0.5, 1)) }},
	{"reset after storing", func(s *table.Server) { s.OnRequest(table.ResetAfter(0.5, 1)) }},
	{"hanging", func(s *table.Server) { s.Hang() }},
	{"slow, 300 ms", func(s *table.Server) { s.OnRequest(table.Latency(300 * time.Millisecond)) }},
	{"slow, 3 s", func(s *table.Server) { s.OnRequest(table.Latency(3 * time.Second)) }},
	{"down", func(s *table.Server) { s.Refuse() }},
	{"one partition at its limit", func(s *table.Server) { s.LimitWrites(20) }},
	{"table missing", func(s *table.Server) { s.OnRequest(table.MissingTable()) }},
	{"access denied", func(s *table.Server) { s.OnRequest(table.AccessDenied()) }},
	{"credentials expired", func(s *table.Server) { s.OnRequest(table.ExpiredToken()) }},
	{"signature expired", func(s *table.Server) { s.OnRequest(table.SignatureExpired()) }},
	{"refuses every row", func(s *table.Server) { s.OnRequest(table.Poison("date")) }},
}

// heal ends every mood.
func heal(t *testing.T, s *table.Server) {
	t.Helper()
	s.OnRequest(nil)
	s.LimitWrites(0)
	if err := s.Restore(); err != nil {
		t.Error(err)
	}
}

// phases are the moments at which a mood begins; each ends when the next
// begins.
var phases = []string{"init", "invoke", "after runtime done", "frozen", "thawed", "SHUTDOWN"}

// flushTimeout is the bound of a hold in these tests, and slack what a busy
// machine may add before it is a failure of ours.
const (
	flushTimeout = 500 * time.Millisecond
	slack        = 1500 * time.Millisecond
)

// TestFaultMatrix plays every fault of DynamoDB in every phase. In each cell
// the process lives to SHUTDOWN, and then: lines printed = rows stored +
// last-resort lines + losses counted, nothing twice, no invocation held past
// its bound, a clean exit.
func TestFaultMatrix(t *testing.T) {
	for _, m := range moods {
		for _, phase := range phases {
			t.Run(m.name+"/"+phase, func(t *testing.T) {
				t.Parallel()
				playCell(t, m, phase)
			})
		}
	}
}

func playCell(t *testing.T, m mood, phase string) {
	var server *table.Server
	var atDone atomic.Bool // the mood begins when a runtime is done
	begin := func(now string) {
		if now == phase {
			m.set(server)
		}
	}
	var printed []string
	say := func(n int, level string) scriptfn.Step {
		text := fmt.Sprintf(`{"locator":"1","level":"%s","text":"line {n} of %d"}`, level, len(printed))
		for i := range n {
			printed = append(printed, fmt.Sprintf("%s: (1) line %d of %d", strings.ToUpper(level), i+1, len(printed)-i))
		}
		return scriptfn.Step{Print: &text, Times: n, Number: true}
	}
	init := say(3, "info")
	script, err := json.Marshal([]scriptfn.Step{init})
	if err != nil {
		t.Fatal(err)
	}
	env, server := start(t, func(c *lambda.Config) {
		c.Freeze = true
		c.Env["LOGTABLE_FLUSH_TIMEOUT"] = flushTimeout.String()
		c.FunctionEnv[scriptfn.Init] = string(script)
		c.Hooks.Emit = func(e *lambda.Event) bool {
			if atDone.Load() && e.Type == "platform.runtimeDone" {
				m.set(server)
			}
			return true
		}
	})
	if phase == "init" {
		m.set(server) // nothing is sent before the first invocation
	}
	call := func(steps ...scriptfn.Step) {
		if r := invoke(t, env, steps...); r.Held > flushTimeout+slack {
			t.Errorf("held for %v", r.Held)
		}
	}
	call(say(30, "info"), say(5, "error"))
	heal(t, server)
	begin("invoke")
	atDone.Store(phase == "after runtime done")
	call(say(30, "info"), say(5, "error"))
	atDone.Store(false)
	heal(t, server)
	begin("frozen") // connections die while the environment is frozen
	heal(t, server)
	begin("thawed")
	call(say(30, "info"), say(5, "error"))
	if phase != "thawed" {
		heal(t, server)
	}
	call(say(30, "info"), say(5, "error"))
	begin("SHUTDOWN")
	if phase == "thawed" {
		heal(t, server)
	}
	audit(t, env, server, printed, shutDown(t, env))
}

// audit is the great reckoning: every printed line is stored once, or stands in
// the log as a last-resort line, or is counted as lost; except for telemetry
// that Lambda had not delivered at the end.
func audit(t *testing.T, env *lambda.Environment, server *table.Server, printed []string, undelivered int) {
	t.Helper()
	stored := map[string]int{}
	for _, name := range []string{"logtable-info", "logtable-errors"} {
		for _, item := range server.Items(name) {
			stored[item.Str("message")]++
		}
	}
	inLog, lost := map[string]bool{}, 0
	for line := range strings.Lines(env.ExtensionOutput()) {
		if r, found, err := row.ReadLastResort([]byte(line)); found {
			if err != nil {
				t.Errorf("last-resort line: %v", err)
				continue
			}
			if decoded, err := r.Row(); err == nil {
				inLog[decoded.Message] = true
			}
		}
		var summary map[string]any
		if json.Unmarshal([]byte(line), &summary) == nil {
			for name, n := range summary {
				if n, ok := n.(float64); ok && strings.HasPrefix(name, "lost ") {
					lost += int(n)
				}
			}
		}
	}
	missing := 0
	for _, message := range printed {
		switch {
		case stored[message] > 1:
			t.Errorf("%q is stored %d times", message, stored[message])
		case stored[message] == 0 && !inLog[message]:
			missing++
		}
	}
	if missing < lost || missing > lost+undelivered {
		t.Errorf("%d of %d lines are neither stored nor in the log; %d are counted as lost, "+
			"%d events were never delivered", missing, len(printed), lost, undelivered)
	}
	if s := server.Stats(); s.Overwritten != s.OverwrittenEqual {
		t.Errorf("%d rows were overwritten by others", s.Overwritten-s.OverwrittenEqual)
	}
	t.Logf("%d lines: %d in the log, %d counted as lost, the others stored", len(printed), len(inLog), lost)
}

// many reads how often a test is to do a thing: more by hand than in CI.
func many(t *testing.T, variable string, usually int) int {
	t.Helper()
	if v := os.Getenv(variable); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return usually
}

// TestKilledAtRandomInstants kills the extension's process at random instants
// of an invocation, while DynamoDB comes and goes. What had been stored or
// spilled before the kill is stored, once; the unclean end is recorded.
func TestKilledAtRandomInstants(t *testing.T) {
	kills := many(t, "LOGTABLE_TEST_KILLS", 60)
	seed := uint64(many(t, "LOGTABLE_TEST_SEED", 1))
	t.Logf("%d kills, seed %d", kills, seed)
	r := rand.New(rand.NewPCG(seed, 0))
	env, server := start(t, func(c *lambda.Config) { c.Env["LOGTABLE_FLUSH_TIMEOUT"] = "50ms" })
	var safely []int // rounds whose first invocation ended well
	for i := range kills {
		if r.IntN(3) == 0 {
			server.Refuse()
		}
		// An invocation that ends well: all its lines are stored or spilled.
		text := fmt.Sprintf(`{"locator":"1","level":"info","text":"line {n} before kill %d"}`, i)
		safe := invokeAny(t, env, scriptfn.Step{Print: &text, Times: 20, Number: true})
		delay := time.Duration(r.IntN(40_000)) * time.Microsecond
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(delay) // the random instant
			if pid := env.ExtensionPID(); pid > 0 {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}()
		invokeAny(t, env, scriptfn.Step{Print: &text, Times: 200, Number: true}, scriptfn.Step{SleepMs: 10})
		<-done
		heal(t, server)
		if safe.Status == lambda.StatusSuccess {
			safely = append(safely, i) // otherwise the kill of the round before came late
		}
	}
	last := "x"
	for range 100 { // the spill is replayed beside these
		invokeAny(t, env, scriptfn.Step{Print: &last})
	}
	if _, err := env.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	seen, unclean := map[string]int{}, 0
	for _, item := range server.Items("logtable-info") {
		if item.Str("locator") == "logtable.unclean" {
			unclean++
			continue
		}
		seen[item.Str("request_id")+item.Str("message")]++
	}
	if len(safely) < kills/2 {
		t.Fatalf("only %d of %d rounds began with a good end", len(safely), kills)
	}
	for _, i := range safely {
		for n := range 20 {
			suffix := fmt.Sprintf("INFO: (1) line %d before kill %d", n+1, i)
			found := false
			for key := range seen {
				if strings.HasSuffix(key, suffix) {
					found = true
					break
				}
			}
			if !found {
				t.Errorf("round %d: line %d had been stored or spilled, and is gone", i, n+1)
			}
		}
	}
	for key, n := range seen {
		if n > 1 {
			t.Errorf("%q is stored %d times", key, n)
		}
	}
	if unclean < kills/2 {
		t.Errorf("%d unclean ends recorded of about %d kills", unclean, kills)
	}
	t.Logf("%d rounds, %d rows, %d unclean ends recorded", len(safely), len(seen), unclean)
}

// TestASecondKillForgetsNothing: each unclean end is recorded, though the next
// process is killed before it could write anything.
func TestASecondKillForgetsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spill")
	env, server := start(t, func(c *lambda.Config) { c.Env["LOGTABLE_SPILL_DIR"] = dir })
	server.Refuse()
	open := regexp.MustCompile(`"request":"([^"]+)"`)
	marked := func() string { // the request that the process's mark names
		marks, err := filepath.Glob(filepath.Join(dir, "mark*"))
		if err != nil {
			t.Error(err)
		}
		for _, name := range marks {
			if data, err := os.ReadFile(name); err == nil {
				if m := open.FindSubmatch(data); m != nil {
					return string(m[1])
				}
			}
		}
		return ""
	}
	killed := []string{""}
	for range 3 {
		go func(last string) {
			for range 2000 {
				if id := marked(); id != "" && id != last {
					syscall.Kill(env.ExtensionPID(), syscall.SIGKILL)
					return
				}
				time.Sleep(time.Millisecond)
			}
			t.Error("no mark was left")
		}(killed[len(killed)-1])
		// Killed in the middle of the invocation, before anything is flushed.
		r := invokeAny(t, env, scriptfn.Step{SleepMs: 2000})
		killed = append(killed, r.RequestID)
	}
	heal(t, server)
	invoke(t, env)
	shutDown(t, env)
	rows := ""
	for _, item := range server.Items("logtable-info") {
		rows += item.Str("message") + "\n"
	}
	for _, id := range killed[1:] {
		if strings.Count(rows, "was killed during request "+id) != 1 {
			t.Errorf("no word of the kill during %s in\n%s", id, rows)
		}
	}
}

// invokeAny invokes, whatever becomes of it.
func invokeAny(t *testing.T, env *lambda.Environment, steps ...scriptfn.Step) lambda.Result {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"steps": steps})
	if err != nil {
		t.Fatal(err)
	}
	r, err := env.Invoke(context.Background(), payload)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A soak invokes for long while everything around has random faults.
type soak struct {
	t       *testing.T
	r       *rand.Rand
	env     *lambda.Environment
	server  *table.Server
	stall   func() // nil where no disk can be made to stall
	goOn    func()
	printed []string
	faults  map[string]int // how often each was played
}

// lines are steps that print n lines, and what they are to be found by.
func (s *soak) lines(n int) scriptfn.Step {
	round := len(s.printed)
	text := fmt.Sprintf(`{"locator":"1","level":"info","text":"line {n} of %d"}`, round)
	for k := range n {
		s.printed = append(s.printed, fmt.Sprintf("INFO: (1) line %d of %d", k+1, round))
	}
	return scriptfn.Step{Print: &text, Times: n, Number: true}
}

// round is one invocation, sometimes with a misfortune.
func (s *soak) round() {
	switch s.r.IntN(60) {
	case 0:
		moods[s.r.IntN(len(moods))].set(s.server)
	case 1, 2, 3, 4:
		heal(s.t, s.server)
	}
	steps := []scriptfn.Step{s.lines(1 + s.r.IntN(20))}
	switch s.r.IntN(400) {
	case 0, 1:
		s.faults["crash"]++
		one := 1
		steps = append(steps, scriptfn.Step{Exit: &one})
	case 2, 3:
		s.faults["trickle"]++
		for range 8 {
			steps = append(steps, scriptfn.Step{SleepMs: 300}, s.lines(1))
		}
	case 4, 5, 6, 7, 8, 9:
		s.faults["retry"]++
		s.retried(steps)
		return
	case 10:
		s.faults["capped table"]++
		s.server.LimitWrites(20)
	case 11:
		if s.stall != nil {
			s.faults["stalled disk"]++
			s.stall()
			defer s.goOn()
		}
	case 12:
		s.faults["neighbours"]++
		defer s.neighbours()()
	}
	s.check(invokeAny(s.t, s.env, steps...))
}

// retried fails three times under one request ID.
func (s *soak) retried(steps []scriptfn.Step) {
	id, failed := "", json.RawMessage(`"ValueError"`)
	for range 3 {
		payload, err := json.Marshal(map[string]any{"steps": append(steps, scriptfn.Step{SleepMs: 30}, s.lines(2),
			scriptfn.Step{Error: failed})})
		if err != nil {
			s.t.Fatal(err)
		}
		r, err := s.env.InvokeAs(context.Background(), lambda.Caller{RequestID: id}, payload)
		if err != nil {
			s.t.Fatal(err)
		}
		s.check(r)
		id, steps = r.RequestID, nil
	}
}

// neighbours open connections to the extension's port and leave half a body
// there, until they are told to go.
func (s *soak) neighbours() (leave func()) {
	var all []net.Conn
	for range 300 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+portOf(s.t, s.env)); err == nil {
			fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[")
			all = append(all, c)
		}
	}
	return func() {
		for _, c := range all {
			c.Close()
		}
	}
}

func (s *soak) check(r lambda.Result) {
	s.t.Helper()
	if r.Reset == nil && r.Held > 200*time.Millisecond+slack {
		s.t.Errorf("an invocation was held for %v", r.Held)
	}
}

// listenerPort is where telemetry is posted to, by the body of a subscription.
func listenerPort(t *testing.T, subscription []byte) string {
	var s struct {
		Destination struct{ URI string }
	}
	if err := json.Unmarshal(subscription, &s); err != nil {
		t.Error(err)
		return ""
	}
	u, err := url.Parse(s.Destination.URI)
	if err != nil {
		t.Error(err)
		return ""
	}
	return u.Port()
}

// portOf is the port of the extension's process that runs.
func portOf(t *testing.T, env *lambda.Environment) (port string) {
	t.Helper()
	for _, r := range env.Requests() {
		if r.Path == "/2022-07-01/telemetry" {
			port = listenerPort(t, r.Body)
		}
	}
	if port == "" {
		t.Fatal("the extension has not subscribed")
	}
	return port
}

// TestSoak invokes for long while DynamoDB, the disk, the function and its
// neighbours have random faults from a seed. Memory stays flat, no invocation
// is held past its bound, and the reckoning at the end comes out even.
func TestSoak(t *testing.T) {
	invocations := many(t, "LOGTABLE_TEST_SOAK", 400)
	seed := uint64(many(t, "LOGTABLE_TEST_SEED", 1))
	t.Logf("%d invocations, seed %d", invocations, seed)
	s := &soak{t: t, r: rand.New(rand.NewPCG(seed, 0)), faults: map[string]int{}}
	dir, stall, goOn := soakDisk(t)
	s.stall, s.goOn = stall, goOn
	s.env, s.server = start(t, func(c *lambda.Config) {
		c.Env["LOGTABLE_FLUSH_TIMEOUT"] = "200ms"
		c.Env["LOGTABLE_SPILL_DIR"] = filepath.Join(dir, "spill")
		c.Timeout = 10 * time.Second
	})
	peak, calm := 0, 0
	for i := range invocations {
		s.round()
		if i == invocations/10 {
			calm = peakMemory(s.env.ExtensionPID())
		}
		if i%100 == 0 {
			peak = max(peak, peakMemory(s.env.ExtensionPID()))
		}
	}
	heal(t, s.server)
	for range 100 {
		invokeAny(t, s.env, scriptfn.Step{SleepMs: 5})
	}
	audit(t, s.env, s.server, s.printed, shutDown(t, s.env))
	t.Logf("%d lines; peak memory %d MiB after a tenth, %d MiB in all; faults %v", len(s.printed), calm, peak, s.faults)
	if len(raceFlag) == 0 && peak > 40 {
		t.Errorf("peak memory of %d MiB", peak)
	}
}
