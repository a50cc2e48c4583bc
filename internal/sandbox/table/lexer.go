package table

import "strings"

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a bare name or a keyword
	tokenName             // #placeholder
	tokenValue            // :placeholder
	tokenIndex            // digits
	tokenSymbol           // an operator or a bracket
)

type token struct {
	kind tokenKind
	text string
	pos  int
}

// is reports whether the token is this symbol or, whatever its case, this
// keyword.
func (t token) is(text string) bool {
	switch t.kind {
	case tokenSymbol:
		return t.text == text
	case tokenWord:
		return strings.EqualFold(t.text, text)
	}
	return false
}

// lex cuts an expression into tokens. It returns the position of the first
// byte that begins none, or -1.
func lex(s string) (tokens []token, badAt int) {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '#' || c == ':':
			end := i + 1 + wordLength(s[i+1:])
			if end == i+1 {
				return nil, i
			}
			kind := tokenName
			if c == ':' {
				kind = tokenValue
			}
			tokens = append(tokens, token{kind, s[i:end], i})
			i = end
		case isDigit(c):
			end := i
			for end < len(s) && isDigit(s[end]) {
				end++
			}
			tokens = append(tokens, token{tokenIndex, s[i:end], i})
			i = end
		case wordLength(s[i:]) > 0:
			end := i + wordLength(s[i:])
			tokens = append(tokens, token{tokenWord, s[i:end], i})
			i = end
		default:
			symbol := symbolAt(s[i:])
			if symbol == "" {
				return nil, i
			}
			tokens = append(tokens, token{tokenSymbol, symbol, i})
			i += len(symbol)
		}
	}
	return append(tokens, token{tokenEnd, "<EOF>", len(s)}), -1
}

func symbolAt(s string) string {
	for _, symbol := range []string{"<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-"} {
		if strings.HasPrefix(s, symbol) {
			return symbol
		}
	}
	return ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func wordLength(s string) int {
	for i := range len(s) {
		c := s[i]
		if c != '_' && !isDigit(c) && (c|0x20 < 'a' || 'z' < c|0x20) {
			return i
		}
	}
	return len(s)
}
