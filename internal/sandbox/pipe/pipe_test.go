//go:build unix

package pipe

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/dynamo"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
	"github.com/logtable/logtable/internal/testkit"
)

const (
	childEnv   = "LOGTABLE_PIPE_CHILD" // names a directory: this process is the other side
	perBody    = 500                   // lines in a POST: Lambda's buffer holds 256 KiB
	infoTable  = "logtable-info"
	errorTable = "logtable-errors"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		otherSide(dir)
		return
	}
	os.Exit(m.Run())
}

// ends are the other side's addresses.
type ends struct{ Plain, TLS, Control, Bundle string }

// otherSide is the table, over HTTP and TLS, and the producer of telemetry. It
// ends with its standard input.
func otherSide(dir string) {
	table := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, `{"UnprocessedItems":{}}`)
	})
	plain, secure, control := httptest.NewServer(table), httptest.NewTLSServer(table),
		httptest.NewServer(http.HandlerFunc(produce))
	bundle := filepath.Join(dir, "bundle.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(bundle, cert, 0o600); err != nil {
		panic(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(ends{plain.URL, secure.URL, control.URL, bundle})
	_, _ = io.Copy(io.Discard, os.Stdin)
}

var produced int // lines so far: no body is ever sent twice

// produce posts n lines to the URI, in bodies as Lambda posts them.
func produce(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("n"))
	for left := n; left > 0; left -= perBody {
		var body bytes.Buffer
		body.WriteByte('[')
		for i := range min(left, perBody) {
			if i > 0 {
				body.WriteByte(',')
			}
			record, _ := json.Marshal(line(produced) + "\n")
			fmt.Fprintf(&body, `{"time":%q,"type":"function","record":%s}`,
				at(produced).Format("2006-01-02T15:04:05.000Z"), record)
			produced++
		}
		body.WriteByte(']')
		resp, err := http.Post(r.FormValue("uri"), "application/json", &body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		resp.Body.Close()
	}
}

func at(i int) time.Time {
	return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Millisecond / 10)
}

// line is a line of 300 bytes.
func line(i int) string {
	s := fmt.Sprintf(`{"locator":"orders.go:117","level":"INFO","text":"order %d is accepted and handed to the warehouse","request_id":"8f0a3c52-6a1e-4f6b-9d0e-%012x","order":%d,"customer":"c-%08x","warehouse":"eu-central-1b","items":[{"sku":"a-17","n":2},{"sku":"b-4","n":1}]`,
		i, i*2654435761, i, i*40503)
	return s + `,"note":"` + strings.Repeat("n", max(0, 300-len(s)-11)) + `"}`
}

// startOther starts the other side.
func startOther(tb testing.TB) ends {
	tb.Helper()
	testkit.Slow(tb)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+tb.TempDir())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	var e ends
	if err := json.NewDecoder(out).Decode(&e); err != nil {
		tb.Fatal(err)
	}
	return e
}

// produce has the other side post n lines to a listener.
func (e ends) produce(tb testing.TB, l *logsapi.Listener, n int) {
	uri := strings.Replace(l.URI(), "sandbox.localdomain", "127.0.0.1", 1)
	resp, err := http.Post(e.Control+"?n="+strconv.Itoa(n)+"&uri="+uri, "", nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		tb.Fatalf("the producer: %s", text)
	}
}

// client is the extension's own, at an endpoint.
func (e ends) client(tb testing.TB, endpoint string) *dynamo.Client {
	settings := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN":         strings.Repeat("t", 400),
		"AWS_ENDPOINT_URL_DYNAMODB": endpoint, "AWS_CA_BUNDLE": e.Bundle,
	}
	env, err := awsenv.Load(
		func(name string) string { return settings[name] },
		func(message, advice string) { tb.Error(message, advice) },
	)
	if err != nil {
		tb.Fatal(err)
	}
	return dynamo.New(env)
}

// plainClient is the SDK's own, with the settings that it has by itself.
func (e ends) plainClient(tb testing.TB, endpoint string) *dynamodb.Client {
	bundle, err := os.ReadFile(e.Bundle)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	return dynamodb.New(dynamodb.Options{
		Region: "eu-central-1", BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret",
				SessionToken: strings.Repeat("t", 400)}, nil
		}),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig.RootCAs = roots
		}),
	})
}

// A way takes bodies and writes what is in them; wait returns when all is
// written.
type way struct {
	intake func(body []byte)
	wait   func(lines int)
}

// ours is the extension: agent, redaction as by default, and store.
func ours(tb testing.TB, c store.Client, l *logsapi.Listener, masks bool, layout store.Layout) way {
	log := diag.New(io.Discard)
	s := store.New(store.Config{
		Client: c, InfoTable: infoTable, ErrorsTable: errorTable, TTL: time.Hour, Zone: time.UTC, MaxBytes: 64 << 20,
		Report: log, Layout: layout,
		Panicked: func(v any) { tb.Errorf("panic: %v", v) }, Attempt: time.Minute,
	})
	cfg := agent.Config{
		Receiver: l, Store: s, Diag: log, Rows: agent.Rows{Scale: level.DefaultScale(), Module: "orders"},
		FlushTimeout: time.Second,
	}
	if masks {
		r, err := redact.New("secrets")
		if err != nil {
			tb.Fatal(err)
		}
		cfg.Rows.Redact = r
	}
	a := agent.New(cfg)
	written := 0
	return way{a.Intake, func(lines int) {
		for written += lines; s.Written() < written; {
			if err := s.Flush(context.Background()); err != nil {
				tb.Fatal(err)
			}
			if idle, _ := l.Idle(); !idle {
				time.Sleep(time.Millisecond) // bodies are still read: nothing to wait on
			}
		}
	}}
}

