package store

import "strings"

// Unstorable is a record that DynamoDB refuses: a key must not be empty.
func Unstorable(date string) *Record {
	item := beforeDate + date + beforeStamp + beforeLevel + `"INFO"},"` + AttrMessage + `":{"` + typeText + `":"INFO: (1) no key"}}`
	return &Record{item: []byte(item), lines: 1}
}

// Oversized is a record whose item has so many bytes, more than any row's.
func Oversized(bytes int) *Record {
	r := row{date: "2026-11-22", stampMod: "1795300002.0050007+m+2p4thtomb9", level: "INFO", message: strings.Repeat("x", bytes), exceptionAt: -1}
	return &Record{item: r.appendItem(nil), lines: 1}
}
