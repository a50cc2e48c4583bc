package diag_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/diag"
)

// gate is a writer that writes nothing before it is opened.
type gate struct {
	open chan struct{}
	bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(p)
}

// TestAsyncKeepsNoMoreThanItsLimit: what waits for a standard error that nobody
// reads is bounded; Grow makes room for more.
func TestAsyncKeepsNoMoreThanItsLimit(t *testing.T) {
	for _, grown := range []int{0, 500} {
		g := &gate{open: make(chan struct{})}
		a := diag.NewAsync(g, 1000)
		a.Grow(grown)
		for range 100 {
			a.Write(bytes.Repeat([]byte("x"), 100))
		}
		close(g.open)
		a.Flush(time.Minute)
		// The one that is being written no longer waits.
		if n := g.Len(); n < 1000+grown || n > 1100+grown {
			t.Errorf("%d bytes were kept of 10,000, with a limit of %d", n, 1000+grown)
		}
	}
}
