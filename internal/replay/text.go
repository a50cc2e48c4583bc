package replay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"
)

// readText reads a log of lines: messages one below the other, with a time and
// a stream's name in front or without, or with tabs between them (the aws
// command's --output text).
//
// A message may hold line feeds, so that a function can print what looks like a
// line of another stream. Therefore such a log is one stream, whatever names
// stand in it.
func readText(r *bufio.Reader, to sink) error {
	var piece []byte
	var skipped mentions // of a piece that is too long
	long := false
	var at int64
	for {
		c, err := r.ReadByte()
		ended := err != nil || c == '\n' || c == '\t'
		switch {
		case ended && long:
			if skipped.add(piece); skipped.found {
				to.long()
			}
		case ended:
			message, t := withoutPrefix(piece)
			if t != 0 {
				at = t
			}
			if err := to.event("", at, message); err != nil {
				return err
			}
		case len(piece) == maxMessage:
			long = true
			skipped.add(piece)
			piece = append(piece[:0], c)
			continue
		default:
			piece = append(piece, c)
			continue
		}
		if long {
			piece, skipped, long = piece[:0], mentions{}, false
		}
		piece = piece[:0]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// withoutPrefix takes off what log tools put in front of a message: a time in
// one or two words, and the name of a stream. Nothing else: what a function
// printed in front of a stranger's text must not pass for it.
func withoutPrefix(line []byte) (message []byte, at int64) {
	message = bytes.TrimSpace(line)
	for range 3 {
		word, rest, ok := bytes.Cut(message, []byte(" "))
		if !ok || len(word) > 512 {
			return message, at
		}
		t, isTime := parseTime(string(word))
		switch {
		case isTime && at == 0:
			at = t
		case isClock(word) && at == 0, isStream(word):
		default:
			return message, at
		}
		message = bytes.TrimSpace(rest)
	}
	return message, at
}

// isStream reports whether a word is the name of a log stream of Lambda's:
// 2026/11/22/[$LATEST]0123456789abcdef…
func isStream(word []byte) bool {
	_, err := time.Parse("2006/01/02/", string(word[:min(len(word), 11)]))
	return err == nil && bytes.ContainsRune(word, '[') && bytes.ContainsRune(word, ']') &&
		!bytes.ContainsAny(word, `"{}`)
}

// isClock reports whether a word is a date or a time of day, which some tools
// print apart.
func isClock(word []byte) bool {
	for _, c := range word {
		if (c < '0' || c > '9') && !bytes.ContainsRune([]byte("-:.,+"), rune(c)) {
			return false
		}
	}
	return len(word) >= 8
}

// parseTime reads a time as a log tool writes it, in epoch milliseconds.
func parseTime(s string) (ms int64, ok bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil { // fractions are taken with any layout
			return t.UnixMilli(), true
		}
	}
	return 0, false
}
