package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// A bench is one run.
type bench struct {
	contenders []contender
	dir        string
	rounds     int
	quick      bool
}

// A measure fills in a cell for each contender; "" where it has none.
type measure struct {
	name, goal string
	take       func(context.Context, *bench, []string) error
}

var measures = []measure{
	{"init, exec to first next", "floor + 3 ms", measureInit},
	{"init under the processor of a 128 MB function (1/14)", "", measureSlowInit},
	{"resident memory, steady", "floor + 7 MB", measureSteady},
	{"resident memory, burst of 20,000 lines", "floor + 16 MB", measureBurst},
	{"processor time per 1,000 lines of 300 B, burst, HTTP", "12 ms", measureProcessor(false)},
	{"the same, TLS", "15 ms", measureProcessor(true)},
	{"billed after the response: nothing logged, p50 / p95", "29 / 33 ms", measureHeld("end", 0)},
	{"billed after the response: 5 lines, durable, p50 / p95", "29 / 33 ms + the table", measureHeld("end", 5)},
	{"billed after the response: 5 lines, adaptive, busy, p50 / p95", "0 / 1 ms", measureHeld("adaptive", 5)},
	{"lines accepted for 10 s beside their producer", "50,000 a second", measureRate},
	{"wake-ups in 5 s of an idle thawed environment", "none of ours", measureIdle},
	{"layer, zipped, arm64 / amd64", "4 MB", measureSize},
}

// A stage is an environment with a table of its own.
type stage struct {
	env   *lambda.Environment
	table *table.Server
	close []func()
}

// begin starts a contender in the local Lambda.
func (b *bench) begin(ctx context.Context, c contender, env map[string]string, secure bool) (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &stage{}
	if s.table, err = table.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.close = append(s.close, s.table.Close)
	if err := s.table.CreateLogTables(ctx, "logtable-info", "logtable-errors"); err != nil {
		s.end()
		return nil, err
	}
	spill, err := os.MkdirTemp(b.dir, "spill-")
	if err != nil {
		s.end()
		return nil, err
	}
	cfg := lambda.Config{
		Extension: c.binary, Function: []string{self}, FunctionName: "orders", Timeout: 5 * time.Minute,
		FunctionEnv: map[string]string{scriptfn.Switch: "1"},
		Env:         map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": s.table.URL(), "LOGTABLE_SPILL_DIR": spill},
	}
	for name, value := range env {
		cfg.Env[name] = value
	}
	if secure {
		if err := s.secure(b.dir, &cfg); err != nil {
			s.end()
			return nil, err
		}
	}
	if s.env, err = lambda.Start(ctx, cfg); err != nil {
		s.end()
		return nil, err
	}
	s.close = append(s.close, s.env.Kill)
	return s, nil
}

// secure puts TLS before the table.
func (s *stage) secure(dir string, cfg *lambda.Config) error {
	to, err := url.Parse(s.table.URL())
	if err != nil {
		return err
	}
	front := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(to))
	s.close = append(s.close, front.Close)
	bundle := filepath.Join(dir, "bundle.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(bundle, block, 0o600); err != nil {
		return err
	}
	cfg.Env["AWS_ENDPOINT_URL_DYNAMODB"], cfg.Env["AWS_CA_BUNDLE"] = front.URL, bundle
	return nil
}

func (s *stage) end() {
	for i := len(s.close) - 1; i >= 0; i-- {
		s.close[i]()
	}
}

// line is 300 bytes of JSON.
var line = `{"locator":"17","level":"info","text":"order {n} has been accepted","order":"5c2f9b1e-7d43-4c0e-9a55-0d6f1b2c3d4e","customer":"c-204817",` +
	`"amount":"129.90","currency":"EUR","items":3,"warehouse":"FRA-2","carrier":"parcel","note":"` + strings.Repeat("x", 56) + `"}`

