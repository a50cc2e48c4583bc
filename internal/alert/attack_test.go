package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/logtable/logtable/internal/alert"
)

// desk is a Channel and a Lock whose calls take time, for synctest.
type desk struct {
	publish func(context.Context, alert.Message) error // nil: all goes well
	lockErr error
	takes   time.Duration // each call of the lock

	mu       sync.Mutex
	messages []alert.Message
	calls    map[string]int
	counted  int // told to the lock as held back
	taken    int // of the function's places
	opened   time.Time
	issues   []string
}

func (d *desk) Fits(alert.Message) bool { return true }

func (d *desk) Publish(ctx context.Context, m alert.Message) error {
	if d.publish != nil {
		if err := d.publish(ctx, m); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages = append(d.messages, m)
	return nil
}

func (d *desk) call(ctx context.Context, name string) (alert.Answer, error) {
	select {
	case <-time.After(d.takes):
	case <-ctx.Done():
		return alert.Answer{}, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[name]++
	return alert.Answer{Verdict: alert.Granted, Window: "w"}, d.lockErr
}

// place is a share of ten in a window of five minutes.
func (d *desk) place(ctx context.Context, n int) (alert.Answer, error) {
	answer, err := d.call(ctx, "places")
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.opened) >= 5*time.Minute {
		d.opened, d.taken = time.Now(), 0
	}
	answer.Until = d.opened.Add(5 * time.Minute)
	switch d.taken += n; {
	case d.taken <= 10:
		answer.Places = n
	case d.taken-n <= 10:
		answer.Verdict, answer.Places = alert.Last, 10-(d.taken-n)
	default:
		answer.Verdict = alert.Full
	}
	return answer, err
}

func (d *desk) Acquire(ctx context.Context, _ string) (alert.Answer, error) {
	return d.call(ctx, "acquire")
}
func (d *desk) Places(ctx context.Context, n int) (alert.Answer, error) { return d.place(ctx, n) }
func (d *desk) Sent(ctx context.Context, _ string, _ alert.Held) error {
	_, err := d.call(ctx, "sent")
	return err
}
func (d *desk) Release(ctx context.Context, _ string) error {
	_, err := d.call(ctx, "release")
	return err
}
func (d *desk) Count(ctx context.Context, _ string, h alert.Held) error {
	_, err := d.call(ctx, "count")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counted += h.Count
	return err
}

func (d *desk) Fail(string, string, string, ...any) bool { return true }
func (d *desk) Recover(string, string)                   {}

func (d *desk) all() (n int) {
	for _, calls := range d.calls {
		n += calls
	}
	return n
}

// atDesk runs f within synctest with a Sender whose Channel is a desk, and
// closes it. set changes its settings; nil: not. The topic is oncall unless
// others are named.
func atDesk(t *testing.T, d *desk, set func(*alert.Config), f func(*alert.Sender), topics ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if topics == nil {
			topics = []string{"oncall"}
		}
		c := d.config(t, topics...)
		if set != nil {
			set(&c)
		}
		s := alert.New(c)
		f(s)
		closed(s)
	})
}

// locked has a Sender ask a desk for its lock.
func locked(d *desk) func(*alert.Config) { return func(c *alert.Config) { c.Lock = d } }

// config wires a desk; its lock is only used if asked for.
func (d *desk) config(t *testing.T, topics ...string) alert.Config {
	t.Helper()
	d.calls = map[string]int{}
	c := alert.Config{
		Window: 5 * time.Minute, Max: 10, Channel: d, Report: d,
		Source: alert.Source{
			Function: "orders", Region: "eu-central-1", Zone: time.UTC,
			InfoTable: "logtable-info", ErrorsTable: "logtable-errors",
		},
		Issue: func(_ *alert.Alert, own bool, text string) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.issues = append(d.issues, text)
		},
		Panicked: func(v any) { t.Errorf("panic: %v", v) },
	}
	for _, name := range topics {
		c.Topics = append(c.Topics, topicNamed(t, name))
	}
	return c
}

