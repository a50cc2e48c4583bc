//go:build !unix || solaris || illumos || aix

package main

import "os"

// lockFile does nothing here: two exports to one file disturb one another.
func lockFile(*os.File) error { return nil }
