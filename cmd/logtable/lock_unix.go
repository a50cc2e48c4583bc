//go:build unix && !solaris && !illumos && !aix

package main

import (
	"os"
	"syscall"
)

// lockFile keeps other processes from locking the file until it is closed.
func lockFile(file *os.File) error {
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return errBusy
	}
	return nil
}
