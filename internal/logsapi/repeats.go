package logsapi

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sync/atomic"
)

// remembered is how many bodies are remembered to recognise a repeat.
const remembered = 64

// repeats recognises bodies that are delivered again. All but the count is for
// one goroutine.
type repeats struct {
	count atomic.Int64 // bodies that were a redelivery

	seed    maphash.Seed
	digests [remembered]digest
	next    int // in digests
}

type digest struct {
	hash uint64
	size int
}

func newRepeats() repeats { return repeats{seed: maphash.MakeSeed()} }

// seen reports whether body is one of the last bodies once more, and remembers
// it.
func (r *repeats) seen(body []byte) bool {
	d := digest{maphash.Bytes(r.seed, body), len(body)}
	if slices.Contains(r.digests[:], d) {
		// A tight loop that prints one line can fill two bodies within one
		// millisecond, and they are equal. Better twice than never.
		if len(body) >= Smallest.MaxBytes/2 && oneInstant(body) {
			return false
		}
		r.count.Add(1)
		return true
	}
	r.digests[r.next] = d
	r.next = (r.next + 1) % remembered
	return false
}

// oneInstant reports whether the first and the last event of body carry the
// same time. Only the events' own times count: what a function prints may have
// a `time`, too.
func oneInstant(body []byte) bool {
	var first, last []byte
	some := false
	_ = Events(body, func(e Event) { // a body that is not an array has no events
		if !some {
			first, some = e.Time, true
		}
		last = e.Time
	})
	return bytes.Equal(first, last)
}
