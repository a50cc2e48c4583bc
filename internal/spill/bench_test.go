package spill

import (
	"errors"
	"fmt"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 25} {
		b.Run(fmt.Sprintf("%dx400B", n), func(b *testing.B) {
			s, _, err := Open(Config{Dir: spillDir(b), MaxBytes: 64 << 20})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			batch := payloads(numbered(n, 400)...)
			b.SetBytes(int64(n * 400))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Append(batch...); err != nil {
					if !errors.Is(err, ErrFull) {
						b.Fatal(err)
					}
					b.StopTimer() // full: empty it, which is not measured here
					takeAll(b, s, false)
					b.StartTimer()
				}
			}
		})
	}
}

func BenchmarkMark(b *testing.B) {
	s, _ := openAt(b, spillDir(b), 1<<20)
	request := []byte(`{"open":["8476a536-e9f4-11e8-9739-2dfe598c3fcd"]}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Mark(request); err != nil {
			b.Fatal(err)
		}
	}
}

// Full is 64 MiB of records of 400 bytes in 256 files.
func full(b *testing.B, dir string) *Spill {
	b.Helper()
	s, _ := openAt(b, dir, 64<<20)
	batch := payloads(numbered(1000, 400)...)
	for {
		if _, err := s.Append(batch...); err != nil {
			return s
		}
	}
}

func BenchmarkVanished(b *testing.B) {
	for name, open := range map[string]func(dir string) *Spill{
		"empty": func(dir string) *Spill { s, _ := openAt(b, dir, 1<<20); return s },
		"full":  func(dir string) *Spill { return full(b, dir) },
	} {
		b.Run(name, func(b *testing.B) {
			s := open(spillDir(b))
			b.ReportAllocs()
			for b.Loop() {
				s.Vanished()
			}
		})
	}
}

func BenchmarkOpenFull(b *testing.B) {
	dir := spillDir(b)
	full(b, dir).Close()
	b.ReportAllocs()
	for b.Loop() {
		s, _, err := Open(Config{Dir: dir, MaxBytes: 64 << 20, KeepFree: -1})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
