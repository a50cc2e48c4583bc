package read

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// item makes an item of strings (S) and whole numbers (N).
func item(pairs ...any) map[string]types.AttributeValue {
	m := map[string]types.AttributeValue{}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		switch v := pairs[i+1].(type) {
		case string:
			m[name] = &types.AttributeValueMemberS{Value: v}
		case int:
			m[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(v)}
		case types.AttributeValue:
			m[name] = v
		}
	}
	return m
}

func TestDecode(t *testing.T) {
	const message = "ERROR: (42) no card KeyError: 'card'"
	tests := map[string]struct {
		item map[string]types.AttributeValue
		want Row
	}{
		"ours": {
			item("date", "2026-11-22", "stamp_mod", "1795300002.0050007+orders+2p4thtomb9", "message", message,
				"level", "ERROR", "locator", "42", "request_id", "7f3a",
				"exception_at", strings.Index(message, "KeyError"),
				"fields", `{"order":17}`, "truncated", 9, "expiry", 1800000000),
			Row{Key: Key{Date: "2026-11-22", StampMod: "1795300002.0050007+orders+2p4thtomb9",
				Time: time.UnixMilli(1795300002005), Module: "orders", EnvironmentID: "2p4thtomb9"},
				Message: message, Level: "ERROR", Locator: "42", Text: "no card", Exception: "KeyError: 'card'",
				RequestID: "7f3a",
				Fields:    `{"order":17}`, Truncated: 9, Expiry: time.Unix(1800000000, 0)},
		},
		"the ancestor's": {
			item("date", "2021-04-11", "stamp_mod", "1618151590+example",
				"message", "ALARM: (7+) SNS failed", "expiry", 1623335590),
			Row{Key: Key{Date: "2021-04-11", StampMod: "1618151590+example",
				Time: time.Unix(1618151590, 0), Module: "example"},
				Message: "ALARM: (7+) SNS failed", Level: "ALARM", Locator: "7+", Text: "SNS failed",
				Expiry: time.Unix(1623335590, 0)},
		},
		"the ancestor's, a plus in the module, no text": {
			item("stamp_mod", "1618151590+a+b", "message", "INFO: (1)"),
			Row{Key: Key{StampMod: "1618151590+a+b", Time: time.Unix(1618151590, 0), Module: "a+b"},
				Message: "INFO: (1)", Level: "INFO", Locator: "1"},
		},
		"exception and no text": {
			item("message", "ERROR: (7) boom", "level", "ERROR", "locator", "7", "exception_at", 11),
			Row{Message: "ERROR: (7) boom", Level: "ERROR", Locator: "7", Exception: "boom"},
		},
		"a locator with a parenthesis": {
			item("message", "INFO: (f(x) y) done", "level", "INFO", "locator", "f(x) y"),
			Row{Message: "INFO: (f(x) y) done", Level: "INFO", Locator: "f(x) y", Text: "done"},
		},
		"a level of a scale of one's own": {
			item("message", "VERY BAD: (1) no", "level", "VERY BAD", "locator", "1"),
			Row{Message: "VERY BAD: (1) no", Level: "VERY BAD", Locator: "1", Text: "no"},
		},
		"an invalid line": {
			item("message", `WARN: (?) {"level":"LOUD"}`, "level", "WARN", "issues", "level is not on the scale"),
			Row{Message: `WARN: (?) {"level":"LOUD"}`, Level: "WARN", Text: `{"level":"LOUD"}`,
				Issues: "level is not on the scale"},
		},
		"exception_at beyond the end": {
			item("message", "ERROR: (7) cut", "level", "ERROR", "locator", "7", "exception_at", 5000),
			Row{Message: "ERROR: (7) cut", Level: "ERROR", Locator: "7", Text: "cut"},
		},
		"exception_at before the text": {
			item("message", "ERROR: (7) text", "level", "ERROR", "locator", "7", "exception_at", 3),
			Row{Message: "ERROR: (7) text", Level: "ERROR", Locator: "7", Text: "text"},
		},
		"exception_at within a character": {
			item("message", "ERROR: (7) \u00e9x", "level", "ERROR", "locator", "7", "exception_at", 12),
			Row{Message: "ERROR: (7) \u00e9x", Level: "ERROR", Locator: "7", Text: "\u00e9x"},
		},
		"negative exception_at": {
			item("message", "no form at all", "exception_at", -1),
			Row{Message: "no form at all", Text: "no form at all"},
		},
		"prose that looks a little like a message": {
			item("message", "he said: (quietly) no"),
			Row{Message: "he said: (quietly) no", Text: "he said: (quietly) no"},
		},
		"a stranger's attributes": {
			item("stamp_mod", "not a stamp", "message", 17, "color", "red"),
			Row{Key: Key{StampMod: "not a stamp"}, Stored: Stored{Other: item("message", 17, "color", "red")}},
		},
		"a number that is no time": {
			item("expiry", &types.AttributeValueMemberN{Value: "1E+125"}),
			Row{Stored: Stored{Other: item("expiry", &types.AttributeValueMemberN{Value: "1E+125"})}},
		},
		"nothing": {nil, Row{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := decode(tt.item)
			ignore := cmpopts.IgnoreUnexported(types.AttributeValueMemberN{}, types.AttributeValueMemberS{})
			tt.want.Item = tt.item
			if diff := cmp.Diff(tt.want, got, ignore, cmpopts.EquateApproxTime(0)); diff != "" {
				t.Errorf("decode (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseKeyTakesWhatItCan(t *testing.T) {
	tests := []struct {
		key    string
		millis int64 // -1: no time
		module string
	}{
		{"1795300002.0050007+m+e", 1795300002005, "m"},
		{"1795300002.0050007+a+b+e", 1795300002005, "a+b"},
		{"1795300002.005+m+e", 1795300002005, "m"},
		{"1795300002.00x0007+m+e", 1795300002000, "m"},
		{"1795300002.+m", 1795300002000, "m"},
		{"1795300002", 1795300002000, ""},
		{"999999999999+m", -1, "m"}, // 12 digits: no second we could mean
		{"-5+m", -1, "m"},
		{"+m+e", -1, "m+e"},
		{"", -1, ""},
	}
	for _, tt := range tests {
		k := parseKey("", tt.key)
		millis := int64(-1)
		if !k.Time.IsZero() {
			millis = k.Time.UnixMilli()
		}
		if millis != tt.millis || k.Module != tt.module {
			t.Errorf("parseKey(%q) = %d ms, module %q; want %d, %q", tt.key, millis, k.Module, tt.millis, tt.module)
		}
	}
}

// FuzzDecode decodes rows written by strangers: never a panic, and every part
// of the message is in what it was taken apart into, once.
func FuzzDecode(f *testing.F) {
	f.Add("1795300002.0050007+orders+2p4thtomb9", "ERROR: (42) text boom", "ERROR", "42", 17)
	f.Add("1618151590+example", "ALARM: (7+) text", "", "", -1)
	f.Add("+", "X: ()", "", "", 5)
	f.Add("9.999+", "WARN: (?) \xff", "WARN", "", 1<<40)
	f.Add("1.0000000+a+b+c", "INFO: (a) b) c", "INFO", "a) b", 0)
	f.Fuzz(func(t *testing.T, key, message, level, locator string, exceptionAt int) {
		it := item("stamp_mod", key, "message", message, "exception_at", exceptionAt)
		if level != "" {
			it["level"] = &types.AttributeValueMemberS{Value: level}
		}
		if locator != "" {
			it["locator"] = &types.AttributeValueMemberS{Value: locator}
		}
		row := decode(it)
		if row.StampMod != key || row.Message != message {
			t.Errorf("the key %q or the message %q was changed", row.StampMod, row.Message)
		}
		if level != "" && row.Level != level || locator != "" && row.Locator != locator {
			t.Errorf("level %q, locator %q: not what the attributes say", row.Level, row.Locator)
		}
		tail := row.Text + row.Exception
		if row.Text != "" && row.Exception != "" && !strings.HasSuffix(message, tail) {
			tail = row.Text + " " + row.Exception
		}
		head, ok := strings.CutSuffix(message, tail)
		if !ok {
			t.Fatalf("text %q and exception %q do not end message %q", row.Text, row.Exception, message)
		}
		// What is before the text is nothing, or level and locator; the space
		// between an empty text and the exception may be there too.
		if head = strings.TrimRight(head, " "); head != "" && !strings.HasSuffix(head, ")") {
			t.Errorf("%q of message %q is in no part", head, message)
		}
		if !row.Time.IsZero() && row.Time.Year() > 9999 {
			t.Errorf("time %v cannot be printed", row.Time)
		}
	})
}
