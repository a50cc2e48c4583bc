package table_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/sandbox/table"
)

// start serves an endpoint with the two log tables.
func start(t *testing.T) *table.Server {
	t.Helper()
	s := table.Start(t)
	if err := s.CreateLogTables(t.Context(), "info", "errors"); err != nil {
		t.Fatal(err)
	}
	return s
}

func write(s *table.Server, requests ...types.WriteRequest) (left int, err error) {
	return writeContext(context.Background(), s, requests...)
}

func writeContext(ctx context.Context, s *table.Server, requests ...types.WriteRequest) (left int, err error) {
	out, err := s.Client().BatchWriteItem(ctx,
		&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"info": requests}})
	if err != nil {
		return 0, err
	}
	return len(out.UnprocessedItems["info"]), nil
}

func TestRequestsOutsideTheProtocol(t *testing.T) {
	const (
		signed = "AWS4-HMAC-SHA256 Credential=local/20261122/us-east-1/dynamodb/aws4_request, " +
			"SignedHeaders=host;x-amz-date, Signature=0123456789012345678901234567890123456789012345678901234567890123"
		json10  = "application/x-amz-json-1.0"
		listing = "DynamoDB_20120810.ListTables"
	)
	tests := []struct {
		name                        string
		authorization, target, kind string
		body                        string
		status                      int
		code                        string
	}{
		{"as the SDK sends it", signed, listing, json10, "{}", 200, ""},
		{"unsigned", "", listing, json10, "{}", 400, "MissingAuthenticationTokenException"},
		{"signed otherwise", "Bearer x", listing, json10, "{}", 400, "IncompleteSignatureException"},
		{"signed for another service", strings.Replace(signed, "dynamodb", "s3", 1), listing, json10, "{}", 400,
			"InvalidSignatureException"},
		{"an operation that does not exist", signed, "DynamoDB_20120810.DropTable", json10, "{}", 400,
			"UnknownOperationException"},
		{"an operation that is not implemented", signed, "DynamoDB_20120810.TransactWriteItems", json10, "{}", 400,
			"UnknownOperationException"},
		{"no operation", signed, "", json10, "{}", 400, "UnknownOperationException"},
		{"another media type", signed, listing, "text/plain", "{}", 400, "UnknownOperationException"},
		{"no JSON", signed, listing, json10, "{", 400, "SerializationException"},
		{"an empty body", signed, listing, json10, "", 400, "SerializationException"},
		{"another type of parameter", signed, listing, json10, `{"Limit":"x"}`, 400, "SerializationException"},
		{"an unknown parameter", signed, listing, json10, `{"KeyConditions":{}}`, 400, "ValidationException"},
		{"a value of two types", signed, "DynamoDB_20120810.PutItem", json10,
			`{"TableName":"info","Item":{"a":{"S":"x","N":"1"}}}`, 400, "ValidationException"},
		{"a value of no type", signed, "DynamoDB_20120810.PutItem", json10, `{"TableName":"info","Item":{"a":{}}}`, 400,
			"ValidationException"},
		{"a string that is a number", signed, "DynamoDB_20120810.PutItem", json10,
			`{"TableName":"info","Item":{"a":{"S":1}}}`, 400, "SerializationException"},
		{"a request over 16 MB", signed, "DynamoDB_20120810.PutItem", json10, strings.Repeat(" ", 16<<20+1), 413, ""},
	}
	s := start(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Date", "20261122T000000Z")
			r.Header.Set("Content-Type", test.kind)
			headers := map[string]string{"Authorization": test.authorization, "X-Amz-Target": test.target}
			for name, value := range headers {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status {
				t.Errorf("status %d; want %d (%s)", response.StatusCode, test.status, body)
			}
			if test.code != "" && !strings.Contains(string(body), "#"+test.code+`"`) {
				t.Errorf("answer %s; want code %s", body, test.code)
			}
		})
	}
}