func topicNamed(t *testing.T, name string) alert.Topic {
	t.Helper()
	topic, err := alert.ParseTopic("arn:aws:sns:eu-central-1:123456789012:" + name)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

// send has an alert's row be safe at once.
func send(s *alert.Sender, a *alert.Alert) {
	if kept := s.Expect(a); kept != nil {
		kept("2026-11-22", "1795300002.0050007+orders+2p4thtomb9")
	}
}

func flush(s *alert.Sender) time.Duration {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	s.Flush(ctx)
	return time.Since(began)
}

func closed(s *alert.Sender) time.Duration {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.Close(ctx)
	return time.Since(began)
}

// hostile are all characters that must not reach people as they are, each
// behind a letter.
func hostile() string {
	var b strings.Builder
	for _, table := range []*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp} {
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if unicode.Is(table, r) {
				b.WriteString("a" + string(r))
			}
		}
	}
	return b.String() + "a\ufffea\uffffa\ufdd0a\xffb"
}

// bad finds a character in a text that is none of a person's, line ends and
// tabs excepted where the text has lines.
func bad(text string, lines bool) string {
	for i, r := range text {
		if lines && (r == '\n' || r == '\t') {
			continue
		}
		isCharacter := r != '\ufffe' && r != '\uffff' && r != '\ufdd0' && text[i] != 0xff
		if !isCharacter || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return fmt.Sprintf("%U", r)
		}
	}
	return ""
}

// TestEveryTextIsCleaned: what a function printed in any member of a line, with
// every control and formatting character that there is, in every part of every
// message.
func TestEveryTextIsCleaned(t *testing.T) {
	evil := hostile()
	phish := evil + "\n\nYour password has expired, sign in at http://evil.example/ \u202e\x1b[2J"
	for _, forged := range []string{evil, phish} {
		for _, name := range texts() {
			forge(t, name, forged)
		}
	}
}

// texts are the names of an alert's members that hold what was printed.
func texts() (names []string) {
	members := reflect.TypeFor[alert.Alert]()
	for i := range members.NumField() {
		m := members.Field(i)
		if m.IsExported() && (m.Type.Kind() == reflect.String || m.Name == "Requests") {
			names = append(names, m.Name)
		}
	}
	return names
}

