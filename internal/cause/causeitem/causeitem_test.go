package causeitem_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/cause/causeitem"
)

func TestAStateIsWhatItWasAfterItWasStored(t *testing.T) {
	at := time.UnixMilli(1795694400123).UTC()
	s := cause.State{ID: cause.ID{Module: "shop", Locator: "?3fa1c2d4"}}
	s = s.Next(cause.Change{State: cause.Ignored, By: "ada", At: at, Until: at.Add(time.Hour), Note: "known"}, nil)
	s = s.Next(cause.Change{State: cause.Resolved, By: "bob", At: at}, []string{"40", "41"})
	item := causeitem.Of(&s)
	if _, expires := item["expiry"]; expires {
		t.Error("it expires")
	}
	if got, ok := causeitem.Decode(item); !ok || !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, want %+v", got, s)
	}
	for name, value := range causeitem.Key(s.ID) {
		if !reflect.DeepEqual(item[name], value) {
			t.Errorf("the key's %s is not the item's", name)
		}
	}
}

func TestAnItemOfOthersDoesNoHarm(t *testing.T) {
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for _, item := range []causeitem.Item{
		nil,
		{"date": text("2026-11-26"), "rev": &types.AttributeValueMemberN{Value: "1"}},
		{"date": text("cause#m"), "rev": text("1"), "history": text("x"), "versions": nil},
		{"date": text("cause#m"),
			"history": &types.AttributeValueMemberL{Value: []types.AttributeValue{nil, text("x")}}},
	} {
		if s, ok := causeitem.Decode(item); ok {
			t.Errorf("%v is taken for %+v", item, s)
		}
	}
}
