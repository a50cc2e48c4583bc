package spill

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// written returns the only segment file that records make, and the directory.
func written(t testing.TB, records ...string) (dir, file string, data []byte) {
	t.Helper()
	dir = spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	mustAppend(t, s, records...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := segmentFiles(t, dir)
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return dir, files[0], data
}

// reread opens dir, takes what is there and leaves it.
func reread(t testing.TB, dir string) (found Found, records []string) {
	t.Helper()
	s, found := openAt(t, dir, 1<<20)
	defer s.Close()
	records, damaged := takeAll(t, s, true)
	if damaged != 0 {
		t.Errorf("%d damaged records counted twice", damaged)
	}
	return found, records
}

func TestATornTailAtEveryByte(t *testing.T) {
	records := []string{"first", "the second record", strings.Repeat("third", 20), "4"}
	dir, file, data := written(t, records...)
	ends := []int{0}
	for _, r := range records {
		ends = append(ends, ends[len(ends)-1]+frameHeader+len(r))
	}
	for cut := range len(data) + 1 {
		if err := os.WriteFile(file, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		whole, boundary := slices.BinarySearch(ends, cut)
		torn := 0
		if !boundary {
			whole, torn = whole-1, 1
		}
		found, got := reread(t, dir)
		if !slices.Equal(got, records[:whole]) || found.Records != whole || found.Damaged != torn {
			t.Fatalf("cut at %d: %q, %+v; want %d records, %d damaged", cut, got, found, whole, torn)
		}
	}
}

func TestABitFlipCostsOneRecord(t *testing.T) {
	records := []string{"first", "the second record", strings.Repeat("third", 8), "4"}
	_, _, data := written(t, records...)
	salt := saltOf(t, data)
	for bit := range len(data) * 8 {
		flipped := bytes.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		hit, end := 0, frameHeader+len(records[0])
		for bit/8 >= end {
			hit++
			end += frameHeader + len(records[hit])
		}
		want := slices.Delete(slices.Clone(records), hit, hit+1)
		var got []string
		damaged := scanFrames(flipped, salt, func(p []byte) { got = append(got, string(p)) })
		if !slices.Equal(got, want) || damaged != 1 {
			t.Fatalf("bit %d: %q, %d damaged; want %q, 1", bit, got, damaged, want)
		}
	}
}

// saltOf rewrites the frames of data with a salt that is known.
func saltOf(t testing.TB, data []byte) uint32 {
	t.Helper()
	const salt = 0x5ca1ab1e
	var frames []byte
	for off := 0; off < len(data); {
		length := int(data[off+4]) // records of these tests are short
		frames = appendFrame(frames, salt, data[off+frameHeader:off+frameHeader+length])
		off += frameHeader + length
	}
	copy(data, frames)
	return salt
}

func TestDamageWhileWeLiveIsCountedOnce(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	mustAppend(t, s, "one", "two", "three")
	file := segmentFiles(t, dir)[0]
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.Index(data, []byte("two"))] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0} {
		records, damaged := takeAll(t, s, true)
		wantRecords(t, records, []string{"one", "three"})
		if damaged != want {
			t.Errorf("take %d: %d damaged, want %d", i, damaged, want)
		}
	}
	if n := s.Vanished(); n != 0 || s.Records() != 2 {
		t.Errorf("Vanished = %d, Records = %d; want 0, 2", n, s.Records())
	}
}

// What a function's users send is in the payloads. A frame among it must not
// come to light as a record when the record around it is damaged.
func TestAFrameInsideAPayloadIsNoRecord(t *testing.T) {
	forged := appendFrame(nil, 0, []byte("forged"))
	dir, file, data := written(t, "before", "text "+string(forged)+" text", "after")
	data[frameHeader+len("before")+4] ^= 1 // the length of the second
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	found, got := reread(t, dir)
	wantRecords(t, got, []string{"before", "after"})
	if found.Damaged != 1 {
		t.Errorf("%d damaged, want 1", found.Damaged)
	}
}

func TestAFileWithoutRecordsIsDeleted(t *testing.T) {
	for _, junk := range []string{"", "junk", strings.Repeat("\x00", 10000), string(frameMagic) + "\xff\xff\xff\xff"} {
		dir, file, _ := written(t, "a")
		if err := os.WriteFile(file, []byte(junk), 0o600); err != nil {
			t.Fatal(err)
		}
		found, got := reread(t, dir)
		if want := min(1, len(junk)); len(got) != 0 || found.Damaged != want || found.Records != 0 {
			t.Errorf("%.10q: %q, %+v; want %d damaged", junk, got, found, want)
		}
		if files := segmentFiles(t, dir); len(files) != 0 {
			t.Errorf("%.10q: left %v", junk, files)
		}
	}
}

