package lambda

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/logtable/logtable/internal/wait"
)

const maxBackoff = time.Second

// sandboxClient finds the hosts sandbox and sandbox.localdomain here, and
// never asks a proxy. It has no time-out: a listener that does not answer
// fills its own buffer.
func sandboxClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		},
	}}
}

// serve delivers one batch after the other until the instance ends.
func (r *relay) serve(s *subscriber) {
	for {
		events, ok := s.next(r.ctx)
		if !ok {
			return
		}
		if !r.deliver(s, events) {
			return
		}
	}
}

// deliver posts a batch until it is acknowledged. It reports false when the
// instance ended before.
func (r *relay) deliver(s *subscriber, events []Event) bool {
	b := &Batch{Extension: s.name, Init: r.init, Time: time.Now(), Events: events, Body: s.body(events)}
	base := r.env.cfg.Telemetry.Backoff
	for attempt := 1; ; attempt++ {
		ok, alive := r.attempt(s, b, attempt)
		if ok {
			s.delivered()
			r.traffic.update(func() {}) // wakes settled
			return alive && r.redeliver(s, b)
		}
		if !alive {
			return false
		}
		if wait.Sleep(r.ctx, wait.Backoff(base, maxBackoff, attempt)) != nil {
			return false
		}
	}
}

func (r *relay) attempt(s *subscriber, b *Batch, attempt int) (ok, alive bool) {
	if hook := r.env.cfg.Hooks.Deliver; hook != nil {
		hook(r.ctx, attempt, *b)
	}
	if !r.admit() {
		return false, false
	}
	defer r.traffic.update(func() { r.traffic.posting-- })
	r.env.log.update(func() {
		if attempt == 1 {
			b.Time = time.Now()
			if !r.env.log.forget {
				r.env.log.batches = append(r.env.log.batches, b)
			}
		}
		b.Attempts++
	})
	status, err := post(r.ctx, r.client, http.MethodPost, s.url, b.Body)
	ok = err == nil && status/100 == 2
	if ok {
		r.env.log.update(func() { b.Acknowledged = true })
	}
	return ok, r.ctx.Err() == nil
}

// admit waits until a post may begin. It reports false if none may any more.
func (r *relay) admit() bool {
	admitted := false
	err := r.traffic.await(r.ctx, func() bool {
		if r.traffic.closed {
			return true
		}
		if r.traffic.frozen {
			return false
		}
		r.traffic.posting++
		admitted = true
		return true
	})
	return err == nil && admitted
}

func (r *relay) redeliver(s *subscriber, b *Batch) bool {
	hook := r.env.cfg.Hooks.Redeliver
	if hook == nil {
		return true
	}
	for n := hook(*b); n > 0; n-- {
		if _, alive := r.attempt(s, b, b.Attempts+1); !alive {
			return false
		}
	}
	return true
}

func post(ctx context.Context, client *http.Client, method, url string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("cannot post to the telemetry listener: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("cannot post to the telemetry listener: %w", err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, nil
}