// usual is how one would write it with encoding/json and the SDK's own types
// and client: the same listener, the same number of requests at once.
func usual(tb testing.TB, c *dynamodb.Client) way {
	type event struct {
		Time   time.Time
		Type   string
		Record any
	}
	batches, written := make(chan []types.WriteRequest, 4), make(chan int, 1<<20)
	for range 4 {
		go func() {
			for batch := range batches {
				in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{infoTable: batch}}
				if _, err := c.BatchWriteItem(context.Background(), in); err != nil {
					tb.Error(err)
				}
				written <- len(batch)
			}
		}()
	}
	tb.Cleanup(func() { close(batches) })
	var waiting []types.WriteRequest
	seq := 0
	intake := func(body []byte) {
		var events []event
		if err := json.Unmarshal(body, &events); err != nil {
			tb.Error(err)
		}
		for _, e := range events {
			var fields map[string]any
			if json.Unmarshal([]byte(e.Record.(string)), &fields) != nil {
				continue
			}
			s := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
			item := map[string]types.AttributeValue{
				"date": s(e.Time.Format(time.DateOnly)),
				"stamp_mod": s(fmt.Sprintf("%d.%03d%04d+orders+2p4thtomb9", e.Time.Unix(), e.Time.UnixMilli()%1000,
					seq%10_000)),
				"message": s(fmt.Sprintf("%s: (%s) %s", fields["level"], fields["locator"], fields["text"])),
				"expiry":  &types.AttributeValueMemberN{Value: strconv.FormatInt(e.Time.Unix()+3600, 10)},
			}
			seq++
			for _, name := range []string{"level", "locator", "request_id"} {
				item[name] = s(fields[name].(string))
				delete(fields, name)
			}
			delete(fields, "text")
			rest, _ := json.Marshal(fields)
			item["fields"] = s(string(rest))
			waiting = append(waiting, types.WriteRequest{PutRequest: &types.PutRequest{Item: item}})
			if len(waiting) == 25 {
				batches <- waiting
				waiting = nil
			}
		}
	}
	return way{intake, func(lines int) {
		for n := 0; n < lines; n += <-written {
		}
	}}
}

func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPipe reports the processor time of the extension's side for 1,000
// lines of 300 bytes. Compare within one run, by the least of several.
func BenchmarkPipe(b *testing.B) {
	e := startOther(b)
	defer debug.SetGCPercent(debug.SetGCPercent(50)) // as cmd/extension sets it
	for _, wire := range []struct{ name, endpoint string }{{"http", e.Plain}, {"tls", e.TLS}} {
		for _, w := range []struct {
			name string
			make func(*testing.B, *dynamo.Client, *logsapi.Listener) way
		}{
			{"ours", func(b *testing.B, c *dynamo.Client, l *logsapi.Listener) way {
				return ours(b, c, l, false, store.Layout{})
			}},
			{"ours, secrets masked", func(b *testing.B, c *dynamo.Client, l *logsapi.Listener) way {
				return ours(b, c, l, true, store.Layout{})
			}},
			{"ours, auto", func(b *testing.B, c *dynamo.Client, l *logsapi.Listener) way {
				return ours(b, c, l, false, store.Layout{Auto: true})
			}},
			{"ours, packed", func(b *testing.B, c *dynamo.Client, l *logsapi.Listener) way {
				return ours(b, c, l, false, store.Layout{Packed: true})
			}},
			{"usual", func(b *testing.B, _ *dynamo.Client, _ *logsapi.Listener) way {
				return usual(b, e.plainClient(b, wire.endpoint))
			}},
		} {
			b.Run(wire.name+"/"+w.name, func(b *testing.B) { run(b, e, e.client(b, wire.endpoint), w.make) })
		}
	}
}

// thousands is how many thousand lines an operation has.
const thousands = 5

func run(b *testing.B, e ends, c *dynamo.Client, make func(*testing.B, *dynamo.Client, *logsapi.Listener) way) {
	l, err := logsapi.Listen()
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	w := make(b, c, l)
	l.Handle, l.Arrived, l.Panicked = w.intake, func() {}, func(v any) { b.Errorf("panic: %v", v) }
	var serving sync.WaitGroup
	serving.Go(l.Serve)
	pass := func() {
		e.produce(b, l, thousands*1000)
		w.wait(thousands * 1000)
	}
	pass() // connections, caches
	b.ResetTimer()
	least := time.Duration(1 << 62)
	for range b.N {
		began := cpuTime(b)
		pass()
		least = min(least, cpuTime(b)-began)
	}
	b.ReportMetric(float64(least.Microseconds())/1000/thousands, "least-cpu-ms/1000")
	b.ReportMetric(0, "ns/op")
}
