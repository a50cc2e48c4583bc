package spill

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"time"
)

const (
	// maxFile is the largest segment: one with a single largest payload.
	maxFile = frameHeader + MaxPayload
	// maxFiles bounds the memory that a directory full of a stranger's files
	// can cost.
	maxFiles = 1 << 15
	// Private is the folder that is made in a directory that others use, too.
	Private = "logtable-spill"
	// maxNumber bounds segment numbers; 12 hexadecimal digits.
	maxNumber = 1<<48 - 1
)

// errForeign is why a file with a name of ours is not read.
var errForeign = errors.New("not a file that this package wrote")

// A directory is the spill directory, open and locked. All access goes through
// root, so that renaming the path, or a symbolic link put in its place, leads
// nowhere else.
type directory struct {
	path string
	root *os.Root
	self *os.File    // the directory itself; holds the lock
	info fs.FileInfo // of self
}

// openDirectory opens path, creates it if it is missing, and locks it. Of a
// directory that others use, too, it takes the folder Private.
//
// The lock is the directory's own, not that of a file in it: a function that
// empties its /tmp would delete such a file, and a second process would then
// lock another one of the same name.
func openDirectory(path string) (*directory, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("cannot use the spill directory %q: give an absolute path", path)
	}
	d := &directory{path: filepath.Clean(path)}
	if err := d.open(); err != nil {
		d.close()
		if d.path != filepath.Clean(path) {
			path = d.path
		}
		if errors.Is(err, ErrLocked) {
			return nil, fmt.Errorf("%w: %s", err, path)
		}
		return nil, fmt.Errorf(
			"cannot use the spill directory %s: %w; name another one that only this user can write to", path, err)
	}
	return d, nil
}

func (d *directory) open() error {
	parentPath, base := filepath.Dir(d.path), filepath.Base(d.path)
	if parentPath == d.path {
		return errors.New("the root directory cannot be used")
	}
	if err := os.MkdirAll(parentPath, 0o700); err != nil {
		return err
	}
	parent, err := os.OpenRoot(parentPath)
	if err != nil {
		return err
	}
	defer parent.Close()
	err = parent.Mkdir(base, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err == nil || !shared(parent, base) {
		return d.take(parent, base)
	}
	others, err := parent.OpenRoot(base)
	if err != nil {
		return err
	}
	defer others.Close()
	d.path = filepath.Join(d.path, Private)
	if err := others.Mkdir(Private, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.take(others, Private); err != nil {
		return err
	}
	d.inherit(others)
	return nil
}

// take opens and locks the directory base of parent, which must be ours.
func (d *directory) take(parent *os.Root, base string) (err error) {
	if err := makePrivate(parent, base); err != nil {
		return err
	}
	if d.root, err = parent.OpenRoot(base); err != nil {
		return err
	}
	if d.self, err = d.root.Open("."); err != nil {
		return err
	}
	if d.info, err = d.self.Stat(); err != nil {
		return err
	}
	// What was opened is checked, not only what was there before: a link may
	// have come between.
	if li, err := parent.Lstat(base); err != nil || !os.SameFile(li, d.info) {
		return errors.New("it was replaced while being opened")
	}
	if err := checkPrivate(d.info); err != nil {
		return err
	}
	return lockDir(d.self)
}

// shared reports whether the directory base of parent, which was there before
// us, is others' as well: they have rights to it, or all that is in it is
// theirs. Then neither its mode nor its files are our business.
func shared(parent *os.Root, base string) bool {
	fi, err := parent.Lstat(base)
	if err != nil || !fi.IsDir() {
		return false // take says what is wrong with it
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return true
	}
	ours, theirs := contents(parent, base)
	return len(ours) == 0 && theirs
}

// contents returns the names of ours in the directory base of parent, and
// whether there are others, looking at maxFiles of them at the most.
func contents(parent *os.Root, base string) (ours []string, theirs bool) {
	dir, err := parent.Open(base)
	if err != nil {
		return nil, false
	}
	defer dir.Close()
	for n := 0; n < maxFiles; {
		batch, err := dir.Readdirnames(512)
		for _, name := range batch {
			if _, ok := parseSegmentName(name); ok || name == markName {
				ours = append(ours, name)
			} else {
				theirs = theirs || name != markNew
			}
		}
		if n += len(batch); err != nil || len(batch) == 0 {
			break
		}
	}
	return ours, theirs
}

// inherit moves what an earlier version has left among others' files here. It
// took the whole directory for its own, and it has it locked while it lives.
func (d *directory) inherit(others *os.Root) {
	ours, _ := contents(others, ".")
	if len(ours) == 0 {
		return
	}
	dir, err := others.Open(".")
	if err != nil {
		return
	}
	defer dir.Close() // and the lock with it
	if lockDir(dir) != nil {
		return
	}
	for _, name := range ours {
		fi, err := others.Lstat(name)
		if err != nil || checkFile(fi, maxFile) != nil {
			continue
		}
		to := filepath.Join(Private, name)
		if _, err := others.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			_ = others.Rename(name, to) // the next process tries again
		}
	}
}

// makePrivate takes every right of others to the directory base away, if it is
// ours: a new one's, which an odd umask may leave, or those that somebody has
// given them to Private.
func makePrivate(parent *os.Root, base string) error {
	fi, err := parent.Lstat(base)
	if err != nil {
		return err
	}
	if mine, _ := owned(fi); fi.IsDir() && mine && fi.Mode().Perm() != 0o700 {
		return parent.Chmod(base, 0o700)
	}
	if !fi.IsDir() {
		return checkPrivate(fi)
	}
	return nil
}

func checkPrivate(fi fs.FileInfo) error {
	mine, _ := owned(fi)
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		return errors.New("it is a symbolic link")
	case !fi.IsDir():
		return errors.New("it is not a directory")
	case !mine:
		return errors.New("it belongs to another user")
	case fi.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("other users have access to it (mode %#o)", fi.Mode().Perm())
	}
	return nil
}

