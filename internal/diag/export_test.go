package diag

// Causes is how many causes a Logger knows.
func Causes(l *Logger) int { return len(l.causes) }
