// Package cause says which errors have the same cause, and how the errors table
// keeps what somebody has said of one: that it is resolved, or to be ignored
// for a while.
//
// A cause is a module and a locator. What is said of it is one item of the
// errors table, the cause's State, under a partition key that no day is, so
// that no query for rows sees it. Rows are not touched, and the item never
// expires.
//
// The layer links this package. It has no initialization, and reads and writes
// DynamoDB's JSON itself; package causeitem has the same for the AWS SDK.
package cause

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/row"
)

const (
	// Prefix is what the partition keys of all state items begin with; the
	// module is the rest.
	Prefix = "cause#"
	// Nowhere is the locator of a row that has none.
	Nowhere = "?"
	// MaxModule is how long the module of an ID may be, in bytes.
	MaxModule = 128

	// maxLocator is how long a locator may be to stand in a key as it is, in
	// bytes: a sort key has at most 1,024.
	maxLocator = 256
	// headLocator is how much of a longer one stands in a key.
	headLocator = 200
	// storedLocator is what a row has of a locator at most (row.Row.Fit): who
	// has all of it must come to the same key.
	storedLocator = 2 << 10
)

// An ID names a cause, as it is shown, typed and stored. IDs are equal if they
// are of the same cause. Both parts are printable.
type ID struct {
	// Module is of A-Za-z0-9._-, at most 128 bytes, as in the keys of rows. It
	// may be empty.
	Module string
	// Locator is at most 256 bytes. It is ? with eight hexadecimal digits for
	// an error without one.
	Locator string
}

// Of returns the cause of an error: of a row, or of what will be one. locator
// is as the row has it, "" or ? for none; then the Headline of the exception
// tells causes apart, or if there is no exception the text's. module is the
// row's, which a function without a module has from its name.
func Of(module, locator, exception, text string) ID {
	if locator == "" || locator == Nowhere {
		what := strings.TrimSpace(exception)
		if what == "" {
			what = strings.TrimSpace(text)
		}
		locator = Nowhere + fingerprint(what)
	}
	return Named(module, locator)
}

// Named returns the cause that somebody names by its module and its locator:
// those of an ID, or those of a row. Who names the locator ? does not say which
// cause he means.
func Named(module, locator string) ID {
	const head = 4 * MaxModule // in bytes, of which a character takes at most four
	return ID{Module: row.Module(module[:min(len(module), head)]), Locator: short(locator)}
}

// short is the locator as an ID has it. What is long, or cannot be typed,
// becomes its readable beginning and a digest.
func short(locator string) string {
	locator = row.Cut(strings.ToValidUTF8(locator, "\uFFFD"), storedLocator)
	if len(locator) <= maxLocator && !strings.ContainsFunc(locator, unprintable) {
		return locator
	}
	sum := sha256.Sum256([]byte(locator))
	head := strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '_'
		}
		return r
	}, row.Cut(locator, headLocator))
	return head + "~" + hex.EncodeToString(sum[:8])
}

// unprintable is what a terminal does not show as it is: all but letters,
// marks, numbers, punctuation, symbols and the space.
func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// Plain reports whether the locator is that of the rows, not made of one or of
// an exception. A few that are plain are not found to be.
func (id ID) Plain() bool {
	return !strings.HasPrefix(id.Locator, Nowhere) && !strings.Contains(id.Locator, "~")
}

// Date is the partition key of the cause's item.
func (id ID) Date() string { return Prefix + id.Module }

// StampMod is the sort key of the cause's item.
func (id ID) StampMod() string { return id.Locator }

// AppendKey appends the key of the cause's item as DynamoDB's JSON has it:
// {"date":{"S":"cause#shop"},"stamp_mod":{"S":"7"}}.
func (id ID) AppendKey(dst []byte) []byte {
	dst = append(dst, `{"`+row.AttrDate+`":{"`+row.Text+`":`...)
	dst = jsonscan.AppendQuote(dst, id.Date())
	dst = append(dst, `},"`+row.AttrStampMod+`":{"`+row.Text+`":`...)
	dst = jsonscan.AppendQuote(dst, id.StampMod())
	return append(dst, `}}`...)
}

// IsItem reports whether an item with this partition key is a State, not a row.
func IsItem(date string) bool { return strings.HasPrefix(date, Prefix) }
