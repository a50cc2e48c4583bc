package spill

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openAt opens a spill that nothing but maxBytes bounds, and closes it when the
// test ends.
func openAt(t testing.TB, dir string, maxBytes int64) (*Spill, Found) {
	t.Helper()
	s, found, err := Open(Config{Dir: dir, MaxBytes: maxBytes, KeepFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, found
}

func spillDir(t testing.TB) string { return filepath.Join(t.TempDir(), "logtable") }

func mustAppend(t testing.TB, s *Spill, records ...string) {
	t.Helper()
	if n, err := s.Append(payloads(records...)...); n != len(records) || err != nil {
		t.Fatalf("Append = %d, %v; want all %d", n, err, len(records))
	}
}

func payloads(records ...string) [][]byte {
	var ps [][]byte
	for _, r := range records {
		ps = append(ps, []byte(r))
	}
	return ps
}

func texts(ps [][]byte) []string {
	var out []string
	for _, p := range ps {
		out = append(out, string(p))
	}
	return out
}

// numbered returns n different records of size bytes.
func numbered(n, size int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%06d%s", i, strings.Repeat("x", size-6)))
	}
	return out
}

// takeAll takes everything and gives it back at once if keep is set, else is
// done with it.
func takeAll(t testing.TB, s *Spill, keep bool) (records []string, damaged int) {
	t.Helper()
	var segs []*Segment
	for {
		seg, err := s.Take()
		if err != nil {
			t.Fatal(err)
		}
		if seg == nil {
			break
		}
		segs = append(segs, seg)
		records = append(records, texts(seg.Payloads)...)
		damaged += seg.Damaged
	}
	for _, seg := range segs {
		if keep {
			s.Return(seg)
		} else if err := s.Done(seg); err != nil {
			t.Fatal(err)
		}
	}
	return records, damaged
}

func wantRecords(t testing.TB, got, want []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.spill"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestRecordsComeBackInOrderAndOnce(t *testing.T) {
	dir := spillDir(t)
	s, found := openAt(t, dir, 1<<20)
	if d := cmp.Diff(Found{}, found); d != "" {
		t.Errorf("a new directory (-want +got):\n%s", d)
	}
	if seg, err := s.Take(); seg != nil || err != nil {
		t.Errorf("Take of nothing = %v, %v", seg, err)
	}
	mustAppend(t, s, "a", "b")
	mustAppend(t, s, "c")
	if s.Records() != 3 || s.Bytes() != blockSize {
		t.Errorf("%d records in %d bytes, want 3 in %d", s.Records(), s.Bytes(), blockSize)
	}
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, []string{"a", "b", "c"})
	if s.Records() != 0 || s.Bytes() != 0 || len(segmentFiles(t, dir)) != 0 {
		t.Errorf("after Done: %d records, %d bytes, files %v", s.Records(), s.Bytes(), segmentFiles(t, dir))
	}
}

func TestTheNextProcessFindsThem(t *testing.T) {
	dir := spillDir(t)
	want := numbered(2000, 400) // four segments
	s, _ := openAt(t, dir, 8<<20)
	mustAppend(t, s, want...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	old := segmentFiles(t, dir)

	s, found := openAt(t, dir, 8<<20)
	if found.Records != len(want) || found.Bytes != s.Bytes() || found.Damaged != 0 || found.Mark != nil {
		t.Errorf("found %+v, %d bytes", found, s.Bytes())
	}
	mustAppend(t, s, "new")
	if files := segmentFiles(t, dir); len(files) != len(old)+1 {
		t.Errorf("the new process appended to an old file: %v, then %v", old, files)
	}
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, append(want, "new"))
}

func TestTakeHoldsLittleInMemory(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 8<<20)
	large := strings.Repeat("L", MaxPayload)
	mustAppend(t, s, numbered(3000, 300)...)
	mustAppend(t, s, large, "after")
	for {
		seg, err := s.Take()
		if err != nil {
			t.Fatal(err)
		}
		if seg == nil {
			break
		}
		var sum int
		for _, p := range seg.Payloads {
			sum += len(p)
		}
		if sum > segmentBytes && len(seg.Payloads) > 1 {
			t.Errorf("%d payloads of %d bytes at once", len(seg.Payloads), sum)
		}
		if err := s.Done(seg); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReturnedSegmentsComeFirstAgain(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 8<<20)
	records := numbered(2000, 400)
	mustAppend(t, s, records...)
	first, err := s.Take()
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Take()
	if err != nil {
		t.Fatal(err)
	}
	s.Return(second)
	s.Return(first)
	s.Return(first) // a second time is nothing
	if err := s.Done(first); err != nil {
		t.Error(err)
	}
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, records)
}

// An outage is taken, returned and added to at each invocation; that must not
// leave a file each.
func TestAnOutageOfManyAttemptsLeavesFewFiles(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint("record ", i))
		mustAppend(t, s, want[i])
		seg, err := s.Take()
		if err != nil {
			t.Fatal(err)
		}
		s.Return(seg)
	}
	if files := segmentFiles(t, dir); len(files) != 1 {
		t.Errorf("%d files", len(files))
	}
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, want)
}

