package spill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

// TestLimits is the list of this package's limits, for people: what each is,
// why it is there, and which test fails without it. Those tests have numbers of
// their own.
func TestLimits(t *testing.T) {
	testkit.Limits(t, []testkit.Limit{
		{"MaxPayload", MaxPayload, 1 << 20, "memory of a record that is read", "TestLargestPayload"},
		{"maxFile", maxFile, 1<<20 + 16, "memory of a file that a stranger left", "TestLargestFile"},
		{"segmentBytes", segmentBytes, 256 << 10, "memory of what is read at once", "TestSegmentsStaySmall"},
		{"maxFiles", maxFiles, 1 << 15, "memory of a directory that a stranger filled", "TestADirectoryFullOfFiles"},
		{"maxNumber", maxNumber, 1<<48 - 1, "file names of one length sort by number", "TestNumbersThatAreTaken"},
		{"MaxMark", MaxMark, 16<<10 - 20, "a mark fits its slot", "TestLargestMark"},
		{"defaultMaxBytes", defaultMaxBytes, 64 << 20, "/tmp is the function's", "TestTheDefaultBoundIsAtMost64MiB"},
		{"defaultKeepFree", defaultKeepFree, 64 << 20, "/tmp is the function's", "TestRoomIsLeftByDefault"},
		{"blockSize", blockSize, 4096, "many small files cost more than they hold", "TestMaxBytesBoundsTheFiles"},
		{"checkedPerCall", checkedPerCall, 16, "looking for vanished files costs each invocation",
			"TestOnlyFewFilesAreLookedAt"},
		{"patience", patience, 500 * time.Millisecond, "nobody is held for a disk that stalls",
			"TestAStalledDiskIsWaitedForOnce"},
		{"lastPatience", lastPatience, 100 * time.Millisecond, "SHUTDOWN has two seconds",
			"TestAtTheEndAStalledDiskIsHardlyWaitedFor"},
		{"keptBuffer", keptBuffer, 64 << 10, "a burst's memory is not kept for life", "TestABurstsMemoryIsGivenUp"},
	})
}

func TestLargestPayload(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 8<<20)
	for _, size := range []int{1 << 20, 1<<20 + 1} {
		_, err := s.Append(make([]byte, size))
		if large := size > 1<<20; errors.Is(err, ErrPayload) != large || (err != nil) != large {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// A file that is one byte larger than any of ours is not read into memory.
func TestLargestFile(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 8<<20)
	mustAppend(t, s, "good")
	s.Close()
	if err := writeSparse(filepath.Join(dir, segmentName{number: 7}.String()), 1<<20+16+1); err != nil {
		t.Fatal(err)
	}
	s, found := openAt(t, dir, 8<<20)
	if found.Refused != 1 || found.Records != 1 || cap(s.buf) > 64<<10 {
		t.Errorf("found %+v, a buffer of %d bytes", found, cap(s.buf))
	}
}

func TestSegmentsStaySmall(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 8<<20)
	mustAppend(t, s, numbered(6000, 300)...)
	mustAppend(t, s, strings.Repeat("L", 700<<10), "after")
	taken := 0
	for {
		seg, err := s.Take()
		if err != nil {
			t.Fatal(err)
		}
		if seg == nil {
			break
		}
		sum := 0
		for _, p := range seg.Payloads {
			sum += len(p)
		}
		taken += len(seg.Payloads)
		if sum > 256<<10 && len(seg.Payloads) > 1 {
			t.Errorf("%d payloads of %d bytes at once", len(seg.Payloads), sum)
		}
		if err := s.Done(seg); err != nil {
			t.Fatal(err)
		}
	}
	if taken != 6002 {
		t.Errorf("%d of 6,002 payloads came back", taken)
	}
}

func TestADirectoryFullOfFiles(t *testing.T) {
	testkit.Slow(t)
	dir := spillDir(t)
	// In memory where there is a file system for it: a disk takes half a
	// minute.
	if shm, err := os.MkdirTemp("/dev/shm", "logtable-test-"); err == nil {
		t.Cleanup(func() { os.RemoveAll(shm) })
		dir = filepath.Join(shm, "logtable")
	}
	s, _ := openAt(t, dir, 8<<20)
	s.Close()
	const files, most = 33_000, 32_768
	for i := range files {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%012x-%08x.spill", i, i)), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if _, found := openAt(t, dir, 8<<20); found.Refused != files-most {
		t.Errorf("%d of %d files were not looked at, want %d", found.Refused, files, files-most)
	}
}

func TestLargestMark(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 8<<20)
	if err := s.Mark(make([]byte, 16<<10-20)); err != nil {
		t.Error(err)
	}
	if err := s.Mark(make([]byte, 16<<10-19)); err == nil {
		t.Error("a mark that does not fit its slot is taken")
	}
}

func TestRoomIsLeftByDefault(t *testing.T) {
	s, _, err := Open(Config{Dir: spillDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	free, err := freeBytes(s.dir.self)
	if err != nil {
		t.Fatal(err)
	}
	// Beyond what is kept free, nothing is taken, whatever the bound says.
	s.cfg.MaxBytes = 1 << 60
	limit, err := s.limit(int(min(free-(63<<20), 1<<40)))
	if !errors.Is(err, ErrFull) {
		t.Errorf("a file may grow to %d bytes of %d that are free: %v", limit, free, err)
	}
}

// A file that was truncated does not show in the directory: a few are looked at
// each time, not all.
func TestOnlyFewFilesAreLookedAt(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 64<<20)
	const files = 100
	for range files {
		mustAppend(t, s, strings.Repeat("L", 128<<10-32), strings.Repeat("M", 128<<10-32))
	}
	s.Vanished()
	for _, file := range segmentFiles(t, dir) {
		fi, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, fi.Size()-1); err != nil {
			t.Fatal(err)
		}
	}
	sum, calls := 0, 0
	for sum < files && calls < 100 {
		n := s.Vanished()
		if n > 16 {
			t.Errorf("%d files were looked at", n)
		}
		sum += n
		calls++
	}
	if sum != files {
		t.Errorf("%d of %d losses were noticed", sum, files)
	}
}

func TestABurstsMemoryIsGivenUp(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 64<<20)
	mustAppend(t, s, numbered(3000, 300)...)
	mustAppend(t, s, strings.Repeat("L", 1<<20))
	if n := cap(s.buf); n > 64<<10 {
		t.Errorf("%d bytes are kept", n)
	}
}
