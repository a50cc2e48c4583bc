// Package version says which Logtable this is, for the layer and the tool.
//
// A release has its version from the linker (layer/build). What Go's build
// information says would depend on where the source came from, a clone or an
// archive, and the layer's zip file must not.
package version

// ReportAt is where people report what should never happen.
const ReportAt = "https://github.com/logtable/logtable/issues"

// Unreleased is the Number of what is no release.
const Unreleased = "devel"

// The linker's: layer/build names them. Only the tool has commit and date.
var number, commit, date string

// Number is the release, such as v0.1.0, or Unreleased.
func Number() string {
	if number == "" {
		return Unreleased
	}
	return number
}

// Commit is the whole hash of the commit that was released, and the date of
// that commit as 2006-01-02. Both are "" if the linker was not told.
func Commit() (hash, day string) { return commit, date }

// UserAgent is the product that requests to AWS name.
func UserAgent() string { return "logtable/" + Number() }
