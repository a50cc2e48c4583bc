package parse

import "bytes"

// lineStart returns where the last line of text begins. Runtimes that write a
// record as several lines may put '\r' for '\n'.
func lineStart(text []byte) int {
	return bytes.LastIndexAny(text, "\r\n") + 1
}

// isSpace reports whether c is JSON white space. Runtimes that write a record
// as several lines may put '\r' for '\n', which JSON takes as well.
func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

// trimSpace takes white space off both ends. It runs several times a line, and
// bytes.Trim would first make a set of the characters each time.
//
//go:noinline
func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// skipFiller takes off b's beginning what says nothing: blanks, control
// characters, a byte order mark, commas, semicolons and the terminal's control
// sequences (ECMA-48: ESC [ … and a letter) that coloured loggers write.
func skipFiller(b []byte) []byte {
	for len(b) > 0 {
		switch c := b[0]; {
		case c == 0x1b && len(b) > 1 && b[1] == '[':
			b = skipColour(b)
		case c == byteOrderMark[0] && bytes.HasPrefix(b, byteOrderMark):
			b = b[len(byteOrderMark):]
		case c <= ' ' || c == 0x7f || c == ',' || c == ';':
			b = b[1:]
		default:
			return b
		}
	}
	return nil
}

// withoutColours returns text without the terminal's control sequences.
func withoutColours(text []byte) []byte {
	clean := make([]byte, 0, len(text))
	for len(text) > 0 {
		if text[0] == 0x1b && len(text) > 1 && text[1] == '[' {
			text = skipColour(text)
			continue
		}
		clean, text = append(clean, text[0]), text[1:]
	}
	return clean
}

// skipColour takes off b's beginning the control sequence that it is.
//
//go:noinline
func skipColour(b []byte) []byte {
	b = bytes.TrimLeft(b[2:], "0123456789:;<=>? !\"#$%&'()*+,-./")
	return b[min(1, len(b)):]
}

// byteOrderMark is what some programs on Windows begin a text with.
var byteOrderMark = []byte("\uFEFF")
