package lock

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/jsonscan"
)

// attributes are the names that expressions use with # in front, because some
// are reserved words of DynamoDB. None begins another.
var attributes = []string{"sent", "lease", "holder", "held", "first", "last", "expiry", "opened", "slots"}

// An update is one conditional UpdateItem.
type update struct {
	table      *Table
	group      string
	expression string
	condition  string
	values     []byte // members of a JSON object, each behind a comma
	returns    string // which item a success returns: ALL_OLD or ALL_NEW
}

func (t *Table) update(group, expression string) *update {
	if t.Holder == "" {
		t.Holder = rand.Text() // not before: a process may be cloned after its start
	}
	u := &update{table: t, group: group, expression: expression, returns: "ALL_OLD"}
	u.number(":expiry", t.Now().Add(t.Window+keep).Unix())
	return u
}

func (u *update) number(name string, n int64) {
	u.values = fmt.Appendf(u.values, `,"%s":{"N":"%d"}`, name, n)
}

func (u *update) text(name, s string) {
	u.values = fmt.Appendf(u.values, `,"%s":{"S":%s}`, name, quote(s))
}

// quote makes a JSON string of s.
func quote(s string) []byte { return jsonscan.AppendQuote(nil, strings.ToValidUTF8(s, "\uFFFD")) }

// do returns the item as it was (or, with returns, is), and whether the
// condition held.
func (u *update) do(ctx context.Context) (it item, passed bool, err error) {
	answer, err := u.table.Client.Call(ctx, "UpdateItem", u.body())
	if err == nil {
		return itemIn(answer, `"Attributes"`), true, nil
	}
	if f := awsenv.FailureOf(err); f.Code == "ConditionalCheckFailedException" {
		return itemIn(f.Answer, `"Item"`), false, nil
	}
	return nil, false, u.table.explain(err)
}

// body is the request's.
func (u *update) body() []byte {
	b := fmt.Appendf(nil, `{"TableName":%s,"Key":{"date":{"S":%s},"stamp_mod":{"S":"%s"}}`,
		quote(u.table.Name), quote(u.table.key(u.group)), sortKey)
	b = fmt.Appendf(b, `,"UpdateExpression":%s`, quote(u.expression))
	if u.condition != "" {
		b = fmt.Appendf(b, `,"ConditionExpression":%s`, quote(u.condition))
	}
	b = fmt.Appendf(b, `,"ExpressionAttributeNames":{%s},"ExpressionAttributeValues":{%s}`, u.names(), u.values[1:])
	return fmt.Appendf(b, `,"ReturnValues":"%s","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`, u.returns)
}

// names are the members for the names that the expressions mention: DynamoDB
// refuses others.
func (u *update) names() []byte {
	var names []byte
	for _, name := range attributes {
		if strings.Contains(u.expression+" "+u.condition, "#"+name) {
			names = fmt.Appendf(names, `,"#%s":"%s"`, name, name)
		}
	}
	return names[1:]
}

// An item is what DynamoDB has: the numbers of it.
type item map[string]int64

// itemIn returns the item that is a member of an answer, without numbers if
// there is none.
func itemIn(answer []byte, member string) item {
	if jsonscan.Value(answer) == 0 {
		return nil
	}
	return readItem(jsonscan.Object(answer).Find(member))
}

// readItem reads the attributes that are numbers. Nobody else writes here; what
// is not one of ours does no harm.
func readItem(object []byte) item {
	it := make(item)
	for name, attribute := range jsonscan.Object(object).Members {
		for kind, value := range jsonscan.Object(attribute).Members {
			if string(kind) == `"N"` && len(value) > 2 {
				n, _ := strconv.ParseInt(string(value[1:len(value)-1]), 10, 64)
				it[string(name[1:len(name)-1])] = n
			}
		}
	}
	return it
}

// number is an attribute's value; 0 where there is none.
func (it item) number(name string) int64 { return it[name] }

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
