package table

import (
	"errors"
	"strings"
	"testing"
)

func TestParseNumber(t *testing.T) {
	tests := []struct{ in, want string }{
		{"0", "0"}, {"-0", "0"}, {"0.000", "0"}, {"007", "7"}, {"+1", "1"}, {".5", "0.5"}, {"5.", "5"},
		{"1795300002", "1795300002"}, {"1.50", "1.5"}, {"-12.340e1", "-123.4"}, {"1e3", "1000"}, {"12E-4", "0.0012"},
		{"1E125", "1" + strings.Repeat("0", 125)}, {"1E-130", "0." + strings.Repeat("0", 129) + "1"},
		{strings.Repeat("9", 38), strings.Repeat("9", 38)},
		{strings.Repeat("9", 38) + "000", strings.Repeat("9", 38) + "000"},
	}
	for _, test := range tests {
		n, err := parseNumber(test.in)
		if err != nil || n.String() != test.want {
			t.Errorf("%s: %s, %v; want %s", test.in, n, err, test.want)
		}
		if again, err := parseNumber(n.String()); err != nil || again != n {
			t.Errorf("%s: read back as %v, %v", n, again, err)
		}
	}
	for _, in := range []string{
		"", "-", ".", "e5", "1e", "1.2.3", "0x10", " 1", "NaN", "1E126", "1E-131", strings.Repeat("9", 39),
	} {
		var refused errValue
		if n, err := parseNumber(in); !errors.As(err, &refused) {
			t.Errorf("%q: %s, %v; want it refused", in, n, err)
		}
	}
}

func TestCompareNumbers(t *testing.T) {
	sorted := []string{"-1000", "-12", "-1.5", "-0.01", "0", "0.001", "0.01", "1", "1.5", "9", "10", "99", "100"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := compareNumbers(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compare %s with %s: %d", a, b, got)
			}
		}
	}
}

func TestAddNumbers(t *testing.T) {
	tests := []struct {
		a, b, sum, difference string
	}{
		{"1", "2", "3", "-1"}, {"0.1", "0.2", "0.3", "-0.1"}, {"0", "-5", "-5", "5"},
		{"1000", "0.001", "1000.001", "999.999"}, {"7", "7", "14", "0"},
	}
	for _, test := range tests {
		if sum, err := addNumbers(test.a, test.b, false); sum != test.sum || err != nil {
			t.Errorf("%s + %s = %s, %v; want %s", test.a, test.b, sum, err, test.sum)
		}
		if difference, err := addNumbers(test.a, test.b, true); difference != test.difference || err != nil {
			t.Errorf("%s - %s = %s, %v; want %s", test.a, test.b, difference, err, test.difference)
		}
	}
	if sum, err := addNumbers("1E37", "0.1", false); err == nil {
		t.Errorf("a sum of 39 digits is %s; want it refused", sum)
	}
}
