package row

import "github.com/logtable/logtable/internal/traceid"

// Links say what a row belongs to beside its invocation, which may be the same
// for rows of several functions. Empty is what is not known.
type Links struct {
	TraceID     string // of the invocation; 32 lower-case hexadecimal digits
	TraceIDLine string // of the line, where that is another one
	TenantID    string // whose request it was; at most 256 bytes
	Execution   string // of a durable function: <name>/<id>
	Operation   string // in it: the name, or else the ID
	Attempt     int64  // at the operation, from 1 on; none: 0
	Version     string // of the function's code; at most 64 bytes
}

// Limits of links, in bytes.
const (
	maxTenantID  = 256
	maxExecution = 513 // a name, a slash and an ID
	maxOperation = 256
	maxVersion   = 64
	maxAttempt   = 1<<31 - 1
)

// fitLinks is Fit for the links. A trace's ID that is none names nothing: it
// has been masked, or a stranger has written it.
func (r *Row) fitLinks() {
	if r.Links == (Links{}) {
		return
	}
	for _, id := range [...]*string{&r.TraceID, &r.TraceIDLine} {
		if *id != "" && !traceid.Valid(*id) {
			*id = ""
		}
	}
	r.cut(&r.TenantID, maxTenantID)
	r.cut(&r.Execution, maxExecution)
	r.cut(&r.Operation, maxOperation)
	r.cut(&r.Version, maxVersion)
	if r.Attempt < 0 || r.Attempt > maxAttempt {
		r.Attempt = 0
	}
}
