package alert_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/alert"
)

// people are a Channel, a Lock and everything else around a Sender, inside a
// synctest bubble, where waiting costs no time.
type people struct {
	t      *testing.T
	sender *alert.Sender

	mu       sync.Mutex
	messages []alert.Message
	issues   []string
	failing  error // of the channel
	hanging  bool
	broken   error // of the lock
	stuck    bool  // the lock hangs
	answers  []alert.Answer
	asked    []string
}

func (p *people) Fits(m alert.Message) bool { return len(m.Text) < 100_000 }

func (p *people) Publish(ctx context.Context, m alert.Message) error {
	p.mu.Lock()
	failing, hanging := p.failing, p.hanging
	p.mu.Unlock()
	if hanging {
		<-ctx.Done()
		return errors.New("no answer in time")
	}
	if failing != nil {
		return failing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, m)
	return nil
}

func (p *people) ask(ctx context.Context, what string) error {
	p.mu.Lock()
	p.asked = append(p.asked, what)
	stuck, broken := p.stuck, p.broken
	p.mu.Unlock()
	if stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	return broken
}

func (p *people) Acquire(ctx context.Context, group string) (alert.Answer, error) {
	if err := p.ask(ctx, "acquire"); err != nil {
		return alert.Answer{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.answers) == 0 {
		return alert.Answer{Verdict: alert.Granted, Window: "w"}, nil
	}
	answer := p.answers[0]
	p.answers = p.answers[1:]
	return answer, nil
}
func (p *people) Places(ctx context.Context, n int) (alert.Answer, error) {
	return alert.Answer{Verdict: alert.Granted, Places: n}, p.ask(ctx, fmt.Sprint("places ", n))
}
func (p *people) Sent(ctx context.Context, _ string, told alert.Held) error {
	return p.ask(ctx, fmt.Sprint("sent ", told.Count))
}
func (p *people) Release(ctx context.Context, _ string) error { return p.ask(ctx, "release") }
func (p *people) Count(ctx context.Context, _ string, held alert.Held) error {
	return p.ask(ctx, fmt.Sprint("count ", held.Count))
}

func (p *people) Fail(string, string, string, ...any) bool { return true }
func (p *people) Recover(string, string)                   {}

func (p *people) issue(a *alert.Alert, own bool, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issues = append(p.issues, fmt.Sprintf("%v %s", own, text))
}

// play runs f with a Sender whose window is five minutes and whose share is
// three publishes; alone means without a lock.
func play(t *testing.T, alone bool, f func(p *people)) { playWith(t, alone, nil, f) }

// playWith is play with other settings.
func playWith(t *testing.T, alone bool, set func(*alert.Config), f func(p *people)) {
	synctest.Test(t, func(t *testing.T) {
		p := &people{t: t}
		topic, err := alert.ParseTopic(oncall)
		if err != nil {
			t.Fatal(err)
		}
		c := alert.Config{
			Topics: []alert.Topic{topic}, Window: 5 * time.Minute, Max: 3,
			Channel: p, Lock: p, Report: p, Issue: p.issue,
			Source: alert.Source{
				Function: "orders", Region: "eu-central-1", Zone: time.UTC,
				InfoTable: "logtable-info", ErrorsTable: "logtable-errors",
			},
		}
		if alone {
			c.Lock = nil
		}
		if set != nil {
			set(&c)
		}
		c.Panicked = func(v any) { p.issue(nil, false, fmt.Sprint("panic ", v)) }
		p.sender = alert.New(c)
		f(p)
		p.mu.Lock()
		p.hanging, p.stuck = false, false
		p.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p.sender.Close(ctx)
	})
}

func severe(locator, text string) *alert.Alert {
	return &alert.Alert{
		Time: time.Now(), Level: "ERROR", Module: "orders", Locator: locator, Text: text, RequestID: "r",
		Configured: true, ErrorsTable: true,
	}
}

// happen is a severe record whose row is safe at once.
func (p *people) happen(a *alert.Alert) {
	if kept := p.sender.Expect(a); kept != nil {
		kept("2026-11-22", "1795300002.0050007+orders+2p4thtomb9")
	}
}

// flush is the end of an invocation; it returns how long that was held.
func (p *people) flush() time.Duration {
	began := time.Now()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Second)
	defer cancel()
	p.sender.Flush(ctx)
	return time.Since(began)
}

