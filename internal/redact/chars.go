package redact

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isCapitalOrDigit(c byte) bool { return isDigit(c) || 'A' <= c && c <= 'Z' }

// isCardByte is what a card's number is printed with.
func isCardByte(c byte) bool { return isDigit(c) || c == ' ' || c == '-' }

// isBearer is what a bearer token consists of, but for the = at its end.
func isBearer(c byte) bool {
	switch c {
	case '-', '.', '_', '~', '+', '/':
		return true
	}
	return isAlnum(c)
}

// foldAt says whether s has a word at i, which is given in small ASCII
// letters, in any case.
func foldAt(s string, i int, word string) bool {
	if i < 0 || len(s)-i < len(word) {
		return false
	}
	for k := range len(word) {
		// 0x20 makes small letters of capitals, and a letter of nothing else.
		if s[i+k]|0x20 != word[k] {
			return false
		}
	}
	return true
}

// wordStarts says whether no word reaches across i from before.
func wordStarts(s string, i int) bool {
	return i == 0 || !isAlnum(s[i-1]) || afterEscape(s, i)
}

// afterEscape says whether an escape ends at i: a letter or digit is then no
// part of a word. There are escapes in text that was encoded twice (\n,
// \u003d) and in URLs (%3D).
func afterEscape(s string, i int) bool {
	switch {
	case i >= 2 && s[i-2] == '\\':
		switch s[i-1] {
		case 'n', 'r', 't', 'b', 'f':
			return true
		}
	case i >= 3 && s[i-3] == '%':
		return isHex(s[i-2]) && isHex(s[i-1])
	case i >= 6 && s[i-6] == '\\' && s[i-5] == 'u':
		return isHex(s[i-4]) && isHex(s[i-3]) && isHex(s[i-2]) && isHex(s[i-1])
	}
	return false
}
