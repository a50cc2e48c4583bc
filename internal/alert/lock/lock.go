// Package lock is the alert.Lock that all environments of a function share: a
// few items in the informational table.
//
// They have the table's keys: date is alert#<function>#<hash>, which no day is,
// so that no query for rows sees them, and stamp_mod is the word lock. Their
// expiry is DynamoDB's to heed, as a row's.
//
//	sent     epoch milliseconds: when the last alert of the group was sent
//	lease    epoch milliseconds: until when holder is about to send one
//	holder   the environment that is
//	held     how many were held back since, about
//	first    epoch milliseconds: when the first of them came
//	last     and the last
//
// The function's own item, whose hash is the word all, has opened, when its
// window began, and slots, how many messages have been published in it, or one
// and more too many once somebody found too few left. Its held, first and last
// are of all groups that have no item of their own.
//
// What is more than alert.Skew ahead of the reader's clock is not believed: one
// environment whose clock is wrong would mute all others until then. It cannot
// be known whose clock that is; each environment's own memory keeps the one
// that is wrong to one message of a group in a window, too.
package lock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/dynamo"
)

const (
	sortKey = "lock"
	// all stands for the function as a whole in place of a group's hash.
	all = "all"
	// keep is how long an item outlives its last change, beyond the window: for
	// so long the next message can say what was held back.
	keep = 30 * 24 * time.Hour
	// openTries is how often a window is looked for that others open meanwhile.
	openTries = 3
)

// A Client is what Table needs of *dynamo.Client.
type Client interface {
	Call(ctx context.Context, operation string, body []byte) (answer []byte, err error)
}

// A Table is the lock of one environment. Its errors say what to do.
type Table struct {
	Client   Client
	Name     string // of the informational table, or its ARN
	Function string
	Holder   string        // this environment, as no other; "" is made up with the first use
	Window   time.Duration // at least a second
	Max      int           // publishes of the function a window
	Now      func() time.Time
	// Refresh is called when DynamoDB says that the credentials have expired.
	Refresh func()
}

var _ alert.Lock = (*Table)(nil)

// Acquire asks to send for a group: it may if none was sent in this window and
// nobody else is about to.
func (t *Table) Acquire(ctx context.Context, group string) (alert.Answer, error) {
	now := t.Now()
	u := t.update(group, "SET #lease = :lease, #holder = :me, #expiry = :expiry")
	u.condition = "(attribute_not_exists(#sent) OR #sent <= :over OR #sent > :ahead) AND " +
		"(attribute_not_exists(#lease) OR #lease <= :now OR #lease > :far OR #holder = :me)"
	u.number(":lease", ms(now.Add(alert.Lease)))
	u.number(":now", ms(now))
	u.number(":over", ms(now.Add(-t.Window)))
	u.number(":ahead", ms(now.Add(alert.Skew)))
	u.number(":far", ms(now.Add(alert.Lease+alert.Skew)))
	u.text(":me", t.Holder)
	item, passed, err := u.do(ctx)
	if err != nil {
		return alert.Answer{}, err
	}
	sent := item.number("sent")
	answer := alert.Answer{Held: item.held(), Window: strconv.FormatInt(sent, 10)}
	switch {
	case passed:
		answer.Verdict = alert.Granted
	case t.current(sent, now):
		answer.Verdict, answer.Until = alert.Sent, time.UnixMilli(sent).Add(t.Window)
	default:
		// A lease that another's clock has put ahead counts as one from now.
		answer.Verdict, answer.Until = alert.Leased, earlier(time.UnixMilli(item.number("lease")), now.Add(alert.Lease))
	}
	return answer, nil
}

// current reports whether the window is that begins at a time, in epoch
// milliseconds.
func (t *Table) current(began int64, now time.Time) bool {
	return began > ms(now.Add(-t.Window)) && began <= ms(now.Add(alert.Skew))
}

// Places takes up to n of the function's places in this window, by one call.
// Which environment says that there are no more is decided by taking more than
// there are.
func (t *Table) Places(ctx context.Context, n int) (alert.Answer, error) {
	for range openTries {
		now := t.Now()
		take := t.update(all, "SET #slots = #slots + :n, #expiry = :expiry")
		take.condition = "#opened > :over AND #opened <= :ahead AND #slots <= :most"
		take.number(":n", int64(n))
		take.number(":most", int64(t.Max))
		take.number(":over", ms(now.Add(-t.Window)))
		take.number(":ahead", ms(now.Add(alert.Skew)))
		take.returns = "ALL_NEW"
		item, passed, err := take.do(ctx)
		if err != nil {
			return alert.Answer{}, err
		}
		opened, taken := item.number("opened"), item.number("slots")
		switch {
		case passed && !t.current(opened, now): // the item is not what the condition is about
			return alert.Answer{}, errForeign
		case passed:
			return t.granted(opened, taken-int64(n), n), nil
		case t.current(opened, now):
			return t.granted(opened, int64(t.Max)+1, n), nil
		}
		// The window is over, or there was none. Somebody else may open the
		// next one first.
		held, passed, err := t.open(ctx, now, n)
		if err != nil {
			return alert.Answer{}, err
		}
		if passed {
			answer := t.granted(ms(now), 0, n)
			answer.Held = held
			return answer, nil
		}
	}
	return alert.Answer{}, errors.New("the clocks of this function's environments disagree by more than a window")
}

