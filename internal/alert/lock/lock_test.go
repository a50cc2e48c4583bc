package lock_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/alert/lock"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/dynamo"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/testkit"
	"github.com/logtable/logtable/internal/testkit/dynamotest"
)

const arn = "arn:aws:sns:eu-central-1:123456789012:oncall"

// fleet is many environments of one function over one table, by one clock.
type fleet struct {
	t      *testing.T
	table  *table.Server
	client *dynamo.Client
	clock  atomic.Int64 // epoch milliseconds
	max    int

	mu       sync.Mutex
	messages []alert.Message
	issues   []string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	s, err := table.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.CreateLogTables(t.Context(), "logtable-info", "logtable-errors"); err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, table: s, max: 10}
	f.client = dynamotest.Client(s.URL(), func(e *awsenv.Environment) {
		// A thousand environments have a connection each; a test has not.
		e.HTTP = &awsenv.HTTPClient{Transport: &http.Transport{MaxConnsPerHost: 16, MaxIdleConnsPerHost: 16}}
	})
	f.clock.Store(1_795_300_000_000)
	return f
}

func (f *fleet) now() time.Time          { return time.UnixMilli(f.clock.Load()) }
func (f *fleet) pass(d time.Duration)    { f.clock.Add(d.Milliseconds()) }
func (f *fleet) Fits(alert.Message) bool { return true }
func (f *fleet) Publish(_ context.Context, m alert.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, m)
	return nil
}
func (f *fleet) Fail(string, string, string, ...any) bool { return true }
func (f *fleet) Recover(string, string)                   {}

func (f *fleet) sent() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.messages)
}

func (f *fleet) lock(name string) *lock.Table {
	return &lock.Table{
		Client: f.client, Name: "logtable-info", Function: "orders", Holder: name,
		Window: 5 * time.Minute, Max: f.max, Now: f.now,
	}
}

// environment is one sender.
func (f *fleet) environment(l alert.Lock) *alert.Sender {
	topic, err := alert.ParseTopic(arn)
	if err != nil {
		f.t.Fatal(err)
	}
	return alert.New(alert.Config{
		Topics: []alert.Topic{topic}, Window: 5 * time.Minute, Max: f.max, Channel: f, Lock: l, Report: f, Now: f.now,
		Source: alert.Source{
			Function: "orders", Region: "eu-central-1", Zone: time.UTC,
			InfoTable: "logtable-info", ErrorsTable: "logtable-errors",
		},
		Issue: func(_ *alert.Alert, _ bool, text string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.issues = append(f.issues, text)
		},
	})
}

