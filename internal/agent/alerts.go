package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/store"
)

// lastAlertTime is the part of SHUTDOWN that is kept for alerts whose rows are
// not written by then.
const lastAlertTime = 350 * time.Millisecond

// rowPatience is how long at SHUTDOWN an alert waits for DynamoDB to take its row
// before /tmp does: a few times what DynamoDB usually needs.
const rowPatience = 300 * time.Millisecond

// Alerts say who is told of what. The Agent fills in the rest of Send.
type Alerts struct {
	Send  alert.Config
	From  level.Level // the level from which on the configured topics are told
	Allow alert.Allow // topics that a line may ask for; none: it may not ask
}

// newAlerts starts what sends alerts, if any are wanted.
func (a *Agent) newAlerts() {
	if a.cfg.Alerts == nil {
		return
	}
	c := a.cfg.Alerts.Send
	c.Report, c.Issue, c.Now = a.cfg.Diag, a.alertIssue, a.cfg.Now
	c.Sealed = a.sealed
	c.Down = a.cfg.Store.Resting // the lock is in one of the Store's tables
	c.Panicked = func(v any) {
		a.cfg.Diag.Fail("alerts panic", "internal error: no more alerts are sent by this process; rows are stored as before",
			"please report this line", "panic", fmt.Sprintf("%T", v))
	}
	a.alerts = alert.New(c)
}

// add stores a row, and has people told of it if it is severe or asks for it.
func (a *Agent) add(e store.Entry) { a.addLine(e, true) }

// addLine is add for a row that may or may not ask for an alert by itself.
func (a *Agent) addLine(e store.Entry, mayAsk bool) {
	if a.alerts == nil {
		a.cfg.Store.Add(e)
		return
	}
	var requests []alert.Request
	var refused []string
	if mayAsk && len(a.cfg.Alerts.Allow) > 0 {
		requests, refused = alert.Requests(e.Fields, a.cfg.Alerts.Allow)
	}
	a.expect(&e, requests)
	a.cfg.Store.Add(e)
	if len(refused) > 0 {
		a.refuse(ownIssue(e.Locator), e.Module, e.RequestID, strings.Join(refused, "; "))
	}
}

// expect hooks an alert on a row: it is sent when the row is safe.
func (a *Agent) expect(e *store.Entry, requests []alert.Request) {
	level, ok := a.cfg.Scale.Find(e.Level)
	severe := ok && level.Rank >= a.cfg.Alerts.From.Rank
	if a.alerts == nil || !severe && len(requests) == 0 {
		return
	}
	text, exception := parts(e)
	own := strings.Clone // the entry's memory is used again
	e.Kept = a.alerts.Expect(&alert.Alert{
		Time: e.Time, Level: e.Level, Module: own(e.Module), Locator: own(e.Locator), Text: own(text), Exception: own(exception), RequestID: own(e.RequestID),
		Configured: severe, Requests: requests, ErrorsTable: e.Error,
	})
}

// parts takes a row's message apart again.
func parts(e *store.Entry) (text, exception string) {
	text = e.Message
	if e.ExceptionAt >= 0 && e.ExceptionAt <= len(text) {
		text, exception = text[:e.ExceptionAt], text[e.ExceptionAt:]
	}
	text = strings.TrimPrefix(text, e.Level+": ("+e.Locator+")")
	return strings.TrimSpace(text), exception
}

// The locator of an issue that came from the alerting: the line's own, or alert,
// with the + of what comes from outside the module.
const configuredIssue = "alert+"

func ownIssue(locator string) string { return strings.TrimSuffix(locator, "+") + "+" }

// alertIssue stores what became of an alert.
func (a *Agent) alertIssue(about *alert.Alert, own bool, text string) {
	locator, module, id := configuredIssue, a.cfg.Module, ""
	if about != nil {
		id = about.RequestID
		if own {
			locator, module = ownIssue(about.Locator), about.Module
		}
	}
	a.refuse(locator, module, id, text)
}

// AlertsRefused stores what was refused of the settings of alerting. It is
// called before Run.
func (a *Agent) AlertsRefused(refused []string) {
	for _, text := range refused {
		a.refuse(configuredIssue, a.cfg.Module, initRequest, text)
	}
}

// refuse stores an issue of the alerting. It never becomes an alert itself.
func (a *Agent) refuse(locator, module, id, text string) {
	line := parse.Line{Level: a.cfg.Scale.Warn(), Locator: locator, Module: module, Text: text}
	a.cfg.Store.Add(a.entry(&line, id, a.cfg.Now()))
	a.refusals.Add(1)
}

// startAlerts sends beside the function what could not be sent before.
func (a *Agent) startAlerts() {
	if a.alerts != nil {
		a.alerts.Start()
	}
}

// sendAlerts sends what is due within what is left of a hold, and stores what
// there is to say of it.
func (a *Agent) sendAlerts(ctx context.Context) {
	if a.alerts == nil {
		return
	}
	before := a.refusals.Load()
	a.alerts.Flush(ctx)
	if a.refusals.Load() != before && a.cfg.Store.Flush(ctx) != nil {
		a.cfg.Store.Persist()
	}
}

// hastenAlerts has /tmp take the rows that alerts wait for, beside a flush at
// SHUTDOWN: a DynamoDB that hangs would use up the time for both.
func (a *Agent) hastenAlerts(ctx context.Context) {
	tick := time.NewTicker(rowPatience)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if a.alerts.Unsafe() > 0 {
				a.cfg.Store.Persist()
			}
		case <-ctx.Done():
			return
		}
	}
}

// closeAlerts sends what is left, until shortly before end. Rows that are not
// written yet go to the spill before their alerts leave; the issues of what
// could not be sent are written last.
func (a *Agent) closeAlerts(ctx context.Context, end time.Time) {
	if a.alerts == nil {
		return
	}
	if a.alerts.Waiting() > 0 && a.cfg.Store.Waiting() > 0 {
		a.cfg.Store.PersistUntil(end.Add(-lastResortTime))
	}
	left := end.Sub(a.cfg.Now())
	ctx, cancel := context.WithTimeout(ctx, left-min(lastResortTime, left/2))
	defer cancel()
	sending, stop := context.WithTimeout(ctx, (left-min(lastResortTime, left/2))*3/4)
	defer stop()
	before := a.refusals.Load()
	a.alerts.Close(sending)
	if a.refusals.Load() != before {
		_ = a.flushLast(ctx) // what is not written goes to the log
	}
}