// granted is the answer to who wanted n places where so many were taken before.
func (t *Table) granted(opened, before int64, n int) alert.Answer {
	left := int64(t.Max) - before
	answer := alert.Answer{
		Until: time.UnixMilli(opened).Add(t.Window), Window: strconv.FormatInt(opened, 10),
		Places: int(max(0, min(left, int64(n)))),
	}
	switch {
	case left < 0:
		answer.Verdict = alert.Full
	case left < int64(n):
		answer.Verdict = alert.Last
	default:
		answer.Verdict = alert.Granted
	}
	return answer
}

// open begins the function's next window with n places taken. held is what all
// groups without an item of their own held back before.
func (t *Table) open(ctx context.Context, now time.Time, n int) (held alert.Held, opened bool, err error) {
	u := t.update(all, "SET #opened = :now, #slots = :n, #expiry = :expiry REMOVE #held, #first, #last")
	u.condition = "attribute_not_exists(#opened) OR #opened <= :over OR #opened > :ahead"
	u.number(":now", ms(now))
	u.number(":n", int64(n))
	u.number(":over", ms(now.Add(-t.Window)))
	u.number(":ahead", ms(now.Add(alert.Skew)))
	old, opened, err := u.do(ctx)
	return old.held(), opened, err
}

// Sent ends the lease: no alert of the group is sent in the window that begins
// now. What was told of is no longer counted; what others have added since is.
func (t *Table) Sent(ctx context.Context, group string, reported alert.Held) error {
	u := t.update(group, "SET #sent = :now, #held = if_not_exists(#held, :none) - :reported, #expiry = :expiry "+
		"REMOVE #lease, #holder, #first")
	u.condition = "#holder = :me"
	u.number(":now", ms(t.Now()))
	u.number(":none", 0)
	u.number(":reported", int64(reported.Count))
	u.text(":me", t.Holder)
	_, _, err := u.do(ctx)
	return err
}

// Release ends the lease without anything having been sent.
func (t *Table) Release(ctx context.Context, group string) error {
	u := t.update(group, "SET #expiry = :expiry REMOVE #lease, #holder")
	u.condition = "#holder = :me"
	u.text(":me", t.Holder)
	_, _, err := u.do(ctx)
	return err
}

// Count adds what this environment held back, to the function's own item for
// alert.Others.
func (t *Table) Count(ctx context.Context, group string, held alert.Held) error {
	if group == alert.Others {
		group = all
	}
	u := t.update(group, "SET #first = if_not_exists(#first, :first), #last = :last, #expiry = :expiry "+
		"ADD #held :count")
	u.number(":first", ms(held.First))
	u.number(":last", ms(held.Last))
	u.number(":count", int64(held.Count))
	_, _, err := u.do(ctx)
	return err
}

func ms(t time.Time) int64 { return t.UnixMilli() }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// errForeign is for an answer that DynamoDB cannot have given.
var errForeign = errors.New("the answer is not from DynamoDB: " +
	"check AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB and HTTPS_PROXY")

// explain turns an error into words without anybody's data.
func (t *Table) explain(err error) error {
	var unsigned *awsenv.CredentialsError
	if errors.As(err, &unsigned) { // before all else: its cause is not DynamoDB's
		return fmt.Errorf("%w: %s", unsigned, unsigned.Advice)
	}
	answer := awsenv.FailureOf(err)
	switch {
	case answer.Code != "":
		return t.explainAnswer(answer)
	case errors.Is(err, dynamo.ErrForeignAnswer):
		return errForeign
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errors.New("no answer in time")
	case answer.Status != 0:
		return fmt.Errorf("HTTP %d", answer.Status)
	}
	return errors.New("no connection")
}

// statement is what the function's role needs: the items of this function, and
// of no other. The table's ARN is the one that AWS names, if it does.
func (t *Table) statement(arn string) string {
	switch {
	case arn != "":
	case strings.HasPrefix(t.Name, "arn:"):
		arn = t.Name
	default:
		arn = "arn:aws:dynamodb:*:*:table/" + t.Name
	}
	return `{"Effect":"Allow","Action":"dynamodb:UpdateItem","Resource":"` + arn +
		`","Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":"` + t.key("*") + `"}}}`
}

// key is the partition key of a group's item.
func (t *Table) key(group string) string { return "alert#" + t.Function + "#" + group }

// explainAnswer is explain for an answer of DynamoDB's that has an error code.
func (t *Table) explainAnswer(a awsenv.Failure) error {
	switch a.Class {
	case awsenv.Denied:
		return t.explainDenial(a)
	case awsenv.Throttled:
		// All environments of a function write to one item here, and a
		// partition takes 1,000 units a second.
		return fmt.Errorf("%w (%s)", alert.ErrBusy, a.Code)
	case awsenv.ClockOff:
		return fmt.Errorf("%s: %s", a.Code, awsenv.ClockAdvice)
	case awsenv.Expired:
		if t.Refresh != nil {
			t.Refresh()
		}
	}
	return errors.New(a.Code)
}

func (t *Table) explainDenial(a awsenv.Failure) error {
	d, ok := awsenv.ParseDenial(a.Message)
	switch {
	case ok && d.OfRole() && d.Action == "dynamodb:UpdateItem":
		return fmt.Errorf("%s: %s: add to the policy of the function's role: %s", a.Code, d, t.statement(d.Resource))
	case ok:
		return fmt.Errorf("%s: %s: %s", a.Code, d, d.Advice())
	}
	return fmt.Errorf("%s: add to the policy of the function's role: %s", a.Code, t.statement(""))
}
