//go:build race

package jsonscan

// raceEnabled says that the race detector is at work, which takes its time.
const raceEnabled = true