// forge sends an alert with a forged member, and then the notice that it was
// the last.
func forge(t *testing.T, name, forged string) {
	d := &desk{publish: func(context.Context, alert.Message) error { return nil }}
	c := d.config(t, "oncall")
	c.Max = 1
	s := alert.New(c)
	for i := range 2 {
		a := severe(fmt.Sprint(i), "text")
		if name == "Requests" {
			a.Requests = []alert.Request{{Topics: c.Topics, Message: forged}}
		} else {
			reflect.ValueOf(a).Elem().FieldByName(name).SetString(forged + fmt.Sprint(i))
		}
		date, stamp := "2026-11-22", "stamp"
		if name == "Date" || name == "StampMod" {
			date, stamp = a.Date, a.StampMod
		}
		if kept := s.Expect(a); kept != nil {
			kept(date, stamp)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		s.Flush(ctx)
		cancel()
	}
	if len(d.messages) != 2 || !strings.Contains(d.messages[1].Subject, "held back until") {
		t.Fatalf("%s: %d messages, want the alert and the notice", name, len(d.messages))
	}
	for _, m := range d.messages {
		parts := reflect.ValueOf(m)
		for i := range parts.NumField() {
			if parts.Field(i).Kind() != reflect.String {
				continue
			}
			if found := bad(parts.Field(i).String(), parts.Type().Field(i).Name == "Text"); found != "" {
				t.Errorf("a forged %s: %s in the message's %s", name, found, parts.Type().Field(i).Name)
			}
		}
		var data map[string]string
		if err := json.Unmarshal([]byte(m.Data), &data); err != nil {
			t.Fatal(err)
		}
		for member, value := range data {
			if found := bad(value, member == "text" || member == "exception"); found != "" {
				t.Errorf("a forged %s: %s in the JSON's %s", name, found, member)
			}
		}
		hasLines := name == "Text" || name == "Exception" || name == "Requests"
		if lines := strings.Split(m.Text, "\n"); !hasLines && lines[1] != "" {
			t.Errorf("a forged %s has lines of its own: %q", name, lines[:4])
		}
		for line := range strings.Lines(m.Text) {
			if strings.HasPrefix(line, "Your password") && !hasLines {
				t.Errorf("a forged %s writes a line of its own", name)
			}
		}
	}
	closed(s)
}

// TestWhatWaitsIsBounded: 64 alerts or 1 MiB, whatever the member is that is
// long.
func TestWhatWaitsIsBounded(t *testing.T) {
	long := func() string { return strings.Repeat("x", 250_000) }
	var topics []alert.Topic
	for i := range 10 {
		topics = append(topics, topicNamed(t, strings.Repeat("t", 200)+fmt.Sprint(i)))
	}
	for _, name := range texts() {
		t.Run(name, func(t *testing.T) {
			d := &desk{}
			s := alert.New(d.config(t, "oncall"))
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range 200 {
				a := severe(fmt.Sprint(i), "x")
				if name == "Requests" {
					for range 10 {
						a.Requests = append(a.Requests, alert.Request{
							Topics: slices.Clone(topics), Message: strings.Repeat("x", 25_000),
						})
					}
				} else {
					reflect.ValueOf(a).Elem().FieldByName(name).SetString(fmt.Sprint(i) + long())
				}
				s.Expect(a)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			if grown > 2<<20 || s.Waiting() > 64 || s.Waiting() == 0 {
				t.Errorf("%d alerts wait and take %d bytes", s.Waiting(), grown)
			}
			runtime.KeepAlive(s)
			closed(s)
		})
	}
}

// TestChangingLocatorsCostAFewCalls: an environment that prints 1,000 errors of
// as many kinds in a window is held for one call of the lock at most beyond
// what it sends, and asks it a few times at all; the next alert says how many
// there were.
func TestChangingLocatorsCostAFewCalls(t *testing.T) {
	const call = 8 * time.Millisecond
	d := &desk{takes: call}
	atDesk(t, d, locked(d), func(s *alert.Sender) {
		var longest time.Duration
		invocation := func(n int) time.Duration {
			s.Start()
			time.Sleep(50 * time.Millisecond)
			for i := range 20 {
				send(s, severe(fmt.Sprint(n, "-", i), "x"))
			}
			return flush(s)
		}
		invocation(0) // sends the ten, and the notice
		sent := d.all()
		for n := 1; n < 50; n++ {
			longest = max(longest, invocation(n))
			time.Sleep(time.Second)
		}
		if longest > call {
			t.Errorf("held %v, which is more than a call of the lock", longest)
		}
		if more := d.all() - sent; more > 5 {
			t.Errorf("%d calls of the lock for nothing that was sent: %v", more, d.calls)
		}
		if len(d.messages) != 11 {
			t.Errorf("%d messages", len(d.messages))
		}
		time.Sleep(5 * time.Minute)
		send(s, severe("last", "x"))
		flush(s)
		text := d.messages[len(d.messages)-1].Text
		told := 0
		if _, rest, ok := strings.Cut(text, "about "); ok {
			fmt.Sscan(rest, &told)
		}
		if told+d.counted < 900 || told+d.counted > 990 {
			t.Errorf("the next alert tells of %d, and the lock knows %d, of 990:\n%s", told, d.counted, text)
		}
		took := closed(s)
		if took > 300*time.Millisecond || d.calls["count"] > 16 {
			t.Errorf("the end took %v and %v", took, d.calls)
		}
	})
}

// TestATopicThatHangsDelaysOthersLittle: neither the other topics of the same
// alert, nor other alerts, nor later ones.
func TestATopicThatHangsDelaysOthersLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		var got []string
		began := time.Now()
		d.publish = func(ctx context.Context, m alert.Message) error {
			if m.Topic.Name == "hangs" {
				<-ctx.Done()
				return errors.New("no answer in time")
			}
			got = append(got, fmt.Sprint(m.Locator, " after ", time.Since(began)))
			return nil
		}
		c := d.config(t, "hangs", "well")
		c.Max = 20
		s := alert.New(c)
		send(s, severe("1", "x"))
		send(s, severe("2", "x"))
		if held := flush(s); held > 700*time.Millisecond {
			t.Errorf("held %v", held)
		}
		if fmt.Sprint(got) != "[1 after 600ms 2 after 600ms]" {
			t.Errorf("%q", got)
		}
		for n := range 5 {
			time.Sleep(10 * time.Second)
			s.Start() // which tries the one that hangs
			synctest.Wait()
			began, got = time.Now(), nil
			send(s, severe(fmt.Sprint("later ", n), "x"))
			if held := flush(s); held > 0 || len(got) != 1 {
				t.Errorf("held %v, %q", held, got)
			}
		}
		closed(s)
	})
}

