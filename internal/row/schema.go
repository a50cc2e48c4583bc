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
)
