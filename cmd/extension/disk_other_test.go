//go:build !linux

package main_test

import "testing"

// soakDisk is where a soak has its spill; nothing makes that stall here.
func soakDisk(t *testing.T) (dir string, stall, goOn func()) { return t.TempDir(), nil, nil }
