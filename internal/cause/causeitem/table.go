package causeitem

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/redact"
)

// AnyRev stands for whatever revision a cause's state has.
const AnyRev = -1

// maxRaces is how often in a row somebody else may be faster.
const maxRaces = 20

// An API is the part of *dynamodb.Client that a Table needs.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// A Table is the errors table, for who says something of causes. It takes
// GetItem and PutItem on keys that begin with cause.Prefix.
type Table struct {
	API    API
	Name   string           // or ARN
	Redact *redact.Redactor // masks notes and names; nil does not
}

// A RacedError is that somebody else has said something meanwhile. Nothing was
// written.
type RacedError struct{ Now cause.State }

func (e *RacedError) Error() string {
	return "somebody else was faster: it is " + e.Now.Words() + " now; look at it, and try again"
}

// A TextError is that a note or a name cannot be stored.
type TextError struct{ What string }

func (e *TextError) Error() string { return e.What }

// errForeign is that what has the key of a state is not one.
var errForeign = errors.New("the item that should say how the cause stands is not one of Logtable's: delete it")

// Get returns what was said of a cause, as of now: the zero State but for its
// ID if nobody has said anything. Errors are the SDK's.
func (t *Table) Get(ctx context.Context, id cause.ID) (cause.State, error) {
	in := &dynamodb.GetItemInput{TableName: &t.Name, Key: Key(id), ConsistentRead: aws.Bool(true)}
	out, err := t.API.GetItem(ctx, in)
	if err != nil {
		return cause.State{}, err
	}
	return stateOf(id, out.Item)
}

// stateOf is the state of a cause, of which there may be no item.
func stateOf(id cause.ID, item Item) (cause.State, error) {
	if len(item) == 0 {
		return cause.State{ID: id}, nil
	}
	state, ok := Decode(item)
	if !ok {
		return cause.State{}, errForeign
	}
	state.ID = id
	return state, nil
}

// Say says something more of a cause, and returns its state then. rev is the
// revision that the speaker has seen: if it is another one now, nothing is
// written, and the error is a *RacedError. With AnyRev, what somebody else says
// meanwhile goes into the history, and is returned, too. versions are those
// that have shown the error, for cause.Resolved.
//
// The name and the note are cleaned and masked; if they are too long then, the
// error is a *TextError. Other errors are the SDK's.
func (t *Table) Say(
	ctx context.Context, id cause.ID, rev int64, c cause.Change, versions []string,
) (state cause.State, meanwhile []cause.Change, err error) {
	if c.By, err = t.text("user name", c.By, cause.MaxBy); err != nil {
		return state, nil, err
	}
	if c.Note, err = t.text("note", c.Note, cause.MaxNote); err != nil {
		return state, nil, err
	}
	old, err := t.Get(ctx, id)
	for range maxRaces {
		if err != nil {
			return state, meanwhile, err
		}
		if rev != AnyRev && old.Rev != rev {
			return state, meanwhile, &RacedError{Now: old}
		}
		state = old.Next(c, versions)
		var raced *types.ConditionalCheckFailedException
		if err = t.put(ctx, &state); !errors.As(err, &raced) {
			return state, meanwhile, err
		}
		if old, err = stateOf(id, raced.Item); err == nil {
			meanwhile = append(meanwhile, old.Change)
		}
	}
	return state, meanwhile, &RacedError{Now: old}
}

// put writes a state if its item is as it was before.
func (t *Table) put(ctx context.Context, s *cause.State) error {
	in := &dynamodb.PutItemInput{
		TableName: &t.Name, Item: Of(s), ConditionExpression: aws.String("attribute_not_exists(#rev)"),
		ExpressionAttributeNames:            map[string]string{"#rev": cause.AttrRev},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if s.Rev > 1 {
		in.ConditionExpression = aws.String("#rev = :rev")
		in.ExpressionAttributeValues = Item{":rev": number(s.Rev - 1)}
	}
	_, err := t.API.PutItem(ctx, in)
	return err
}

// text is a note or a name as it is stored.
func (t *Table) text(what, s string, most int) (string, error) {
	s = cause.Line(s)
	if t.Redact != nil {
		s = t.Redact.String(s)
	}
	if len(s) > most {
		return "", &TextError{fmt.Sprintf("the %s has %d bytes, more than %d: write a shorter one", what, len(s), most)}
	}
	return s, nil
}