// TestTheFileOfASegmentIsUsedAgain: while more is spilled than memory holds, a
// file that is done with becomes the next one; at the end none is left.
func TestTheFileOfASegmentIsUsedAgain(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 8<<20)
	stat := func(file string) os.FileInfo {
		t.Helper()
		fi, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return fi
	}
	// Two segments and a half, of which the oldest is done.
	records := numbered(1500, 400)
	mustAppend(t, s, records...)
	first := stat(segmentFiles(t, dir)[0])
	seg, err := s.Take()
	if err != nil || s.Done(seg) != nil {
		t.Fatal(err)
	}
	rest := records[len(seg.Payloads):]
	if n := len(segmentFiles(t, dir)); n != 3 || s.Records() != len(rest) {
		t.Errorf("%d files, %d records of %d", n, s.Records(), len(rest))
	}
	more := numbered(1000, 401)
	mustAppend(t, s, more...)
	files := segmentFiles(t, dir)
	if i := slices.IndexFunc(files, func(file string) bool { return os.SameFile(stat(file), first) }); i != 2 {
		t.Errorf("the file is number %d of %d, want the third", i+1, len(files))
	}
	got, damaged := takeAll(t, s, false)
	wantRecords(t, got, append(rest, more...))
	if files := segmentFiles(t, dir); len(files) != 0 || damaged != 0 || s.Bytes() != 0 {
		t.Errorf("still there: %v, %d bytes; %d damaged", files, s.Bytes(), damaged)
	}
}

// Somebody takes the spare file away, or puts another one in its place; or the
// process is killed while it has one.
func TestASpareFileThatSomebodyTouches(t *testing.T) {
	for name, touch := range map[string]func(t *testing.T, file string){
		"removed": func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func(t *testing.T, file string) {
			if err := errors.Join(os.Remove(file), os.WriteFile(file, []byte("not ours"), 0o600)); err != nil {
				t.Fatal(err)
			}
		},
		"written to": func(t *testing.T, file string) {
			if err := os.WriteFile(file, []byte("not ours"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"left": nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir := spillDir(t)
			s, _ := openAt(t, dir, 8<<20)
			records := numbered(1500, 400)
			mustAppend(t, s, records...)
			spare := segmentFiles(t, dir)[0]
			seg, err := s.Take()
			if err != nil || s.Done(seg) != nil {
				t.Fatal(err)
			}
			want := records[len(seg.Payloads):]
			if touch != nil {
				touch(t, spare)
				more := numbered(1000, 401)
				mustAppend(t, s, more...)
				want = append(want, more...)
			}
			s.detachAll() // killed
			s, _ = openAt(t, dir, 8<<20)
			got, _ := takeAll(t, s, false)
			wantRecords(t, got, want)
		})
	}
}

func TestAppendWhileASegmentIsTaken(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 1<<20)
	mustAppend(t, s, "a")
	seg, err := s.Take()
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "b")
	s.Return(seg)
	mustAppend(t, s, "c")
	got, _ := takeAll(t, s, true)
	wantRecords(t, got, []string{"a", "b", "c"})
	seg, err = s.Take()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Done(seg); err != nil {
		t.Fatal(err)
	}
	got, _ = takeAll(t, s, false)
	wantRecords(t, got, []string{"b", "c"})
}

func TestMaxBytesBoundsTheFiles(t *testing.T) {
	dir := spillDir(t)
	const bound = 600 << 10
	s, _ := openAt(t, dir, bound)
	records := numbered(5000, 200)
	n, err := s.Append(payloads(records...)...)
	if !errors.Is(err, ErrFull) || n == 0 || n == len(records) {
		t.Fatalf("Append = %d, %v", n, err)
	}
	var size int64
	for _, f := range segmentFiles(t, dir) {
		fi, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += blocks(fi.Size())
	}
	if size > bound || size < bound-blockSize || size != s.Bytes() {
		t.Errorf("files hold %d bytes, counted %d, bound %d", size, s.Bytes(), bound)
	}
	if n, err := s.Append([]byte(strings.Repeat("y", 500))); n != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("into a full spill: %d, %v", n, err)
	}
	seg, err := s.Take()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Done(seg); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "room again")
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, append(records[len(seg.Payloads):n:n], "room again"))
}

func TestKeepFreeLeavesRoomForTheFunction(t *testing.T) {
	s, _, err := Open(Config{Dir: spillDir(t), MaxBytes: 1 << 20, KeepFree: math.MaxInt64})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n, err := s.Append([]byte("a")); n != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("Append = %d, %v", n, err)
	}
	if err := s.Mark([]byte("open")); err != nil {
		t.Errorf("a mark has no bound: %v", err)
	}
}

