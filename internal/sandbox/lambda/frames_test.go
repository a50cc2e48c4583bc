package lambda

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func logFrame(frameType uint32, message string) []byte {
	b := binary.BigEndian.AppendUint32(nil, frameType)
	b = binary.BigEndian.AppendUint32(b, uint32(len(message)))
	b = binary.BigEndian.AppendUint64(b, 1795344000000000)
	return append(b, message...)
}

// Frames come out whole wherever the writes were cut and a marker came between.
func TestStreamFrames(t *testing.T) {
	want := []string{"[ERROR] two\nlines", "", "{\"level\":\"INFO\"}\n", strings.Repeat("ü", 50_000)}
	var data []byte
	for n, message := range want {
		data = append(data, logFrame([]uint32{0xa55a0003, 0xa55a0002, 0xa55a000e, 0xa55a0017}[n], message)...)
	}
	for _, size := range []int{7, 15, 16, 17, 4096, len(data)} {
		var got []string
		s, err := newStream(1000, true, func(b []byte) { got = append(got, string(b)) })
		if err != nil {
			t.Fatal(err)
		}
		for rest := data; len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := s.w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			if len(data)-len(rest) < 500 {
				s.drain()
			}
			rest = rest[n:]
		}
		s.drain()
		s.close()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("written by %d bytes (-want +got):\n%s", size, diff)
		}
	}
}

func TestStreamNoFrame(t *testing.T) {
	var got strings.Builder
	s, err := newStream(1000, true, func(b []byte) { got.Write(b) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.w.WriteString("a line where a frame should be\n"); err != nil {
		t.Fatal(err)
	}
	s.close()
	if want := "not a log frame: a line where a frame should be\n"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestCutHalfMarker(t *testing.T) {
	s := &stream{marker: []byte("<mark>")}
	for data, want := range map[string]string{
		"": "", "a": "", "a<": "<", "<mark": "<mark", "a<ma<ma": "<ma", "<mark!": "",
	} {
		before, half := s.cutHalfMarker([]byte(data))
		if string(half) != want || string(before)+string(half) != data {
			t.Errorf("%q: %q and %q", data, before, half)
		}
	}
}
