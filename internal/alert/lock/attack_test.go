package lock_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/alert/lock"
	"github.com/logtable/logtable/internal/awsenv"
)

// TestAForgedLineIsWorthOneLine: a line that asks for ten messages to ten
// topics each gets no more than the function's share, by a few calls.
func TestAForgedLineIsWorthOneLine(t *testing.T) {
	for _, most := range []int{1, 3, 10} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			f := newFleet(t)
			f.max = most
			s := f.environment(&patient{f.lock("e")})
			forge := func() {
				a := &alert.Alert{Time: f.now(), Level: "INFO", Module: "orders", Locator: "1", Text: "x"}
				for i := range 10 {
					r := alert.Request{Message: fmt.Sprint("message ", i)}
					for j := range 10 {
						topic, err := alert.ParseTopic(fmt.Sprint(arn, "-", j))
						if err != nil {
							t.Fatal(err)
						}
						r.Topics = append(r.Topics, topic)
					}
					a.Requests = append(a.Requests, r)
				}
				s.Expect(a)("2026-11-22", "stamp")
				s.Flush(t.Context())
			}
			forge()
			notices := 0
			for _, m := range f.messages {
				if strings.Contains(m.Subject, "held back until") {
					notices++
				}
			}
			if f.sent() != most+1 || notices != 1 {
				t.Errorf("%d messages, of which %d notices", f.sent(), notices)
			}
			if n := f.table.Stats().Requests["UpdateItem"]; n > 5 {
				t.Errorf("%d calls of the lock", n)
			}
			f.pass(5 * time.Minute)
			forge()
			if last := f.messages[most+1]; !strings.Contains(last.Text, "Similar alerts held back: about 1,") {
				t.Errorf("what found no place is not told of:\n%s", last.Text)
			}
		})
	}
}

// TestTheSeveralTopicsOfAnAlertHaveAPlaceEach: the configured topics before
// what a line asks for.
func TestTheSeveralTopicsOfAnAlertHaveAPlaceEach(t *testing.T) {
	f := newFleet(t)
	f.max = 2
	s := f.environment(&patient{f.lock("e")})
	other, err := alert.ParseTopic(arn + "-2")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		a := &alert.Alert{
			Time: f.now(), Level: "ERROR", Module: "orders", Locator: fmt.Sprint(i), Text: "x", Configured: true,
			Requests: []alert.Request{
				{Topics: []alert.Topic{other}, Message: "a"}, {Topics: []alert.Topic{other}, Message: "b"},
			},
		}
		if kept := s.Expect(a); kept != nil {
			kept("2026-11-22", "stamp")
		}
		s.Flush(t.Context())
	}
	var got []string
	for _, m := range f.messages {
		got = append(got, m.Topic.Name+" "+m.Subject)
	}
	want := "oncall ERROR orders 0: x; oncall-2 ERROR orders 0: a; " +
		"oncall orders: further alerts are held back until 22:31 UTC"
	if strings.Join(got, "; ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), want)
	}
}

