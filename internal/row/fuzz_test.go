package row_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/row"
)

const errorRecord = `{"table":"errors","item":{"date":{"S":"2026-11-22"},` +
	`"stamp_mod":{"S":"1795300002.0050007+m+2p4thtomb9"},"message":{"S":"x"},"level":{"S":"ERROR"}}}`

func FuzzParseRecord(f *testing.F) {
	r, err := row.ParseRecord([]byte(`{"table":"info","item":{"date":{"S":"2026-11-22"},` +
		`"stamp_mod":{"S":"1795300002.0050007+orders+2p4thtomb9"},"message":{"S":"INFO: (1) x"},` +
		`"level":{"S":"INFO"},"locator":{"S":"1"},"request_id":{"S":"r"},"fields":{"S":"{\"a\":1}"},` +
		`"trace_id":{"S":"6352a70e1e2c2db1583c0d1f5e7a9b3c"},"trace_id_line":{"S":"x"},"tenant_id":{"S":"acme"},` +
		`"execution":{"S":"a/b"},"operation":{"S":"o"},"attempt":{"N":"2"},"version":{"S":"7"},` +
		`"issues":{"S":"i"},"exception_at":{"N":"10"},"expiry":{"N":"1800000000"},"truncated":{"N":"3"}}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.AppendJSON(nil))
	f.Add([]byte(errorRecord))
	f.Add([]byte(`{`))
	f.Add([]byte(`{"table":"users"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := row.ParseRecord(data)
		if err != nil {
			return
		}
		// What is accepted is written and read back the same.
		again, err := row.ParseRecord(r.AppendJSON(nil))
		if err != nil {
			t.Fatalf("%v of %s", err, r.AppendJSON(nil))
		}
		if !bytes.Equal(again.AppendJSON(nil), r.AppendJSON(nil)) {
			t.Errorf("%s became %s", r.AppendJSON(nil), again.AppendJSON(nil))
		}
	})
}

func FuzzReadLastResort(f *testing.F) {
	f.Add([]byte(`{"logtable_record":` + strings.TrimSuffix(errorRecord, "}") + `,"n":1,"mac":"x"}`))
	f.Add([]byte(`{"message":"{\"logtable_record\":{\"table\":\"errors\"}}"}`))
	f.Add([]byte(`{"logtable_record":`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, found, err := row.ReadLastResort(line)
		if (r != nil) != (found && err == nil) {
			t.Errorf("record %v, found %v, error %v", r, found, err)
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		items, err := row.UnpackRows(data)
		if (len(items) > 0) != (err == nil) {
			t.Errorf("%d items, error %v", len(items), err)
		}
	})
}
