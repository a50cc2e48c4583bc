// Package version says which Logtable this is, for the layer and the tool.
//
// A release has its version from the linker (layer/build). What Go's build
// information says would depend on where the source came from, a clone or an
// archive, and the layer's zip file must not.
package version

import "bytes"

// ReportAt is where people report what should never happen.
const ReportAt = "https://github.com/logtable/logtable/issues"

// Unreleased is the Number of what is not a release.
const Unreleased = "devel"

// The linker's: layer/build names them. Only the tool has commit and date. The
// number stands between numberBegin and numberEnd, so that Find sees it in a
// binary for another machine.
var number, commit, date string

const (
	numberBegin = "logtable="
	numberEnd   = ";"
	// maxNumber bounds what Find takes for a number, in bytes.
	maxNumber = 64
)

// Number is the release, such as v0.1.0, or Unreleased.
func Number() string {
	if number == "" {
		return Unreleased
	}
	return number[len(numberBegin) : len(number)-len(numberEnd)]
}

// Find is the Number of a binary, or Unreleased.
func Find(binary []byte) string {
	for rest := binary; ; {
		at := bytes.Index(rest, []byte(numberBegin+"v"))
		if at < 0 {
			return Unreleased
		}
		rest = rest[at+len(numberBegin):]
		found, _, ended := bytes.Cut(rest[:min(len(rest), maxNumber)], []byte(numberEnd))
		if ended && len(bytes.Trim(found, "0123456789.v+-abcdefghijklmnopqrstuwxyz")) == 0 {
			return string(found)
		}
	}
}

// Commit is the whole hash of the commit that was released, and the date of
// that commit as 2006-01-02. Both are "" if the linker was not told.
func Commit() (hash, day string) { return commit, date }

// UserAgent is the product that requests to AWS name.
func UserAgent() string { return "logtable/" + Number() }