// fail has an environment print an error and end its invocation.
func (f *fleet) fail(s *alert.Sender, locator string) {
	kept := s.Expect(&alert.Alert{
		Time: f.now(), Level: "ERROR", Module: "orders", Locator: locator, Text: "x",
		Configured: true, ErrorsTable: true,
	})
	if kept != nil {
		kept("2026-11-22", "stamp")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	s.Flush(ctx)
}

// TestAThousandEnvironmentsSendOneMessage is the storm: all fail at once, with
// the same error, and once more a window later.
func TestAThousandEnvironmentsSendOneMessage(t *testing.T) {
	testkit.Slow(t)
	const environments = 1000
	f := newFleet(t)
	senders := make([]*alert.Sender, environments)
	for i := range senders {
		senders[i] = f.environment(&patient{f.lock(fmt.Sprint("e", i))})
	}
	all := func() {
		var wg sync.WaitGroup
		for _, s := range senders {
			wg.Go(func() { f.fail(s, "1") })
		}
		wg.Wait()
	}
	all()
	if n := f.sent(); n != 1 {
		t.Fatalf("%d messages", n)
	}
	// Those who found the lease taken ask again with their next event.
	f.pass(alert.Lease)
	for _, s := range senders {
		s.Start()
	}
	all()
	if n := f.sent(); n != 1 {
		t.Fatalf("%d messages in the window", n)
	}
	f.pass(5 * time.Minute)
	for _, s := range senders { // an invocation that prints nothing: time to count
		s.Start()
		s.Flush(t.Context())
	}
	all()
	if n := f.sent(); n != 2 {
		t.Fatalf("%d messages in two windows", n)
	}
	text := f.messages[1].Text
	var told int
	if _, rest, ok := strings.Cut(text, "about "); ok {
		fmt.Sscan(rest, &told)
	}
	if told < environments*9/10 || told > 3*environments {
		t.Errorf("told of %d held back, of about %d:\n%s", told, 2*environments-1, text)
	}
	t.Logf("%d write units for 3 × %d failures; told of %d", f.table.Stats().WriteUnits, environments, told)
}

// TestAStormThrottlesTheLock: so many ask at once that DynamoDB cannot answer
// them all. Those who get no answer do not send on their own; with their next
// events they learn that somebody has.
func TestAStormThrottlesTheLock(t *testing.T) {
	const environments = 300
	f := newFleet(t)
	f.table.OnRequest(table.Only(table.Throttle(0.8, 1), "UpdateItem"))
	senders := make([]*alert.Sender, environments)
	for i := range senders {
		senders[i] = f.environment(&patient{f.lock(fmt.Sprint("e", i))})
	}
	var wg sync.WaitGroup
	for _, s := range senders {
		wg.Go(func() { f.fail(s, "1") })
	}
	wg.Wait()
	if n := f.table.Stats().Errors["ThrottlingException"]; n < environments/10 {
		t.Fatalf("only %d requests were throttled", n)
	}
	f.table.OnRequest(nil)
	f.pass(10 * time.Second)
	for _, s := range senders { // the next invocation: who has sent it says so
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		s.Start()
		s.Flush(ctx)
		cancel()
	}
	f.pass(alert.Lease)
	for _, s := range senders {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		s.Flush(ctx)
		cancel()
		if n := s.Waiting(); n > 0 {
			t.Fatalf("%d alerts wait on", n)
		}
	}
	if n := f.sent(); n != 1 || len(f.issues) > 0 {
		t.Errorf("%d messages, %d issues", n, len(f.issues))
	}
}

// patient has each call take its time: the sandbox of a busy machine is no
// DynamoDB.
type patient struct{ *lock.Table }

func without(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

func (p *patient) Acquire(ctx context.Context, g string) (alert.Answer, error) {
	return p.Table.Acquire(without(ctx), g)
}
func (p *patient) Places(ctx context.Context, n int) (alert.Answer, error) {
	return p.Table.Places(without(ctx), n)
}
func (p *patient) Sent(ctx context.Context, g string, h alert.Held) error {
	return p.Table.Sent(without(ctx), g, h)
}
func (p *patient) Count(ctx context.Context, g string, h alert.Held) error {
	return p.Table.Count(without(ctx), g, h)
}

func TestTheShareIsTheFunctions(t *testing.T) {
	f := newFleet(t)
	f.max = 3
	for i := range 6 {
		s := f.environment(&patient{f.lock(fmt.Sprint("e", i))})
		f.fail(s, fmt.Sprint(i))
		s.Close(t.Context()) // which counts what was held back
	}
	var subjects []string
	for _, m := range f.messages {
		subjects = append(subjects, m.Subject)
	}
	const want = "ERROR orders 0: x; ERROR orders 1: x; ERROR orders 2: x; " +
		"orders: further alerts are held back until 22:31 UTC"
	if got := strings.Join(subjects, "; "); got != want {
		t.Errorf("%s", got)
	}
	f.pass(5 * time.Minute)
	f.fail(f.environment(&patient{f.lock("later")}), "5")
	if n := f.sent(); n != 5 || !strings.Contains(f.messages[4].Text, "Similar alerts held back: about 1,") {
		t.Errorf("%d messages; %s", n, f.messages[n-1].Text)
	}
}

func TestALeaseEndsWithItsHolder(t *testing.T) {
	f := newFleet(t)
	ctx := t.Context()
	dead, heir := f.lock("dead"), f.lock("heir")
	first, err := dead.Acquire(ctx, "g")
	if err != nil || first.Verdict != alert.Granted {
		t.Fatal(first, err)
	}
	answer, err := heir.Acquire(ctx, "g")
	if err != nil || answer.Verdict != alert.Leased || !answer.Until.Equal(f.now().Add(alert.Lease)) {
		t.Fatal(answer, err)
	}
	if again, err := dead.Acquire(ctx, "g"); err != nil || again.Verdict != alert.Granted {
		t.Errorf("the holder itself: %v %v", again, err)
	}
	f.pass(alert.Lease)
	answer, err = heir.Acquire(ctx, "g")
	if err != nil || answer.Verdict != alert.Granted || answer.Window != first.Window {
		t.Errorf("the heir's window is the dead one's, for FIFO topics: %v, %v, %v", answer, first, err)
	}
	// The dead one was only frozen, and says that it has sent: too late.
	if err := dead.Sent(ctx, "g", alert.Held{}); err != nil {
		t.Fatal(err)
	}
	if err := heir.Sent(ctx, "g", alert.Held{}); err != nil {
		t.Fatal(err)
	}
	answer, err = dead.Acquire(ctx, "g")
	if err != nil || answer.Verdict != alert.Sent || !answer.Until.Equal(f.now().Add(5*time.Minute)) {
		t.Errorf("%v, %v", answer, err)
	}
	f.pass(5 * time.Minute)
	answer, err = dead.Acquire(ctx, "g")
	if err != nil || answer.Verdict != alert.Granted || answer.Window == first.Window {
		t.Errorf("%v, %v", answer, err)
	}
	if err := dead.Release(ctx, "g"); err != nil {
		t.Fatal(err)
	}
	if answer, err = heir.Acquire(ctx, "g"); err != nil || answer.Verdict != alert.Granted {
		t.Errorf("after a release: %v, %v", answer, err)
	}
}

func TestCounts(t *testing.T) {
	f := newFleet(t)
	ctx := t.Context()
	a, b := f.lock("a"), f.lock("b")
	began := f.now()
	count := func(l *lock.Table, n int) {
		t.Helper()
		if err := l.Count(ctx, "g", alert.Held{Count: n, First: f.now(), Last: f.now()}); err != nil {
			t.Fatal(err)
		}
		f.pass(time.Second)
	}
	count(a, 3)
	count(b, 4)
	answer, err := a.Acquire(ctx, "g")
	if err != nil || answer.Held.Count != 7 || !answer.Held.First.Equal(began) ||
		!answer.Held.Last.Equal(began.Add(time.Second)) {
		t.Fatalf("%+v, %v", answer, err)
	}
	count(b, 5) // while a is sending
	if err := a.Sent(ctx, "g", answer.Held); err != nil {
		t.Fatal(err)
	}
	f.pass(5 * time.Minute)
	if answer, err = b.Acquire(ctx, "g"); err != nil || answer.Held.Count != 5 {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestTheTableIsDown(t *testing.T) {
	f := newFleet(t)
	f.table.OnRequest(table.Only(table.AccessDenied(), "UpdateItem"))
	for i := range 3 {
		s := f.environment(f.lock(fmt.Sprint("e", i)))
		f.fail(s, "1")
		f.fail(s, "1")
	}
	if n := f.sent(); n != 3 {
		t.Errorf("%d messages of three environments on their own", n)
	}
	if f.messages[0].DeduplicationID != f.messages[2].DeduplicationID {
		t.Error("a FIFO topic could not deduplicate them")
	}
	if len(f.issues) != 3 || !strings.Contains(f.issues[0], "dynamodb:UpdateItem") {
		t.Errorf("%q", f.issues)
	}
}

// The lock's errors name what is at fault, and quote nothing else.
func TestWhatTheLockSaysOfErrors(t *testing.T) {
	f := newFleet(t)
	for _, c := range []struct {
		fault table.FaultFunc
		says  string
	}{
		{table.AccessDenied(), `"Action":"dynamodb:UpdateItem"`},
		{table.EndpointDenied(), "change the VPC endpoint policy that denies dynamodb:UpdateItem"},
		{table.KeyDenied(), "the key's own policy must not deny it"},
		{table.Refused("AccessDeniedException", "no"),
			`AccessDeniedException: add to the policy of the function's role: ` +
				`{"Effect":"Allow","Action":"dynamodb:UpdateItem","Resource":"arn:aws:dynamodb:*:*:table/logtable-info"`},
		{table.SignatureExpired(), "check the clock"},
		{table.WrongKey(), "InvalidSignatureException"},
		{table.Refused("Odd code\n", "x"), "Odd?code"},
		{table.Throttle(1, 1), "ThrottlingException"},
	} {
		f.table.OnRequest(c.fault)
		_, err := f.lock("e").Acquire(t.Context(), "group")
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "assumed-role") {
			t.Errorf("%v, want %s", err, c.says)
		}
	}
}

// answer is a client that answers everything with itself.
type answer string

func (a answer) Call(context.Context, string, []byte) ([]byte, error) { return []byte(a), nil }

// Of a success that is not DynamoDB's nothing is believed: whoever answers so
// to everybody would have each environment send without a limit.
func TestTheLockDoesNotBelieveStrangers(t *testing.T) {
	f := newFleet(t)
	l := f.lock("e")
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<html>Welcome</html>")
	}))
	defer portal.Close()
	l.Client = dynamotest.Client(portal.URL)
	says := func(err error) {
		t.Helper()
		if err == nil || err.Error() != "the answer is not from DynamoDB: check AWS_ENDPOINT_URL, "+
			"AWS_ENDPOINT_URL_DYNAMODB and HTTPS_PROXY" {
			t.Errorf("got %v", err)
		}
	}
	got, err := l.Acquire(t.Context(), "group")
	says(err)
	if got.Verdict != alert.Undecided {
		t.Errorf("the verdict is %d", got.Verdict)
	}
	says(l.Sent(t.Context(), "group", alert.Held{}))
	for _, body := range []string{`{}`, `{"Attributes":{}}`, `{"Attributes":null}`,
		`{"Attributes":{"slots":{"N":"1"}}}`} {
		l.Client = answer(body)
		got, err := l.Places(t.Context(), 1)
		says(err)
		if got.Verdict != alert.Undecided {
			t.Errorf("%s: the verdict is %d, until %v", body, got.Verdict, got.Until)
		}
	}
	// The first Acquire of a group finds no item, which is what {} says.
	l.Client = answer(`{}`)
	if got, err := l.Acquire(t.Context(), "group"); err != nil || got.Verdict != alert.Granted {
		t.Errorf("got %d and %v", got.Verdict, err)
	}
}

