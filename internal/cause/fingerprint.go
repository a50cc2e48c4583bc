package cause

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/logtable/logtable/internal/row"
)

// maxLine is how much of a line tells causes apart, in bytes.
const maxLine = 1 << 10

// Headline is the line of an exception or a text that says what went wrong: the
// first one, and of Python's tracebacks, which begin with where, the last that
// is not indented.
func Headline(what string) string {
	what = strings.TrimSpace(what)
	first, rest, _ := strings.Cut(what, "\n")
	if !strings.HasPrefix(first, "Traceback (most recent call last)") {
		return strings.TrimSpace(first)
	}
	inFrames := false
	for line := range strings.Lines(rest) {
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if inFrames && !indented && strings.TrimSpace(line) != "" {
			first = line
		}
		inFrames = indented
	}
	return strings.TrimSpace(first)
}

// fingerprint is what the headline of an exception or a text has in common with
// those of the same cause: eight hexadecimal digits.
func fingerprint(what string) string {
	line := strings.ToValidUTF8(Headline(what), "\uFFFD") // as in the row
	sum := sha256.Sum256([]byte(essence(row.Cut(line, maxLine))))
	return hex.EncodeToString(sum[:4])
}

// essence is a line without what differs from one occurrence to the next:
// digits and numbers, hexadecimal runs, UUIDs, what stands in quotes, and white
// space of any length.
func essence(line string) string {
	b := make([]byte, 0, len(line))
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c <= ' ':
			if len(b) > 0 && b[len(b)-1] != ' ' {
				b = append(b, ' ')
			}
			i++
		case isQuote(c) && quoted(line, i) > 0:
			i += quoted(line, i)
		case isWord(c):
			n := uuid(line[i:])
			if n == 0 {
				n = word(line[i:])
				b = appendWord(b, line[i:i+n])
			}
			i += n
		case separates(line, i):
			i++
		default:
			b = append(b, c)
			i++
		}
	}
	return strings.TrimSpace(string(b))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 }

func isWord(c byte) bool { return isDigit(c) || isLetter(c) || c == '_' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// quoted is how long the quoted part is that begins at i, 0 if none does: an
// apostrophe stands within a word.
func quoted(line string, i int) int {
	if i > 0 && isWord(line[i-1]) {
		return 0
	}
	for at := i + 1; at < len(line); at++ {
		if line[at] == line[i] && (at+1 == len(line) || !isWord(line[at+1])) {
			return at + 1 - i
		}
	}
	return 0
}

// word is how long the word is that s begins with.
func word(s string) int {
	n := 1
	for n < len(s) && isWord(s[n]) {
		n++
	}
	return n
}

// appendWord appends what does not vary of a word: nothing of a number, the
// letters of one that has both.
func appendWord(b []byte, w string) []byte {
	digits, hexadecimal := 0, 0
	for i := range len(w) {
		if isDigit(w[i]) {
			digits++
		}
		if isHex(w[i]) {
			hexadecimal++
		}
	}
	const long = 8 // hexadecimal digits that are all letters
	prefixed := len(w) > 2 && w[0] == '0' && w[1]|0x20 == 'x' && hexadecimal == len(w)-1
	if prefixed || hexadecimal == len(w) && (digits > 0 || len(w) >= long) {
		return b
	}
	for i := range len(w) {
		if !isDigit(w[i]) {
			b = append(b, w[i])
		}
	}
	return b
}

// separates reports whether the character at i stands within a number, a time
// or an address: between two digits.
func separates(line string, i int) bool {
	separator := strings.IndexByte(".,:", line[i]) >= 0
	return separator && i > 0 && isDigit(line[i-1]) && i+1 < len(line) && isDigit(line[i+1])
}

// uuid is how long the UUID is that s begins with, 0 if there is none. Its
// groups of four may be letters only, which no other rule takes.
func uuid(s string) int {
	const length = 36
	if len(s) < length || len(s) > length && isWord(s[length]) {
		return 0
	}
	for i := range length {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash && s[i] != '-' || !dash && !isHex(s[i]) {
			return 0
		}
	}
	return length
}
