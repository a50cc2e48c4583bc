package sns_test

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/alert"
)

// endless is the answer of something that is not SNS.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read += len(p); e.read > 10<<20 {
		return 0, io.EOF
	}
	return len(p), nil
}
func (e *endless) Close() error { return nil }

// TestLimits: maxAnswer, 16 KiB, of what some proxy answers, and 200 bytes of
// an error's code. maxMessage: TestTheLimitIsSNSs; maxAttribute:
// TestOddAttributesAreMadeFit.
func TestLimits(t *testing.T) {
	_, c := start(t)
	body := &endless{}
	c.HTTP = doer(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 502, Body: body}, nil
	})
	if err := c.Publish(t.Context(), message(t)); err == nil || body.read > 64<<10 {
		t.Errorf("%v after %d bytes", err, body.read)
	}
	c.HTTP = doer(func(*http.Request) (*http.Response, error) {
		answer := "<Code>" + strings.Repeat("x", 1000) + "</Code>"
		return &http.Response{StatusCode: 503, Body: io.NopCloser(strings.NewReader(answer))}, nil
	})
	if err := c.Publish(t.Context(), message(t)); err == nil || len(err.Error()) > 200 {
		t.Errorf("%.300v", err)
	}
}

type quiet struct{}

func (quiet) Fail(string, string, string, ...any) bool { return true }
func (quiet) Recover(string, string)                   {}

// TestSNSTakesWhateverWasPrinted: no member of a line, however long and however
// much longer its encoding is, makes SNS refuse the alert.
func TestSNSTakesWhateverWasPrinted(t *testing.T) {
	for _, long := range []string{
		strings.Repeat("x", 390_000), strings.Repeat("\"", 390_000),
		strings.Repeat("ü\x01", 130_000), strings.Repeat("\\\n", 195_000),
	} {
		members := reflect.TypeFor[alert.Alert]()
		for i := range members.NumField() {
			name := members.Field(i).Name
			if !members.Field(i).IsExported() || members.Field(i).Type.Kind() != reflect.String && name != "Requests" {
				continue
			}
			s, c := start(t)
			sender := alert.New(alert.Config{
				Topics: []alert.Topic{topic(t, arn)}, Window: time.Minute, Max: 9, Channel: c, Report: quiet{},
				Issue:    func(_ *alert.Alert, _ bool, text string) { t.Errorf("%s: %s", name, text) },
				Panicked: func(v any) { t.Errorf("%s: panic %v", name, v) },
				Source:   alert.Source{Function: "orders", Region: "eu-central-1", Zone: time.UTC},
			})
			a := &alert.Alert{
				Time: time.Now(), Level: "ERROR", Module: "orders", Locator: "1", Text: "x", Configured: true,
			}
			if name == "Requests" {
				a.Requests = []alert.Request{{Topics: []alert.Topic{topic(t, arn)}, Message: long}}
			} else {
				reflect.ValueOf(a).Elem().FieldByName(name).SetString(long)
			}
			date, stampMod := "2026-11-22", "stamp"
			if name == "Date" || name == "StampMod" {
				date, stampMod = long, long
			}
			sender.Expect(a)(date, stampMod)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			sender.Flush(ctx)
			cancel()
			if got := s.Messages(); len(got) != 1 || len(got[0].Body) > 256<<10 {
				t.Errorf("%s of %.4q…: %d messages", name, long, len(got))
			}
		}
	}
}
