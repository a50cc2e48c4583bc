package row_test

import (
	"testing"

	"github.com/logtable/logtable/internal/row"
)

func TestParseLastResortTakesNothingElse(t *testing.T) {
	const record = `{"logtable_record":{"table":"errors"}`
	for line, want := range map[string]struct {
		found, ok bool
	}{
		record + `}`:                         {true, true},
		" \t" + record + ` , "n": 7}` + "\r": {true, true},
		record + `,"n":1,"mac":"x"}`:         {true, true},
		record:                               {true, false},
		record + `,"n":-1}`:                  {true, false},
		record + `,"n":"1"}`:                 {true, false},
		record + `,"mac":1}`:                 {true, false},
		record + `,"v":2}`:                   {true, false},
		record + `} and more`:                {true, false},
		`{"logtable_record":`:                {true, false},
		`x ` + record + `}`:                  {false, false},
		`{"a":1,"logtable_record":{}}`:       {false, false},
		`"` + record + `}"`:                  {false, false},
		``:                                   {false, false},
		`{}`:                                 {false, false},
	} {
		if _, found, err := row.ParseLastResort([]byte(line)); found != want.found || (found && err == nil) != want.ok {
			t.Errorf("%q: found %v, %v", line, found, err)
		}
	}
}
