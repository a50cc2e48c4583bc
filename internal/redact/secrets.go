package redact

import "strings"

// A context is what the name of a JSON member says about its value.
type context uint8

const (
	noContext     context = iota
	secretContext         // an AWS secret access key
	tokenContext          // an AWS session token
	authorization         // an HTTP Authorization header
)

// nameContext returns what a member's name says about its value.
func nameContext(name string) context {
	for _, header := range authorizationNames {
		if foldAt(name, len(name)-len(header), header) {
			return authorization
		}
	}
	for _, k := range []int{len(name) - len("key"), len(name) - len("ken")} {
		if c, _, end := credentialName(name, k); c != noContext && end == len(name) {
			return c
		}
	}
	return noContext
}

// AWS access key IDs are AKIA (long-term) or ASIA (temporary) and 16 more
// capitals and digits (IAM user guide, "IAM identifiers").
const keyIDLength = 20

// indexKeyID returns where the first of their prefixes is, -1 if there is none.
// It looks for what both have, once.
func indexKeyID(s string) int {
	for from := 0; ; {
		i := strings.Index(s[from:], "IA")
		if i < 0 {
			return -1
		}
		i += from
		if i >= 2 && s[i-2] == 'A' && (s[i-1] == 'K' || s[i-1] == 'S') {
			return i - 2
		}
		from = i + 1
	}
}

func appendKeyIDs(spans []span, s string) []span {
	for _, prefix := range [...]string{"AKIA", "ASIA"} {
		for from := 0; ; {
			i := strings.Index(s[from:], prefix)
			if i < 0 {
				break
			}
			start := from + i
			from = start + len(prefix)
			if isKeyID(s, start) {
				from = start + keyIDLength
				spans = add(spans, start, from, markKeyID)
			}
		}
	}
	return spans
}

// isKeyID reports whether a key ID begins at i, not reached into by a longer
// run of its own characters. Small letters may stand beside it.
func isKeyID(s string, i int) bool {
	end := i + keyIDLength
	if end > len(s) || end < len(s) && isCapitalOrDigit(s[end]) {
		return false
	}
	if i > 0 && isCapitalOrDigit(s[i-1]) && !afterEscape(s, i) {
		return false
	}
	for _, c := range []byte(s[i:end]) {
		if !isCapitalOrDigit(c) {
			return false
		}
	}
	return true
}

// indexCredentialName returns where the k of the first name of a credential
// is, -1 if there is none.
func indexCredentialName(s string) int {
	for _, k := range [...]byte{'k', 'K'} {
		for from := 0; ; {
			i := strings.IndexByte(s[from:], k)
			if i < 0 {
				break
			}
			i += from
			if c, _, _ := credentialName(s, i); c != noContext {
				return i
			}
			from = i + 1
		}
	}
	return -1
}

// credentialName returns what the name says whose k is at i, and where it
// begins and ends. The names are secret access key, secret key, session token
// and security token, in any case, in one word or with _ - . or a space
// between, whatever stands before them (aws_, x-amz-).
func credentialName(s string, i int) (c context, start, end int) {
	if i < 0 {
		return noContext, 0, 0
	}
	if foldAt(s, i, "key") {
		j := beforeSeparator(s, i)
		if foldAt(s, j-len("access"), "access") {
			j = beforeSeparator(s, j-len("access"))
		}
		if foldAt(s, j-len("secret"), "secret") {
			return secretContext, j - len("secret"), i + len("key")
		}
		return noContext, 0, 0
	}
	if foldAt(s, i, "ken") && foldAt(s, i-len("to"), "to") {
		j := beforeSeparator(s, i-len("to"))
		for _, word := range [...]string{"session", "security"} {
			if foldAt(s, j-len(word), word) {
				return tokenContext, j - len(word), i + len("ken")
			}
		}
	}
	return noContext, 0, 0
}

// beforeSeparator returns the end of the word before the one that begins at i.
func beforeSeparator(s string, i int) int {
	if i > 0 && (s[i-1] == '_' || s[i-1] == '-' || s[i-1] == '.' || s[i-1] == ' ') {
		return i - 1
	}
	return i
}

func appendCredentials(spans []span, s string, c context) []span {
	if end, mark := credentialValue(s, 0, c); end > 0 {
		spans = add(spans, 0, end, mark)
	}
	r := relation{s: s, opens: -1, direct: spans}
	r.read()
	spans = r.direct
	for _, v := range r.values {
		if v.taken {
			spans = add(spans, v.start, v.end, v.mark())
		}
	}
	return spans
}

// assigned returns where the value begins that is given to the name that ends
// at i: behind quotes (escaped ones too), brackets and white space, among them
// a sign that it is a value (= : => , as well as > in XML). It returns -1 if
// there is none.
func assigned(s string, i int) int {
	const most = 32 // enough for quotes escaped three times
	sign := false
	for end := min(len(s), i+most); i < end; i++ {
		switch s[i] {
		case '=', ':', '>', ',', '|':
			sign = true
		case '"', '\'', '`', '\\', ' ', '\t', '\r', '\n', '[', ']', '{', '(', ')':
		default:
			if !sign {
				return -1
			}
			return i
		}
	}
	return -1
}

const (
	// secretLength is the length of each AWS secret access key: 30 bytes in
	// base64.
	secretLength = 40
	// minToken is well below AWS's session tokens, whose length is not
	// documented (some hundred characters), and above every word.
	minToken = 32
)