// TestManyKindsOfAStormAreCountedTogether: at the end of an environment that
// held back a thousand kinds, they are counted in a few items, and the next one
// tells of all.
func TestManyKindsOfAStormAreCountedTogether(t *testing.T) {
	f := newFleet(t)
	s := f.environment(&patient{f.lock("e")})
	for i := range 1000 {
		f.fail(s, fmt.Sprint(i))
		if i%20 == 0 {
			s.Start()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.Close(ctx)
	if n := f.table.Stats().Requests["UpdateItem"]; n > 60 {
		t.Errorf("%d calls of the lock for 10 alerts", n)
	}
	if n := len(f.table.Items("logtable-info")); n > 30 {
		t.Errorf("%d items", n)
	}
	f.pass(5 * time.Minute)
	f.fail(f.environment(&patient{f.lock("later")}), "new")
	text, told := f.messages[len(f.messages)-1].Text, 0
	if _, rest, ok := strings.Cut(text, "about "); ok {
		fmt.Sscan(rest, &told)
	}
	if !strings.Contains(text, "Other alerts held back") || told < 950 || told > 990 {
		t.Errorf("told of %d of 990:\n%s", told, text)
	}
}

// TestAClockThatIsWrongMutesNobody: an environment is a day ahead, or behind.
func TestAClockThatIsWrongMutesNobody(t *testing.T) {
	for _, off := range []time.Duration{24 * time.Hour, -24 * time.Hour, 2 * time.Minute} {
		t.Run(off.String(), func(t *testing.T) {
			f := newFleet(t)
			wrong := f.lock("wrong")
			wrong.Now = func() time.Time { return f.now().Add(off) }
			sane := f.lock("sane")
			acquire := func(l *lock.Table) alert.Answer {
				t.Helper()
				answer, err := l.Acquire(t.Context(), "g")
				if err != nil {
					t.Fatal(err)
				}
				return answer
			}
			if acquire(wrong).Verdict != alert.Granted {
				t.Fatal("the first is not granted")
			}
			answer := acquire(sane) // a lease
			if late := answer.Until.Sub(f.now()); answer.Verdict != alert.Granted && late > alert.Lease {
				t.Errorf("a lease mutes for %v", late)
			}
			f.pass(2*time.Minute + alert.Lease)
			if acquire(sane).Verdict != alert.Granted {
				t.Errorf("a lease of a wrong clock is believed for long")
			}
			if acquire(wrong); wrong.Sent(t.Context(), "g", alert.Held{}) != nil {
				t.Fatal("cannot say that it is sent")
			}
			answer = acquire(sane)
			if late := answer.Until.Sub(f.now()); answer.Verdict != alert.Granted && late > 7*time.Minute {
				t.Errorf("what was sent by a wrong clock mutes for %v", late)
			}
		})
	}
}

// TestASmallSkewIsBelieved: clocks that are half a minute apart are as good as
// one.
func TestASmallSkewIsBelieved(t *testing.T) {
	f := newFleet(t)
	f.max = 1
	early, sane := f.lock("early"), f.lock("sane")
	early.Now = func() time.Time { return f.now().Add(30 * time.Second) }
	if answer, err := early.Acquire(t.Context(), "g"); err != nil || answer.Verdict != alert.Granted {
		t.Fatal(answer, err)
	}
	answer, err := sane.Acquire(t.Context(), "g")
	if err != nil || answer.Verdict != alert.Leased || answer.Until.Sub(f.now()) > alert.Lease {
		t.Errorf("%v, %v", answer, err)
	}
	if err := early.Sent(t.Context(), "g", alert.Held{}); err != nil {
		t.Fatal(err)
	}
	const end = 5*time.Minute + 30*time.Second
	answer, err = sane.Acquire(t.Context(), "g")
	if err != nil || answer.Verdict != alert.Sent || answer.Until.Sub(f.now()) != end {
		t.Errorf("%v, %v", answer, err)
	}
	if answer, err := early.Places(t.Context(), 2); err != nil || answer.Verdict != alert.Last || answer.Places != 1 {
		t.Errorf("%v, %v", answer, err)
	}
	answer, err = sane.Places(t.Context(), 2)
	if err != nil || answer.Verdict != alert.Full || answer.Places != 0 || answer.Until.Sub(f.now()) != end {
		t.Errorf("%v, %v", answer, err)
	}
}

// TestPlacesByThousands: whoever takes places at the same time, exactly the
// share is granted, and one says that there are no more.
func TestPlacesByThousands(t *testing.T) {
	f := newFleet(t)
	f.max = 100
	var granted, last atomic.Int64
	var wg sync.WaitGroup
	for i := range 60 {
		l := &patient{f.lock(fmt.Sprint("e", i))}
		wg.Go(func() {
			answer, err := l.Places(context.Background(), 1+i%7)
			if err != nil {
				t.Error(err)
			}
			granted.Add(int64(answer.Places))
			if answer.Verdict == alert.Last {
				last.Add(1)
			}
		})
	}
	wg.Wait()
	if granted.Load() != 100 || last.Load() != 1 {
		t.Errorf("%d places of 100 were granted, %d say that it was the last", granted.Load(), last.Load())
	}
}

// never is a table in which no condition holds.
type never struct{ calls int }

func (n *never) Call(context.Context, string, []byte) ([]byte, error) {
	n.calls++
	return nil, &awsenv.Failure{Status: 400, Code: "ConditionalCheckFailedException"}
}

// TestLimits: openTries, three, and keep, 30 days beyond the window.
func TestLimits(t *testing.T) {
	f := newFleet(t)
	n := &never{}
	l := f.lock("e")
	l.Client = n
	if _, err := l.Places(t.Context(), 1); err == nil || n.calls != 6 {
		t.Errorf("%v after %d calls", err, n.calls)
	}
	if _, err := f.lock("e").Acquire(t.Context(), "g"); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(f.now().Add(5*time.Minute + 30*24*time.Hour).Unix())
	if item := f.table.Items("logtable-info")[0]; item.Num("expiry") != want {
		t.Errorf("expires at %s, want %s", item.Num("expiry"), want)
	}
}

// TestAWrongClockIsNoStorm: with one environment a day ahead or behind, the
// others are not muted, and nobody sends more than one message of a kind in a
// window; nor is the function's share exceeded by more than the number of those
// who send.
func TestAWrongClockIsNoStorm(t *testing.T) {
	for _, off := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			f := newFleet(t)
			f.max = 3
			sane := f.environment(&patient{f.lock("sane")})
			// Its sender goes by the fleet's clock in what it does for itself:
			// it is its own clock, whatever it shows.
			table := f.lock("wrong")
			table.Now = func() time.Time { return f.now().Add(off) }
			wrong := f.environment(&patient{table})
			f.fail(wrong, "1")
			f.fail(sane, "1")
			f.fail(wrong, "1")
			f.fail(sane, "1")
			if n := f.sent(); n < 1 || n > 2 {
				t.Errorf("%d messages of a kind in a window", n)
			}
			f.pass(5 * time.Minute)
			before := f.sent()
			f.fail(sane, "1")
			if f.sent() != before+1 {
				t.Error("in the next window the others are muted")
			}
			for i := range 100 {
				f.fail(wrong, fmt.Sprint("w", i))
				f.fail(sane, fmt.Sprint("s", i))
			}
			if n := f.sent() - before; n > 2*2*(f.max+1) {
				t.Errorf("%d messages in a window whose share is %d", n, f.max)
			}
		})
	}
}
