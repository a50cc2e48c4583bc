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
// window began, and slots, how many alerts have been sent in it.
package lock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/awsenv"
)

const (
	sortKey = "lock"
	// all stands for the function as a whole in place of a group's hash.
	all = "all"
	// keep is how long an item outlives its last change, beyond the window: for
	// so long the next message can say what was held back.
	keep = 30 * 24 * time.Hour
)

// A Client is what Table needs of *dynamodb.Client.
type Client interface {
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// A Table is the lock of one environment. Its errors say what to do.
type Table struct {
	Client   Client
	Name     string // of the informational table, or its ARN
	Function string
	Holder   string        // this environment, as no other; "" is made up with the first use
	Window   time.Duration // at least a second
	Max      int           // alerts of the function a window
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
	u.condition = "(attribute_not_exists(#sent) OR #sent <= :over) AND (attribute_not_exists(#lease) OR #lease <= :now OR #holder = :me)"
	u.number(":lease", ms(now.Add(alert.Lease)))
	u.number(":now", ms(now))
	u.number(":over", ms(now.Add(-t.Window)))
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
	case sent > ms(now.Add(-t.Window)):
		answer.Verdict, answer.Until = alert.Sent, time.UnixMilli(sent).Add(t.Window)
	default:
		// A lease that another's clock has put far ahead counts as one from now.
		answer.Verdict, answer.Until = alert.Leased, earlier(time.UnixMilli(item.number("lease")), now.Add(alert.Lease))
	}
	return answer, nil
}

// Slot takes one of the function's places in this window. Which environment says
// that there are no more is decided by taking one place too many.
func (t *Table) Slot(ctx context.Context) (alert.Answer, error) {
	for range 3 {
		now := t.Now()
		take := t.update(all, "SET #slots = #slots + :one, #expiry = :expiry")
		take.condition = "#opened > :over AND #slots <= :most"
		take.number(":one", 1)
		take.number(":most", int64(t.Max))
		take.number(":over", ms(now.Add(-t.Window)))
		take.returns = types.ReturnValueAllNew
		item, passed, err := take.do(ctx)
		if err != nil {
			return alert.Answer{}, err
		}
		if !passed && item.number("opened") <= ms(now.Add(-t.Window)) {
			// The window is over, or there was none. Somebody else may open the
			// next one first.
			opened, err := t.open(ctx, now)
			if err != nil || opened {
				return alert.Answer{}, err
			}
			continue
		}
		opened := item.number("opened")
		answer := alert.Answer{Until: time.UnixMilli(opened).Add(t.Window), Window: strconv.FormatInt(opened, 10)}
		switch {
		case !passed:
			answer.Verdict = alert.Full
		case item.number("slots") > int64(t.Max):
			answer.Verdict = alert.Last
		}
		return answer, nil
	}
	return alert.Answer{}, errors.New("the clocks of this function's environments disagree by more than a window")
}

// open begins the function's next window with one place taken.
func (t *Table) open(ctx context.Context, now time.Time) (opened bool, err error) {
	u := t.update(all, "SET #opened = :now, #slots = :one, #expiry = :expiry")
	u.condition = "attribute_not_exists(#opened) OR #opened <= :over"
	u.number(":now", ms(now))
	u.number(":one", 1)
	u.number(":over", ms(now.Add(-t.Window)))
	_, opened, err = u.do(ctx)
	return opened, err
}

