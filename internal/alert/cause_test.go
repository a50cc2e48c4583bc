package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/cause"
)

// colleagues are a Causes: what they have said, by "module locator".
type colleagues struct {
	said  map[string]cause.State
	err   error
	hang  bool
	asked []string
	took  []time.Duration
}

func (c *colleagues) State(ctx context.Context, id cause.ID) (cause.State, error) {
	c.asked = append(c.asked, id.Module+" "+id.Locator)
	if began := time.Now(); c.hang {
		<-ctx.Done()
		c.took = append(c.took, time.Since(began))
		return cause.State{}, ctx.Err()
	}
	return c.said[id.Module+" "+id.Locator], c.err
}

// say has somebody say something of the cause orders 1, three days ago.
func (c *colleagues) say(change cause.Change, versions ...string) {
	change.Rev, change.By = 1, "ada"
	if change.At.IsZero() {
		change.At = time.Now().Add(-72 * time.Hour)
	}
	c.said = map[string]cause.State{"orders 1": {Change: change, Versions: versions}}
}

// among plays with a lock and colleagues.
func among(t *testing.T, f func(p *people, c *colleagues)) {
	t.Helper()
	c := &colleagues{}
	playWith(t, false, func(cfg *alert.Config) { cfg.Causes, cfg.Max = c, 100 }, func(p *people) { f(p, c) })
}

func second(text string) string { return strings.Split(text, "\n")[1] }

func TestWhatCameBackIsSaid(t *testing.T) {
	for name, tc := range map[string]struct {
		change   cause.Change
		versions []string
		version  string
		want     string
	}{
		"resolved": {cause.Change{State: cause.Resolved, Note: "fixed in 41"}, nil, "",
			"came back: resolved 3 days ago by ada as 'fixed in 41'"},
		"without note": {cause.Change{State: cause.Resolved}, nil, "41", "came back: resolved 3 days ago by ada"},
		"an old version": {cause.Change{State: cause.Resolved, Note: "fixed in 41"}, []string{"39", "40"}, "40",
			"still seen in 40: resolved 3 days ago by ada as 'fixed in 41'"},
		"a new version": {cause.Change{State: cause.Resolved}, []string{"39", "40"}, "41",
			"came back: resolved 3 days ago by ada"},
		"no version": {cause.Change{State: cause.Resolved}, []string{"", "40"}, "",
			"came back: resolved 3 days ago by ada"},
		"not ignored now": {cause.Change{State: cause.Ignored, Until: time.Unix(1, 0)}, nil, "", ""},
		"reopened":        {cause.Change{State: cause.Open, Note: "no"}, nil, "", ""},
		"before":          {cause.Change{State: cause.Resolved, At: time.Now().Add(1e6 * time.Hour)}, nil, "", ""},
		"nobody":          {cause.Change{}, nil, "41", ""},
	} {
		t.Run(name, func(t *testing.T) {
			among(t, func(p *people, c *colleagues) {
				c.say(tc.change, tc.versions...)
				a := severe("1", "x")
				a.Version = tc.version
				p.happen(a)
				p.flush()
				p.want("ERROR orders 1: x")
				if got := second(p.text()); got != tc.want {
					t.Errorf("the second line is %q, want %q", got, tc.want)
				}
				var data map[string]string
				if err := json.Unmarshal([]byte(p.messages[0].Data), &data); err != nil {
					t.Fatal(err)
				}
				standing, _, _ := strings.Cut(tc.want, ":")
				if data["cause"] != strings.TrimSuffix(standing, " in 40") ||
					(data["resolved_by"] == "ada") != (tc.want != "") || (data["resolved"] != "") != (tc.want != "") {
					t.Errorf("%v", data)
				}
			})
		})
	}
}

