package row

// Links say what a row belongs to beside its invocation, which may be the same
// for rows of several functions. Empty is what is not known.
type Links struct {
	TraceID     string // of the invocation; 32 lower-case hexadecimal digits
	TraceIDLine string // of the line, where that is another one
	TenantID    string // whose request it was
	Execution   string // of a durable function: <name>/<id>
	Operation   string // in it: the name, or else the ID
	Attempt     int64  // at the operation, from 1 on; none: 0
	Version     string // of the function's code
}
