package row

// The attributes of a row. These names are a contract with every reader of
// the tables (docs/tables.md, "A row"); the first three and AttrExpiry are the
// ancestor's.
//
// AttrDate is the partition key (S): YYYY-MM-DD in the configured zone.
// AttrStampMod is the sort key (S):
// <epoch seconds>.<ms><4-digit sequence>+<module>+<environment id>.
// AttrMessage (S) is "LEVEL: (locator) text exception".
// AttrExpiry (N) is in epoch seconds, informational table only.
// AttrExceptionAt (N) is the byte offset of the exception within the message.
// AttrFields (S) is a JSON object of the line's remaining members.
// AttrIssues (S) says what was wrong with a line, or odd about it.
// AttrTruncated (N) says how many bytes were cut to fit DynamoDB's limit.
// AttrPacked (B) holds several lines, compressed, and AttrLines (N) says how
// many: see Unpack.
//
// The following say what a row belongs to, where that is known: see Links.
// AttrTraceID and AttrTraceIDLine (S) are 32 lower-case hexadecimal digits.
// AttrTenantID (S) is whose request it was.
// AttrExecution (S) is <name>/<id>, AttrOperation (S) and AttrAttempt (N) are
// those of a durable function.
// AttrVersion (S) is the version of the function's code, in errors only.
const (
	AttrDate        = "date"
	AttrStampMod    = "stamp_mod"
	AttrMessage     = "message"
	AttrExpiry      = "expiry"
	AttrLevel       = "level"
	AttrLocator     = "locator"
	AttrRequestID   = "request_id"
	AttrExceptionAt = "exception_at"
	AttrFields      = "fields"
	AttrIssues      = "issues"
	AttrTruncated   = "truncated"
	AttrPacked      = "packed"
	AttrLines       = "lines"
	AttrTraceID     = "trace_id"
	AttrTraceIDLine = "trace_id_line"
	AttrTenantID    = "tenant_id"
	AttrExecution   = "execution"
	AttrOperation   = "operation"
	AttrAttempt     = "attempt"
	AttrVersion     = "version"
)
