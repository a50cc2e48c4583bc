//go:build linux || darwin

package spill

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/testkit"
)

func init() {
	children["append"] = appendForEver
	children["churn"] = churnForEver
	children["filesize"] = appendBelowFileSize
}

// child is the test binary, started in a mode of children.
func child(t *testing.T, mode, dir string) *exec.Cmd {
	t.Helper()
	testkit.Slow(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, dir)
	cmd.Env = append(os.Environ(), childMode+"="+mode)
	cmd.Stderr = os.Stderr
	return cmd
}

// runAsNobody runs the test again in a process without root's power to write
// and read everything.
func runAsNobody(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The build's own directory is root's alone.
	dir, err := os.MkdirTemp("", "spill-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "test")
	if err := exec.Command("cp", exe, bin).Run(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		testkit.Component(t, "a process of another user (root)", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("as another user: %v\n%s", err, out)
	}
}

// The children that are killed write a line to stdout for what is done:
//
//	a N  records up to number N are appended
//	m N  mark N is set
//	d N  records up to number N are stored, the segment is done
const killBound = 256 << 20

func openChild(dir string) (*Spill, Found, error) {
	return Open(Config{Dir: dir, MaxBytes: killBound, KeepFree: -1})
}

func killRecord(n int) string { return fmt.Sprintf("%d:%s", n, strings.Repeat("r", n*37%900)) }

func recordNumber(p []byte) (int, error) {
	number, _, _ := strings.Cut(string(p), ":")
	n, err := strconv.Atoi(number)
	if err == nil && killRecord(n) != string(p) {
		err = fmt.Errorf("record %d is not what was written", n)
	}
	return n, err
}

// appendForEver appends batches and sets marks. Numbers go on where the found
// ones end.
func appendForEver(dir string) error {
	s, found, err := openChild(dir)
	if err != nil {
		return err
	}
	next := found.Records
	if err := s.Mark(fmt.Append(nil, next)); err != nil {
		return err
	}
	fmt.Printf("m %d\n", next)
	for {
		var batch [][]byte
		for range 1 + rand.IntN(40) {
			batch = append(batch, []byte(killRecord(next)))
			next++
		}
		if n, err := s.Append(batch...); n != len(batch) {
			return err
		}
		fmt.Printf("a %d\n", next-1)
		if err := s.Mark(fmt.Append(nil, next)); err != nil {
			return err
		}
		fmt.Printf("m %d\n", next)
	}
}

// churnForEver appends, takes, and is done with or returns what it took.
func churnForEver(dir string) error {
	s, _, err := openChild(dir)
	if err != nil {
		return err
	}
	for next := 0; ; {
		for range 1 + rand.IntN(8) {
			var batch [][]byte
			for range 1 + rand.IntN(40) {
				batch = append(batch, []byte(killRecord(next)))
				next++
			}
			if n, err := s.Append(batch...); n != len(batch) {
				return err
			}
			fmt.Printf("a %d\n", next-1)
		}
		seg, err := s.Take()
		if err != nil {
			return err
		}
		if rand.IntN(2) == 0 {
			s.Return(seg)
			continue
		}
		last, err := recordNumber(seg.Payloads[len(seg.Payloads)-1])
		if err != nil {
			return err
		}
		// Announced before and confirmed after, for the kill between the two.
		fmt.Printf("t %d\n", last)
		if err := s.Done(seg); err != nil {
			return err
		}
		fmt.Printf("d %d\n", last)
	}
}

// killed runs a child, kills it a random while after its first line, and
// returns the last number of every kind of line that it had written.
func killed(t *testing.T, mode, dir string) (last map[string]int) {
	t.Helper()
	cmd := child(t, mode, dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last = map[string]int{"a": -1, "m": -1, "t": -1, "d": -1}
	lines := bufio.NewReader(out)
	var once sync.Once
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF { // a line without its end was never confirmed
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		once.Do(func() {
			// The random instant is what is tested; nothing waits for it.
			time.AfterFunc(time.Duration(rand.IntN(4000))*time.Microsecond, func() { cmd.Process.Kill() })
		})
		kind, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if last[kind], err = strconv.Atoi(number); err != nil {
			t.Fatal(err)
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v", err)
	}
	return last
}

// 200 kills; every tenth directory is new, so most children find what earlier
// ones have left.
func TestKilledWhileItAppends(t *testing.T) {
	const kills, generations = 200, 10
	var torn, total int
	for range kills / generations {
		dir := spillDir(t)
		for generation := range generations {
			last := killed(t, "append", dir)
			s, found := openAt(t, dir, killBound)
			records, damaged := takeAll(t, s, true)
			for i, r := range records {
				if n, err := recordNumber([]byte(r)); n != i || err != nil {
					t.Fatalf("place %d holds record %d, %v", i, n, err)
				}
			}
			if len(records) <= last["a"] || found.Records != len(records) || s.Records() != len(records) {
				t.Fatalf("%d records read, %d found; %d were confirmed", len(records), found.Records, last["a"]+1)
			}
			if damaged != 0 || found.Damaged > generation+1 || found.Refused != 0 {
				t.Fatalf("found %+v, %d damaged later; at most one record a kill can be torn", found, damaged)
			}
			wantMark(t, found.Mark, last)
			torn = max(torn, found.Damaged)
			total = len(records)
			// The next generation reads the torn file again.
			s.Close()
		}
	}
	t.Logf("most torn records in a directory: %d; records in the last one: %d", torn, total)
}

// wantMark wants the confirmed mark, or the one that was being set.
func wantMark(t *testing.T, mark []byte, last map[string]int) {
	t.Helper()
	n, err := strconv.Atoi(string(mark))
	if err != nil || n < last["m"] {
		t.Fatalf("mark %q, %v; %d was confirmed", mark, err, last["m"])
	}
}

func TestKilledWhileItTakesAndDeletes(t *testing.T) {
	for range 60 {
		dir := spillDir(t)
		last := killed(t, "churn", dir)
		s, _ := openAt(t, dir, killBound)
		records, _ := takeAll(t, s, false)
		first := last["d"] + 1
		if len(records) > 0 {
			n, err := recordNumber([]byte(records[0]))
			if err != nil || n != last["d"]+1 && n != last["t"]+1 && n > last["a"] {
				t.Fatalf("first record %d, %v; %v", n, err, last)
			}
			if n > first && n != last["t"]+1 {
				t.Fatalf("records %d to %d are gone, and were not done: %v", first, n-1, last)
			}
			first = n
		} else if last["a"] > max(last["d"], last["t"]) {
			t.Fatalf("nothing left of %v", last)
		}
		for i, r := range records {
			if n, err := recordNumber([]byte(r)); n != first+i || err != nil {
				t.Fatalf("place %d holds record %d, %v", first+i, n, err)
			}
		}
		if len(records) > 0 && first+len(records) <= last["a"] {
			t.Fatalf("records up to %d; %v", first+len(records)-1, last)
		}
	}
}

func TestTheLockDiesWithItsProcess(t *testing.T) {
	dir := spillDir(t)
	cmd := child(t, "append", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it has the lock
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil { // frozen
		t.Fatal(err)
	}
	_, _, err = openChild(dir)
	if !errors.Is(err, ErrLocked) {
		t.Errorf("beside a frozen process: %v, want ErrLocked", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	openAt(t, dir, killBound)
}

// appendBelowFileSize may write 100,000 bytes to a file, no more.
func appendBelowFileSize(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 100_000, Max: 100_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	s, _, err := openChild(dir)
	if err != nil {
		return err
	}
	if n, err := s.Append(payloads(numbered(1000, 700)...)...); n != 1000 {
		return fmt.Errorf("1000 records in files of 100,000 bytes: %d, %w", n, err)
	}
	n, err := s.Append([]byte("before"), make([]byte, 200_000), []byte("after"))
	if n != 1 || !errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("a record that fits in no file: %d, %w", n, err)
	}
	if n, err := s.Append([]byte("after")); n != 1 {
		return err
	}
	return nil
}

func TestALimitOfTheFileSize(t *testing.T) {
	dir := spillDir(t)
	if out, err := child(t, "filesize", dir).Output(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s, found := openAt(t, dir, killBound)
	if found.Damaged != 0 {
		t.Errorf("%d torn records were left behind", found.Damaged)
	}
	got, _ := takeAll(t, s, false)
	wantRecords(t, got, append(numbered(1000, 700), "before", "after"))
}
