package row

import (
	"crypto/rand"
	"encoding/base32"
	"strconv"
	"strings"
	"time"
)

const (
	// maxSeq is the last sequence number of a millisecond: four digits.
	maxSeq = 9999
	// maxBack is how far an event's time may lie behind the last stamp and
	// still be clamped to it. Further back means that a clock jumped.
	maxBack = 2000 * time.Millisecond
	// maxModule bounds the module in a sort key, in bytes.
	maxModule = 128
)

// The stamps between these instants have ten digits of epoch seconds, which
// is what makes keys sort as strings, and days that begin with 20, which is
// what our policies allow. A time outside is an error of some clock and
// replaced by our own.
var (
	minTime = time.Unix(1_000_000_000, 0)
	maxTime = time.Unix(4_102_000_000, 0) // December 2099
)

// Keys makes the keys of rows. A key is made once, when a line is received;
// retry, spill and replay keep it. It is not safe for concurrent use.
type Keys struct {
	zone *time.Location
	now  func() time.Time

	env string // environment ID
	ms  int64  // last stamp, epoch milliseconds
	seq int    // sequence number within ms
	day string // YYYY-MM-DD of ms
	// info and errors are day with the environment's shard in each table: one
	// partition takes 1,000 write units a second, whatever the table's capacity
	// (DynamoDB's limit on a partition), and a day of a table is one. Shard 0
	// has no suffix, the others are day#1, day#2 and so on.
	info, errors string
	shards       Shards
	buf          []byte // of the last stamp_mod
	next         int64  // epoch milliseconds at which day may change
}

// NewKeys returns the keys of a new environment whose days are those of a zone,
// and spread over shards. now replaces times that cannot be right.
func NewKeys(zone *time.Location, now func() time.Time, shards Shards) *Keys {
	return &Keys{zone: zone, now: now, shards: shards, env: newEnvironmentID(), ms: -1}
}

// Spread changes over how many partitions the days of the keys to come are
// spread.
func (k *Keys) Spread(shards Shards) { k.shards, k.next = shards, 0 }

// environmentAlphabet is base 32 with digits first, so that IDs sort as their
// numbers do.
var environmentAlphabet = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// newEnvironmentID returns 50 random bits as ten characters. Two environments
// overwrite each other's rows only if their IDs are equal and module,
// millisecond and sequence number as well.
func newEnvironmentID() string {
	var b [7]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return environmentAlphabet.EncodeToString(b[:])[:10]
}

// Renew starts a new environment ID, for a clock that jumped back and for a
// process that was cloned.
func (k *Keys) Renew() {
	k.env, k.ms, k.seq, k.next = newEnvironmentID(), -1, 0, 0
}

// stamp moves the clock of the keys to t, never back: an earlier time gets the
// last millisecond and its next sequence number.
func (k *Keys) stamp(t time.Time) {
	if t.Before(minTime) || t.After(maxTime) {
		t = k.now()
	}
	ms := t.UnixMilli()
	switch {
	case k.ms >= 0 && ms < k.ms-maxBack.Milliseconds():
		k.Renew()
		k.ms = ms
	case ms > k.ms:
		k.ms, k.seq = ms, 0
	case k.seq < maxSeq:
		k.seq++
	default:
		k.ms, k.seq = k.ms+1, 0
	}
	if k.ms >= k.next || k.day == "" {
		k.setDay()
	}
}

// setDay computes the day of the last stamp, and until when it is surely the
// same: the day changes at a full minute in every zone.
func (k *Keys) setDay() {
	at := time.UnixMilli(k.ms).In(k.zone)
	k.day = at.Format(time.DateOnly)
	k.info = ShardDate(k.day, shardOf(k.env, k.shards.Info))
	k.errors = ShardDate(k.day, shardOf(k.env, k.shards.Errors))
	k.next = at.Truncate(time.Minute).Add(time.Minute).UnixMilli()
}

// Next returns the key of the next row, of a module (see Module) and at t.
// stampMod is good until the next call.
func (k *Keys) Next(t time.Time, module string, isError bool) (date string, stampMod []byte) {
	k.stamp(t)
	b := strconv.AppendInt(k.buf[:0], k.ms/1000, 10)
	b = append(b, '.')
	b = appendPadded(b, int(k.ms%1000), 3)
	b = appendPadded(b, k.seq, 4)
	b = append(b, '+')
	b = append(b, module...)
	b = append(b, '+')
	k.buf = append(b, k.env...)
	if isError {
		return k.errors, k.buf
	}
	return k.info, k.buf
}

// Seconds are the epoch seconds of the last stamp.
func (k *Keys) Seconds() int64 { return k.ms / 1000 }

// StampSeconds are the epoch seconds of a stamp_mod: the ten digits at its
// beginning.
func StampSeconds(stampMod []byte) (n int64) {
	for _, c := range stampMod[:10] {
		n = 10*n + int64(c-'0')
	}
	return n
}

func appendPadded(b []byte, n, width int) []byte {
	for least := 10; width > 1; width-- {
		if n < least {
			b = append(b, '0')
		}
		least *= 10
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// Module makes a module name fit for a sort key: every character outside
// A-Z a-z 0-9 . _ - becomes an underscore, and what is longer than 128 bytes
// is cut. An empty name stays empty.
func Module(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, name)
	return clean[:min(len(clean), maxModule)]
}
