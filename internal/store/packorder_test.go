package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/row/items"
	"github.com/logtable/logtable/internal/store"
)

// What memory had no room for comes back newest first. A pack's key is its
// earliest line's all the same: a reader of the first half of a second asks for
// keys of that half only.
func TestAPacksKeyIsItsEarliestLines(t *testing.T) {
	f := newFixture(t, packed, func(c *store.Config) { c.MaxBytes = 60 << 10 })
	f.withSpill(filepath.Join(t.TempDir(), "spill"))
	f.server.Refuse()
	for i := range 1000 {
		f.Add(store.Entry{Time: base.Add(time.Duration(i) * time.Millisecond), Level: "INFO", Locator: "1", Module: "m",
			Message: fmt.Sprint("INFO: (1) line ", i), ExceptionAt: -1})
	}
	f.Persist()
	if err := f.server.Restore(); err != nil {
		t.Fatal(err)
	}
	f.drained()
	name, packs := infoTable, 0
	out, err := f.server.Client().Scan(t.Context(), &dynamodb.ScanInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range out.Items {
		packed, ok := item[row.AttrPacked].(*types.AttributeValueMemberB)
		if !ok {
			continue
		}
		packs++
		lines, err := items.Unpack(packed.Value)
		if err != nil {
			t.Fatal(err)
		}
		key := item[row.AttrStampMod].(*types.AttributeValueMemberS).Value
		last := ""
		for _, line := range lines {
			stamp := line[row.AttrStampMod].(*types.AttributeValueMemberS).Value
			if stamp < key || stamp < last {
				t.Fatalf("a pack with the key %s has %s behind %s", key, stamp, last)
			}
			last = stamp
		}
	}
	if packs == 0 || len(out.Items) > 100 {
		t.Errorf("%d packs, %d items", packs, len(out.Items))
	}
	rows := readAll(t, f.server.Client(), func(o *read.Options) { o.To = base.Add(500 * time.Millisecond) })
	if len(rows) != 500 {
		t.Errorf("%d rows of the first half of a second, there are 500", len(rows))
	}
}
