//go:build !linux && !darwin

package spill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
)

// Without a lock, an owner and the free space there is no safe spill, so here
// Open fails and nothing is ever written. Lambda is Linux; this is for tools
// that link the package elsewhere.

const openFlags = 0

func lockDir(*os.File) error {
	return fmt.Errorf("not supported on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func freeBytes(*os.File) (int64, error) { return 0, errors.ErrUnsupported }

func owned(fs.FileInfo) (mine bool, links uint64) { return true, 1 }

func noSpace(error) bool { return false }

func tooBig(error) bool { return false }