func TestTheLockWithoutCredentials(t *testing.T) {
	f := newFleet(t)
	l := f.lock("e")
	l.Client = dynamotest.Client(f.table.URL(), func(e *awsenv.Environment) {
		e.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, &awsenv.CredentialsError{
				Why: "the endpoint answered HTTP 403", Advice: "ask it nicely",
			}
		})
	})
	if _, err := l.Acquire(t.Context(), "group"); err == nil || err.Error() != "cannot get credentials: the "+
		"endpoint answered HTTP 403: ask it nicely" {
		t.Error(err)
	}
}

// TestReadersDoNotSeeLocks: what is in the table beside rows is nobody's row.
func TestReadersDoNotSeeLocks(t *testing.T) {
	f := newFleet(t)
	f.fail(f.environment(&patient{f.lock("e")}), "1")
	items := f.table.Items("logtable-info")
	if len(items) != 2 {
		t.Fatalf("%d items", len(items))
	}
	for _, item := range items {
		if !strings.HasPrefix(item.Str("date"), "alert#orders#") || item.Str("stamp_mod") != "lock" ||
			item.Num("expiry") == "" {
			t.Errorf("%v", item)
		}
	}
	rows := read.New(f.table.Client()).Query(t.Context(), read.Options{
		InfoTable: "logtable-info", From: f.now().Add(-48 * time.Hour), To: f.now().Add(48 * time.Hour), Now: f.now(),
	})
	for row, err := range rows {
		t.Errorf("a row: %+v, %v", row, err)
	}
}
