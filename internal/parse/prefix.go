package parse

import "bytes"

// maxPrefix is how far into a text a field of a runtime's prefix may reach.
const maxPrefix = 256

// splitPrefix takes off the prefix that a runtime's logger puts before what was
// printed, as far as it tells a request id; id is nil if it does not. The
// prefixes that tell none (Java's "[INFO] ", Go's "2026/11/22 10:52:42 ") need
// no knowledge: what is looked for behind them is an object.
func splitPrefix(text []byte) (rest, id []byte) {
	if len(text) == 0 {
		return text, nil
	}
	var ok bool
	switch c := text[0]; {
	case c == '[':
		rest, id, ok = splitPython(text)
	case c >= '0' && c <= '9':
		rest, id, ok = splitTabs(text)
	case c >= 'A' && c <= 'Z':
		rest, id, ok = splitRuby(text)
	}
	if !ok || !isRequestID(id) {
		return text, nil
	}
	return rest, id
}

// splitTabs reads "TIME\tID\tLEVEL\t…", from Node.js and .NET.
func splitTabs(text []byte) (rest, id []byte, ok bool) {
	stamp, rest, ok := cutShort(text, '\t')
	if !ok || !isTimestamp(stamp) {
		return nil, nil, false
	}
	id, rest, ok = cutShort(rest, '\t')
	if !ok {
		return nil, nil, false
	}
	_, rest, ok = cutShort(rest, '\t')
	return rest, id, ok
}

// splitPython reads "[LEVEL]\tTIME\tID\t…".
func splitPython(text []byte) (rest, id []byte, ok bool) {
	level, rest, ok := cutShort(text, '\t')
	if !ok || level[len(level)-1] != ']' {
		return nil, nil, false
	}
	stamp, rest, ok := cutShort(rest, '\t')
	if !ok || !isTimestamp(stamp) {
		return nil, nil, false
	}
	id, rest, ok = cutShort(rest, '\t')
	return rest, id, ok
}

// splitRuby reads "I, [TIME #PID]  INFO ID -- PROGRAM: …".
func splitRuby(text []byte) (rest, id []byte, ok bool) {
	if !bytes.HasPrefix(text[1:], []byte(", [")) {
		return nil, nil, false
	}
	_, rest, ok = cutShort(text, ']')
	if !ok {
		return nil, nil, false
	}
	_, rest, ok = cutShort(bytes.TrimLeft(rest, " "), ' ') // the level, padded
	if !ok {
		return nil, nil, false
	}
	id, rest, ok = cutShort(rest, ' ')
	if !ok || !bytes.HasPrefix(rest, []byte("--")) {
		return nil, nil, false
	}
	return rest, id, true
}

// cutShort is bytes.Cut around a separator within the first maxPrefix bytes.
func cutShort(b []byte, sep byte) (before, after []byte, ok bool) {
	i := bytes.IndexByte(b[:min(len(b), maxPrefix)], sep)
	if i < 0 {
		return nil, b, false
	}
	return b[:i], b[i+1:], true
}

// isTimestamp says whether b looks like an RFC 3339 time.
func isTimestamp(b []byte) bool {
	return len(b) >= len("2026-11-22T10:52:00Z") && len(b) <= 40 &&
		b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':'
}

// isRequestID says whether b may be a request id. During init, Node.js prints
// "undefined" in its place and Python nothing. The platform's ids are UUIDs,
// but no document promises it.
func isRequestID(b []byte) bool {
	if len(b) == 0 || len(b) > 128 {
		return false
	}
	switch string(b) {
	case "undefined", "null", "None", "-":
		return false
	}
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
