//go:build race

package parse_test

// raceEnabled says that the race detector is at work, which takes its time.
const raceEnabled = true
