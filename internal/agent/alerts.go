package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/version"
)

// lastAlertTime is the part of SHUTDOWN that is kept for alerts whose rows are
// not written by then.
const lastAlertTime = 350 * time.Millisecond

// rowPatience is how long at SHUTDOWN an alert waits for DynamoDB to take its
// row before /tmp does: a few times what DynamoDB usually needs.
const rowPatience = 300 * time.Millisecond

// Alerts says who is alerted of what. The Agent fills in the rest of Send.
type Alerts struct {
	Send  alert.Config
	From  level.Level // the least level that is alerted to the configured topics
	Allow alert.Allow // topics that a line may ask for; none: it may not ask
}

// newAlerts starts what sends alerts, if any are wanted.
func (a *Agent) newAlerts() {
	if a.cfg.Alerts == nil {
		return
	}
	c := a.cfg.Alerts.Send
	c.Report, c.Issue, c.Now = a.cfg.Diag, a.alertIssue, a.cfg.Now
	c.Sealed = a.beforeSnapshot
	c.Down = a.cfg.Store.Resting // the lock is in one of the Store's tables
	c.Panicked = func(v any) {
		a.cfg.Diag.Fail("alerts panic",
			"internal error: this process sends no more alerts; rows are still stored",
			diag.Report, "version", version.Number(), "panic", fmt.Sprintf("%T", v))
	}
	a.alerts = alert.New(c)
}

// add stores a row, and has an alert sent if it is severe or asks for one.
func (a *Agent) add(r row) {
	if a.alerts == nil {
		a.cfg.Store.Add(r.Entry)
		return
	}
	var requests []alert.Request
	var refused []string
	if r.asks && len(a.cfg.Alerts.Allow) > 0 {
		// From the masked fields, as they leave the process.
		requests, refused = alert.Requests(r.Fields, a.cfg.Alerts.Allow)
	}
	a.expect(&r, requests)
	a.cfg.Store.Add(r.Entry)
	if len(refused) > 0 {
		a.storeAlertIssue(issueLocator(r.Locator), r.Module, r.RequestID, strings.Join(refused, "; "))
	}
}

// expect hooks an alert on a row: it is sent when the row is safe.
func (a *Agent) expect(r *row, requests []alert.Request) {
	level, ok := a.cfg.Rows.Scale.Find(r.Level)
	severe := ok && level.Rank >= a.cfg.Alerts.From.Rank
	if !severe && len(requests) == 0 {
		return
	}
	own := strings.Clone // the row's memory is used again
	r.Kept = a.alerts.Expect(&alert.Alert{
		Time: r.Time, Level: r.Level, Module: own(r.Module), Locator: own(r.Locator),
		Text: own(r.text()), Exception: own(r.exception()), RequestID: own(r.RequestID), TraceID: own(r.traceID()),
		Version:    own(r.version()),
		Configured: severe, Requests: requests, ErrorsTable: r.Error,
	})
}

// settingsIssue is the locator of an issue with the settings of alerting, with
// the + of what comes from outside the module.
const settingsIssue = "alert+"

// issueLocator is the locator of an issue with the alert of a line.
func issueLocator(line string) string { return strings.TrimSuffix(line, "+") + "+" }

// alertIssue stores what became of an alert.
func (a *Agent) alertIssue(about *alert.Alert, own bool, text string) {
	locator, module, id := settingsIssue, a.cfg.Rows.Module, ""
	if about != nil {
		id = about.RequestID
		if own {
			locator, module = issueLocator(about.Locator), about.Module
		}
	}
	a.storeAlertIssue(locator, module, id, text)
}

// AlertsRefused stores what was refused of the settings of alerting. It is
// called before Run.
func (a *Agent) AlertsRefused(refused []string) {
	for _, text := range refused {
		a.storeAlertIssue(settingsIssue, a.cfg.Rows.Module, initRequest, text)
	}
}

// storeAlertIssue stores an issue of the alerting. It never becomes an alert
// itself.
func (a *Agent) storeAlertIssue(locator, module, id, text string) {
	line := parse.Line{Level: a.cfg.Rows.Scale.Warn(), Locator: locator, Module: module, Text: text}
	a.cfg.Store.Add(a.row(line, id, a.cfg.Now()).Entry)
	a.alertIssues.Add(1)
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
	before := a.alertIssues.Load()
	a.alerts.Flush(ctx)
	if a.alertIssues.Load() != before && a.cfg.Store.Flush(ctx) != nil {
		a.cfg.Store.Persist()
	}
}

// persistForAlerts has /tmp take the rows that alerts wait for, beside a flush
// at SHUTDOWN: a DynamoDB that hangs would use up the time for both.
func (a *Agent) persistForAlerts(ctx context.Context) {
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
	before := a.alertIssues.Load()
	a.alerts.Close(sending)
	if a.alertIssues.Load() != before {
		_ = a.flushLast(ctx) // what is not written goes to the log
	}
}
