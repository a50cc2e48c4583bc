// Package traceid reads the IDs of traces, by which what several functions did
// for one request is found again. An ID is 32 hexadecimal digits, in lower case
// here. X-Ray writes it as 1-8 digits-24 digits, W3C's Trace Context as one
// word.
package traceid

import "bytes"

const (
	// Length is that of an ID, in digits.
	Length = 32
	// Longest is how long a text may be, in bytes: what Lambda passes on has a
	// few hundred. No longer one is looked at.
	Longest = 1 << 10

	// xrayStart is how many digits X-Ray writes first: the seconds since 1970
	// at which the trace began.
	xrayStart = 8
)

// Append appends the ID that a text names to dst. The text is the ID in either
// spelling, X-Ray's header (Root=1-…;Parent=…) or W3C's traceparent. only
// reports whether it says nothing else. An ID of zeros is none.
func Append(dst, text []byte) (all []byte, only, ok bool) {
	if len(text) > Longest {
		return dst, false, false
	}
	if all, ok = appendID(dst, text); ok {
		return all, true, true
	}
	all, ok = appendID(dst, part(text))
	return all, false, ok
}

// Parse returns the ID that a text names: see Append.
func Parse(text string) (id string, ok bool) {
	if len(text) > Longest {
		return "", false
	}
	all, _, ok := Append(nil, []byte(text))
	return string(all), ok
}

// XRay is an ID as X-Ray writes it; another text is returned as it is.
func XRay(id string) string {
	if !Valid(id) {
		return id
	}
	return "1-" + id[:xrayStart] + "-" + id[xrayStart:]
}

// Valid reports whether a text is an ID as rows have it.
func Valid(id string) bool {
	zeros := true
	for i := range len(id) {
		if c := id[i]; !isHex(c) || c >= 'A' && c <= 'F' {
			return false
		}
		zeros = zeros && id[i] == '0'
	}
	return len(id) == Length && !zeros
}

// part is the ID in a longer text that may be a header.
func part(text []byte) []byte {
	const flags = 2 // digits
	if f := text; len(f) == len("00--0123456789abcdef-01")+Length && string(f[:3]) == "00-" {
		id, rest := f[3:3+Length], f[3+Length:]
		end := len(rest) - flags - 1
		if rest[0] == '-' && allHex(rest[1:end]) && rest[end] == '-' && allHex(rest[end+1:]) {
			return id
		}
	}
	for field := range bytes.SplitSeq(text, []byte(";")) {
		if root, ok := bytes.CutPrefix(bytes.TrimSpace(field), []byte("Root=")); ok {
			return root
		}
	}
	return nil
}

// appendID is Append for a text that is nothing but the ID.
func appendID(dst, text []byte) (all []byte, ok bool) {
	var first []byte
	rest := text
	if len(text) == Length+len("1--") && string(text[:2]) == "1-" && text[2+xrayStart] == '-' {
		first, rest = text[2:2+xrayStart], text[3+xrayStart:]
	}
	if len(first)+len(rest) != Length || !allHex(first) || !allHex(rest) {
		return dst, false
	}
	all = append(append(dst, first...), rest...)
	zeros := true
	for i := len(dst); i < len(all); i++ {
		all[i] |= ' ' // lower case; digits have that bit
		zeros = zeros && all[i] == '0'
	}
	if zeros {
		return dst, false
	}
	return all, true
}

func allHex(text []byte) bool {
	for _, c := range text {
		if !isHex(c) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
