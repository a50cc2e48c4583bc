package row

import (
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/testkit"
)

// TestLimits is the list of this package's limits, for people: what each is,
// why it is there, and which test fails without it. MaxPackLines, MaxPackBytes
// and MaxEncoded are in the Store's, which fills packs and has them on /tmp.
func TestLimits(t *testing.T) {
	testkit.Limits(t, []testkit.Limit{
		{"maxUnpacked", maxUnpacked, 4 << 20, "few bytes of a stranger's unpack to many", "TestUnpackingIsBounded"},
		{"maxItem", maxItem, 400<<10 - 64, "DynamoDB's limit of an item", "TestLongRowsAreCut"},
		{"maxShort", maxShort, 2 << 10, "attributes that are short by nature", "TestShortAttributesAreCut"},
		{"maxTenantID", maxTenantID, 256, "Lambda's limit", "TestStrangersLinks"},
		{"maxExecution", maxExecution, 513, "of a stranger: what Lambda names is shorter", "TestStrangersLinks"},
		{"maxOperation", maxOperation, 256, "of a stranger: what Lambda names is shorter", "TestStrangersLinks"},
		{"maxVersion", maxVersion, 64, "that of LOGTABLE_APP_VERSION", "TestStrangersLinks"},
	})
}

// Whatever is over, and however little there is to cut: lengths are looked at
// before they are calculated with.
func TestCuttingTakesAnyLength(t *testing.T) {
	texts := []string{"", "x", "ß", `"`, "\x01", strings.Repeat("ß", 100), strings.Repeat("\x01", 100)}
	for _, n := range []int{-1 << 40, -100, -1, 0, 1, 2, 3, 7, 63, 64, 65, 100, 1 << 40} {
		for _, text := range texts {
			if head := Cut(text, n); len(head) > max(n, 0) || !strings.HasPrefix(text, head) {
				t.Errorf("Cut(%q, %d) = %q", text, n, head)
			}
			if head := quotedHead(text, n); head.kept > 0 && len(head.quoted) > n {
				t.Errorf("quotedHead(%q, %d) = %q", text, n, head.quoted)
			}
			if k := quotable(text, n); k < 0 || k > len(text) {
				t.Errorf("quotable(%q, %d) = %d", text, n, k)
			}
			for _, fields := range texts {
				r := Row{Message: text, Fields: fields, ExceptionAt: 1, Packed: "p"}
				r.shorten(n)
				r.shortenEncoded(n)
				if !strings.HasPrefix(text, r.Message) {
					t.Errorf("%q became %q", text, r.Message)
				}
			}
		}
	}
}

// worstRows are rows that are as large as they can be, in one way or another.
func worstRows() map[string]Row {
	long := func(s string) string { return strings.Repeat(s, 500_000/len(s)) }
	fields := func(s string) string { return `{"a":"` + long(s) + `"}` }
	return map[string]Row{
		"text":               {Level: "INFO", Locator: "1", Message: long("x"), ExceptionAt: -1},
		"control characters": {Level: "INFO", Locator: "1", Message: long("\x01"), ExceptionAt: 400_000},
		"quotes": {
			Error: true, Level: "ERROR", Locator: long(`"`), Message: long(`"`), Issues: long(`\`), ExceptionAt: 1,
		},
		"fields": {Level: "INFO", Locator: "1", Message: "x", Fields: fields(`\"`), ExceptionAt: -1},
		"all": {
			Level: long("\x02"), Locator: long("\x03"), RequestID: long("\x04"), Message: long("\x01"),
			Fields: fields(`\u0001`), Issues: long("\x05"), ExceptionAt: 399_999,
		},
		"no UTF-8": {Level: "INFO", Locator: "\xff", Message: long("\xff\x01"), Fields: fields(`\\`), ExceptionAt: 7},
	}
}

// stored is a row as it is when it has been through a record.
func stored(t *testing.T, r Row) *Row {
	t.Helper()
	r.Date, r.StampMod = "2026-11-22", "1795300002.0050007+m+2p4thtomb9"
	r.Fit()
	decoded, err := r.Record(0).Row()
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestLongRowsAreCut(t *testing.T) {
	for name, r := range worstRows() {
		decoded, n := stored(t, r), 0
		for i := range attributes {
			if a := &attributes[i]; a.text != nil && *a.text(decoded) != "" {
				n += len(a.name) + len(*a.text(decoded))
			}
		}
		if n > 400<<10 {
			t.Errorf("%s: names and texts of %d bytes", name, n)
		}
	}
}

func TestShortAttributesAreCut(t *testing.T) {
	r := stored(t, worstRows()["all"])
	short := map[string]string{"level": r.Level, "locator": r.Locator, "request ID": r.RequestID, "issues": r.Issues}
	for name, text := range short {
		if len(text) > 2<<10 {
			t.Errorf("%s of %d bytes", name, len(text))
		}
	}
	if !strings.HasPrefix(r.Message, "\x01") {
		t.Error("the message is gone")
	}
}
