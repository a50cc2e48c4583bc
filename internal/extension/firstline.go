package extension

import (
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/signing"
	"github.com/logtable/logtable/internal/version"
)

// firstLineTime is how long the first line is waited for where standard error
// does not take it at once. At the start of a process it is empty, so that the
// write takes microseconds.
const firstLineTime = 50 * time.Millisecond

// firstLine makes the key that the last-resort lines will be signed with and
// commits to it in the log. It must be called before the process registers:
// Lambda starts the function after that, and what the log has before the
// function could print is what `logtable replay` believes. It is not masked: an
// expression of LOGTABLE_REDACT must not undo it.
func firstLine(stderr *diag.Async) *signing.Key {
	key := signing.New()
	diag.New(stderr).Say(diag.Info, "started", "", "version", version.Number(),
		signing.Commitment, key.Commitment())
	stderr.Flush(firstLineTime)
	return key
}
