package alert_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/alert"
)

// TestLimits is the list of what bounds alerting, each with a test that fails
// without it. Tests of a limit that stand elsewhere are named.
func TestLimits(t *testing.T) {
	for _, limit := range []struct {
		name, value, why string
		test             func(*testing.T)
	}{
		{"maxText", "200,000 bytes", "a message is about what SNS takes, before anybody measures it", testMaxText},
		{"maxException", "4 KiB", "the end of an exception is what is read", testMaxException},
		{"maxHead", "300 bytes", "the first line is a line", testMaxHead},
		{"publishTime", "2 s", "a topic that hangs is left alone", testPublishTime},
		{"sharedPublishTime", "600 ms", "while others wait for their turn", testSharedPublishTime},
		{"lastPublishTime, lastLockTime", "600 ms, 300 ms", "SHUTDOWN leaves two seconds for all", testLastTimes},
		{"lockTime", "1 s", "a lock that hangs costs a hold no more", testLockTime},
		{"causeTime", "300 ms", "a table that hangs costs one hold a minute no more", testCauseTime},
		{"lastCauseTime", "100 ms", "as little as can be at the end", testLastCauseTime},
		{"causeRest, withheldRest", "1 min, 15 min", "what fails is left alone", testCauseRests},
		{"maxIgnored", "256", "whoever prints chooses how many causes there are", testMaxIgnored},
		{"busyTries", "3", "a busy lock is asked again in the same hold", testBusyTries},
		{"patience", "30 s", "a lock that is busy for long decides nothing", testPatience},
		{"restBase, restMost", "1 s, a minute", "what fails is left alone, and tried again", testRests},
		{"Lease/2", "15 s", "who was frozen asks again before he sends", testFrozen},
		{"2 × Max", "", "the lock's items may be damaged", testOwnShare},
		{"sent once", "", "the rest of an alert must not mute its group for longer", testSentOnce},
		{"Undecided", "", "an answer that decides nothing is not leave to send", testUndecided},
		{"a clock that jumps back", "window + Skew", "what was muted until then would be for a day", testOwnClock},
	} {
		t.Run(limit.name, limit.test)
	}
	// heedTime: TestAReopenedCauseIsHeardOf. maxAlike:
	// TestErrorsWithoutALocatorAreOneMessage.
	//
	// maxSubject: TestOddLines. exceptionLines: TestTheMessageIsCutToWhatFits.
	// maxLevel to maxKey: TestSNSTakesWhateverWasPrinted. maxRequests,
	// maxTopics: TestRequests. maxTopicName: TestTopics. maxWaiting,
	// maxWaitingBytes, bounded: TestWhatWaitsIsBounded. maxGroups, maxCounted,
	// maxTroubled: TestMemoryIsBounded. entriesPerWindow:
	// TestChangingLocatorsCostAFewCalls. lastEntries:
	// TestManyKindsOfAStormAreCountedTogether. Lease:
	// TestALeaseEndsWithItsHolder. Skew: TestAClockThatIsWrongMutesNobody,
	// TestASmallSkewIsBelieved.
}

// one sends an alert and returns its message.
func one(t *testing.T, a *alert.Alert) alert.Message {
	d := &desk{}
	s := alert.New(d.config(t, "oncall"))
	send(s, a)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.Flush(ctx)
	closed(s)
	if len(d.messages) != 1 {
		t.Fatalf("%d messages", len(d.messages))
	}
	return d.messages[0]
}

func testMaxText(t *testing.T) {
	if m := one(t, severe("1", strings.Repeat("x y ", 90_000))); len(m.Text) > 205_000 || len(m.Text) < 150_000 {
		t.Errorf("%d bytes", len(m.Text))
	}
}

func testMaxException(t *testing.T) {
	a := severe("1", "x")
	a.Exception = "first" + strings.Repeat("x", 50_000) + "last"
	if m := one(t, a); len(m.Text) > 6_000 || !strings.Contains(m.Text, "xlast\n") {
		t.Errorf("%d bytes", len(m.Text))
	}
}

