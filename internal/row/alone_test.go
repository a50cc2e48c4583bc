package row_test

import (
	"bytes"
	"testing"

	"github.com/logtable/logtable/internal/row"
)

// That a record is to stand alone is kept in the spill, whoever reads it, and
// nowhere else.
func TestARecordStandsAloneAfterTheSpill(t *testing.T) {
	record, err := row.ParseRecord([]byte(errorRecord))
	if err != nil {
		t.Fatal(err)
	}
	for _, alone := range []bool{false, true} {
		if alone {
			record.StandAlone()
		}
		spilled := record.AppendOwned(nil, "me")
		own, ok := row.ReadOwned(spilled, "me")
		if !ok || own.Alone() != alone || !bytes.Equal(own.Item(), record.Item()) {
			t.Errorf("its own process reads %v: alone %v, want %v", ok, own.Alone(), alone)
		}
		read, owner, err := row.ParseOwned(spilled)
		if err != nil || owner != "me" || read.Alone() != alone || !bytes.Equal(read.Item(), record.Item()) {
			t.Errorf("another process reads %v of %q: alone %v, want %v", err, owner, read.Alone(), alone)
		}
	}
	if printed := record.AppendJSON(nil); bytes.Contains(printed, []byte("alone")) {
		t.Errorf("a last-resort line would hold %s", printed)
	}
	for _, value := range []string{"false", "1", "null", `"true"`} {
		if _, err := row.ParseRecord([]byte(`{"alone":` + value + `,` + errorRecord[1:])); err == nil {
			t.Errorf("alone may be %s", value)
		}
	}
}
