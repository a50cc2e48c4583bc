// Package causes is the alert.Causes of a function: one read of the errors
// table, where people keep what they have said of a cause.
package causes

import (
	"bytes"
	"context"
	"fmt"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/row"
)

// A Client is what Table needs of *dynamo.Client.
type Client interface {
	Call(ctx context.Context, operation string, body []byte) (answer []byte, err error)
}

// A Table is the errors table.
type Table struct {
	Client Client
	Name   string // of the errors table, or its ARN
}

var _ alert.Causes = (*Table)(nil)

// attributes are those that are read of an item: all but its history, which is
// most of it, and its message, which says the same in words.
var attributes = [...]string{
	row.AttrDate, row.AttrStampMod, cause.AttrState, cause.AttrRev, cause.AttrBy, cause.AttrAt, cause.AttrUntil,
	cause.AttrNote, cause.AttrVersions,
}

// State reads what has been said of a cause: half a read unit, as a rule. What
// was said within the last second may not be seen yet.
func (t *Table) State(ctx context.Context, id cause.ID) (cause.State, error) {
	answer, err := t.Client.Call(ctx, "GetItem", t.body(id))
	switch awsenv.FailureOf(err).Class {
	case awsenv.Denied, awsenv.Missing:
		return cause.State{}, fmt.Errorf("%w: %w", alert.ErrWithheld, err)
	}
	if err != nil {
		return cause.State{}, err
	}
	s, ok := cause.Decode(jsonscan.Object(answer).Find(`"Item"`))
	if !ok { // there is none, or it is not one of ours
		return cause.State{}, nil
	}
	return s, nil
}

func (t *Table) body(id cause.ID) []byte {
	b := append([]byte(`{"TableName":`), jsonscan.AppendQuote(nil, t.Name)...)
	b = id.AppendKey(append(b, `,"Key":`...))
	var projection, names bytes.Buffer
	for i, name := range attributes {
		// Some of the names are reserved words in expressions.
		fmt.Fprintf(&projection, ",#%d", i)
		fmt.Fprintf(&names, `,"#%d":"%s"`, i, name)
	}
	b = fmt.Appendf(b, `,"ProjectionExpression":"%s"`, projection.Bytes()[1:])
	return fmt.Appendf(b, `,"ExpressionAttributeNames":{%s}}`, names.Bytes()[1:])
}
