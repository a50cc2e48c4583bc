package read

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// fillDays stores n rows of about 1 KB in each of some days, spread over it.
func (f *fixture) fillDays(days, n int) {
	f.t.Helper()
	long := fmt.Sprintf("INFO: (1) %900d", 0)
	var batch []map[string]types.AttributeValue
	for i := range days * n {
		at := day.Add(time.Duration(i) * 24 * time.Hour / time.Duration(n))
		batch = append(batch, item("date", at.Format(time.DateOnly), "level", "INFO", "message", long,
			"stamp_mod", fmt.Sprintf("%d.%03d0000+m+env", at.Unix(), at.Nanosecond()/1e6)))
	}
	f.putAll("info", batch)
}

// budgeted reads some days, with a limit, and counts what it costs.
func (f *fixture) budgeted(b *Budget, o Options) (rows int, units float64, err error) {
	b.Meter = NewMeter(f.api)
	client := New(b.Meter)
	client.Budget = b
	o.From, o.InfoTable, o.Shards = day, "info", 1
	if o.To.IsZero() {
		o.To = day.AddDate(0, 0, 10)
	}
	o.Now = o.To
	for _, e := range client.Query(ctx, o) {
		if err = e; err == nil {
			rows++
		}
	}
	return rows, b.Meter.Units(), err
}

// Without anybody to ask, a query ends when it has read what it may, and never
// before.
func TestABudgetEndsAQuery(t *testing.T) {
	f := newFixture(t)
	f.fillDays(10, 600)
	all, whole, err := f.budgeted(&Budget{}, Options{})
	if err != nil || all != 6000 {
		t.Fatal(all, err)
	}
	for _, bound := range []float64{whole, whole + 1, 5000} {
		if rows, _, err := f.budgeted(&Budget{Units: bound}, Options{}); err != nil || rows != all {
			t.Errorf("with %g of %g read units: %d rows, %v", bound, whole, rows, err)
		}
	}
	for _, bound := range []float64{1, 10, 100, whole / 2} {
		rows, units, err := f.budgeted(&Budget{Units: bound}, Options{})
		var price *PriceError
		if !errors.As(err, &price) || rows == all || price.Read < bound || price.Bound != bound ||
			price.Estimate < price.Read {
			t.Fatalf("with %g of %g read units: %d rows, %v", bound, whole, rows, err)
		}
		if units > bound+300 {
			t.Errorf("with %g read units, %g were read", bound, units)
		}
	}
	for _, o := range []Options{{Limit: 10}, {Limit: 10, NewestFirst: true}} {
		if rows, _, err := f.budgeted(&Budget{Units: 50}, o); err != nil || rows != 10 {
			t.Errorf("%d rows of %+v: %v", rows, o, err)
		}
	}
}

// What is asked about is near what it will be, whichever way it is read, and
// asked once.
func TestAnEstimateIsAboutRight(t *testing.T) {
	f := newFixture(t)
	f.fillDays(10, 600)
	_, whole, _ := f.budgeted(&Budget{}, Options{})
	for name, o := range map[string]Options{
		"oldest first": {}, "newest first": {NewestFirst: true},
		"a filter":    {Filter: Filter{TextFilter: TextFilter{Contains: "nothing"}}},
		"a limit":     {Limit: 4000},
		"half a day":  {To: day.Add(12 * time.Hour)},
		"some hours":  {To: day.Add(30 * time.Hour)},
		"before rows": {},
	} {
		var asked []float64
		b := &Budget{Units: whole / 20, BeforeRows: name == "before rows"}
		b.Ask = func(units float64) bool { asked = append(asked, units); return true }
		rows, units, err := f.budgeted(b, o)
		t.Logf("%s: %d rows cost %g, asked about %.0f", name, rows, units, asked)
		if err != nil || len(asked) != 1 || asked[0] < units/2.5 || asked[0] > units*2.5 {
			t.Errorf("%s: %d rows cost %g, asked about %.0f: %v", name, rows, units, asked, err)
		}
		b = &Budget{Units: whole / 20, Ask: func(float64) bool { return false }, BeforeRows: b.BeforeRows}
		rows, units, err = f.budgeted(b, o)
		var price *PriceError
		if !errors.As(err, &price) || units > whole/2 || b.BeforeRows && rows > 0 {
			t.Errorf("%s, refused: %d rows cost %g: %v", name, rows, units, err)
		}
	}
	if rows, _, err := f.budgeted(&Budget{Units: whole * 3, Ask: func(float64) bool { panic("asked") }},
		Options{}); err != nil || rows != 6000 {
		t.Errorf("%d rows below the bound: %v", rows, err)
	}
}

// Whoever agreed to an estimate that was far too low is asked again.
func TestWhoAgreedToLessIsAskedAgain(t *testing.T) {
	f := newFixture(t)
	f.fillDays(1, 20)
	f.fillDays(10, 600) // the first hours of the first day are as all others; then only
	b := &Budget{Units: 10}
	n := 0
	b.Ask = func(float64) bool {
		if n++; n == 1 {
			b.Meter.add(10_000) // as if something else had cost as much
		}
		return n < 2
	}
	if _, _, err := f.budgeted(b, Options{}); err == nil || n != 2 {
		t.Errorf("asked %d times, %v", n, err)
	}
}
