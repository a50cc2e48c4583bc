package traceid_test

import (
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/traceid"
)

const id = "6352a70e1e2c2db1583c0d1f5e7a9b3c"

func TestTextsThatNameATrace(t *testing.T) {
	for _, tc := range []struct {
		text string
		only bool
	}{
		{id, true}, {strings.ToUpper(id), true}, {"1-6352a70e-1e2c2db1583c0d1f5e7a9b3c", true},
		{"Root=1-6352a70e-1e2c2db1583c0d1f5e7a9b3c", false}, {"Root=" + id, false},
		{"Root=1-6352a70e-1e2c2db1583c0d1f5e7a9b3c;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0", false},
		{"Self=1-67891234-12456789abcdef012345678; Root=1-6352a70e-1e2c2db1583c0d1f5e7a9b3c", false},
		{"00-" + id + "-00f067aa0ba902b7-01", false},
	} {
		got, only, ok := traceid.Append([]byte("before "), []byte(tc.text))
		if string(got) != "before "+id || only != tc.only || !ok {
			t.Errorf("%q: %q, %v, %v", tc.text, got, only, ok)
		}
		if one, ok := traceid.Parse(tc.text); one != id || !ok {
			t.Errorf("%q: %q, %v", tc.text, one, ok)
		}
	}
	if got := traceid.XRay(id); got != "1-6352a70e-1e2c2db1583c0d1f5e7a9b3c" {
		t.Errorf("as X-Ray writes it: %q", got)
	}
}

// What is almost an ID is none.
func TestTextsThatNameNoTrace(t *testing.T) {
	zeros := strings.Repeat("0", 32)
	for _, text := range []string{
		"", zeros, "1-00000000-" + zeros[:24], "00-" + zeros + "-00f067aa0ba902b7-01", id[1:], id + "0",
		"g" + id[1:], "\x10" + id[1:], "1-6352a70e1-e2c2db1583c0d1f5e7a9b3c", "2-6352a70e-1e2c2db1583c0d1f5e7a9b3c",
		"6352a70e-1e2c-2db1-583c-0d1f5e7a9b3c", "Root=" + id[1:], "root=" + id, "5931463228237254412",
		"00-" + id + "-00f067aa0ba902b7", "00-" + id + "-00f067aa0ba902bx-01", "ff-" + id + "-00f067aa0ba902b7-01",
		strings.Repeat("x", traceid.Longest-len(";Root="+id)+1) + ";Root=" + id,
	} {
		if got, _, ok := traceid.Append(nil, []byte(text)); ok || len(got) > 0 {
			t.Errorf("%q is taken for %q", text, got)
		}
		if got, ok := traceid.Parse(text); ok || got != "" {
			t.Errorf("%q is taken for %q", text, got)
		}
		if text != "" && traceid.XRay(text) != text {
			t.Errorf("%q becomes %q", text, traceid.XRay(text))
		}
	}
	if long := strings.Repeat("x", traceid.Longest-len(";Root="+id)) + ";Root=" + id; true {
		if _, ok := traceid.Parse(long); !ok {
			t.Error("the longest header is not read")
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("Root=1-6352a70e-1e2c2db1583c0d1f5e7a9b3c;Parent=53995c3f42cd8ad8")
	f.Add("00-" + id + "-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, text string) {
		got, only, ok := traceid.Append([]byte("x"), []byte(text))
		if ok != (len(got) == 1+traceid.Length) || !ok && string(got) != "x" || only && !ok {
			t.Fatalf("%q, %v, %v", got, only, ok)
		}
		if !ok {
			return
		}
		if one := string(got[1:]); !traceid.Valid(one) || !strings.Contains(strings.ToLower(text), one[8:]) {
			t.Fatalf("%q is not in the text", one)
		}
	})
}
