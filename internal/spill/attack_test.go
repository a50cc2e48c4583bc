//go:build linux || darwin

package spill

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/logtable/logtable/internal/testkit"
)

func wantUnusable(t *testing.T, dir, why string) {
	t.Helper()
	s, _, err := Open(Config{Dir: dir, MaxBytes: 1 << 20, KeepFree: -1})
	if err == nil {
		s.Close()
		t.Fatalf("Open succeeded, want an error with %q", why)
	}
	if !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %q, want %q and the directory in it", err, why)
	}
}

func TestDirectoriesThatAreRefused(t *testing.T) {
	base := t.TempDir()
	elsewhere := filepath.Join(base, "elsewhere")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	make := func(name string, create func(path string) error) string {
		path := filepath.Join(base, name)
		if err := create(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := make("link", func(p string) error { return os.Symlink(elsewhere, p) })
	relative := make("relative", func(p string) error { return os.Symlink("elsewhere", p) })
	dangling := make("dangling", func(p string) error { return os.Symlink(filepath.Join(base, "none"), p) })
	file := make("file", func(p string) error { return os.WriteFile(p, nil, 0o600) })
	fifo := make("fifo", func(p string) error { return syscall.Mkfifo(p, 0o600) })

	wantUnusable(t, link, "symbolic link")
	wantUnusable(t, link+"/", "symbolic link")
	wantUnusable(t, relative, "symbolic link")
	wantUnusable(t, dangling, "symbolic link")
	wantUnusable(t, file, "not a directory")
	wantUnusable(t, fifo, "not a directory")
	wantUnusable(t, filepath.Join(file, "below"), "not a directory")
	wantUnusable(t, "", "absolute")
	wantUnusable(t, "logtable", "absolute")
	wantUnusable(t, "/", "root directory")
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) != 0 {
		t.Errorf("something was written through a link: %v, %v", left, err)
	}
	if _, err := os.Lstat(filepath.Join(base, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made behind a dangling link: %v", err)
	}
}

// A link takes the directory's place again and again while it is opened: that
// may fail, and may make a directory, but never leads where the link does.
func TestALinkThatComesAndGoes(t *testing.T) {
	base := t.TempDir()
	dir, real, link := filepath.Join(base, "logtable"), filepath.Join(base, "real"), filepath.Join(base, "link")
	elsewhere := filepath.Join(base, "elsewhere")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for !done.Load() {
			// What Open makes in between may be in the way: begin anew.
			for _, path := range []string{dir, real, link} {
				os.RemoveAll(path)
			}
			os.Mkdir(dir, 0o700)
			os.Symlink("elsewhere", link)
			for range 100 {
				err := errors.Join(os.Rename(dir, real), os.Rename(link, dir),
					os.Rename(dir, link), os.Rename(real, dir))
				if err != nil {
					break
				}
			}
		}
	})
	for range 1000 {
		s, _, err := Open(Config{Dir: dir, MaxBytes: 1 << 20, KeepFree: -1})
		if err != nil {
			continue
		}
		s.Append([]byte("a")) // whether it succeeds is not what counts
		s.Close()
	}
	done.Store(true)
	swapper.Wait()
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) != 0 {
		t.Errorf("written through the link: %v, %v", left, err)
	}
}

func TestAnotherUsersDirectoryIsRefused(t *testing.T) {
	dir := spillDir(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	testkit.Component(t, "change of owner (root)", os.Chown(dir, os.Geteuid()+1, -1))
	wantUnusable(t, dir, "another user")
}

// Where others have no rights a mode that does not suit us is set right.
func TestAnOddModeOfOurOwn(t *testing.T) {
	for _, mode := range []os.FileMode{0o500, 0o000} {
		dir := spillDir(t)
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
		s, _ := openAt(t, dir, 1<<20)
		mustAppend(t, s, "a")
		if err := s.Mark([]byte("m")); err != nil {
			t.Fatal(err)
		}
		wantModes(t, dir)
	}
}

func TestModesDoNotDependOnTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o777} {
		parent := t.TempDir()
		old := syscall.Umask(mask)
		defer syscall.Umask(old)
		dir := filepath.Join(parent, "logtable")
		s, _ := openAt(t, dir, 1<<20)
		mustAppend(t, s, "a")
		err := s.Mark([]byte("m"))
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		wantModes(t, dir)
	}
}

