// Package signing lets `logtable replay` tell the last-resort lines of a
// process from whatever a function prints.
//
// Both go to one log, in which nothing else says who wrote a line. So a process
// makes a random key and prints its SHA-256 before it registers, that is before
// the function can print anything. Last-resort lines carry an HMAC under the
// key, which nobody else knows then. Behind the last of them the key is
// printed: from there on nothing under it is believed any more.
package signing

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// Members of the two lines that belong to a key, which are diagnostics like
// any other of the extension's: Commitment is in the first line of a process,
// Secret and Lines in the one behind the last-resort lines.
const (
	Commitment = "key_sha256"
	Secret     = "key"
	Lines      = "lines"
)

const (
	keySize = sha256.Size
	// macSize is what a MAC is cut to, in bytes: 128 bits, which is beyond
	// guessing.
	macSize = 16
	// domain keeps a MAC of a record from being one of anything else.
	domain = "logtable last-resort line\n"
)

// encoding is that of keys, hashes and MACs in a line: 43 and 22 characters.
var encoding = base64.RawURLEncoding.Strict()

// A Key signs the last-resort lines of one process. A nil Key signs nothing.
type Key struct{ secret [keySize]byte }

// New returns a key of 256 bits from crypto/rand.
func New() *Key {
	k := new(Key)
	rand.Read(k.secret[:]) // never fails (crypto/rand)
	return k
}

// Parse reads what Key.Secret returned. ok is false for anything else.
func Parse(secret string) (k *Key, ok bool) {
	b, err := encoding.DecodeString(secret)
	if err != nil || len(b) != keySize {
		return nil, false
	}
	return &Key{secret: [keySize]byte(b)}, true
}

// Commitment is the SHA-256 of the key, which says nothing of the key and can
// be of no other.
func (k *Key) Commitment() string {
	sum := sha256.Sum256(k.secret[:])
	return encoding.EncodeToString(sum[:])
}

// Secret is the key itself. Whoever has it can sign.
func (k *Key) Secret() string { return encoding.EncodeToString(k.secret[:]) }

// AppendMAC appends the signature of a record under its number, counted from 1
// in the order in which the process writes its lines. The number makes a line
// that comes twice, and one that is missing, show.
func (k *Key) AppendMAC(dst []byte, number uint64, record []byte) []byte {
	return encoding.AppendEncode(dst, k.mac(number, record))
}

// Check reports whether a signature is that of a record under a number.
func (k *Key) Check(number uint64, record []byte, mac string) bool {
	b, err := encoding.DecodeString(mac)
	return err == nil && hmac.Equal(b, k.mac(number, record))
}

func (k *Key) mac(number uint64, record []byte) []byte {
	h := hmac.New(sha256.New, k.secret[:])
	h.Write([]byte(domain))
	h.Write(binary.BigEndian.AppendUint64(nil, number))
	h.Write(record)
	return h.Sum(nil)[:macSize]
}

// IsCommitment reports whether a text has the form of a Commitment.
func IsCommitment(s string) bool {
	b, err := encoding.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}
