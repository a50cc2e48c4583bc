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
// masked before they are cut. more says that s is only the head of a text
// itself. The cost is bounded, whatever the length of s. A nil Redactor cuts,
// and masks nothing.
func (r *Redactor) Head(s string, n int, more bool) string {
	if len(s) > n+reach {
		s, more = cut(s, n+reach), true
	}
	if !r.Off() {
		if more {
			s = withoutLastWord(s)
		}
		s = r.String(s)
	}
	if len(s) > n {
		s, more = strings.TrimRight(cut(s, n), " \t\r\n"), true
	}
	if more {
		s += "…"
	}
	return s
}

// withoutLastWord takes off the end of s what may be the beginning of a secret
// that breaks off there. Names and signs, quotes and all, that stand in front of
// it do not matter without a value.
func withoutLastWord(s string) string {
	end := len(s)
	for end > 0 && (isBearer(s[end-1]) || strings.IndexByte(`=%\@`, s[end-1]) >= 0 || s[end-1] >= utf8.RuneSelf) {
		end--
	}
	return s[:end]
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
