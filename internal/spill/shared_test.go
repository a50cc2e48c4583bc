//go:build linux || darwin

package spill

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/logtable/logtable/internal/testkit"
)

// sharedDir makes a directory of a mode, with files of others in it.
func sharedDir(t *testing.T, mode os.FileMode, files ...string) string {
	t.Helper()
	dir := spillDir(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return dir
}

// wantUntouched checks that a directory has its mode, and its files their
// contents.
func wantUntouched(t *testing.T, dir string, mode os.FileMode, files ...string) {
	t.Helper()
	fi, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := fi.Mode() &^ os.ModeDir; got != mode {
		t.Errorf("the directory's mode is %v now, was %v", got, mode)
	}
	for _, name := range files {
		if data, err := os.ReadFile(filepath.Join(dir, name)); string(data) != name || err != nil {
			t.Errorf("%s holds %q now, %v", name, data, err)
		}
	}
}

// What others use, too, is not taken over: neither its mode changes nor a file
// in it. The spill works in a folder of its own, and outlives the process.
func TestASharedDirectoryStaysAsItIs(t *testing.T) {
	for _, tc := range []struct {
		name  string
		mode  os.FileMode
		files []string
	}{
		{"/tmp", 0o777 | os.ModeSticky, []string{"a", "b"}},
		{"/tmp, empty", 0o777 | os.ModeSticky, nil},
		{"a mount", 0o755, []string{"a"}},
		{"a group's", 0o770, nil},
		{"readable by a group", 0o740, nil},
		{"private, others' files", 0o700, []string{"a", "lost+found"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := sharedDir(t, tc.mode, tc.files...)
			s, _ := openAt(t, dir, 1<<20)
			own := filepath.Join(dir, "logtable-spill")
			if s.Dir() != own {
				t.Errorf("works in %s", s.Dir())
			}
			mustAppend(t, s, "first", "second")
			if err := s.Mark([]byte("m")); err != nil {
				t.Fatal(err)
			}
			wantModes(t, own)
			wantUntouched(t, dir, tc.mode, tc.files...)
			if _, _, err := Open(Config{Dir: dir, MaxBytes: 1 << 20, KeepFree: -1}); !errors.Is(err, ErrLocked) {
				t.Errorf("opened twice: %v", err)
			}
			s.Close()

			s, found := openAt(t, dir, 1<<20)
			if found.Records != 2 || string(found.Mark) != "m" || found.Damaged+found.Refused != 0 {
				t.Errorf("found %+v", found)
			}
			got, _ := takeAll(t, s, false)
			wantRecords(t, got, []string{"first", "second"})

			// The function may empty it.
			if err := os.RemoveAll(own); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, s, "third")
			got, _ = takeAll(t, s, false)
			wantRecords(t, got, []string{"third"})
			wantUntouched(t, dir, tc.mode, tc.files...)
		})
	}
}

// A directory that an earlier version has made, or taken over, is found.
func TestWhatAnEarlierVersionLeft(t *testing.T) {
	for _, tc := range []struct {
		name     string
		files    []string
		mode     os.FileMode // as it is when the new version comes
		directly bool        // used as before
	}{
		{"its own", nil, 0o700, true},
		{"taken over", []string{"a"}, 0o700, true},
		{"taken over and given back", []string{"a"}, 0o777 | os.ModeSticky, false},
		{"its own, opened to others", nil, 0o755, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := spillDir(t)
			s, _ := openAt(t, dir, 1<<20)
			mustAppend(t, s, "left")
			if err := s.Mark([]byte("m")); err != nil {
				t.Fatal(err)
			}
			s.Close()
			for _, name := range tc.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, tc.mode); err != nil {
				t.Fatal(err)
			}
			s, found := openAt(t, dir, 1<<20)
			if (s.Dir() == dir) != tc.directly {
				t.Errorf("works in %s", s.Dir())
			}
			if found.Records != 1 || string(found.Mark) != "m" {
				t.Errorf("found %+v", found)
			}
			mustAppend(t, s, "new")
			got, _ := takeAll(t, s, false)
			wantRecords(t, got, []string{"left", "new"})
			wantUntouched(t, dir, tc.mode, tc.files...)
		})
	}
}

// While a process of the earlier version lives, its files are its own.
func TestAnEarlierVersionThatLives(t *testing.T) {
	dir := spillDir(t)
	old, _ := openAt(t, dir, 1<<20)
	mustAppend(t, old, "its own")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s, found := openAt(t, dir, 1<<20)
	if found.Records != 0 {
		t.Errorf("found %+v", found)
	}
	mustAppend(t, s, "ours")
	got, _ := takeAll(t, old, false)
	wantRecords(t, got, []string{"its own"})
}

// In a directory where others write, the folder's name may be taken.
func TestTheFoldersNameIsTaken(t *testing.T) {
	for name, tc := range map[string]struct {
		why  string
		make func(path string) error
	}{
		"a link": {"symbolic link", func(p string) error { return os.Symlink(filepath.Dir(p), p) }},
		"a file": {"not a directory", func(p string) error { return os.WriteFile(p, nil, 0o600) }},
		"another user's": {"another user", func(p string) error {
			return errors.Join(os.Mkdir(p, 0o700), os.Chown(p, os.Geteuid()+1, -1))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sharedDir(t, 0o777|os.ModeSticky)
			err := tc.make(filepath.Join(dir, "logtable-spill"))
			if name == "another user's" {
				testkit.Component(t, "change of owner (root)", err)
			} else if err != nil {
				t.Fatal(err)
			}
			wantUnusable(t, dir, tc.why)
			wantUntouched(t, dir, 0o777|os.ModeSticky)
		})
	}
}
