//go:build linux || darwin

package spill

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"syscall"
)

// openFlags are added to every open: a symbolic link is not followed, and a
// FIFO that took a file's place between check and open does not block.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// lockDir takes the lock of an open directory. It ends with the descriptor,
// which is to say at the latest with the process, SIGKILL included.
func lockDir(dir *os.File) error {
	for {
		err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrLocked
		default:
			return err
		}
	}
}

// freeBytes returns what a process without privileges may still write to the
// file system of an open directory.
func freeBytes(dir *os.File) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, fmt.Errorf("cannot determine the free space: %w", err)
	}
	block := max(int64(st.Bsize), 1)
	if st.Bavail > uint64(math.MaxInt64/block) {
		return math.MaxInt64, nil
	}
	return int64(st.Bavail) * block, nil
}

// owned reports whether fi belongs to the user that this process runs as, and
// how many names it has.
func owned(fi fs.FileInfo) (mine bool, links uint64) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return false, 0
	}
	return int(st.Uid) == os.Geteuid(), uint64(st.Nlink)
}

// noSpace reports whether err says that the disk or a quota is exhausted.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// tooBig reports whether err says that one file may not grow further
// (RLIMIT_FSIZE, or a limit of the file system).
func tooBig(err error) bool { return errors.Is(err, syscall.EFBIG) }
