// Package table is a DynamoDB endpoint inside the process: it speaks the real
// JSON protocol to the unmodified AWS SDK, keeps its tables in memory, and
// needs nothing installed. It serves the demo and the tests; nothing of it is
// linked into the layer.
//
// It implements what a log table's writers and readers call and what somebody
// looks at one with (CreateTable, DescribeTable, ListTables, UpdateTimeToLive,
// PutItem, GetItem, UpdateItem, DeleteItem, BatchWriteItem, Query and Scan,
// with expressions) and refuses what DynamoDB refuses, with DynamoDB's codes
// and texts: limits, sizes, types, duplicate keys, reserved words, unsigned
// requests. Parameters that it does not implement (the legacy conditions,
// secondary indexes, streams, segments) are refused by ValidationException,
// never ignored. Its conformance test runs the same requests against AWS's
// DynamoDB Local.
//
// Where it is kinder than AWS: a table is ACTIVE at once, reads are always
// consistent, a signature must be there but is not computed, everybody may do
// everything (see Authorize), nothing throttles unless LimitWrites was called,
// and nothing ever expires.
//
// What goes wrong in production can be made to go wrong here: OnRequest takes
// faults request by request, Refuse and Hang are outages. Stats and Records
// say what really happened, whatever the client believes.
package table