// invoke has the function print lines.
func (s *stage) invoke(ctx context.Context, lines int) (lambda.Result, error) {
	steps := []scriptfn.Step{{SleepMs: 1}}
	if lines > 0 {
		steps = append(steps, scriptfn.Step{Print: &line, Times: lines, Number: true})
	}
	payload, err := json.Marshal(map[string]any{"steps": steps})
	if err != nil {
		return lambda.Result{}, err
	}
	r, err := s.env.Invoke(ctx, payload)
	if err == nil && r.Status != lambda.StatusSuccess {
		err = fmt.Errorf("the invocation ended with %s %s", r.Status, r.FunctionError)
	}
	return r, err
}

// shutdown ends the environment and returns how many lines are stored.
func (s *stage) shutdown(ctx context.Context) (int, error) {
	if _, err := s.env.Shutdown(ctx); err != nil {
		return 0, err
	}
	return len(s.table.Items("logtable-info")), nil
}

func measureInit(ctx context.Context, b *bench, cells []string) error {
	return b.inits(ctx, cells, b.rounds, func(c contender) (string, error) { return c.binary, nil })
}

// measureSlowInit starts the contenders as children of a cgroup that has a 14th
// of a processor, as Lambda gives 128 MB.
func measureSlowInit(ctx context.Context, b *bench, cells []string) error {
	leave, err := slowDown()
	if err != nil {
		for i := range cells {
			cells[i] = "no cgroup here"
		}
		return nil
	}
	defer leave()
	return b.inits(ctx, cells, max(b.rounds/4, 3), func(c contender) (string, error) { return slowly(b.dir, c) })
}

// inits takes the contenders' median init, with the program that start names.
func (b *bench) inits(ctx context.Context, cells []string, rounds int, start func(contender) (string, error)) error {
	took := make([][]time.Duration, len(cells))
	for range rounds { // in turns, so that the machine's moods hit all
		for i, c := range b.contenders {
			var err error
			if c.binary, err = start(c); err != nil {
				return err
			}
			s, err := b.begin(ctx, c, nil, false)
			if err != nil {
				return err
			}
			took[i] = append(took[i], s.env.Init().Extension)
			s.end()
		}
	}
	for i := range cells {
		cells[i] = ms(quantile(took[i], 0.5))
	}
	return nil
}

