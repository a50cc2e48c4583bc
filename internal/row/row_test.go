package row

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// itemSize counts as DynamoDB's documentation does: names and values in
// UTF-8; a number is about half its digits and one byte.
func itemSize(r *Row) int {
	n := 0
	for a := range r.Attributes {
		n += len(a.Name)
		switch a.Type {
		case Text:
			n += len(a.Value)
		case Number:
			n += len(a.Value)/2 + 2
		}
	}
	return n
}

func textOf(r *Row, name string) string {
	for a := range r.Attributes {
		if a.Name == name && a.Type != Binary {
			return a.Value
		}
	}
	return ""
}

func TestLargeRowsAreCutOnPurpose(t *testing.T) {
	const limit = 400 << 10
	fields := func(n int) string { return `{"blob":"` + strings.Repeat("f", n) + `"}` }
	for _, tc := range []struct {
		name            string
		message, fields string
		exceptionAt     int64
	}{
		{"long text", "INFO: (1) " + strings.Repeat("x", 500_000), "", -1},
		{"long text in two-byte characters", "INFO: (1) " + strings.Repeat("é", 300_000), "", -1},
		{"long text in four-byte characters", "INFO: (1) x" + strings.Repeat("🙂", 150_000), "", -1},
		{"long exception", "ERROR: (1) t " + strings.Repeat("e", 500_000), "", 13},
		{"exception that is cut off", "ERROR: (1) " + strings.Repeat("x", 500_000) + " boom", "", 500_012},
		{"long fields", "INFO: (1) short", fields(600_000), -1},
		{"fields full of quotes", "INFO: (1) short", `{"a":` + strconv.Quote(strings.Repeat(`"`, 300_000)) + `}`, -1},
		{"both long", "INFO: (1) " + strings.Repeat("x", 900_000), fields(900_000), -1},
		{"just over", "INFO: (1) " + strings.Repeat("x", limit), "", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := Row{Date: "2026-11-22", StampMod: "1795300002.0050007+orders+2p4thtomb9", Level: "INFO", Locator: "1",
				Message: tc.message, Fields: tc.fields, ExceptionAt: tc.exceptionAt, Expiry: 1_795_300_002}
			before := len(r.Message) + len(r.Fields)
			r.Fit()
			if n := itemSize(&r); n > limit {
				t.Errorf("item of %d bytes", n)
			} else if n < limit*9/10 && tc.name != "fields full of quotes" {
				t.Errorf("only %d bytes are left of %d", n, before)
			}
			message, kept := textOf(&r, AttrMessage), textOf(&r, AttrFields)
			if !strings.HasPrefix(tc.message, message) || !utf8.ValidString(message) {
				t.Error("the message is not a head of the original")
			}
			keptBytes := len(kept)
			if kept != tc.fields {
				var cut struct {
					Head string `json:"_truncated"`
				}
				if err := json.Unmarshal([]byte(kept), &cut); err != nil || !strings.HasPrefix(tc.fields, cut.Head) {
					t.Errorf("fields are no JSON with a head of the original: %v", err)
				}
				keptBytes = len(cut.Head)
			}
			if want := strconv.Itoa(before - len(message) - keptBytes); textOf(&r, AttrTruncated) != want {
				t.Errorf("truncated says %s, %s bytes are gone", textOf(&r, AttrTruncated), want)
			}
			if at := textOf(&r, AttrExceptionAt); at != "" {
				if n, _ := strconv.Atoi(at); n >= len(message) {
					t.Errorf("exception_at %s lies outside a message of %d bytes", at, len(message))
				}
			}
		})
	}
}

func TestNothingIsStoredThatIsNotThere(t *testing.T) {
	r := Row{
		Error: true, Date: "d", StampMod: "s", Message: "ERROR: (1)", Level: "ERROR", Locator: "1", ExceptionAt: -1,
	}
	r.Fit()
	item := map[string]string{}
	for a := range r.Attributes {
		item[a.Name] = a.Value
	}
	for _, name := range []string{AttrExpiry, AttrRequestID, AttrExceptionAt, AttrFields, AttrIssues, AttrTruncated} {
		if _, there := item[name]; there {
			t.Errorf("attribute %s is stored empty", name)
		}
	}
	if len(item) != 5 {
		t.Errorf("attributes: %v", item)
	}
}

func TestShortAttributesStayShort(t *testing.T) {
	r := Row{
		Date: "d", StampMod: "s", Message: "INFO: (x)", ExceptionAt: -1,
		Locator: strings.Repeat("é", 100_000), RequestID: strings.Repeat("r", 100_000),
	}
	r.Fit()
	if len(r.Locator) > maxShort || len(r.RequestID) > maxShort || !utf8.ValidString(r.Locator) {
		t.Errorf("locator of %d bytes, request ID of %d", len(r.Locator), len(r.RequestID))
	}
	if r.Truncated != int64(100_000-len(r.RequestID)) { // the locator stands in the message as well
		t.Errorf("truncated says %d", r.Truncated)
	}
}
