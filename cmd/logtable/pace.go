package main

import (
	"context"
	"time"

	"github.com/logtable/logtable/internal/wait"
)

// pace holds something to a rate. What was not used in the last second may be
// caught up with. It is not safe for concurrent use.
type pace struct {
	rate float64 // a second
	next time.Time
}

// take waits until n more are within the rate, or the context ends.
func (p *pace) take(ctx context.Context, n float64) error {
	now := time.Now()
	if most := now.Add(-time.Second); p.next.Before(most) {
		p.next = most
	}
	if err := wait.Sleep(ctx, p.next.Sub(now)); err != nil {
		return err
	}
	p.next = p.next.Add(time.Duration(n / p.rate * float64(time.Second)))
	return nil
}