func TestWhenItWasResolved(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		-time.Hour: "", time.Second: "just now", 61 * time.Second: "1 minute ago", 59 * time.Minute: "59 minutes ago",
		90 * time.Minute: "1 hour ago", 47 * time.Hour: "1 day ago", 400 * 24 * time.Hour: "400 days ago",
	} {
		among(t, func(p *people, c *colleagues) {
			c.say(cause.Change{State: cause.Resolved, At: time.Now().Add(-ago)})
			p.happen(severe("1", "x"))
			p.flush()
			if got := second(p.text()); (got != "") != (want != "") || !strings.Contains(got, want) {
				t.Errorf("after %v: %q", ago, got)
			}
		})
	}
}

// An ignored cause costs one read in a few minutes, and nothing of the lock but
// the count of what was held back.
func TestAnIgnoredCauseRaisesNoAlert(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		until := time.Now().Add(12 * time.Minute)
		c.say(cause.Change{State: cause.Ignored, Until: until})
		for range 50 {
			p.happen(severe("1", "x"))
			p.flush()
		}
		p.happen(severe("2", "y"))
		p.flush()
		p.want("ERROR orders 2: y")
		if len(c.asked) != 2 || strings.Contains(fmt.Sprint(p.asked[:3]), "release") {
			t.Errorf("%q were asked about, and of the lock %q", c.asked, p.asked)
		}
		time.Sleep(6 * time.Minute)
		p.happen(severe("1", "x"))
		p.flush()
		if len(c.asked) != 3 {
			t.Errorf("%q were asked about", c.asked)
		}
		time.Sleep(time.Until(until))
		p.happen(severe("1", "x"))
		p.flush()
		p.want("ERROR orders 2: y", "ERROR orders 1: x")
		if !strings.Contains(p.text(), "Similar alerts held back: about 51, the first at 2000-01-01") {
			t.Error(p.text())
		}
		if len(p.issues) > 0 {
			t.Errorf("%q", p.issues)
		}
	})
}

func TestAReopenedCauseIsHeardOf(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		c.say(cause.Change{State: cause.Ignored, Until: time.Now().Add(1e6 * time.Hour)})
		p.happen(severe("1", "x"))
		p.flush()
		c.said = nil
		time.Sleep(5*time.Minute + time.Second)
		p.happen(severe("1", "x"))
		p.flush()
		p.want("ERROR orders 1: x")
	})
}

// Errors without a locator are one group and many causes.
func TestErrorsWithoutALocatorAreIgnoredOneByOne(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		ignored := cause.Of("orders", "?", "", "no pears")
		c.said = map[string]cause.State{"orders " + ignored.Locator: {Change: cause.Change{
			Rev: 1, State: cause.Ignored, Until: time.Now().Add(time.Hour)}}}
		p.happen(severe("?", "no pears"))
		p.happen(severe("?", "no apples"))
		p.flush()
		p.want("ERROR orders ?: no apples")
		if len(c.asked) != 2 {
			t.Errorf("%q were asked about", c.asked)
		}
	})
}

// They still are one message, which says how many more there are.
func TestErrorsWithoutALocatorAreOneMessage(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		for _, fruit := range []string{"pears", "apples", "plums", "figs", "nuts", "dates"} {
			p.happen(severe("?", "no "+fruit))
		}
		if n := p.sender.Waiting(); n > 4 {
			t.Errorf("%d wait", n)
		}
		p.flush()
		p.want("ERROR orders ?: no pears")
		if !strings.Contains(p.text(), "Similar alerts held back: about 5,") || len(c.asked) != 1 {
			t.Errorf("%s\n%q were asked about", p.text(), c.asked)
		}
	})
}

// Only errors have causes: other records that alert are in the other table.
func TestOnlyErrorsAreAskedAbout(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		c.say(cause.Change{State: cause.Ignored, Until: time.Now().Add(time.Hour)})
		a := severe("1", "x")
		a.ErrorsTable = false
		p.happen(a)
		p.flush()
		p.want("ERROR orders 1: x")
		if len(c.asked) > 0 {
			t.Errorf("%q were asked about", c.asked)
		}
	})
}