func (p *people) sent() (subjects []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.messages {
		subjects = append(subjects, m.Subject)
	}
	return subjects
}

func (p *people) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.messages[len(p.messages)-1].Text
}

func (p *people) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *people) want(subjects ...string) {
	p.t.Helper()
	if got := p.sent(); !slices.Equal(got, subjects) {
		p.t.Errorf("sent %q, want %q", got, subjects)
	}
}

func TestNothingIsSentBeforeTheRowIsSafe(t *testing.T) {
	play(t, true, func(p *people) {
		kept := p.sender.Expect(severe("1", "x"))
		p.flush()
		p.want()
		kept("2026-11-22", "stamp")
		p.flush()
		p.want("ERROR orders 1: x")
		if !strings.Contains(p.text(), "pk=2026-11-22&route=ROUTE_ITEM_EXPLORER&sk=stamp&table=logtable-errors") {
			t.Error(p.text())
		}
	})
}

func TestOneAlertOfAKindAndWindow(t *testing.T) {
	play(t, true, func(p *people) {
		for range 4 {
			p.happen(severe("1", "x")) // three while the first one waits, or is being sent
		}
		p.happen(severe("2", "y"))
		p.flush()
		p.want("ERROR orders 1: x", "ERROR orders 2: y")
		time.Sleep(4 * time.Minute)
		p.happen(severe("1", "x"))
		p.happen(severe("1", "x"))
		p.flush()
		p.want("ERROR orders 1: x", "ERROR orders 2: y")
		time.Sleep(2 * time.Minute)
		p.happen(severe("1", "again"))
		p.flush()
		p.want("ERROR orders 1: x", "ERROR orders 2: y", "ERROR orders 1: again")
		// synctest's clock begins at midnight of the year 2000.
		if !strings.Contains(p.text(), "Similar alerts held back: about 2, the first at 2000-01-01 00:0") ||
			!strings.Contains(p.text(), "the last at 2000-01-01 00:04:00.") {
			t.Error(p.text())
		}
		time.Sleep(6 * time.Minute)
		p.happen(severe("1", "third"))
		p.flush()
		if strings.Contains(p.text(), "held back") {
			t.Errorf("what was told of is told again: %s", p.text())
		}
	})
}

func TestTheFunctionsShare(t *testing.T) {
	play(t, true, func(p *people) {
		for i := range 8 {
			p.happen(severe(fmt.Sprint(i), "x"))
		}
		p.flush()
		p.want("ERROR orders 0: x", "ERROR orders 1: x", "ERROR orders 2: x",
			"orders: further alerts are held back until 00:05 UTC")
		p.happen(severe("9", "x"))
		p.flush()
		if n := len(p.sent()); n != 4 {
			t.Errorf("%d messages", n)
		}
		time.Sleep(6 * time.Minute)
		p.happen(severe("7", "again"))
		p.flush()
		if got := p.sent(); len(got) != 5 || !strings.Contains(p.text(), "Similar alerts held back: about 1,") {
			t.Errorf("%q, %s", got, p.text())
		}
	})
}

func TestWhatALineAsksFor(t *testing.T) {
	playWith(t, true, func(c *alert.Config) { c.Max = 4 }, func(p *people) {
		other, _ := alert.ParseTopic(oncall + "-2")
		first, _ := alert.ParseTopic(oncall)
		a := severe("1", "x")
		a.Requests = []alert.Request{
			{Topics: []alert.Topic{first, other}, Message: "come"},
			{Topics: []alert.Topic{other, other}, Message: "come"},
			{Topics: []alert.Topic{other}, Message: "go"},
		}
		p.happen(a)
		b := severe("2", "not severe")
		b.Configured = false
		p.happen(b)
		b = severe("3", "asks")
		b.Configured, b.Requests = false, []alert.Request{{Topics: []alert.Topic{other}, Message: "only me"}}
		p.happen(b)
		p.flush()
		// The configured topic gets what the line asks for, and nothing twice.
		p.want("ERROR orders 1: come", "ERROR orders 1: come", "ERROR orders 1: go", "ERROR orders 3: only me")
		if p.messages[1].Topic != other || p.messages[1].DeduplicationID == p.messages[2].DeduplicationID ||
			!strings.Contains(p.text(), "\nasks\n") {
			t.Errorf("%+v", p.messages)
		}
	})
}

