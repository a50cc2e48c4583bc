package store_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

// discard is a transport that confirms everything.
type discard struct{}

func (discard) Do(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"UnprocessedItems":{}}`)),
	}, nil
}

func (discard) client() *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", HTTPClient: discard{}, Retryer: aws.NopRetryer{},
		Credentials:           credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token"),
		AccountIDEndpointMode: aws.AccountIDEndpointModeDisabled,
	})
}

// lineEntry is a row as a line of about 300 bytes makes it.
func lineEntry(i int) store.Entry {
	return store.Entry{
		Time: base.Add(time.Duration(i) * time.Millisecond / 10), Level: "INFO", Locator: "orders.go:117",
		Module:      "orders",
		RequestID:   "8f0a3c52-6a1e-4f6b-9d0e-2b7c5a914e77",
		Message:     fmt.Sprintf("INFO: (orders.go:117) order %d is accepted and handed to the warehouse", i),
		ExceptionAt: -1,
		Fields: fmt.Sprintf(`{"order":%d,"customer":"c-%08x","warehouse":"eu-central-1b",`+
			`"items":[{"sku":"a-17","n":2},{"sku":"b-4","n":1}],"took_ms":12.5}`, i, i*2654435761),
	}
}

func lineEntries() []store.Entry {
	all := make([]store.Entry, 1000)
	for i := range all {
		all[i] = lineEntry(i)
	}
	return all
}

func quietStore(tb testing.TB, client dynamotest.BatchWriter, change ...func(*store.Config)) *store.Store {
	cfg := store.Config{
		Client: dynamotest.Over(client), InfoTable: infoTable, ErrorsTable: errorsTable,
		TTL: 60 * 24 * time.Hour, Zone: time.UTC,
		MaxBytes: 1 << 30,
		Report:   &reports{t: tb, failing: map[string]string{}},
		Panicked: func(v any) { tb.Errorf("a writer panicked: %v", v) }, Attempt: time.Minute,
	}
	for _, f := range change {
		f(&cfg)
	}
	return store.New(cfg)
}

func TestARecordCostsNextToNoAllocation(t *testing.T) {
	s, entries, i := quietStore(t, discard{}.client()), lineEntries(), 0
	n := testing.AllocsPerRun(10, func() { // whole thousands: rare allocations count, too
		for range entries {
			s.Add(entries[i%len(entries)])
			i++
		}
	}) / float64(len(entries))
	if n > 0.2 {
		t.Errorf("%.3f allocations a record, at most 0.2 are wanted", n)
	}
}

// What the queue counts is what it takes from the heap, give or take a quarter.
func TestTheBoundCountsTrueCost(t *testing.T) {
	for name, size := range map[string]int{"short": 40, "usual": 200, "long": 30_000} {
		t.Run(name, func(t *testing.T) {
			e := lineEntry(1)
			e.Fields, e.Message = "", "INFO: (1) "+strings.Repeat("x", size)
			s := quietStore(t, discard{}.client())
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range max(100, 10_000_000/(size+300)) {
				s.Add(e)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			took := float64(after.HeapAlloc) - float64(before.HeapAlloc)
			if ratio := took / float64(s.Bytes()); ratio > 1.25 || ratio < 0.75 {
				t.Errorf("%.0f bytes of heap, %d counted: ratio %.2f", took, s.Bytes(), ratio)
			}
			runtime.KeepAlive(s)
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	entries := lineEntries()
	b.ReportAllocs()
	s := quietStore(b, discard{}.client())
	for i := range b.N {
		if i%100_000 == 0 { // the queue's bound is not what is measured
			s = quietStore(b, discard{}.client())
		}
		s.Add(entries[i%len(entries)])
	}
}

// BenchmarkThousand is a thousand lines of 300 bytes from Add to a transport,
// which discards: the Store's way in each layout beside the SDK's in the same
// run.
func BenchmarkThousand(b *testing.B) {
	for _, layout := range []struct {
		name string
		as   store.Layout
		calm bool // a flush after every ten lines
	}{
		{"Store", store.Layout{}, false},
		{"Store, auto", store.Layout{Auto: true}, false},
		{"Store, packed", store.Layout{Packed: true}, false},
		{"Store, ten at a time", store.Layout{}, true},
		{"Store, auto, ten at a time", store.Layout{Auto: true}, true},
	} {
		b.Run(layout.name, func(b *testing.B) {
			entries := lineEntries()
			s := quietStore(b, discard{}.client(), func(c *store.Config) { c.Layout = layout.as })
			b.ReportAllocs()
			for b.Loop() {
				for i, e := range entries {
					s.Add(e)
					if layout.calm && i%10 != 9 || !layout.calm && i+1 < len(entries) {
						continue
					}
					for s.Waiting() > 0 { // on a busy machine answers may seem slow
						s.Flush(context.Background())
					}
				}
			}
		})
	}
	b.Run("SDK alone", func(b *testing.B) {
		entries, client := lineEntries(), discard{}.client()
		b.ReportAllocs()
		for b.Loop() {
			for begin := 0; begin < len(entries); begin += 25 {
				var puts []types.WriteRequest
				for i, e := range entries[begin : begin+25] {
					puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: sdkItem(e, i)}})
				}
				in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{infoTable: puts}}
				if _, err := client.BatchWriteItem(context.Background(), in); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// sdkItem is a row in the SDK's types, as one writes it without a Store.
func sdkItem(e store.Entry, i int) map[string]types.AttributeValue {
	s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	return map[string]types.AttributeValue{
		"date": s(e.Time.Format(time.DateOnly)),
		"stamp_mod": s(fmt.Sprintf("%d.%03d%04d+%s+2p4thtomb9",
			e.Time.Unix(), e.Time.UnixMilli()%1000, i, e.Module)),
		"message": s(e.Message), "level": s(e.Level), "locator": s(e.Locator),
		"request_id": s(e.RequestID), "fields": s(e.Fields),
		"expiry": &types.AttributeValueMemberN{Value: fmt.Sprint(e.Time.Unix() + 60*86400)},
	}
}