// credentialValue returns the end of the value at i, and its mark; 0 if there
// is no such value.
func credentialValue(s string, i int, c context) (int, mark) {
	if i < 0 {
		return 0, markAny
	}
	switch c {
	case secretContext:
		end, n := base64Run(s, i, secretLength+1)
		if n == secretLength && (end == len(s) || s[end] != '=') {
			return end, markSecret
		}
	case tokenContext:
		end, n := base64Run(s, i, len(s))
		if n >= minToken {
			for end < len(s) && s[end] == '=' {
				end++
			}
			return end, markToken
		}
	}
	return 0, markAny
}

// base64Run reads at most so many characters of base64 from i on.
func base64Run(s string, i, most int) (end, n int) {
	end = i
	for end < len(s) && end-i < most && isBase64(s[end]) {
		end++
	}
	return end, end - i
}

func indexBearer(s string) int {
	for _, b := range [...]byte{'B', 'b'} {
		for from := 0; ; {
			i := strings.IndexByte(s[from:], b)
			if i < 0 {
				break
			}
			i += from
			if foldAt(s, i, "bearer") {
				return i
			}
			from = i + 1
		}
	}
	return -1
}

func appendBearers(spans []span, s string, c context) []span {
	for _, b := range [...]byte{'B', 'b'} {
		for from := 0; ; {
			i := strings.IndexByte(s[from:], b)
			if i < 0 {
				break
			}
			i += from
			from = i + 1
			if !foldAt(s, i, "bearer") || !wordStarts(s, i) {
				continue
			}
			sure := c == authorization && i == 0 || afterAuthorization(s, i)
			if start, end := bearerToken(s, i+len("bearer"), sure); end > 0 {
				spans = add(spans, start, end, markBearer)
				from = end
			}
		}
	}
	return spans
}

// authorizationNames are the names under which an Authorization header is
// printed: its own, as it is or behind proxy- or HTTP_, and that of API
// Gateway's authorizer events.
var authorizationNames = [...]string{"authorization", "authorizationtoken"}

// afterAuthorization reports whether the value that begins at i is given to an
// Authorization header.
func afterAuthorization(s string, i int) bool {
	const most = 24
	for least := max(0, i-most); i > least && strings.IndexByte("\"'`\\ \t:=>,[(", s[i-1]) >= 0; {
		i--
	}
	for _, name := range authorizationNames {
		if foldAt(s, i-len(name), name) {
			return true
		}
	}
	return false
}

// bearerToken returns the token behind the word that ends at i; an end of 0 if
// there is none. Unless it is sure to be one, it has to look like one: people
// write of bearer tokens, too, and WWW-Authenticate has parameters there.
func bearerToken(s string, i int, sure bool) (start, end int) {
	start = len(s) - len(strings.TrimLeft(s[i:], " \t"))
	end = start
	for end < len(s) && isBearer(s[end]) { // RFC 6750, section 2.1
		end++
	}
	if start == i || end == start || !sure && !isTokenLike(s[start:end]) {
		return 0, 0
	}
	return start, len(s) - len(strings.TrimLeft(s[end:], "="))
}

// isTokenLike tells a bearer token from words.
func isTokenLike(s string) bool {
	var small, capital, digit bool
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			digit = true
		case 'a' <= c && c <= 'z':
			small = true
		case 'A' <= c && c <= 'Z':
			capital = true
		}
	}
	if digit {
		return len(s) >= 20 || len(s) >= 12 && (small || capital)
	}
	return len(s) >= 20 && small && capital
}

// indexJWT returns the first place where a JWT may begin: with {" in base64.
// The J is the rarest of its letters.
func indexJWT(s string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], 'J')
		if i < 0 {
			return -1
		}
		i += from
		if i >= 2 && s[i-1] == 'y' && s[i-2] == 'e' {
			return i - 2
		}
		from = i + 1
	}
}

func appendJWTs(spans []span, s string) []span {
	for from := 0; ; {
		i := indexJWT(s[from:])
		if i < 0 {
			return spans
		}
		start := from + i
		if !wordStarts(s, start) {
			from = start + len("eyJ")
			continue
		}
		end, ok := jwtEnd(s, start)
		if ok {
			spans = add(spans, start, end, markJWT)
		}
		// No shorter part of the same run is a JWT if this is none, so that
		// a run is not read once for each eyJ in it.
		from = end
	}
}

// jwtEnd returns the end of the JWT that begins at i: its parts in base64url,
// two dots between them (RFC 7519), or four for an encrypted one, whose second
// part may be empty (RFC 7516). If it is none, end is that of the first part.
func jwtEnd(s string, i int) (end int, ok bool) {
	const (
		minHeader = 10 // {"alg":"…"} has 15
		maxParts  = 5
	)
	header := base64URLEnd(s, i)
	if header-i < minHeader {
		return header, false
	}
	parts, second, end := 1, 0, header
	for parts < maxParts && end < len(s) && s[end] == '.' {
		next := base64URLEnd(s, end+1)
		parts++
		if parts == 2 {
			second = next - (end + 1)
		}
		end = next
	}
	if parts == maxParts || parts >= 3 && second > 0 {
		return end, true
	}
	return header, false
}

func base64URLEnd(s string, i int) int {
	for i < len(s) && (isAlnum(s[i]) || s[i] == '-' || s[i] == '_') {
		i++
	}
	return i
}
