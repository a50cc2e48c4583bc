//go:build race

package replay_test

// The race detector makes reading byte by byte twenty times slower, and has
// nothing to say of memory.
func init() { memoryTested = 2 << 20 }