func measureSteady(ctx context.Context, b *bench, cells []string) error {
	return b.each(ctx, cells, nil, false, func(_ contender, s *stage) (string, error) {
		for range 50 {
			if _, err := s.invoke(ctx, 5); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("%.1f MB", float64(resident(s.env.ExtensionPID(), "VmRSS"))/1e6), nil
	})
}

func measureBurst(ctx context.Context, b *bench, cells []string) error {
	return b.each(ctx, cells, nil, false, func(_ contender, s *stage) (string, error) {
		if _, err := s.invoke(ctx, 20_000); err != nil {
			return "", err
		}
		return fmt.Sprintf("%.1f MB", float64(resident(s.env.ExtensionPID(), "VmHWM"))/1e6), nil
	})
}

func measureProcessor(secure bool) func(context.Context, *bench, []string) error {
	return func(ctx context.Context, b *bench, cells []string) error {
		return b.each(ctx, cells, nil, secure, func(c contender, s *stage) (string, error) {
			if !c.stores {
				return "", nil
			}
			const lines = 20_000
			if _, err := s.invoke(ctx, 5); err != nil {
				return "", err
			}
			best := time.Duration(0)
			for range 3 {
				before := processorTime(s.env.ExtensionPID())
				if _, err := s.invoke(ctx, lines); err != nil {
					return "", err
				}
				if spent := processorTime(s.env.ExtensionPID()) - before; best == 0 || spent < best {
					best = spent
				}
			}
			return ms(best/(lines/1000)) + " (least of 3)", nil
		})
	}
}

func measureHeld(flush string, lines int) func(context.Context, *bench, []string) error {
	return func(ctx context.Context, b *bench, cells []string) error {
		return b.each(ctx, cells, map[string]string{"LOGTABLE_FLUSH": flush}, false, func(c contender, s *stage) (string, error) {
			const before = 5 // until busy traffic is known for what it is
			var held []time.Duration
			for i := range before + 3*b.rounds {
				r, err := s.invoke(ctx, lines)
				if err != nil {
					return "", err
				}
				if i >= before {
					held = append(held, r.Held)
				}
			}
			stored, err := s.shutdown(ctx)
			if err != nil {
				return "", err
			}
			if want := (before + 3*b.rounds) * lines; c.stores && stored != want {
				return "", fmt.Errorf("%d of %d lines are stored", stored, want)
			}
			return fmt.Sprintf("%s / %s", ms(quantile(held, 0.5)), ms(quantile(held, 0.95))), nil
		})
	}
}

// measureRate posts telemetry as fast as the listener takes it. Nothing may be
// dropped; what the table does not take in time goes to the spill.
func measureRate(ctx context.Context, b *bench, cells []string) error {
	last := 10 * time.Second
	if b.quick {
		last = 2 * time.Second
	}
	env := map[string]string{"LOGTABLE_SPILL_BYTES": "2GB"}
	return b.each(ctx, cells, env, false, func(c contender, s *stage) (string, error) {
		if !c.stores {
			return "", nil
		}
		const perPost = 500
		began, posted := time.Now(), 0
		for n := 0; time.Since(began) < last; n++ {
			var body strings.Builder
			body.WriteByte('[')
			at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
			for i := range perPost {
				if i > 0 {
					body.WriteByte(',')
				}
				body.WriteString(`{"time":"` + at + `","type":"function","record":` + strconv.Quote(strings.Replace(line, "{n}", strconv.Itoa(posted+i), 1)) + `}`)
			}
			body.WriteByte(']')
			status, err := s.env.Post(ctx, "", "POST", []byte(body.String()))
			if err != nil || status != 200 {
				return "", fmt.Errorf("a post was answered %d: %w", status, err)
			}
			posted += perPost
		}
		took := time.Since(began)
		if log := s.env.ExtensionOutput(); strings.Contains(log, "lost") {
			return "", fmt.Errorf("lines were lost:\n%s", log)
		}
		return fmt.Sprintf("%.0f a second", float64(posted)/took.Seconds()), nil
	})
}

func measureIdle(ctx context.Context, b *bench, cells []string) error {
	return b.each(ctx, cells, nil, false, func(_ contender, s *stage) (string, error) {
		if _, err := s.invoke(ctx, 5); err != nil {
			return "", err
		}
		// Past what the first seconds still do: idle connections are closed.
		time.Sleep(7 * time.Second)
		before := switches(s.env.ExtensionPID())
		time.Sleep(5 * time.Second)
		return strconv.Itoa(switches(s.env.ExtensionPID()) - before), nil
	})
}

func measureSize(ctx context.Context, b *bench, cells []string) error {
	dir := filepath.Join(b.dir, "layer")
	if err := command(ctx, ".", nil, "go", "run", "./layer/pack", "-o", dir); err != nil {
		return err
	}
	var sizes []string
	for _, arch := range []string{"arm64", "amd64"} {
		fi, err := os.Stat(filepath.Join(dir, "logtable-"+arch+".zip"))
		if err != nil {
			return err
		}
		sizes = append(sizes, fmt.Sprintf("%.2f MB", float64(fi.Size())/1e6))
	}
	cells[1] = strings.Join(sizes, " / ")
	return nil
}

// each measures one contender after the other in an environment of its own.
func (b *bench) each(ctx context.Context, cells []string, env map[string]string, secure bool, take func(contender, *stage) (string, error)) error {
	for i, c := range b.contenders {
		s, err := b.begin(ctx, c, env, secure)
		if err != nil {
			return err
		}
		cells[i], err = take(c, s)
		s.end()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}
