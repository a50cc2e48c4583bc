package main

import "github.com/logtable/logtable/internal/read"

// fieldsText renders a line's further members as key=value.
func fieldsText(fields string) string { return visible(read.FieldsText(fields)) }
