//go:build linux || darwin

package spill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func wantVanished(t *testing.T, s *Spill, want int) {
	t.Helper()
	if got := s.Vanished(); got != want {
		t.Errorf("Vanished = %d, want %d", got, want)
	}
	if again := s.Vanished(); again != 0 {
		t.Errorf("Vanished again = %d, want 0", again)
	}
}

// ways are how a function gets rid of what is in its /tmp.
var ways = map[string]func(dir string) error{
	"files removed":     removeContents,
	"directory removed": os.RemoveAll,
	"directory moved":   func(dir string) error { return os.Rename(dir, dir+".old") },
	"directory replaced": func(dir string) error {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		return os.Mkdir(dir, 0o777)
	},
}

func TestEmptiedWhileWeLive(t *testing.T) {
	for name, empty := range ways {
		t.Run(name, func(t *testing.T) {
			dir := spillDir(t)
			s, _ := openAt(t, dir, 8<<20)
			mustAppend(t, s, numbered(1500, 400)...) // several files
			if err := s.Mark([]byte("before")); err != nil {
				t.Fatal(err)
			}
			wantVanished(t, s, 0)
			if err := empty(dir); err != nil {
				t.Fatal(err)
			}
			wantVanished(t, s, 1500)
			if s.Records() != 0 || s.Bytes() != 0 {
				t.Errorf("%d records, %d bytes left", s.Records(), s.Bytes())
			}
			mustAppend(t, s, "after")
			if err := s.Mark([]byte("after")); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s, found := openAt(t, dir, 8<<20)
			if string(found.Mark) != "after" {
				t.Errorf("mark %q", found.Mark)
			}
			got, _ := takeAll(t, s, false)
			wantRecords(t, got, []string{"after"})
		})
	}
}

// Without a call of Vanished in between: Append itself must not write to a file
// that has no name, nor fail for want of a directory.
func TestAppendAfterTheDirectoryWasEmptied(t *testing.T) {
	for _, name := range []string{"files removed", "directory removed", "directory replaced"} {
		t.Run(name, func(t *testing.T) {
			dir := spillDir(t)
			s, _ := openAt(t, dir, 8<<20)
			mustAppend(t, s, "lost", "lost too")
			if err := ways[name](dir); err != nil {
				t.Fatal(err)
			}
			if err := s.Mark([]byte("m")); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, s, "kept")
			wantVanished(t, s, 2)
			s.Close()
			s, found := openAt(t, dir, 8<<20)
			if string(found.Mark) != "m" {
				t.Errorf("mark %q", found.Mark)
			}
			got, _ := takeAll(t, s, false)
			wantRecords(t, got, []string{"kept"})
		})
	}
}

func TestTakeAfterTheDirectoryWasEmptied(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 8<<20)
	mustAppend(t, s, "a", "b")
	if err := removeContents(dir); err != nil {
		t.Fatal(err)
	}
	if seg, err := s.Take(); seg != nil || err != nil {
		t.Errorf("Take = %v, %v", seg, err)
	}
	wantVanished(t, s, 2)
}

func TestWhatIsTakenIsNotLostWithItsFile(t *testing.T) {
	for name, empty := range ways {
		t.Run(name, func(t *testing.T) {
			dir := spillDir(t)
			s, _ := openAt(t, dir, 8<<20)
			mustAppend(t, s, numbered(1000, 400)...)
			stored, err := s.Take()
			if err != nil {
				t.Fatal(err)
			}
			failed, err := s.Take()
			if err != nil {
				t.Fatal(err)
			}
			if err := empty(dir); err != nil {
				t.Fatal(err)
			}
			wantVanished(t, s, 1000-len(stored.Payloads)-len(failed.Payloads))
			if err := s.Done(stored); err != nil {
				t.Error(err)
			}
			wantVanished(t, s, 0)
			s.Return(failed)
			wantVanished(t, s, len(failed.Payloads))
		})
	}
}

func TestTruncatedWhileWeLive(t *testing.T) {
	for _, closed := range []bool{false, true} {
		dir := spillDir(t)
		s, _ := openAt(t, dir, 8<<20)
		mustAppend(t, s, "one", "two", "three")
		file := segmentFiles(t, dir)[0]
		if closed {
			s.Close()
			s, _ = openAt(t, dir, 8<<20)
		}
		// Within the second record.
		if err := os.Truncate(file, 2*frameHeader+5); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, s, "four")
		wantVanished(t, s, 2)
		got, damaged := takeAll(t, s, true)
		wantRecords(t, got, []string{"one", "four"})
		if damaged != 0 {
			t.Errorf("%d damaged, counted twice", damaged)
		}
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
		wantVanished(t, s, 1)
		got, _ = takeAll(t, s, false)
		wantRecords(t, got, []string{"four"})
	}
}

// Of many files one is removed or truncated: noticed after each had its turn,
// at the latest, and counted once.
func TestOneOfManyFilesVanishes(t *testing.T) {
	for name, spoil := range map[string]func(file string) error{
		"removed":   os.Remove,
		"truncated": func(file string) error { return os.Truncate(file, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := spillDir(t)
			s, _ := openAt(t, dir, 64<<20)
			large := strings.Repeat("L", segmentBytes)
			const files = 3 * checkedPerCall
			for range files {
				mustAppend(t, s, large)
			}
			wantVanished(t, s, 0)
			if err := spoil(segmentFiles(t, dir)[files/2]); err != nil {
				t.Fatal(err)
			}
			var sum int
			for range 2 * files / checkedPerCall {
				sum += s.Vanished()
			}
			if sum != 1 || s.Records() != files-1 {
				t.Errorf("%d vanished, %d left; want 1, %d", sum, s.Records(), files-1)
			}
		})
	}
}

// The directory's time says that something was removed, so all are looked at.
func TestARemovedFileIsNoticedAtOnce(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 64<<20)
	large := strings.Repeat("L", segmentBytes)
	for range 3 * checkedPerCall {
		mustAppend(t, s, large)
	}
	// Clocks of file systems are coarse; without this both could fall into one
	// tick.
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dir, past, past); err != nil {
		t.Fatal(err)
	}
	wantVanished(t, s, 0)
	files := segmentFiles(t, dir)
	for _, i := range []int{checkedPerCall / 2, checkedPerCall + 2, 2*checkedPerCall + 4} {
		if err := os.Remove(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	wantVanished(t, s, 3)
}

func TestADirectoryThatCannotBeMadeAgain(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 8<<20)
	mustAppend(t, s, "a")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	wantVanished(t, s, 1)
	for range 2 {
		if n, err := s.Append([]byte("b")); n != 0 || err == nil {
			t.Errorf("Append behind a symbolic link = %d, %v", n, err)
		}
		if err := s.Mark(nil); err == nil {
			t.Error("Mark behind a symbolic link succeeded")
		}
		if seg, err := s.Take(); seg != nil || err == nil {
			t.Errorf("Take behind a symbolic link = %v, %v", seg, err)
		}
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "c")
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v", files, err)
	}
}
