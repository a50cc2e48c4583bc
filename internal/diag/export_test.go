package diag

import "time"

// Causes is how many causes a Logger knows.
func Causes(l *Logger) int { return len(l.causes) }

// Held is how many bytes wait in an Async.
func Held(a *Async) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes
}

// The limits, for their table.
const (
	MaxKeys  = maxKeys
	MaxSays  = maxSays
	MaxLines = maxLines
	PerTime  = time.Duration(perTime)
)