func wantModes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if fi.IsDir() {
			want = 0o700
		}
		if fi.Mode().Perm() != want {
			t.Errorf("%s has mode %#o, want %#o", filepath.Base(path), fi.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each is put in the place of a good segment; the good one after it must be
// read, nothing may block, and what the trap stands for must stay as it is.
func TestFilesThatAreNotOurs(t *testing.T) {
	_, _, good := written(t, "stolen")
	traps := map[string]func(t *testing.T, path, victim string) error{
		"symbolic link":    func(_ *testing.T, path, victim string) error { return os.Symlink(victim, path) },
		"link to nowhere":  func(_ *testing.T, path, victim string) error { return os.Symlink(victim+".none", path) },
		"hard link":        func(_ *testing.T, path, victim string) error { return os.Link(victim, path) },
		"directory":        func(_ *testing.T, path, _ string) error { return os.Mkdir(path, 0o700) },
		"FIFO":             func(_ *testing.T, path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"too large":        func(_ *testing.T, path, _ string) error { return writeSparse(path, maxFile+1) },
		"enormous":         func(_ *testing.T, path, _ string) error { return writeSparse(path, 1<<40) },
		"another's":        foreign,
		"link to a device": func(_ *testing.T, path, _ string) error { return os.Symlink("/dev/zero", path) },
		"link inside": func(_ *testing.T, path, _ string) error {
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), "inside"), good, 0o600); err != nil {
				return err
			}
			return os.Symlink("inside", path)
		},
	}
	for name, trap := range traps {
		t.Run(name, func(t *testing.T) {
			dir := spillDir(t)
			s, _ := openAt(t, dir, 1<<20)
			mustAppend(t, s, "to be replaced")
			s.Close()
			path := segmentFiles(t, dir)[0]
			s, _ = openAt(t, dir, 1<<20)
			mustAppend(t, s, "after")
			victim := filepath.Join(t.TempDir(), "victim")
			if err := os.WriteFile(victim, good, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := trap(t, path, victim); err != nil {
				t.Fatal(err)
			}

			wantVanished(t, s, 1)
			got, _ := takeAll(t, s, true)
			wantRecords(t, got, []string{"after"})
			s.Close()

			s, found := openAt(t, dir, 1<<20)
			if found.Refused != 1 || found.Records != 1 {
				t.Errorf("found %+v, want 1 refused and 1 record", found)
			}
			got, _ = takeAll(t, s, false)
			wantRecords(t, got, []string{"after"})
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("the stranger's file was removed: %v", err)
			}
			if data, err := os.ReadFile(victim); err != nil || !bytes.Equal(data, good) {
				t.Errorf("the victim was changed: %v", err)
			}
		})
	}
}

func foreign(t *testing.T, path, _ string) error {
	if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
		return err
	}
	testkit.Component(t, "change of owner (root)", os.Chown(path, os.Geteuid()+1, -1))
	return nil
}

func writeSparse(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// The mark file replaces what has its name, and writes to nothing else.
func TestAMarkIsNotWrittenThroughALink(t *testing.T) {
	for _, name := range []string{markName, markNew} {
		for kind, link := range map[string]func(old, new string) error{"symbolic": os.Symlink, "hard": os.Link} {
			dir := spillDir(t)
			victim := filepath.Join(t.TempDir(), "victim")
			if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
				t.Fatal(err)
			}
			s, _ := openAt(t, dir, 1<<20)
			if err := link(victim, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := s.Mark([]byte("m")); err != nil {
					t.Error(err)
				}
			}
			s.Close()
			if data, err := os.ReadFile(victim); string(data) != "untouched" {
				t.Errorf("%s link as %s: victim %q, %v", kind, name, data, err)
			}
			if _, found := openAt(t, dir, 1<<20); string(found.Mark) != "m" {
				t.Errorf("%s link as %s: mark %q", kind, name, found.Mark)
			}
		}
	}
}

func TestALinkAsTheMarkIsNotRead(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	s.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, appendMark(nil, 1, []byte("secret")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, markName)); err != nil {
		t.Fatal(err)
	}
	if _, found := openAt(t, dir, 1<<20); found.Mark == nil || len(found.Mark) != 0 {
		t.Errorf("mark %q, want an empty one", found.Mark)
	}
}

