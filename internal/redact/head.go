package redact

import (
	"strings"
	"unicode/utf8"
)

// reach is how far behind the end of what is kept of a text is looked, for
// secrets that stand across it, in bytes.
const reach = 16 << 10

// Head returns the first n bytes of s with everything masked in them that the
// setting names, and an … if that is not all. What stands across their end is
// masked before they are cut. The cost is bounded, whatever the length of s. A
// nil Redactor cuts, and masks nothing.
func (r *Redactor) Head(s string, n int) string {
	more := false
	if len(s) > n+reach {
		s, more = cut(s, n+reach), true
	}
	if !r.Off() {
		if more {
			s = Whole(s)
		}
		s = r.String(s)
	}
	if len(s) > n {
		s, more = cut(s, n), true
	}
	if more {
		s += "…"
	}
	return s
}

// Whole returns s, the beginning of a text, without what may be the beginning
// of a long secret at its end: the run of such characters that breaks off
// there.
func Whole(s string) string {
	return strings.TrimRight(s, words+`+=~%\`)
}

// cut returns the first n bytes of s or a little less, without splitting a
// character.
func cut(s string, n int) string {
	if n >= len(s) {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
