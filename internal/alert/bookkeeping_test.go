package alert_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/alert"
)

// TestAHoldIsNoTimeForCounting: of four counts that are due, an invocation that
// ends at once is held for one, and the same groups are counted once a window,
// so that none uses up what the environment may write.
func TestAHoldIsNoTimeForCounting(t *testing.T) {
	const call = 50 * time.Millisecond
	d := &desk{takes: call}
	atDesk(t, d, locked(d), func(s *alert.Sender) {
		for i := range 3 {
			send(s, severe(fmt.Sprint(i), "x"))
		}
		flush(s)
		for n := range 4 {
			for i := range 3 {
				send(s, severe(fmt.Sprint(i), "again")) // each is muted, and counted
			}
			s.Start()
			if held := flush(s); held > call || d.calls["count"] != min(n+1, 3) {
				t.Errorf("held %v, with %d counts", held, d.calls["count"])
			}
		}
	})
}

// TestAnAlertThatFailsIsTriedLessAndLess: or each attempt would have its topic
// left alone for a second, and what comes then wait.
func TestAnAlertThatFailsIsTriedLessAndLess(t *testing.T) {
	d := &desk{}
	poisoned := 0
	d.publish = func(_ context.Context, m alert.Message) error {
		if m.Locator == "poison" {
			poisoned++
			return errors.New("InternalError")
		}
		return nil
	}
	atDesk(t, d, func(c *alert.Config) { c.Max = 1000 }, func(s *alert.Sender) {
		send(s, severe("poison", "x"))
		for n := range 60 {
			send(s, severe(fmt.Sprint(n), "x"))
			s.Start()
			flush(s)
			time.Sleep(1100 * time.Millisecond)
		}
		if poisoned > 10 || len(d.messages) < 58 {
			t.Errorf("%d attempts, %d others", poisoned, len(d.messages))
		}
	})
}

// past is a lock whose lease is over, and yet not to be had.
type past struct{ *desk }

func (l past) Acquire(ctx context.Context, _ string) (alert.Answer, error) {
	_, err := l.desk.call(ctx, "acquire")
	return alert.Answer{Verdict: alert.Leased}, err
}

// TestALeaseThatIsOverIsNotAskedForWithoutEnd: its item is damaged.
func TestALeaseThatIsOverIsNotAskedForWithoutEnd(t *testing.T) {
	d := &desk{takes: time.Millisecond}
	atDesk(t, d, func(c *alert.Config) { c.Lock = past{d} }, func(s *alert.Sender) {
		send(s, severe("1", "x"))
		for range 20 {
			flush(s)
			time.Sleep(500 * time.Millisecond)
		}
		if n := d.calls["acquire"]; n > 11 {
			t.Errorf("%d questions in ten seconds", n)
		}
	})
}
