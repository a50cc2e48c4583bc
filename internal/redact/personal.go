package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A card's number has 13 to 19 digits in use (ISO/IEC 7812-1 allows for 8 to
// 19).
const (
	minCard = 13
	maxCard = 19
)

// hasCard reports whether there is a card's number in s. It asks for the whole
// number, not just for digits, because every other line has a time in
// milliseconds.
func hasCard(s string) bool {
	for from := 0; ; {
		start, end, ok := nextDigits(s, from)
		if !ok {
			return false
		}
		if _, cardEnd := nextCard(s, start, end); cardEnd > 0 {
			return true
		}
		from = end
	}
}

func appendCards(spans []span, s string) []span {
	for from := 0; ; {
		start, end, ok := nextDigits(s, from)
		if !ok {
			return spans
		}
		for {
			var cardEnd int
			start, cardEnd = nextCard(s, start, end)
			if cardEnd == 0 {
				break
			}
			spans = add(spans, start, cardEnd, markCard)
			start = cardEnd
		}
		from = end
	}
}

// nextCard returns the first card's number in the stretch s[i:end]; a cardEnd
// of 0 if there is none.
func nextCard(s string, i, end int) (start, cardEnd int) {
	for i < end {
		if !isDigit(s[i]) {
			i++
			continue
		}
		if cardEnd := cardAt(s, i); cardEnd > 0 {
			return i, cardEnd
		}
		for i < end && isDigit(s[i]) {
			i++
		}
	}
	return end, 0
}

// nextDigits returns the first stretch of digits, spaces and dashes from from
// on that has digits enough for a card. Since a stretch that has is at least
// as many bytes long, only every 13th byte is looked at outside of stretches.
func nextDigits(s string, from int) (start, end int, ok bool) {
	for i := from + minCard - 1; i < len(s); i = end + minCard - 1 {
		if !isCardByte(s[i]) {
			end = i + 1
			continue
		}
		start, end = i, i+1
		for start > from && isCardByte(s[start-1]) {
			start--
		}
		for end < len(s) && isCardByte(s[end]) {
			end++
		}
		if end-start >= minCard && countDigits(s[start:end]) >= minCard {
			return start, end, true
		}
		from = end
	}
	return 0, 0, false
}

func countDigits(s string) int {
	n := 0
	for i := range len(s) {
		if isDigit(s[i]) {
			n++
		}
	}
	return n
}

// cardAt returns the end of the card's number that begins at i, where a run of
// digits does, 0 if there is none. It is one run of digits, or groups of 4 to
// 6 with the same space or dash between them, the last of up to 7.
func cardAt(s string, i int) (end int) {
	if !numberStarts(s, i) {
		return 0
	}
	var digits [maxCard]byte
	n, separator := 0, byte(0)
	for at := i; ; at++ { // over the separator
		group := at
		for at < len(s) && isDigit(s[at]) {
			if n == maxCard {
				return end
			}
			digits[n] = s[at] - '0'
			n++
			at++
		}
		size := at - group
		if n >= minCard && (group == i || size <= 7) && numberEnds(s, at) && isCard(digits[:n]) &&
			!(separator == '-' && dashed(s, i, at)) {
			end = at
		}
		if !groupFollows(s, at, size, separator) {
			return end
		}
		separator = s[at]
	}
}

// groupFollows reports whether another group follows one of so many digits that
// ends at i: behind a space or dash, the same as those before if there are any.
func groupFollows(s string, i, size int, separator byte) bool {
	if size < 4 || size > 6 || i+1 >= len(s) || !isDigit(s[i+1]) {
		return false
	}
	return s[i] == separator || separator == 0 && (s[i] == ' ' || s[i] == '-')
}

// numberStarts reports whether the digits at i are not the tail of something:
// of a word, a hash, a decimal fraction, or a telephone number with its +.
func numberStarts(s string, i int) bool {
	if i == 0 {
		return true
	}
	if s[i-1] == '+' || s[i-1] == '.' && i > 1 && isDigit(s[i-2]) {
		return false
	}
	return wordStarts(s, i)
}

// numberEnds reports whether the digits before i are all of a number.
func numberEnds(s string, i int) bool {
	if i == len(s) {
		return true
	}
	return !isAlnum(s[i]) && !(s[i] == '.' && i+1 < len(s) && isDigit(s[i+1]))
}

// dashed reports whether more groups belong to s[start:end], as in a UUID.
func dashed(s string, start, end int) bool {
	return start > 1 && s[start-1] == '-' && isAlnum(s[start-2]) ||
		end+1 < len(s) && s[end] == '-' && isAlnum(s[end+1])
}

