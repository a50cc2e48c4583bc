// Package causeitem has a cause's State as the AWS SDK's item, for readers and
// the command-line tool. The layer does without: see package cause.
package causeitem

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/row"
)

// An Item is an item of DynamoDB's.
type Item = map[string]types.AttributeValue

// Of returns the state as an item.
func Of(s *cause.State) Item {
	item := change(&s.Change)
	item[row.AttrDate], item[row.AttrStampMod] = text(s.Date()), text(s.StampMod())
	item[row.AttrMessage] = text(s.Message())
	if len(s.Versions) > 0 {
		versions := &types.AttributeValueMemberL{}
		for _, v := range s.Versions {
			versions.Value = append(versions.Value, text(v))
		}
		item[cause.AttrVersions] = versions
	}
	if len(s.History) > 0 {
		history := &types.AttributeValueMemberL{}
		for i := range s.History {
			history.Value = append(history.Value, &types.AttributeValueMemberM{Value: change(&s.History[i])})
		}
		item[cause.AttrHistory] = history
	}
	return item
}

// Key is the key of a cause's item.
func Key(id cause.ID) Item {
	return Item{row.AttrDate: text(id.Date()), row.AttrStampMod: text(id.StampMod())}
}

// Decode reads the item of a state. ok is false if it is not one. What is odd
// in it is left out: others can write to the table.
func Decode(item Item) (s cause.State, ok bool) {
	date := textOf(item, row.AttrDate)
	if !cause.IsItem(date) {
		return s, false
	}
	s.ID = cause.ID{Module: date[len(cause.Prefix):], Locator: textOf(item, row.AttrStampMod)}
	s.Change = changeOf(item)
	for _, v := range list(item, cause.AttrVersions, cause.MaxVersions) {
		if version, is := v.(*types.AttributeValueMemberS); is {
			s.Versions = append(s.Versions, version.Value)
		}
	}
	for _, v := range list(item, cause.AttrHistory, cause.MaxHistory) {
		if m, is := v.(*types.AttributeValueMemberM); is {
			past := cause.State{Change: changeOf(m.Value)}
			s.History = append(s.History, past.Bounded().Change)
		}
	}
	return s.Bounded(), s.Rev > 0
}

func change(c *cause.Change) Item {
	item := Item{cause.AttrState: text(c.State), cause.AttrRev: number(c.Rev), cause.AttrAt: number(c.At.UnixMilli())}
	if c.By != "" {
		item[cause.AttrBy] = text(c.By)
	}
	if c.Note != "" {
		item[cause.AttrNote] = text(c.Note)
	}
	if !c.Until.IsZero() {
		item[cause.AttrUntil] = number(c.Until.UnixMilli())
	}
	return item
}

func changeOf(item Item) cause.Change {
	when := func(name string) time.Time { return cause.Time(numberOf(item, name)) }
	return cause.Change{
		State: textOf(item, cause.AttrState), Rev: numberOf(item, cause.AttrRev), By: textOf(item, cause.AttrBy),
		At: when(cause.AttrAt), Until: when(cause.AttrUntil), Note: textOf(item, cause.AttrNote),
	}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func textOf(item Item, name string) string {
	s, is := item[name].(*types.AttributeValueMemberS)
	if !is {
		return ""
	}
	return s.Value
}

func numberOf(item Item, name string) int64 {
	n, is := item[name].(*types.AttributeValueMemberN)
	if !is {
		return 0
	}
	i, _ := strconv.ParseInt(n.Value, 10, 64)
	return i
}

// list is the beginning of a list.
func list(item Item, name string, most int) []types.AttributeValue {
	l, is := item[name].(*types.AttributeValueMemberL)
	if !is {
		return nil
	}
	return l.Value[:min(len(l.Value), most)]
}
