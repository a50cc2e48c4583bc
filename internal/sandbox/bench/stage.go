package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// A stage is a contender's environment with a table of its own.
type stage struct {
	contender contender
	env       *lambda.Environment
	table     *table.Server
	close     []func()
}

// begin starts a contender in the local Lambda.
func (b *bench) begin(ctx context.Context, c contender, env map[string]string, secure bool) (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &stage{contender: c}
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
	binary := c.binary
	if b.slowed {
		if binary, err = b.slow.program(filepath.Join(spill, "slow"), binary); err != nil {
			s.end()
			return nil, err
		}
	}
	cfg := lambda.Config{
		Extension: binary, Function: []string{self}, FunctionName: "orders", Timeout: 5 * time.Minute,
		FunctionEnv: map[string]string{scriptfn.Switch: "1"},
		Env:         map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": s.table.URL(), "LOGTABLE_SPILL_DIR": spill},
	}
	maps.Copy(cfg.Env, env)
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
var line = `{"locator":"17","level":"info","text":"order {n} has been ` +
	`accepted","order":"5c2f9b1e-7d43-4c0e-9a55-0d6f1b2c3d4e","customer":"c-204817",` +
	`"amount":"129.90","currency":"EUR","items":3,"warehouse":"FRA-2","carrier":"parcel","note":"` +
	strings.Repeat("x", 56) + `"}`

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

// life ends the environment after so many invocations, and returns the
// processor time that the extension took from its start to its end.
func (s *stage) life(ctx context.Context, invocations, lines int) (time.Duration, error) {
	for range invocations {
		if _, err := s.invoke(ctx, lines); err != nil {
			return 0, err
		}
	}
	return s.shutdown(ctx, invocations*lines)
}

// shutdown ends the environment and returns the extension's processor time. It
// fails if the contender is one that stores lines and has not stored them all.
func (s *stage) shutdown(ctx context.Context, lines int) (time.Duration, error) {
	result, err := s.env.Shutdown(ctx)
	if err != nil {
		return 0, err
	}
	if stored := len(s.table.Items("logtable-info")); s.contender.stores && stored != lines {
		return 0, fmt.Errorf("%d of %d lines are stored", stored, lines)
	}
	return result.Processor, nil
}