func TestItemsAndStats(t *testing.T) {
	s := start(t)
	s.ResetStats()
	for _, requests := range [][]types.WriteRequest{
		{put(row("2026-11-23", 1)), put(row(day, 2)), put(row(day, 1))},
		{put(row(day, 1))},
		{put(row(day, 2, "message", &str{Value: "other"}))},
		{put(sized(1025)), del(key("2026-11-23", 1))},
	} {
		if left, err := write(s, requests...); left != 0 || err != nil {
			t.Fatalf("%d left, error %v", left, err)
		}
	}
	if _, err := write(s); err == nil {
		t.Error("an empty batch was taken")
	}
	want := table.Stats{
		Requests:     map[string]int{"BatchWriteItem": 5},
		Errors:       map[string]int{"ValidationException": 1},
		ItemsWritten: 6, WriteUnits: 8, Overwritten: 2, OverwrittenEqual: 1,
	}
	if diff := cmp.Diff(want, s.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	var got []string
	for _, it := range s.Items("info") {
		got = append(got, it.Str("date")+" "+it.Str("stamp_mod")[:10]+" "+it.Num("expiry"))
	}
	items := []string{
		"2026-11-22 1795300001 1800000001", "2026-11-22 1795300002 1800000002", "2026-11-22 1795300020 ",
	}
	if diff := cmp.Diff(items, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	last := s.Records()[3]
	if last.Op != "BatchWriteItem" || last.Puts != 1 || last.Deletes != 1 || last.Status != 200 {
		t.Errorf("record %+v; want a batch of a put and a delete", last)
	}
}

func TestTimeToLive(t *testing.T) {
	s := start(t)
	disable := &dynamodb.UpdateTimeToLiveInput{TableName: aws.String("info"),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String("expiry"), Enabled: aws.Bool(false)}}
	if _, err := s.Client().UpdateTimeToLive(t.Context(), disable); codeOf(err) != refused {
		t.Errorf("TTL changed twice at once: error %v; want code %s", err, refused)
	}
	s.SetClock(func() time.Time { return time.Now().Add(time.Hour) })
	if _, err := s.Client().UpdateTimeToLive(t.Context(), disable); err != nil {
		t.Errorf("TTL changed an hour later: %v", err)
	}
}

func TestWriteLimit(t *testing.T) {
	s := start(t)
	now := time.Unix(1_800_000_000, 0)
	s.SetClock(func() time.Time { return now })
	s.LimitWrites(10)
	if left, err := write(s, rows(0, 15)...); left != 5 || err != nil {
		t.Errorf("15 units of 10: %d left, error %v; want 5", left, err)
	}
	_, err := write(s, rows(15, 20)...)
	if codeOf(err) != "ThrottlingException" {
		t.Errorf("no unit left: error %v; want ThrottlingException", err)
	}
	var throttled *types.ThrottlingException
	if !errors.As(err, &throttled) || len(throttled.ThrottlingReasons) != 1 ||
		*throttled.ThrottlingReasons[0].Reason != "TableWriteKeyRangeThroughputExceeded" {
		t.Errorf("error %#v; want the reason", err)
	}
	if left, err := write(s, put(row("2026-11-23", 1))); left != 0 || err != nil {
		t.Errorf("another day: %d left, error %v; want it stored", left, err)
	}
	now = now.Add(500 * time.Millisecond)
	if left, err := write(s, rows(15, 25)...); left != 5 || err != nil {
		t.Errorf("half a second later: %d left, error %v; want 5", left, err)
	}
	if n := len(s.Items("info")); n != 16 {
		t.Errorf("%d items; want the 16 that were taken", n)
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name   string
		fault  table.FaultFunc
		code   string // of the refusal; "" for none
		reset  bool   // the connection is reset
		stored int    // of 10
	}{
		{name: "none", stored: 10},
		{name: "throttled", fault: table.Throttle(1, 1), code: "ThrottlingException"},
		{name: "throttled never", fault: table.Throttle(0, 1), stored: 10},
		{name: "500", fault: table.ServerError(500, 1, 1), code: "InternalServerError"},
		{name: "503", fault: table.ServerError(503, 1, 1), code: "ServiceUnavailable"},
		{name: "reset before storing", fault: table.ResetBefore(1, 1), reset: true},
		{name: "reset after storing", fault: table.ResetAfter(1, 1), reset: true, stored: 10},
		{name: "all unprocessed", fault: table.Unprocessed(1, 1), code: "ThrottlingException"},
		{name: "access denied", fault: table.AccessDenied(), code: "AccessDeniedException"},
		{name: "expired token", fault: table.ExpiredToken(), code: "ExpiredTokenException"},
		{name: "missing table", fault: table.MissingTable(), code: "ResourceNotFoundException"},
		{name: "poison", fault: table.Poison("(7) text"), code: "ValidationException"},
		{name: "other poison", fault: table.Poison("(70) text"), stored: 10},
		{name: "of another operation", fault: table.Only(table.AccessDenied(), "PutItem"), stored: 10},
		{name: "the first there is",
			fault: table.Any(table.Poison("nothing"), table.ExpiredToken(), table.AccessDenied()),
			code:  "ExpiredTokenException"},
		{name: "latency", fault: table.Latency(time.Millisecond), stored: 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			s.OnRequest(test.fault)
			_, err := write(s, rows(0, 10)...)
			if test.reset {
				if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
					t.Errorf("error %v; want a connection reset", err)
				}
			} else if codeOf(err) != test.code {
				t.Errorf("error %v; want code %q", err, test.code)
			}
			if n := len(s.Items("info")); n != test.stored {
				t.Errorf("%d items stored; want %d", n, test.stored)
			}
			s.OnRequest(nil)
			if _, err := write(s, rows(0, 10)...); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func TestUnprocessedShare(t *testing.T) {
	s := start(t)
	s.OnRequest(table.Unprocessed(0.5, 7))
	left, err := write(s, rows(0, 20)...)
	if err != nil {
		t.Fatal(err)
	}
	if left == 0 || left == 20 {
		t.Errorf("%d of 20 unprocessed; want some", left)
	}
	if n := len(s.Items("info")); n != 20-left {
		t.Errorf("%d items stored and %d unprocessed; want 20 together", n, left)
	}
	if n := s.Stats().Unprocessed; n != left {
		t.Errorf("stats count %d unprocessed; want %d", n, left)
	}
}

func TestFirst(t *testing.T) {
	s := start(t)
	s.OnRequest(table.First(2, table.ServerError(500, 1, 1)))
	var codes []string
	for n := range 3 {
		_, err := write(s, put(row(day, n)))
		codes = append(codes, codeOf(err))
	}
	if diff := cmp.Diff([]string{"InternalServerError", "InternalServerError", ""}, codes); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

func TestHangEndsWithItsClient(t *testing.T) {
	s := start(t)
	s.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := writeContext(ctx, s, rows(0, 1)...); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v; want the context's", err)
	}
	if err := s.Restore(); err != nil {
		t.Fatal(err)
	}
	if _, err := write(s, rows(1, 2)...); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	if n := len(s.Items("info")); n != 1 {
		t.Errorf("%d items; want the one written after the outage", n)
	}
}

func TestCloseEndsWhatHangs(t *testing.T) {
	s := start(t)
	arrived := make(chan struct{})
	s.OnRequest(func(string, int, []byte) table.Fault {
		close(arrived)
		return table.Fault{Hang: true}
	})
	failed := make(chan error)
	go func() {
		_, err := write(s, rows(0, 1)...)
		failed <- err
	}()
	<-arrived
	s.Close()
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
}

func TestRefuseAndRestore(t *testing.T) {
	s := start(t)
	client := s.Client()
	list := func() error {
		_, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
		return err
	}
	if err := list(); err != nil { // leaves an open connection
		t.Fatal(err)
	}
	for range 3 {
		s.Refuse()
		s.Refuse() // once more does no harm
		if err := list(); err == nil {
			t.Error("the open connection was served during the outage")
		}
		if err := list(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("error %v; want connection refused", err)
		}
		if err := s.Restore(); err != nil {
			t.Fatal(err)
		}
		if err := list(); err != nil {
			t.Errorf("after the outage: %v", err)
		}
	}
}

func TestListenAtATakenPort(t *testing.T) {
	s := start(t)
	address := strings.TrimPrefix(s.URL(), "http://")
	other, err := table.Listen(address)
	if err == nil {
		other.Close()
		t.Fatal("two servers at one address")
	}
	if !strings.Contains(err.Error(), address) {
		t.Errorf("error %q does not name the address", err)
	}
}

func TestCloseFreesThePort(t *testing.T) {
	s := start(t)
	s.Close()
	s.Close() // once more does no harm
	l, err := net.Listen("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// One invocation's 20,000 lines, written by eight workers with faults, must
// all be there, in order, over pages.
func TestManyRowsUnderFaults(t *testing.T) {
	const total, batch = 20_000, 25
	s := start(t)
	s.OnRequest(table.Only(table.Any(table.Throttle(0.05, 1), table.ResetAfter(0.02, 2), table.ResetBefore(0.02, 3),
		table.Unprocessed(0.02, 4)), "BatchWriteItem"))
	batches := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			client := s.Client()
			for first := range batches {
				writeAll(t, client, first, batch)
			}
		})
	}
	// Out of order on purpose.
	for i := range total / batch {
		batches <- (i * 7 % (total / batch)) * batch
	}
	close(batches)
	workers.Wait()

	pages := dynamodb.NewQueryPaginator(s.Client(),
		&dynamodb.QueryInput{TableName: aws.String("info"), KeyConditionExpression: aws.String("#d = :d"),
			ExpressionAttributeNames:  map[string]string{"#d": "date"},
			ExpressionAttributeValues: attributes{":d": &str{Value: day}}})
	next, number := 0, 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		number++
		for _, it := range page.Items {
			if got := it["stamp_mod"].(*str).Value; got != longStamp(next) {
				t.Fatalf("row %d is %s; want %s", next, got, longStamp(next))
			}
			next++
		}
	}
	if next != total || number < 2 {
		t.Errorf("%d rows in %d pages; want %d in more than one", next, number, total)
	}
	stats := s.Stats()
	if stats.Overwritten == 0 || stats.Overwritten != stats.OverwrittenEqual {
		t.Errorf("%d overwritten, %d of them equal; want some (lost answers), all equal", stats.Overwritten,
			stats.OverwrittenEqual)
	}
	if stats.ItemsWritten-stats.Overwritten != total {
		t.Errorf("%d written of which %d overwrote; want %d keys", stats.ItemsWritten, stats.Overwritten, total)
	}
}

func longStamp(n int) string { return fmt.Sprintf("1795300002.%07d+orders+2p4thtomb9", n) }

// writeAll writes rows until the endpoint has taken all of them.
func writeAll(t *testing.T, client *dynamodb.Client, first, count int) {
	var requests []types.WriteRequest
	for n := first; n < first+count; n++ {
		requests = append(requests, put(attributes{"date": &str{Value: day}, "stamp_mod": &str{Value: longStamp(n)},
			"message": &str{Value: fmt.Sprintf("INFO: (%d) a line of text", n)}}))
	}
	for range 100 {
		out, err := client.BatchWriteItem(t.Context(),
			&dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{"info": requests}})
		if err != nil {
			continue
		}
		if requests = out.UnprocessedItems["info"]; len(requests) == 0 {
			return
		}
	}
	t.Errorf("rows from %d were not taken in 100 tries", first)
}