// isCard reports whether a network issues numbers that begin so, in that
// length, and whether the check digit is right. Without the first, a tenth of
// all timestamps in milliseconds or nanoseconds were cards.
func isCard(digits []byte) bool {
	return isIssued(digits) && luhn(digits)
}

// isIssued knows the ranges of issuer identification numbers that the networks
// publish.
func isIssued(d []byte) bool {
	n := len(d)
	two := int(d[0])*10 + int(d[1])
	four := two*100 + int(d[2])*10 + int(d[3])
	switch {
	case d[0] == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34, two == 37: // American Express
		return n == 15
	case two == 30, two == 36, two == 38, two == 39: // Diners Club
		return n >= 14
	case two == 35: // JCB
		return n >= 16
	case four >= 2200 && four <= 2204: // Mir
		return n >= 16
	case two == 81, two == 82: // UnionPay, RuPay
		return n >= 16
	case d[0] == 5, d[0] == 6: // Maestro, Discover, UnionPay, RuPay
		return true
	}
	return false
}

// luhn checks the last digit (ISO/IEC 7812-1, annex B).
func luhn(digits []byte) bool {
	sum := 0
	for i, d := range digits {
		v := int(d)
		if (len(digits)-i)%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

func appendEmails(spans []span, s string) []span {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '@')
		if i < 0 {
			return spans
		}
		i += from
		from = i + 1
		if start, end := localStart(s, i), domainEnd(s, from); start < i && end > 0 {
			spans = add(spans, start, end, markEmail)
		}
	}
}

// localStart returns where the part before the @ at i begins, i if there is
// none. It knows the unquoted forms that people have: letters of any script,
// digits, and . _ % + -.
func localStart(s string, i int) int {
	const most = 64 // bytes, RFC 5321
	start := i
	for least := max(0, i-most); start > least; {
		r, size := utf8.DecodeLastRuneInString(s[:start])
		if !isLocal(r) || start-size < least {
			break
		}
		start -= size
	}
	start = skipEscape(s, start, i)
	for start < i && strings.IndexByte(".+-", s[start]) >= 0 {
		start++
	}
	return start
}

func isLocal(r rune) bool {
	if r < utf8.RuneSelf {
		return isAlnum(byte(r)) || strings.IndexByte("._%+-", byte(r)) >= 0
	}
	return r != utf8.RuneError && unicode.IsLetter(r)
}

// skipEscape returns start behind the rest of an escape that it is in, in text
// that was encoded twice: \n, \u003c.
func skipEscape(s string, start, end int) int {
	if start == 0 || s[start-1] != '\\' {
		return start
	}
	for _, length := range [...]int{len("n"), len("u003c")} {
		if start+length <= end && afterEscape(s, start+length) {
			return start + length
		}
	}
	return start
}

// domainEnd returns the end of the domain that begins at i, 0 if there is
// none. Its last label consists of two letters or more, which sets addresses
// apart from the many versions (name@1.2.3).
func domainEnd(s string, i int) (end int) {
	const most = 255 // bytes, RFC 5321
	if isPixelDensity(s, i) {
		return 0
	}
	limit := min(len(s), i+most)
	for label, dots := i, 0; ; dots++ {
		at, letters := readLabel(s[:limit], label)
		if at == label { // an empty label
			return end
		}
		if dots > 0 && letters-label >= 2 {
			end = letters // of the last label, or up to a dash behind the address
		}
		if dots > 0 && at-label >= 2 && strings.HasPrefix(s[label:], "xn--") {
			end = at
		}
		if at >= limit || s[at] != '.' {
			return end
		}
		label = at + 1
	}
}

// readLabel returns the end of a domain's label that begins at i, and that of
// the letters with which it begins, if nothing but a dash follows them: i if
// something else does.
func readLabel(s string, i int) (end, letters int) {
	only := true // letters, up to here
	for end = i; end < len(s); {
		r, size := utf8.DecodeRuneInString(s[end:])
		if !isLabel(r) {
			break
		}
		if r == '-' && only {
			letters, only = end, false
		}
		only = only && (r >= utf8.RuneSelf || !isDigit(byte(r)))
		end += size
	}
	if only {
		letters = end
	}
	return end, max(letters, i)
}

func isLabel(r rune) bool {
	if r < utf8.RuneSelf {
		return isAlnum(byte(r)) || r == '-'
	}
	return r != utf8.RuneError && unicode.IsLetter(r)
}

// isPixelDensity recognises the names of pictures such as logo@2x.png.
func isPixelDensity(s string, i int) bool {
	return i+2 < len(s) && isDigit(s[i]) && s[i+1] == 'x' && s[i+2] == '.'
}
