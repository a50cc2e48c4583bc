package store

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/awsenv"
)

// Each request that is on the wire may leave its connection to the next one.
func TestConnectionsAreKeptForAllWriters(t *testing.T) {
	if maxWriters > awsenv.MaxConnections {
		t.Errorf("%d writers keep %d connections", maxWriters, awsenv.MaxConnections)
	}
}

// What is learnt from one answer of DynamoDB's about the time signs the next
// request.
func TestALastingSkewIsCorrected(t *testing.T) {
	ahead := 20 * time.Minute
	var dates []time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil {
			t.Error(err)
		}
		dates = append(dates, at)
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if len(dates) == 1 {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"__type":"com.amazon.coral.service#InvalidSignatureException",`+
				`"message":"Signature expired: `+at.Format("20060102T150405Z")+
				` is now earlier than 20991122T102000Z"}`)
			return
		}
		_, _ = io.WriteString(w, `{"UnprocessedItems":{}}`)
	}))
	defer server.Close()
	env := map[string]string{"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "K", "AWS_SECRET_ACCESS_KEY": "s",
		"AWS_ENDPOINT_URL_DYNAMODB": server.URL}
	s := New(Config{
		Client: clientOf(t, env), InfoTable: "logtable-info", ErrorsTable: "logtable-errors",
		TTL: time.Hour, Zone: time.UTC, MaxBytes: 1 << 20, Report: noReport{t}, Attempt: time.Minute,
	})
	s.Add(Entry{
		Time: time.Now(), Level: "INFO", Locator: "1", Module: "m", Message: "INFO: (1) x", ExceptionAt: -1,
	})
	if err := s.Flush(t.Context()); err != nil || s.Waiting() > 0 {
		t.Errorf("%v, %d wait", err, s.Waiting())
	}
	if len(dates) != 2 || dates[1].Sub(dates[0]) < ahead-time.Minute {
		t.Errorf("signed for %v", dates)
	}
}

type noReport struct{ t *testing.T }

func (r noReport) Fail(key, message, advice string, _ ...any) bool {
	r.t.Error(key, message, advice)
	return true
}
func (r noReport) Recover(string, string) {}
