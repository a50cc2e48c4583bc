package agent

import (
	"reflect"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

// TestEveryTextOfARowIsMasked: whoever gives a row a new text has to mask it.
func TestEveryTextOfARowIsMasked(t *testing.T) {
	const key = "AKIAIOSFODNN7EXAMPLE"
	masking, err := redact.New("")
	if err != nil {
		t.Fatal(err)
	}
	a := New(Config{Rows: Rows{Scale: level.DefaultScale(), Redact: masking}})
	r := row{Entry: store.Entry{Links: new(store.Links)}}
	v, links := reflect.ValueOf(&r).Elem(), reflect.ValueOf(&r.Links).Elem().Elem()
	for i := range links.NumField() {
		if f := links.Field(i); f.Kind() == reflect.String {
			f.SetString(key)
		} else if f.Kind() != reflect.Int64 {
			t.Errorf("Links.%s may hold texts", links.Type().Field(i).Name)
		}
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Type.Kind() == reflect.String && f.IsExported() {
			v.FieldByIndex(f.Index).SetString(`{"a":"` + key + `"}`)
		} else if f.Name == "Links" {
			continue
		} else if k := f.Type.Kind(); k == reflect.String || k == reflect.Slice || k == reflect.Map ||
			k == reflect.Pointer || k == reflect.Interface {
			t.Errorf("row.%s may hold texts: see that they are masked, and look for them here", f.Name)
		}
	}
	e := &r.Entry
	e.Level = "ERROR" // one of the scale's
	e.Message = "ERROR: (" + e.Locator + ") text " + key + " exception " + key
	e.ExceptionAt = strings.Index(e.Message, "exception")
	r.parts = partsOf(e)
	a.redact(&r)
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Type.Kind() == reflect.String && strings.Contains(v.FieldByIndex(f.Index).String(), key) {
			t.Errorf("row.%s is not masked", f.Name)
		}
	}
	for i := range links.NumField() {
		if strings.Contains(links.Field(i).String(), key) {
			t.Errorf("Links.%s is not masked", links.Type().Field(i).Name)
		}
	}
	if want := "ERROR: (" + e.Locator + ") text [redacted aws-key] exception [redacted aws-key]"; e.Message != want {
		t.Errorf("message %q, want %q", e.Message, want)
	}
	if got := e.Message[e.ExceptionAt:]; got != "exception [redacted aws-key]" {
		t.Errorf("the exception is %q", got)
	}
}

// The parts of a message stay apart, whatever is masked across them.
func TestMessageKeepsItsParts(t *testing.T) {
	for _, c := range []struct {
		setting                  string
		locator, text, exception string
		want                     string // locator|text|exception
	}{
		{"", "1", "SecretAccessKey:", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
			"1|SecretAccessKey:|[redacted aws-secret]"},
		{"", "SecretAccessKey", "= wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "",
			"SecretAccessKey|= [redacted aws-secret]|"},
		{`(?i)password\W+\w+`, "9", "the password:", "hunter2 is wrong", "9|the [redacted]|[redacted] is wrong"},
		{`(?s).+`, "9", "x", "y", "[redacted]|[redacted]|[redacted]"},
		{`x\) y`, "x", "y", "z", "[redacted]|[redacted]|z"},
		{`^y$`, "x", "y", "z", "x|[redacted]|z"},
		{`ERROR`, "ERROR", "y", "", "[redacted]|y|"},
		{`x`, "1", "", "x", "1||[redacted]"},
		{`x`, "x", "", "", "[redacted]||"},
	} {
		masking, err := redact.New(c.setting)
		if err != nil {
			t.Fatal(err)
		}
		a := New(Config{Rows: Rows{Scale: level.DefaultScale(), Redact: masking}})
		line := parse.Line{Level: a.cfg.Rows.Scale.Top(), Locator: c.locator, Text: c.text, Exception: c.exception}
		e := a.row(line, "", a.cfg.Now())
		text, exception := e.text(), e.exception()
		if got := e.Locator + "|" + text + "|" + exception; got != c.want {
			t.Errorf("%s: %q, want %q", c.setting, got, c.want)
		}
		if want := e.Level + ": (" + e.Locator + ")"; !strings.HasPrefix(e.Message, want) {
			t.Errorf("%s: the message is %q, want %q first", c.setting, e.Message, want)
		}
	}
}