// Sent ends the lease: no alert of the group is sent in the window that begins
// now. What was told of is no longer counted; what others have added since is.
func (t *Table) Sent(ctx context.Context, group string, told alert.Held) error {
	u := t.update(group, "SET #sent = :now, #held = if_not_exists(#held, :none) - :told, #expiry = :expiry REMOVE #lease, #holder, #first")
	u.condition = "#holder = :me"
	u.number(":now", ms(t.Now()))
	u.number(":none", 0)
	u.number(":told", int64(told.Count))
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

// Count adds what this environment held back.
func (t *Table) Count(ctx context.Context, group string, held alert.Held) error {
	u := t.update(group, "SET #first = if_not_exists(#first, :first), #last = :last, #expiry = :expiry ADD #held :count")
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

// attributes are the names that expressions use with # in front; some are
// reserved words of DynamoDB.
var attributes = []string{"sent", "lease", "holder", "held", "first", "last", "expiry", "opened", "slots"}

// An update is one conditional UpdateItem.
type update struct {
	table      *Table
	group      string
	expression string
	condition  string
	values     item
	returns    types.ReturnValue
}

func (t *Table) update(group, expression string) *update {
	if t.Holder == "" {
		t.Holder = rand.Text() // not before: a process may be cloned after its start
	}
	u := &update{table: t, group: group, expression: expression, values: item{}, returns: types.ReturnValueAllOld}
	u.number(":expiry", t.Now().Add(t.Window+keep).Unix())
	return u
}

func (u *update) number(name string, n int64) {
	u.values[name] = &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func (u *update) text(name, s string) { u.values[name] = &types.AttributeValueMemberS{Value: s} }

// do returns the item as it was (or, with returns, is), and whether the
// condition held.
func (u *update) do(ctx context.Context) (it item, passed bool, err error) {
	in := &dynamodb.UpdateItemInput{
		TableName: &u.table.Name,
		Key: map[string]types.AttributeValue{
			"date":      &types.AttributeValueMemberS{Value: "alert#" + u.table.Function + "#" + u.group},
			"stamp_mod": &types.AttributeValueMemberS{Value: sortKey},
		},
		UpdateExpression:                    &u.expression,
		ExpressionAttributeNames:            u.names(),
		ExpressionAttributeValues:           u.values,
		ReturnValues:                        u.returns,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if u.condition != "" {
		in.ConditionExpression = &u.condition
	}
	out, err := u.table.Client.UpdateItem(ctx, in)
	var failed *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		return out.Attributes, true, nil
	case errors.As(err, &failed):
		return failed.Item, false, nil
	}
	return nil, false, u.table.explain(err)
}

// names are those that the expressions mention: DynamoDB refuses others.
func (u *update) names() map[string]string {
	names := map[string]string{}
	for _, name := range attributes {
		if mentions(u.expression, "#"+name) || mentions(u.condition, "#"+name) {
			names["#"+name] = name
		}
	}
	return names
}

func mentions(expression, name string) bool {
	for i := 0; i+len(name) <= len(expression); i++ {
		if expression[i:i+len(name)] == name && (i+len(name) == len(expression) || expression[i+len(name)] < 'a') {
			return true
		}
	}
	return false
}

// explain turns an error into words without anybody's data.
func (t *Table) explain(err error) error {
	var unsigned *awsenv.CredentialsError
	if errors.As(err, &unsigned) { // before all else: its cause is not DynamoDB's
		return fmt.Errorf("%w: %s", unsigned, unsigned.Advice)
	}
	var api smithy.APIError
	if errors.As(err, &api) && awsenv.Code(api.ErrorCode()) != "" {
		return t.explainCode(awsenv.Code(api.ErrorCode()), api.ErrorMessage())
	}
	var resp *awshttp.ResponseError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errors.New("no answer in time")
	case errors.As(err, &resp) && resp.HTTPStatusCode() != 0:
		return fmt.Errorf("HTTP %d", resp.HTTPStatusCode())
	}
	return errors.New("no connection")
}

func (t *Table) explainCode(code, message string) error {
	switch {
	case awsenv.Denied(code):
		if d, ok := awsenv.ParseDenial(message); ok {
			return fmt.Errorf("%s: %s: %s", code, d, d.Advice())
		}
		return fmt.Errorf("%s: allow the function's role dynamodb:UpdateItem on table %s", code, t.Name)
	case awsenv.Throttled(code):
		// All environments of a function write to one item here, and a partition
		// takes 1,000 units a second.
		return fmt.Errorf("%w (%s)", alert.ErrBusy, code)
	case awsenv.ClockOff(code, message):
		return fmt.Errorf("%s: %s", code, awsenv.ClockAdvice)
	case awsenv.Expired(code) && t.Refresh != nil:
		t.Refresh()
	}
	return errors.New(code)
}

// An item is what DynamoDB has.
type item map[string]types.AttributeValue

// number is an attribute's value; 0 where there is none.
func (it item) number(name string) int64 {
	n, ok := it[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	v, _ := strconv.ParseInt(n.Value, 10, 64) // nobody else writes here; 0 does no harm
	return v
}

func (it item) held() alert.Held {
	h := alert.Held{Count: int(it.number("held"))}
	if first, last := it.number("first"), it.number("last"); h.Count > 0 && last > 0 {
		if first == 0 {
			first = last
		}
		h.First, h.Last = time.UnixMilli(first), time.UnixMilli(last)
	}
	return h
}
