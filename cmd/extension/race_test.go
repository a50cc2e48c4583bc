//go:build race

package main_test

func init() {
	raceFlag = []string{"-race"}
	// The race detector's exit takes a second by default, half of what SHUTDOWN
	// leaves.
	raceEnv["GORACE"] = "atexit_sleep_ms=0"
}