func TestNamesThatAreNotOursAreLeftAlone(t *testing.T) {
	dir, file, data := written(t, "ours")
	base := filepath.Base(file)
	strangers := []string{
		"x", "notes.spill", strings.ToUpper(base), base + "x", "0x" + base[2:], "-" + base[1:],
		"+" + base[1:], base[:13] + "0x" + base[15:], strings.Replace(base, "-", "_", 1),
	}
	for _, name := range strangers {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, found := openAt(t, dir, 1<<20)
	if found.Records != 1 || found.Refused != 0 || found.Damaged != 0 {
		t.Errorf("found %+v", found)
	}
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, []string{"ours"})
	for _, name := range strangers {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// FuzzScan reads head, frames of payload, noise and again frames as one file.
func FuzzScan(f *testing.F) {
	f.Add([]byte("payload"), []byte("noise"), uint32(1))
	f.Add([]byte("p"), frameMagic, uint32(0))
	f.Add([]byte("{}"), appendFrame(nil, 7, []byte("inner")), uint32(7))
	f.Add(appendFrame(nil, 3, []byte("inner")), appendFrame(nil, 3, []byte("cut"))[:frameHeader+1], uint32(3))
	f.Add([]byte("x"), bytes.Repeat(frameMagic, 9), uint32(9))
	f.Add([]byte("x"), append(bytes.Clone(frameMagic), 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0), uint32(2))
	f.Fuzz(func(t *testing.T, payload, noise []byte, salt uint32) {
		scanNoise(t, noise, salt)
		if len(payload) == 0 || len(payload) > MaxPayload {
			return
		}
		var file []byte
		for range 2 {
			file = appendFrame(file, salt, payload)
		}
		file = append(file, noise...)
		var got [][]byte
		damaged := scanFrames(file, salt, func(p []byte) { got = append(got, p) })
		if len(got) < 2 || !bytes.Equal(got[0], payload) || !bytes.Equal(got[1], payload) {
			t.Fatalf("frames before the corruption are lost: %q", got)
		}
		if bytes.Contains(noise, frameMagic[:1]) {
			return // the noise may make a frame, or hide one
		}
		if want := min(1, len(noise)); damaged != want || len(got) != 2 {
			t.Fatalf("%d records, %d damaged; want 2, %d", len(got), damaged, want)
		}
		got = nil
		damaged = scanFrames(appendFrame(file, salt, payload), salt, func(p []byte) { got = append(got, p) })
		if want := min(1, len(noise)); len(got) != 3 || !bytes.Equal(got[2], payload) || damaged != want {
			t.Fatalf("the frame after the corruption: %d records, %d damaged; want 3, %d", len(got), damaged, want)
		}
	})
}

// scanNoise asserts what holds for any file: every payload found is a valid
// frame that stands in it, they do not overlap, and all bytes are accounted
// for.
func scanNoise(t *testing.T, file []byte, salt uint32) {
	t.Helper()
	rest := file
	records := 0
	damaged := scanFrames(file, salt, func(p []byte) {
		frame := appendFrame(nil, salt, p)
		i := bytes.Index(rest, frame)
		if i < 0 {
			t.Fatalf("%q is no frame of the file, or out of order", p)
		}
		rest = rest[i+len(frame):]
		records++
	})
	if damaged == 0 && len(rest) > 0 || damaged+records == 0 && len(file) > 0 {
		t.Fatalf("%d bytes: %d records, %d damaged, %d bytes after the last", len(file), records, damaged, len(rest))
	}
}

// FuzzMark reads anything as a mark file.
func FuzzMark(f *testing.F) {
	f.Add([]byte("m"), uint64(1), []byte{})
	f.Add([]byte{}, uint64(1<<63), appendMark(nil, 9, []byte("x")))
	f.Add([]byte("m"), uint64(0), append(bytes.Clone(markMagic), bytes.Repeat([]byte{0xff}, 40)...))
	f.Fuzz(func(t *testing.T, payload []byte, seq uint64, noise []byte) {
		parseMark(noise)
		if len(payload) > MaxMark || len(noise) > markSlot {
			return
		}
		// One good slot, the other anything: a torn write never hides it.
		file := make([]byte, 2*markSlot)
		copy(file, appendMark(nil, seq, payload))
		copy(file[markSlot:], noise)
		got := parseMark(file)
		if newer, p, ok := parseSlot(file[markSlot:]); ok && newer >= seq {
			if !bytes.Equal(got, p) {
				t.Fatalf("mark %q, want the newer %q", got, p)
			}
		} else if !bytes.Equal(got, payload) {
			t.Fatalf("mark %q, want %q", got, payload)
		}
	})
}

// TestOwnIsWhatThisProcessWrote: what comes back is called our own only if it
// is, bit by bit, what was appended here; frames that anybody can forge are
// not.
func TestOwnIsWhatThisProcessWrote(t *testing.T) {
	dir := spillDir(t)
	s, _ := openAt(t, dir, 1<<20)
	own := func(what string, want bool) {
		t.Helper()
		seg, err := s.Take()
		if err != nil || seg == nil {
			t.Fatalf("%s: %v %v", what, seg, err)
		}
		if seg.Own != want || seg.Damaged != 0 {
			t.Errorf("%s: own %t with %d damaged, want %t", what, seg.Own, seg.Damaged, want)
		}
		s.Return(seg)
	}
	mustAppend(t, s, "one", "two")
	own("appended", true)
	mustAppend(t, s, "three")
	own("returned and appended to", true)

	file := segmentFiles(t, dir)[0]
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	forged := slices.Clone(data)
	copy(forged, data[frameHeader+3:2*(frameHeader+3)]) // the second record in place of the first
	if err := os.WriteFile(file, forged, 0o600); err != nil {
		t.Fatal(err)
	}
	own("forged", false)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	own("mended", true)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = openAt(t, dir, 1<<20)
	own("of an earlier process", false)
}