func TestTheDefaultBoundIsAtMost64MiB(t *testing.T) {
	s, _, err := Open(Config{Dir: spillDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.cfg.MaxBytes < 1 || s.cfg.MaxBytes > 64<<20 || s.cfg.KeepFree != 64<<20 {
		t.Errorf("bounds %d, %d", s.cfg.MaxBytes, s.cfg.KeepFree)
	}
}

func TestImpossiblePayloadsAreRefusedAlone(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 8<<20)
	for _, bad := range [][]byte{nil, {}, make([]byte, MaxPayload+1)} {
		n, err := s.Append([]byte("before"), bad, []byte("after"))
		if n != 1 || !errors.Is(err, ErrPayload) {
			t.Errorf("%d bytes: Append = %d, %v; want 1, ErrPayload", len(bad), n, err)
		}
	}
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, []string{"before", "before", "before"})
}

func TestASecondProcessIsLockedOut(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	if _, _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open: %v, want ErrLocked", err)
	}
	// Not even by emptying the directory.
	if err := removeContents(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open of an emptied directory: %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, dir, 1<<20)
}

func removeContents(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

func TestAfterClose(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 1<<20)
	mustAppend(t, s, "a")
	seg, err := s.Take()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Return(seg)
	_, errAppend := s.Append([]byte("b"))
	_, errTake := s.Take()
	for what, err := range map[string]error{
		"Append": errAppend, "Take": errTake, "Mark": s.Mark(nil), "Unmark": s.Unmark(), "Close": s.Close(),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v, want os.ErrClosed", what, err)
		}
	}
	if n := s.Vanished(); n != 0 {
		t.Errorf("Vanished = %d", n)
	}
}

func TestMark(t *testing.T) {
	dir := spillDir(t)
	reopen := func(s *Spill) (*Spill, []byte) {
		t.Helper()
		if s != nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s, found := openAt(t, dir, 1<<20)
		return s, found.Mark
	}
	s, got := reopen(nil)
	if got != nil {
		t.Errorf("mark of nobody: %q", got)
	}
	for _, want := range []string{"one", "two, which is longer", "3", "", strings.Repeat("m", MaxMark), "last"} {
		if err := s.Mark([]byte(want)); err != nil {
			t.Fatal(err)
		}
		s, got = reopen(s)
		if got == nil || string(got) != want {
			t.Errorf("mark %.20q, want %.20q", got, want)
		}
		if s, got = reopen(s); string(got) != want {
			t.Errorf("the mark did not stay until Mark or Unmark: %.20q, want %.20q", got, want)
		}
	}
	for i := range 5 {
		if err := s.Mark(fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if s, got = reopen(s); string(got) != "4" {
		t.Errorf("mark %q, want the last", got)
	}
	if err := s.Mark(make([]byte, MaxMark+1)); err == nil {
		t.Error("a mark above MaxMark was taken")
	}
	if err := s.Unmark(); err != nil {
		t.Fatal(err)
	}
	if _, got = reopen(s); got != nil {
		t.Errorf("mark %q after Unmark", got)
	}
}

// A kill in the middle of a mark may tear one slot, wherever it stops.
func TestATornMarkLeavesTheOneBefore(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	for _, m := range []string{"before", "newest"} {
		if err := s.Mark([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	path := filepath.Join(dir, markName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	slot := bytes.Index(whole, []byte("newest")) - markHeader
	for i := range markHeader + len("newest") {
		torn := bytes.Clone(whole)
		torn[slot+i] ^= 0x10
		if got := parseMark(torn); string(got) != "before" {
			t.Errorf("byte %d damaged: %q", i, got)
		}
	}
	for _, junk := range [][]byte{nil, {1}, bytes.Repeat([]byte{0xff}, 2*markSlot), make([]byte, 3*markSlot)} {
		if err := os.WriteFile(path, junk, 0o600); err != nil {
			t.Fatal(err)
		}
		s, found := openAt(t, dir, 1<<20)
		if found.Mark == nil || len(found.Mark) != 0 {
			t.Errorf("%d bytes of junk: mark %q, want an empty one", len(junk), found.Mark)
		}
		s.Close()
	}
}

func TestConcurrentUse(t *testing.T) {
	s, _ := openAt(t, spillDir(t), 16<<20)
	const writers, each = 4, 300
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if n, err := s.Append(fmt.Appendf(nil, "%d/%d", w, i)); n != 1 || err != nil {
					t.Errorf("Append = %d, %v", n, err)
				}
				if err := s.Mark([]byte("m")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var mu sync.Mutex
	seen := map[string]int{}
	taker := func() {
		for i := 0; ; i++ {
			seg, err := s.Take()
			if err != nil {
				t.Error(err)
			}
			if seg == nil {
				return
			}
			if i%3 == 1 {
				s.Return(seg)
				continue
			}
			mu.Lock()
			for _, p := range seg.Payloads {
				seen[string(p)]++
			}
			mu.Unlock()
			if err := s.Done(seg); err != nil {
				t.Error(err)
			}
		}
	}
	for range 2 {
		wg.Go(func() {
			for range 50 {
				taker()
				s.Vanished()
				s.Records()
				s.Bytes()
			}
		})
	}
	wg.Wait()
	taker()
	if len(seen) != writers*each || s.Records() != 0 {
		t.Errorf("%d different records, %d left; want %d, 0", len(seen), s.Records(), writers*each)
	}
	for r, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", r, n)
		}
	}
}
