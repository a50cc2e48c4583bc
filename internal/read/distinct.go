package read

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// maxDistinct is up to how many different texts are counted exactly. More are
// estimated by how small the smallest of their digests are: the more there are,
// the smaller. The error is below 20 % in 99 of 100 cases.
const maxDistinct = 256

// A Distinct is how many different ones there are.
type Distinct struct {
	N     int
	About bool // N is estimated
}

// A sketch counts different texts in 2 KB. The zero value is ready.
type sketch struct {
	smallest []uint64 // of the digests, sorted
	more     bool     // there were others
}

func (d *sketch) add(text string) {
	sum := digest(text)
	at, known := slices.BinarySearch(d.smallest, sum)
	switch {
	case known:
	case len(d.smallest) < maxDistinct:
		d.smallest = slices.Insert(d.smallest, at, sum)
	default:
		d.more = true
		if at < maxDistinct {
			copy(d.smallest[at+1:], d.smallest[at:])
			d.smallest[at] = sum
		}
	}
}

func (d *sketch) count() Distinct {
	if !d.more {
		return Distinct{N: len(d.smallest)}
	}
	share := float64(d.smallest[maxDistinct-1]) / math.MaxUint64
	return Distinct{N: int((maxDistinct - 1) / share), About: true}
}

// digest is 64 bits of texts, the same in every process.
func digest(texts ...string) uint64 {
	h := sha256.New()
	for _, text := range texts {
		h.Write([]byte(text))
		h.Write([]byte{0xff}) // which no text has
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}
