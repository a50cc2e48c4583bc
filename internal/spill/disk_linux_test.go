package spill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logtable/logtable/internal/testkit"
)

// smallDisk mounts a file system of size bytes.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	testkit.Component(t, "tmpfs mount (root)", syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)))
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, blockSize); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDisk(t *testing.T) {
	// Record sizes that end a block at other places.
	for _, size := range []int{333, 400, 4080, 5000, 70_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			disk := smallDisk(t, 1<<20)
			dir := filepath.Join(disk, "logtable")
			s, _ := openAt(t, dir, 1<<30)
			if err := s.Mark([]byte("early")); err != nil {
				t.Fatal(err)
			}
			records := numbered(4<<20/size, size)
			n, err := s.Append(payloads(records...)...)
			if !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) || n < (1<<19)/size {
				t.Fatalf("Append = %d, %v", n, err)
			}
			fill(t, filepath.Join(disk, "function"))
			again, err := s.Append(payloads(records[n:]...)...)
			if !errors.Is(err, ErrFull) {
				t.Errorf("Append = %d, %v", again, err)
			}
			n += again
			if err := s.Mark([]byte("late")); err != nil {
				t.Errorf("overwriting a mark needs no room: %v", err)
			}
			got, damaged := takeAll(t, s, true)
			wantRecords(t, got, records[:n])
			if damaged != 0 {
				t.Errorf("%d damaged", damaged)
			}

			// The function tidies up; appending goes on.
			if err := os.Remove(filepath.Join(disk, "function")); err != nil {
				t.Fatal(err)
			}
			got, _ = takeAll(t, s, false)
			wantRecords(t, got, records[:n])
			mustAppend(t, s, "room again")
			s.Close()
			s, found := openAt(t, dir, 1<<30)
			if found.Damaged != 0 || string(found.Mark) != "late" {
				t.Errorf("found %+v, mark %q", found, found.Mark)
			}
			got, _ = takeAll(t, s, false)
			wantRecords(t, got, []string{"room again"})
		})
	}
}

func TestADiskThatIsFullAtTheStart(t *testing.T) {
	disk := smallDisk(t, 1<<20)
	s, _ := openAt(t, filepath.Join(disk, "logtable"), 1<<30)
	fill(t, filepath.Join(disk, "function"))
	if n, err := s.Append([]byte("a")); n != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("Append = %d, %v", n, err)
	}
	if err := s.Mark([]byte("m")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Mark: %v", err)
	}
	if err := os.Remove(filepath.Join(disk, "function")); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "a")
	if err := s.Mark([]byte("m")); err != nil {
		t.Error(err)
	}
}

func TestBoundsFollowTheFreeSpace(t *testing.T) {
	disk := smallDisk(t, 8<<20)
	s, _, err := Open(Config{Dir: filepath.Join(disk, "logtable"), KeepFree: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.cfg.MaxBytes < 2<<20-2*blockSize || s.cfg.MaxBytes > 2<<20 {
		t.Errorf("default bound %d of 8 MiB free, want a quarter", s.cfg.MaxBytes)
	}
	// The function takes room: less than KeepFree is left when we have half
	// a MiB.
	if err := os.WriteFile(filepath.Join(disk, "function"), make([]byte, 7<<19), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := s.Append(payloads(numbered(4<<10, 1<<10)...)...)
	if !errors.Is(err, ErrFull) {
		t.Fatalf("Append = %d, %v", n, err)
	}
	free, err := freeBytes(s.dir.self)
	if err != nil {
		t.Fatal(err)
	}
	if free < 4<<20 || free > 4<<20+2*blockSize || s.Bytes() < 400<<10 {
		t.Errorf("%d bytes left free, %d spilled", free, s.Bytes())
	}
}

func TestAReadOnlyFileSystem(t *testing.T) {
	disk := smallDisk(t, 1<<20)
	dir := filepath.Join(disk, "logtable")
	s, _ := openAt(t, dir, 1<<20)
	mustAppend(t, s, "a")
	s.Close()
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	wantUnusable(t, filepath.Join(disk, "other"), "read-only file system")

	// One that was made before can still be read.
	s, found := openAt(t, dir, 1<<20)
	if found.Records != 1 {
		t.Errorf("found %+v", found)
	}
	if n, err := s.Append([]byte("b")); n != 0 || !errors.Is(err, syscall.EROFS) {
		t.Errorf("Append = %d, %v", n, err)
	}
	seg, err := s.Take()
	if err != nil || len(seg.Payloads) != 1 {
		t.Fatalf("Take = %v, %v", seg, err)
	}
	if err := s.Done(seg); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Done: %v", err)
	}
	if seg, err := s.Take(); seg != nil || err != nil {
		t.Errorf("taken again: %v, %v", seg, err)
	}
}

func TestNoDescriptorLeft(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 8<<20)
	records := numbered(1000, 400)
	mustAppend(t, s, records...)
	// The first file has lost something, which takes a descriptor to count.
	if err := os.Truncate(segmentFiles(t, dir)[0], 100*(frameHeader+400)); err != nil {
		t.Fatal(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	large := []byte(strings.Repeat("L", segmentBytes)) // needs a file of its own
	n, errAppend := s.Append(large)
	seg, errTake := s.Take()
	vanished := s.Vanished()
	errMark := s.Mark(nil)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if n != 0 || seg != nil || !errors.Is(errAppend, syscall.EMFILE) || !errors.Is(errTake, syscall.EMFILE) ||
		!errors.Is(errMark, syscall.EMFILE) {
		t.Errorf("Append = %d, %v; Take = %v, %v; Mark = %v", n, errAppend, seg, errTake, errMark)
	}
	if vanished != 0 {
		t.Errorf("%d records were given up for want of a descriptor", vanished)
	}
	mustAppend(t, s, "after")
	vanished = s.Vanished()
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, slices.Concat(records[:100], records[100+vanished:], []string{"after"}))
	if vanished == 0 {
		t.Error("the truncation was not counted")
	}
}
