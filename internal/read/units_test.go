package read

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// putMeasured stores an item and returns what DynamoDB takes for it.
func (f *fixture) putMeasured(tableName string, it map[string]types.AttributeValue) int {
	f.t.Helper()
	out, err := f.api.PutItem(ctx, &dynamodb.PutItemInput{TableName: &tableName, Item: it,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		f.t.Fatal(err)
	}
	return int(*out.ConsumedCapacity.CapacityUnits)
}

// What the rows say that they took to store is what DynamoDB took, for rows and
// for packs, whichever of a pack's lines are asked for.
func TestWriteUnits(t *testing.T) {
	f := newFixture(t)
	random := rand.New(rand.NewPCG(4, 4))
	row := func(n int, text string) map[string]types.AttributeValue {
		at := day.Add(time.Duration(n) * time.Second)
		return item("date", "2026-11-22", "level", "INFO", "locator", fmt.Sprint(n%2), "message", "INFO: "+text,
			"stamp_mod", fmt.Sprintf("%d.0000000+m+env", at.Unix()))
	}
	want, wantPacks, n := 0, 0, 0
	for range 40 {
		n++
		// Around the bounds of a KB, too.
		it := row(n, strings.Repeat("ä", random.IntN(1200))+strings.Repeat("x", random.IntN(4)))
		if n%3 == 0 {
			it["map"] = &types.AttributeValueMemberM{Value: item("list", &types.AttributeValueMemberL{
				Value: []types.AttributeValue{&types.AttributeValueMemberBOOL{}, item("n", -12345)["n"]},
			}, "set", &types.AttributeValueMemberSS{Value: []string{"a", "bcd"}},
				"bytes", &types.AttributeValueMemberB{Value: make([]byte, random.IntN(900))})}
		}
		want += f.putMeasured("errors", it)
	}
	var random64 strings.Builder
	for range 3000 {
		random64.WriteByte(byte('0' + random.IntN(64)))
	}
	for range 5 {
		lines := make([]map[string]types.AttributeValue, 10)
		for i := range lines {
			n++
			lines[i] = row(n, random64.String()[random.IntN(1000):])
		}
		wantPacks += f.putMeasured("info", pack(t, lines))
	}
	units := func(o Options) (rows, sum int) {
		t.Helper()
		o.From, o.To, o.InfoTable, o.ErrorsTable = day, day.AddDate(0, 0, 1), "info", "errors"
		for row, err := range New(f.api).Query(ctx, o) {
			if err != nil {
				t.Fatal(err)
			}
			rows, sum = rows+1, sum+row.WriteUnits
		}
		return rows, sum
	}
	if rows, got := units(Options{}); rows != 90 || got != want+wantPacks {
		t.Errorf("%d rows took %d write units, want 90 and %d", rows, got, want+wantPacks)
	}
	if rows, got := units(Options{NewestFirst: true}); rows != 90 || got != want+wantPacks {
		t.Errorf("newest first, %d rows took %d write units, want 90 and %d", rows, got, want+wantPacks)
	}
	o := Options{}
	o.Modules, o.Levels = []string{"m"}, []string{"INFO"}
	o.Filter.Locators = []string{"1"}
	if rows, got := units(o); rows != 45 || got < wantPacks || got >= want+wantPacks {
		t.Errorf("half of the lines are %d with %d write units, want 45 with all of %d packs", rows, got, wantPacks)
	}
	// A line that was stored twice was paid twice.
	twice := row(n, "INFO: once more")
	want += f.putMeasured("info", twice)
	if rows, got := units(Options{}); rows != 90 || got != want+wantPacks {
		t.Errorf("with a line stored twice, %d rows took %d write units, want 90 and %d", rows, got, want+wantPacks)
	}
}

func TestFieldValue(t *testing.T) {
	const fields = `{"order":12345678901234567890,"user":{"name":"Ann","tags":["a","b"]},"user.name":"Bob","huge":1e99999,"none":null,"empty":"",` +
		`"o":{"b": 1,"a":"<"},"list":[{"n":1},{"n":2}],"one":[3],"no":[]}`
	for name, want := range map[string]string{
		"order": "12345678901234567890", "user.name": `["Bob","Ann"]`, "user.tags": `["a","b"]`, "huge": "1e99999",
		"none": "null", "empty": "", "o": `{"a":"<","b":1}`, "list.n": "[1,2]", "one": "3",
	} {
		if got, ok := FieldValue(fields, name); !ok || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, ok, want)
		}
	}
	for fields, name := range map[string]string{fields: "no", "": "a", `{"a":1`: "a", `[1]`: "a", `{"a":1}`: "a.b"} {
		if got, ok := FieldValue(fields, name); ok {
			t.Errorf("%s of %s is %q", name, fields, got)
		}
	}
}
