package table

import (
	"cmp"
	"math/big"
	"strconv"
	"strings"
)

// The limits of a Number (DynamoDB developer guide, "Data types"): 38
// significant digits, magnitudes from 1E-130 to 9.99…E+125.
const (
	maxDigits   = 38
	minExponent = -130
	maxExponent = 125
)

// number is a decimal: 0.digits × 10^exp, negative if neg. Zero has no digits.
type number struct {
	neg    bool
	digits string
	exp    int
}

// parseNumber reads a Number as clients send it, exponent allowed. The errors
// are an errValue with DynamoDB's text.
func parseNumber(s string) (number, error) {
	bad := errValue("The parameter cannot be converted to a numeric value: " + s)
	if s == "" {
		return number{}, errValue("The parameter cannot be converted to a numeric value")
	}
	var n number
	rest := s
	if rest[0] == '-' || rest[0] == '+' {
		n.neg = rest[0] == '-'
		rest = rest[1:]
	}
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(rest), "e")
	shift := 0
	if hasExponent {
		e, err := strconv.Atoi(exponent)
		if err != nil {
			return number{}, bad
		}
		shift = e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return number{}, bad
	}
	trimmed := strings.TrimLeft(digits, "0")
	n.exp = len(whole) - (len(digits) - len(trimmed)) + shift
	n.digits = strings.TrimRight(trimmed, "0")
	return n.checked()
}

func (n number) checked() (number, error) {
	switch {
	case n.digits == "":
		return number{}, nil
	case len(n.digits) > maxDigits:
		return number{}, errValue("Attempting to store more than 38 significant digits in a Number")
	case n.exp-1 > maxExponent:
		return number{}, errValue("Number overflow. Attempting to store a number with magnitude larger than " +
			"supported range")
	case n.exp-1 < minExponent:
		return number{}, errValue("Number underflow. Attempting to store a number with magnitude smaller than " +
			"supported range")
	}
	return n, nil
}

// String writes the number without an exponent, as DynamoDB returns it.
func (n number) String() string {
	if n.digits == "" {
		return "0"
	}
	var b strings.Builder
	if n.neg {
		b.WriteByte('-')
	}
	switch {
	case n.exp <= 0:
		b.WriteString("0.")
		b.WriteString(strings.Repeat("0", -n.exp))
		b.WriteString(n.digits)
	case n.exp >= len(n.digits):
		b.WriteString(n.digits)
		b.WriteString(strings.Repeat("0", n.exp-len(n.digits)))
	default:
		b.WriteString(n.digits[:n.exp])
		b.WriteByte('.')
		b.WriteString(n.digits[n.exp:])
	}
	return b.String()
}

// mustNumber reads back what String wrote.
func mustNumber(s string) number {
	n, err := parseNumber(s)
	if err != nil {
		panic("stored number is invalid: " + s)
	}
	return n
}

func (n number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.neg:
		return -1
	}
	return 1
}

// compareNumbers orders two stored numbers by value.
func compareNumbers(a, b string) int {
	x, y := mustNumber(a), mustNumber(b)
	if x.sign() != y.sign() {
		return cmp.Compare(x.sign(), y.sign())
	}
	magnitude := cmp.Or(cmp.Compare(x.exp, y.exp), cmp.Compare(x.digits, y.digits))
	if x.neg {
		return -magnitude
	}
	return magnitude
}

// numberSize is about half a byte a digit, one byte more, and one for a minus
// sign; AWS documents it only as approximate.
func numberSize(s string) int {
	n := mustNumber(s)
	size := (len(n.digits)+1)/2 + 1
	if n.neg {
		size++
	}
	return size
}

// addNumbers returns a+b, or a-b, exactly; more than 38 digits are an error
// as in DynamoDB.
func addNumbers(a, b string, minus bool) (string, error) {
	x, y := mustNumber(a), mustNumber(b)
	if minus {
		y.neg = !y.neg
	}
	// Both as integers over the smaller power of ten.
	scale := min(x.exp-len(x.digits), y.exp-len(y.digits))
	sum := new(big.Int).Add(x.integer(scale), y.integer(scale))
	n, err := parseNumber(sum.String() + "e" + strconv.Itoa(scale))
	if err != nil {
		return "", err
	}
	return n.String(), nil
}

func (n number) integer(scale int) *big.Int {
	if n.digits == "" {
		return new(big.Int)
	}
	i, _ := new(big.Int).SetString(n.digits+strings.Repeat("0", n.exp-len(n.digits)-scale), 10)
	if n.neg {
		i.Neg(i)
	}
	return i
}
