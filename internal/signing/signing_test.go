package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"
)

// What is signed and how, written down once more and independently: lines of
// today must be readable by every later version.
func TestTheFormStays(t *testing.T) {
	secret, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	k, ok := Parse(base64.RawURLEncoding.EncodeToString(secret))
	if !ok {
		t.Fatal("a key cannot be parsed")
	}
	sum := sha256.Sum256(secret)
	if got, want := k.Commitment(), base64.RawURLEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("commitment %s, want %s", got, want)
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("logtable last-resort line\n\x00\x00\x00\x00\x00\x00\x01\x02{}"))
	want := base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
	if got := string(k.AppendMAC(nil, 0x102, []byte("{}"))); got != want {
		t.Errorf("MAC %s, want %s", got, want)
	}
}

func TestOnlyTheKeySigns(t *testing.T) {
	k, other := New(), New()
	if k.Secret() == other.Secret() || k.Commitment() == other.Commitment() {
		t.Fatal("two keys are one")
	}
	record := []byte(`{"table":"errors"}`)
	mac := string(k.AppendMAC(nil, 7, record))
	again, ok := Parse(k.Secret())
	if !ok || !again.Check(7, record, mac) || again.Commitment() != k.Commitment() || !IsCommitment(k.Commitment()) {
		t.Error("the key that was revealed is another")
	}
	for name, bad := range map[string]bool{
		"another key":      other.Check(7, record, mac),
		"another number":   k.Check(8, record, mac),
		"another record":   k.Check(7, []byte(`{"table":"info"}`), mac),
		"a shorter MAC":    k.Check(7, record, mac[:20]),
		"no MAC":           k.Check(7, record, ""),
		"not base 64":      k.Check(7, record, mac[:21]+"!"),
		"a MAC that grows": k.Check(7, record, mac+"AA"),
	} {
		if bad {
			t.Errorf("%s is believed", name)
		}
	}
	for _, s := range []string{"", "AAAA", k.Secret() + "A", k.Secret()[:42], "!" + k.Secret()[1:]} {
		if _, ok := Parse(s); ok {
			t.Errorf("%q is taken for a key", s)
		}
	}
}

// BenchmarkFirstLine is what the first line costs a cold start beside writing
// it.
func BenchmarkFirstLine(b *testing.B) {
	for b.Loop() {
		_ = New().Commitment()
	}
}