func testMaxHead(t *testing.T) {
	first, _, _ := strings.Cut(one(t, severe("1", strings.Repeat("x", 50_000))).Text, "\n")
	if len(first) > 400 {
		t.Errorf("%d bytes", len(first))
	}
}

// hangs has publishes to topics hang, and returns how long each was waited for.
func hangs(d *desk, topics ...string) *[]time.Duration {
	var took []time.Duration
	d.publish = func(ctx context.Context, m alert.Message) error {
		if !strings.Contains(strings.Join(topics, " "), m.Topic.Name) {
			return nil
		}
		began := time.Now()
		<-ctx.Done()
		took = append(took, time.Since(began))
		return errors.New("no answer in time")
	}
	return &took
}

func testPublishTime(t *testing.T) {
	d := &desk{}
	took := hangs(d, "oncall")
	atDesk(t, d, nil, func(s *alert.Sender) {
		send(s, severe("1", "x"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if fmt.Sprint(*took) != "[2s]" {
			t.Errorf("%v", *took)
		}
	})
}

func testSharedPublishTime(t *testing.T) {
	d := &desk{}
	took := hangs(d, "first second")
	atDesk(t, d, nil, func(s *alert.Sender) {
		send(s, severe("1", "x"))
		flush(s)
		if fmt.Sprint(*took) != "[600ms 600ms]" || len(d.messages) != 1 {
			t.Errorf("%v, %d messages", *took, len(d.messages))
		}
	}, "first", "second", "well")
}

func testLastTimes(t *testing.T) {
	d := &desk{takes: time.Hour}
	took := hangs(d, "oncall")
	atDesk(t, d, locked(d), func(s *alert.Sender) {
		if s.Expect(severe("1", "x")) == nil {
			t.Fatal("nothing is expected")
		}
		s.Hurry()
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		s.Close(ctx)
		if time.Since(began) != 900*time.Millisecond || fmt.Sprint(*took) != "[600ms]" {
			t.Errorf("%v, of which %v for the topic", time.Since(began), *took)
		}
	})
}

func testLockTime(t *testing.T) {
	d := &desk{takes: time.Hour}
	atDesk(t, d, locked(d), func(s *alert.Sender) {
		began := time.Now()
		var sent time.Duration
		d.publish = func(context.Context, alert.Message) error { sent = time.Since(began); return nil }
		send(s, severe("1", "x"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if sent != time.Second {
			t.Errorf("sent after %v", sent)
		}
	})
}

func testBusyTries(t *testing.T) {
	d := &desk{lockErr: alert.ErrBusy}
	atDesk(t, d, locked(d), func(s *alert.Sender) {
		send(s, severe("1", "x"))
		flush(s)
		if d.calls["acquire"] != 3 || len(d.messages) != 0 {
			t.Errorf("%v, %d messages", d.calls, len(d.messages))
		}
	})
}

func testPatience(t *testing.T) {
	d := &desk{lockErr: alert.ErrBusy}
	atDesk(t, d, locked(d), func(s *alert.Sender) {
		began := time.Now()
		var sent time.Duration
		d.publish = func(context.Context, alert.Message) error { sent = time.Since(began); return nil }
		send(s, severe("1", "x"))
		for range 60 {
			flush(s)
			time.Sleep(time.Second)
		}
		if sent < 30*time.Second || sent > 37*time.Second {
			t.Errorf("sent after %v", sent)
		}
	})
}

func testRests(t *testing.T) {
	d := &desk{}
	var at []time.Time
	d.publish = func(context.Context, alert.Message) error {
		at = append(at, time.Now())
		return errors.New("Throttled")
	}
	atDesk(t, d, nil, func(s *alert.Sender) {
		send(s, severe("1", "x"))
		for range 4 * 600 {
			time.Sleep(250 * time.Millisecond)
			s.Start()
		}
		closed(s)
		var gaps []time.Duration
		for i := 1; i < len(at)-1; i++ { // the last is the end's
			gaps = append(gaps, at[i].Sub(at[i-1]))
		}
		if len(gaps) < 10 || gaps[0] != time.Second || gaps[1] != 2*time.Second ||
			gaps[8] != time.Minute || gaps[len(gaps)-1] != time.Minute {
			t.Errorf("%v", gaps)
		}
	})
}

// slow is a lock whose Places takes longer than half a lease, once.
type slow struct {
	*desk
	times int
}

func (l *slow) Places(ctx context.Context, n int) (alert.Answer, error) {
	if l.times++; l.times == 1 {
		time.Sleep(20 * time.Second) // the process is frozen
	}
	return l.desk.Places(context.WithoutCancel(ctx), n)
}

func testFrozen(t *testing.T) {
	d := &desk{}
	atDesk(t, d, func(c *alert.Config) { c.Lock = &slow{desk: d} }, func(s *alert.Sender) {
		send(s, severe("1", "x"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if d.calls["acquire"] != 2 || d.calls["places"] != 1 || len(d.messages) != 1 {
			t.Errorf("%v, %d messages", d.calls, len(d.messages))
		}
	})
}

// generous is a lock that grants everything.
type generous struct{ *desk }

func (l generous) Places(ctx context.Context, n int) (alert.Answer, error) {
	return l.desk.call(ctx, "places")
}

func testOwnShare(t *testing.T) {
	d := &desk{}
	atDesk(t, d, func(c *alert.Config) { c.Lock = generous{d} }, func(s *alert.Sender) {
		for i := range 100 {
			send(s, severe(fmt.Sprint(i), "x"))
			flush(s)
		}
		if len(d.messages) != 21 { // two shares, and the notice
			t.Errorf("%d messages", len(d.messages))
		}
	})
}

func testSentOnce(t *testing.T) {
	d := &desk{}
	failing := true
	d.publish = func(_ context.Context, m alert.Message) error {
		if m.Topic.Name == "fails" && failing {
			return errors.New("Throttled")
		}
		return nil
	}
	atDesk(t, d, locked(d), func(s *alert.Sender) {
		send(s, severe("1", "x"))
		flush(s)
		time.Sleep(4 * time.Minute)
		failing = false
		s.Start()
		synctest.Wait()
		if len(d.messages) != 2 || d.calls["sent"] != 1 || d.calls["acquire"] != 1 {
			t.Fatalf("%d messages, %v", len(d.messages), d.calls)
		}
		time.Sleep(time.Minute)
		send(s, severe("1", "x"))
		flush(s)
		if len(d.messages) != 4 {
			t.Errorf("%d messages: the group is muted for longer than its window", len(d.messages))
		}
	}, "well", "fails")
}

// silent is a lock whose answers decide nothing.
type silent struct{ *desk }

func (silent) Acquire(context.Context, string) (alert.Answer, error) { return alert.Answer{}, nil }

func testUndecided(t *testing.T) {
	if alert.Granted == alert.Verdict(0) {
		t.Error("the zero Verdict is leave to send")
	}
	d := &desk{}
	atDesk(t, d, func(c *alert.Config) { c.Lock = silent{d} }, func(s *alert.Sender) {
		send(s, severe("1", "x"))
		flush(s)
		if len(d.messages) != 1 || len(d.issues) != 1 || !strings.Contains(d.issues[0], "decides nothing") {
			t.Errorf("%d messages, %q: want a lock that fails", len(d.messages), d.issues)
		}
	})
}

func testOwnClock(t *testing.T) {
	off := 24 * time.Hour
	d := &desk{}
	wallClock := func() time.Time { return time.Now().Add(off).Round(0) }
	atDesk(t, d, func(c *alert.Config) { c.Now = wallClock }, func(s *alert.Sender) {
		for i := range 12 { // the share is used up, too
			send(s, severe(fmt.Sprint(i), "x"))
		}
		flush(s)
		if len(d.messages) != 11 {
			t.Fatalf("%d messages", len(d.messages))
		}
		off = 0
		time.Sleep(5 * time.Minute)
		send(s, severe("0", "x"))
		send(s, severe("11", "x"))
		flush(s)
		if len(d.messages) != 13 {
			t.Errorf("%d messages: alerts are muted since the clock was set right", len(d.messages))
		}
	})
}