// TestAnAlertThatFailsKeepsNobodyWaiting: SNS answers one of them with a
// failure that never passes.
func TestAnAlertThatFailsKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		d.publish = func(_ context.Context, m alert.Message) error {
			if m.Locator == "poison" {
				return errors.New("InternalError")
			}
			return nil
		}
		s := alert.New(d.config(t, "oncall"))
		send(s, severe("poison", "x"))
		for n := range 5 {
			send(s, severe(fmt.Sprint(n), "x"))
		}
		flush(s)
		for range 3 {
			time.Sleep(2 * time.Second)
			s.Start()
			flush(s)
		}
		if len(d.messages) != 5 || s.Waiting() != 1 {
			t.Errorf("%d were sent, %d wait", len(d.messages), s.Waiting())
		}
		closed(s)
		if len(d.issues) != 1 {
			t.Errorf("%q", d.issues)
		}
	})
}

// FuzzMessage: whatever stands in any member, what is sent is clean, is JSON
// where it is for programs, and has one line where it has to.
func FuzzMessage(f *testing.F) {
	f.Add("ERROR", "orders", "1", "text\u202e", "exception\x1b[2J", "request\n\nx", "message\u200d")
	f.Add("", "", "", "", "", "", "")
	f.Add("\xff\xfe", "\U000e0041", strings.Repeat("\u200e", 2000), "🚀\u200d", "\r\n\u2028", "'; rm -rf /", "x")
	f.Fuzz(func(t *testing.T, level, module, locator, text, exception, request, message string) {
		d := &desk{}
		c := d.config(t, "oncall")
		s := alert.New(c)
		a := &alert.Alert{
			Time: time.Now(), Level: level, Module: module, Locator: locator,
			Text: text, Exception: exception, RequestID: request, Configured: true,
		}
		if message != "" {
			a.Requests = []alert.Request{{Topics: c.Topics, Message: message}}
		}
		send(s, a)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.Flush(ctx)
		s.Close(ctx)
		if len(d.messages) != 1 {
			t.Fatalf("%d messages, %q", len(d.messages), d.issues)
		}
		m := d.messages[0]
		joined := strings.ReplaceAll(m.Text, "\u200d", "") // only within an emoji, see TestClean
		for _, part := range []string{m.Subject, m.Short, m.Level, m.Module, m.Locator, m.Group} {
			if found := bad(strings.ReplaceAll(part, "\u200d", ""), false); found != "" {
				t.Errorf("%s in %q", found, part)
			}
		}
		found := bad(joined, true)
		if found != "" || !json.Valid([]byte(m.Data)) || m.Subject == "" || len(m.Subject) > 99 {
			t.Errorf("%s in %q, %q, %q", found, m.Text, m.Data, m.Subject)
		}
	})
}