func TestAFailureIsTriedAgainAndCostsOneHold(t *testing.T) {
	play(t, true, func(p *people) {
		p.set(func() { p.hanging = true })
		p.happen(severe("1", "x"))
		if held := p.flush(); held != 2*time.Second {
			t.Errorf("the first hold took %v, want its bound", held)
		}
		for range 5 {
			p.happen(severe("2", "y"))
			p.sender.Start()
			if held := p.flush(); held > 0 {
				t.Errorf("a hold of %v while SNS is known to fail", held)
			}
			time.Sleep(10 * time.Second)
		}
		p.set(func() { p.hanging = false })
		time.Sleep(time.Minute)
		p.sender.Start() // the next invocation
		synctest.Wait()
		// The one that failed less often goes first.
		p.want("ERROR orders 2: y", "ERROR orders 1: x")
		if len(p.issues) > 0 {
			t.Errorf("issues %q", p.issues)
		}
	})
}

func TestWhatIsUnsentAtTheEndIsAnIssue(t *testing.T) {
	play(t, true, func(p *people) {
		p.set(func() { p.failing = errors.New("Throttled") })
		p.happen(severe("1", "x"))
		p.flush()
		p.sender.Expect(severe("2", "its row is nowhere"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		p.sender.Close(ctx)
		if took := time.Since(began); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		const unsent = "false the alert ERROR orders 1 for topic oncall was not sent before the environment ended"
		if len(p.issues) != 2 || !strings.Contains(p.issues[0], unsent) {
			t.Errorf("%q", p.issues)
		}
	})
	play(t, true, func(p *people) {
		p.set(func() { p.hanging = true })
		p.happen(severe("1", "x"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		p.sender.Close(ctx)
		if took := time.Since(began); took > time.Second || len(p.issues) != 1 {
			t.Errorf("hanging: Close took %v, issues %q", took, p.issues)
		}
	})
}

func TestARefusalIsAnIssueAndNotRepeated(t *testing.T) {
	play(t, true, func(p *people) {
		p.set(func() { p.failing = &alert.Refusal{Why: "NotFound", Advice: "look"} })
		a := severe("7", "x")
		other, _ := alert.ParseTopic(oncall + "-2")
		a.Requests = []alert.Request{{Topics: []alert.Topic{other}, Message: "m"}}
		p.happen(a)
		p.flush()
		p.set(func() { p.failing = nil })
		p.happen(severe("7", "x"))
		p.flush()
		p.want()
		const refused = "true the alert ERROR orders 7 for topic oncall-2 was refused: NotFound: look"
		if len(p.issues) != 2 || !strings.HasPrefix(p.issues[1], refused) ||
			!strings.HasPrefix(p.issues[0], "false ") {
			t.Errorf("%q", p.issues)
		}
	})
}

func TestOthersDecide(t *testing.T) {
	play(t, false, func(p *people) {
		p.answers = []alert.Answer{
			{Verdict: alert.Leased, Until: time.Now().Add(30 * time.Second)},
			{Verdict: alert.Sent, Until: time.Now().Add(5 * time.Minute)},
			{Verdict: alert.Granted, Held: alert.Held{Count: 41, First: time.Now(), Last: time.Now()}},
		}
		p.happen(severe("1", "x"))
		p.flush()
		p.flush()
		if got := fmt.Sprint(p.asked); got != "[acquire]" {
			t.Errorf("asked %s while another environment has the lease", got)
		}
		time.Sleep(31 * time.Second)
		p.flush() // another has sent it
		p.happen(severe("1", "x"))
		p.flush()
		if got := fmt.Sprint(p.asked); got != "[acquire acquire]" {
			t.Errorf("asked %s: a hold is no time for counting", got)
		}
		p.sender.Start() // the next invocation
		p.flush()
		if got := fmt.Sprint(p.asked); got != "[acquire acquire count 2]" {
			t.Errorf("asked %s", got)
		}
		time.Sleep(5 * time.Minute)
		p.happen(severe("1", "y"))
		p.flush()
		p.want("ERROR orders 1: y")
		if !strings.Contains(p.text(), "Similar alerts held back: about 41,") {
			t.Error(p.text())
		}
		if got := fmt.Sprint(p.asked[3:]); got != "[acquire places 1 sent 41]" {
			t.Errorf("asked %s", got)
		}
	})
}

func TestALeaseHolderThatDied(t *testing.T) {
	play(t, false, func(p *people) {
		p.answers = []alert.Answer{{Verdict: alert.Leased, Until: time.Now().Add(alert.Lease)}}
		p.happen(severe("1", "x"))
		p.flush()
		p.want()
		time.Sleep(alert.Lease)
		p.flush()
		p.want("ERROR orders 1: x")
	})
}

func TestEachDecidesAloneWhereTheLockFails(t *testing.T) {
	play(t, false, func(p *people) {
		p.set(func() { p.stuck = true })
		p.happen(severe("1", "x"))
		if held := p.flush(); held > 1100*time.Millisecond {
			t.Errorf("a hanging lock held for %v", held)
		}
		synctest.Wait()
		p.want("ERROR orders 1: x")
		for range 3 {
			p.happen(severe("1", "x"))
			p.happen(severe("2", "x"))
			p.flush()
		}
		synctest.Wait()
		p.want("ERROR orders 1: x", "ERROR orders 2: x")
		if len(p.issues) != 1 || !strings.Contains(p.issues[0], "limits alerts on its own") {
			t.Errorf("%q", p.issues)
		}
		if len(p.asked) != 1 {
			t.Errorf("asked %q though it hangs", p.asked)
		}
	})
	// Messages of environments that are alone in the same five minutes are the
	// same to a FIFO topic, and of other kinds others.
	var once [][]string
	for range 2 {
		play(t, true, func(p *people) {
			p.happen(severe("1", "x"))
			p.happen(severe("2", "x"))
			p.flush()
			once = append(once, []string{p.messages[0].DeduplicationID, p.messages[1].DeduplicationID})
		})
	}
	if !slices.Equal(once[0], once[1]) || once[0][0] == once[0][1] {
		t.Errorf("%q", once)
	}
}

// TestALockThatHangsAtTheEnd: a question that was put before SHUTDOWN does not
// use up the time for the message.
func TestALockThatHangsAtTheEnd(t *testing.T) {
	play(t, false, func(p *people) {
		p.set(func() { p.stuck = true })
		began := time.Now()
		p.happen(severe("1", "dead"))
		synctest.Wait()
		time.Sleep(100 * time.Millisecond)
		p.sender.Hurry()
		for len(p.sent()) == 0 && time.Since(began) < 2*time.Second {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		if took := time.Since(began).Round(10 * time.Millisecond); took != 300*time.Millisecond || len(p.sent()) != 1 {
			t.Errorf("%q after %v", p.sent(), took)
		}
	})
}

func TestTooManyDifferentOnes(t *testing.T) {
	play(t, true, func(p *people) {
		p.set(func() { p.hanging = true })
		for i := range 100 {
			p.happen(severe(fmt.Sprint(i), strings.Repeat("x", 20_000)))
		}
		p.flush()
		waiting := p.sender.Waiting()
		if waiting > 64 || waiting*20_000 > 1<<20 {
			t.Errorf("%d wait", waiting)
		}
		p.set(func() { p.hanging = false })
		time.Sleep(time.Minute)
		p.flush()
		synctest.Wait()
		told := 0 // in one issue or, as others came while it was written, in two
		for _, issue := range p.issues {
			n := 0
			if _, err := fmt.Sscanf(issue, "false %d alerts were not sent: too many different alerts", &n); err != nil {
				t.Errorf("%q", issue)
			}
			told += n
		}
		if told+waiting != 100 {
			t.Errorf("told of %d, and %d waited: %q", told, waiting, p.issues)
		}
	})
}

func TestAPanicEndsAlertingOnly(t *testing.T) {
	play(t, true, func(p *people) {
		p.set(func() { p.failing = panics{} })
		p.happen(severe("1", "x"))
		p.flush()
		p.happen(severe("2", "x"))
		p.flush()
		synctest.Wait()
		if len(p.issues) != 1 || !strings.HasPrefix(p.issues[0], "false panic") {
			t.Errorf("%q", p.issues)
		}
	})
}

type panics struct{}

func (panics) Error() string { panic("a bug") }