// testCauseTime: whoever hangs delays one invocation a minute, and no alert.
func testCauseTime(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		c.hang = true
		for i := range 20 {
			p.happen(severe(fmt.Sprint(i), "x"))
			if held := p.flush(); held > 300*time.Millisecond || i > 0 && held > 0 {
				t.Errorf("held for %v", held)
			}
			time.Sleep(2 * time.Second)
		}
		if len(p.sent()) != 20 || fmt.Sprint(c.took) != "[300ms]" {
			t.Errorf("%d sent, %v", len(p.sent()), c.took)
		}
		time.Sleep(time.Minute)
		c.hang = false
		p.happen(severe("y", "x"))
		p.flush()
		if len(c.asked) != 2 || len(p.issues) > 0 {
			t.Errorf("%q were asked about, %q", c.asked, p.issues)
		}
	})
}

func testLastCauseTime(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		c.hang = true
		p.sender.Hurry()
		p.happen(severe("1", "x"))
		synctest.Wait()
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		if len(c.took) != 1 || len(p.sent()) != 1 {
			t.Errorf("%v, %q", c.took, p.sent())
		}
	})
}

// testCauseRests: what fails is not asked again for a while, and nothing is
// said.
func testCauseRests(t *testing.T) {
	for _, tc := range []struct {
		err  error
		rest time.Duration
	}{
		{errors.New("throttled"), time.Minute},
		{fmt.Errorf("%w: AccessDeniedException", alert.ErrWithheld), 15 * time.Minute},
	} {
		among(t, func(p *people, c *colleagues) {
			c.say(cause.Change{State: cause.Ignored, Until: time.Now().Add(time.Hour)})
			c.err = tc.err
			p.happen(severe("1", "x"))
			p.flush()
			c.err = nil
			time.Sleep(tc.rest - time.Second)
			p.happen(severe("2", "x"))
			p.flush()
			if time.Sleep(2 * time.Second); len(c.asked) != 1 {
				t.Errorf("%v: %q were asked about", tc.err, c.asked)
			}
			p.happen(severe("3", "x"))
			p.flush()
			if len(c.asked) != 2 || len(p.sent()) != 3 || len(p.issues) > 0 {
				t.Errorf("%v: %q were asked about, %q, %q", tc.err, c.asked, p.sent(), p.issues)
			}
		})
	}
}

func testMaxIgnored(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		c.said = map[string]cause.State{}
		for i := range 300 {
			c.said[fmt.Sprint("orders ", i)] = cause.State{Change: cause.Change{
				Rev: 1, State: cause.Ignored, Until: time.Now().Add(time.Hour)}}
			p.happen(severe(fmt.Sprint(i), "x"))
			p.flush()
		}
		p.want()
		for i := range 300 {
			p.happen(severe(fmt.Sprint(i), "x"))
			p.flush()
		}
		p.want()
		if n := len(c.asked) - 300; n < 44 || n > 300 {
			t.Errorf("%d were asked about again, want those beyond 256", n)
		}
	})
}

// While the tables are known not to answer, nobody is asked.
func TestNobodyIsAskedWhileDynamoDBIsDown(t *testing.T) {
	c := &colleagues{hang: true}
	playWith(t, false, func(cfg *alert.Config) {
		cfg.Causes, cfg.Down = c, func() bool { return true }
	}, func(p *people) {
		p.happen(severe("1", "x"))
		if held := p.flush(); held > 0 || len(c.asked) > 0 {
			t.Errorf("held for %v, %q were asked about", held, c.asked)
		}
		p.want("ERROR orders 1: x")
	})
}

// What people have written is cleaned once more, as whatever goes to people.
func TestAHostilePastIsCleaned(t *testing.T) {
	among(t, func(p *people, c *colleagues) {
		c.say(cause.Change{State: cause.Resolved, Note: hostile() + "\n\nfunction  other"}, hostile())
		a := severe("1", "x")
		a.Version = hostile()
		p.happen(a)
		p.flush()
		m := p.messages[0]
		if why := bad(m.Text, true) + bad(m.Data, true); why != "" || strings.Contains(m.Text, "\nfunction  other") {
			t.Errorf("%s in\n%s", why, m.Text)
		}
	})
}