// inPlace reports whether the path still leads to the directory that is open,
// and when an entry was last added to it or removed.
func (d *directory) inPlace() (ok bool, changed time.Time) {
	fi, err := os.Lstat(d.path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist), time.Time{}
	}
	return os.SameFile(fi, d.info), fi.ModTime()
}

// create makes a new file for appending.
func (d *directory) create(name string, flag int) (*os.File, error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openFlags|flag, 0o600)
	if err != nil {
		return nil, err
	}
	// An odd umask must not make the file unreadable for the next process.
	if fi, err := f.Stat(); err == nil && fi.Mode().Perm() != 0o600 {
		_ = f.Chmod(0o600) // costs at worst this file, which Open then reports
	}
	return f, nil
}

// empty opens a file of ours for writing and empties it.
func (d *directory) empty(name string, flag int) (*os.File, error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|openFlags|flag, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		err = checkFile(fi, maxFile)
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// read returns the contents of a regular file of ours of at most limit bytes,
// in buf if it is large enough. It returns errForeign for anything else.
func (d *directory) read(name string, limit int64, buf []byte) ([]byte, error) {
	before, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if err := checkFile(before, limit); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkFile(fi, limit); err != nil {
		return nil, err
	}
	if !os.SameFile(before, fi) {
		return nil, errForeign
	}
	buf = slices.Grow(buf[:0], int(fi.Size()))[:fi.Size()]
	n, err := io.ReadFull(f, buf)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return buf[:n], nil
}

func checkFile(fi fs.FileInfo, limit int64) error {
	mine, links := owned(fi)
	if !fi.Mode().IsRegular() || !mine || links != 1 || fi.Size() > limit {
		return errForeign
	}
	return nil
}

// list returns the names of segments, oldest first, and how many more than
// maxFiles there are.
func (d *directory) list() (names []segmentName, more int, err error) {
	self, err := d.root.Open(".") // d.self keeps its position, so another one
	if err != nil {
		return nil, 0, err
	}
	defer self.Close()
	for {
		batch, err := self.Readdirnames(512)
		for _, s := range batch {
			name, ok := parseSegmentName(s)
			switch {
			case !ok:
			case len(names) < maxFiles:
				names = append(names, name)
			default:
				more++
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, 0, err
		}
	}
	// slices.SortFunc would cost the layer's zip file 4 KB.
	sort.Slice(names, func(i, j int) bool { return names[i].compare(names[j]) < 0 })
	return names, more, nil
}

func (d *directory) close() {
	if d.self != nil {
		d.self.Close()
	}
	if d.root != nil {
		d.root.Close()
	}
}

// A segmentName says a segment's place in the order, and its salt.
type segmentName struct {
	number uint64
	salt   uint32
}

func newSegmentName(number uint64) segmentName {
	return segmentName{number: number, salt: rand.Uint32()}
}

func (n segmentName) String() string { return fmt.Sprintf("%012x-%08x.spill", n.number, n.salt) }

func (n segmentName) compare(m segmentName) int {
	return cmp.Or(cmp.Compare(n.number, m.number), cmp.Compare(n.salt, m.salt))
}

// parseSegmentName takes only what String returns.
func parseSegmentName(s string) (n segmentName, ok bool) {
	if len(s) != len("0123456789ab-01234567.spill") {
		return n, false
	}
	number, errNumber := strconv.ParseUint(s[:12], 16, 64)
	salt, errSalt := strconv.ParseUint(s[13:21], 16, 32)
	n = segmentName{number: number, salt: uint32(salt)}
	return n, errNumber == nil && errSalt == nil && n.String() == s
}