func TestTooMuchIsNotAdopted(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	s.Close()
	const files = defaultMaxBytes/(1<<20) + 8
	for i := range files {
		name := newSegmentName(uint64(i))
		data := appendFrame(nil, name.salt, bytes.Repeat([]byte("x"), 1<<20-frameHeader))
		if err := os.WriteFile(filepath.Join(dir, name.String()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, found := openAt(t, dir, 1<<20)
	if found.Bytes > defaultMaxBytes || found.Bytes < defaultMaxBytes-2<<20 || found.Records+found.Refused != files {
		t.Errorf("found %+v of %d files", found, files)
	}
}

// A stranger may take our next name, or the last number there is.
func TestNumbersThatAreTaken(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	mustAppend(t, s, "a")
	s.Close()
	last := segmentName{number: maxNumber}
	if err := os.WriteFile(filepath.Join(dir, last.String()), appendFrame(nil, 0, []byte("z")), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = openAt(t, dir, 1<<20)
	if n, err := s.Append([]byte("b")); n != 0 || err == nil {
		t.Errorf("Append = %d, %v", n, err)
	}
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, []string{"a", "z"})
}

func TestASegmentThatCannotBeReadDoesNotStopTheOthers(t *testing.T) {
	if os.Geteuid() == 0 {
		runAsNobody(t)
		return
	}
	dir := spillDir(t)
	s, _ := openAt(t, dir, 8<<20)
	records := numbered(1000, 400)
	mustAppend(t, s, records...)
	first := segmentFiles(t, dir)[0]
	if err := os.Chmod(first, 0); err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		seg, err := s.Take()
		if err != nil {
			if !errors.Is(err, fs.ErrPermission) {
				t.Error(err)
			}
			break
		}
		if seg == nil {
			t.Fatal("the segment that cannot be read was forgotten")
		}
		got = append(got, texts(seg.Payloads)...)
		if err := s.Done(seg); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(first, 0o600); err != nil {
		t.Fatal(err)
	}
	rest, _ := takeAll(t, s, false)
	wantRecords(t, append(rest, got...), records)
}

// A directory that cannot be written: nothing can be appended or marked, and
// what is stored is not taken again though it cannot be deleted.
func TestAReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		runAsNobody(t)
		return
	}
	dir := spillDir(t)
	s, _ := openAt(t, dir, 8<<20)
	records := numbered(1000, 400)
	mustAppend(t, s, records...)
	s.Close()
	s, _ = openAt(t, dir, 8<<20)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if n, err := s.Append([]byte("x")); n != 0 || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Append = %d, %v", n, err)
	}
	if err := s.Mark([]byte("m")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Mark: %v", err)
	}
	var got []string
	for {
		seg, err := s.Take()
		if err != nil {
			t.Fatal(err)
		}
		if seg == nil {
			break
		}
		got = append(got, texts(seg.Payloads)...)
		if err := s.Done(seg); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("Done: %v", err)
		}
	}
	wantRecords(t, got, records)
	if s.Records() != 0 || s.Bytes() == 0 {
		t.Errorf("%d records, %d bytes", s.Records(), s.Bytes())
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "y")
	got, _ = takeAll(t, s, false)
	wantRecords(t, got, []string{"y"})
	if files := segmentFiles(t, dir); len(files) != 0 || s.Bytes() != 0 {
		t.Errorf("still there: %v, %d bytes", files, s.Bytes())
	}
}

func TestAParentThatCannotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		runAsNobody(t)
		return
	}
	parent := t.TempDir()
	if err := os.Chmod(parent, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(parent, 0o700)
	wantUnusable(t, filepath.Join(parent, "logtable"), "permission denied")
}

func TestSegmentNamesSortByNumber(t *testing.T) {
	names := []segmentName{{3, 1}, {1 << 40, 0}, {2, 7}, {2, 5}, {0, 9}}
	slices.SortFunc(names, segmentName.compare)
	byText := slices.SortedFunc(slices.Values(names), func(a, b segmentName) int {
		return strings.Compare(a.String(), b.String())
	})
	if !slices.Equal(names, byText) {
		t.Errorf("%v, by text %v", names, byText)
	}
	for _, n := range names {
		if got, ok := parseSegmentName(n.String()); !ok || got != n {
			t.Errorf("%v parsed as %v, %v", n, got, ok)
		}
	}
}
