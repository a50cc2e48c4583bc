package store

// Unstorable is a record that DynamoDB refuses: a key must not be empty.
func Unstorable(date string) *Record {
	item := beforeDate + date + beforeStamp + beforeLevel + `"INFO"},"` + AttrMessage + `":{"` + typeText + `":"INFO: (1) no key"}}`
	return &Record{item: []byte(item), lines: 1}
}
