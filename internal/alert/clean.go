package alert

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/logtable/logtable/internal/traceid"
)

// The most that a message has of each member that a function prints, in bytes:
// with the texts' own limit, and what Lambda and the settings bound, a message
// fits into SNS's 256 KB whatever was printed.
const (
	maxLevel   = 64
	maxModule  = 128 // as in a row's key
	maxLocator = 1 << 10
	maxRequest = 256
	maxKey     = 256 // of date and stamp_mod each
)

// clean takes out what a terminal, a mail program or a reader could be misled
// by, in whatever goes to people: control and formatting characters (Unicode's
// Cc, Cf, Zl and Zp, so all that turn the direction of writing), line ends and
// tabs excepted, and what is not a character. Each becomes a space. The joiner
// within an emoji stays, between letters it does not: there it hides.
//
// Everything that is sent goes through here, at the latest in seal.
func clean(s string) string {
	if !strings.ContainsFunc(s, misleads) && utf8.ValidString(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	b.Grow(len(s))
	var last rune
	for i, r := range s { // invalid UTF-8 becomes U+FFFD
		if misleads(r) && !(r == joiner && pictorial(last) && pictorial(after(s[i:]))) {
			r = ' '
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

// joiner is the zero-width joiner.
const joiner = '\u200d'

func misleads(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x7f:
		return r < ' '
	case r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef: // no characters
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// pictorial reports whether a joiner may stand beside the character: emoji are
// symbols, with a variation selector or a skin tone behind.
func pictorial(r rune) bool {
	return r == '\ufe0f' || r >= 0x2190 && r != utf8.RuneError && unicode.In(r, unicode.So, unicode.Sk)
}

// after is the character behind the first one.
func after(s string) rune {
	_, size := utf8.DecodeRuneInString(s)
	r, _ := utf8.DecodeRuneInString(s[size:])
	return r
}

// line is clean text in one line.
func line(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// brief is line of at most so many bytes.
func brief(s string, most int) string {
	s = line(s)
	if len(s) <= most {
		return s
	}
	const mark = "…"
	return whole(s, most-len(mark)) + mark
}

// whole is the head of s of at most n bytes, characters not broken.
func whole(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// cleaned is the alert as people may see it, each member within its bound but
// for the texts.
func (a *Alert) cleaned() *Alert {
	c := *a
	c.Level, c.Module = brief(a.Level, maxLevel), brief(a.Module, maxModule)
	c.Locator, c.RequestID = brief(a.Locator, maxLocator), brief(a.RequestID, maxRequest)
	if !traceid.Valid(a.TraceID) { // masked, for example
		c.TraceID = ""
	}
	c.Date, c.StampMod = brief(a.Date, maxKey), brief(a.StampMod, maxKey)
	c.Text, c.Exception = clean(a.Text), clean(a.Exception)
	return &c
}

// seal cleans a finished message once more, whatever it was made of.
func (m Message) seal() Message {
	m.Subject, m.Short, m.Group = subject(m.Subject), subject(m.Short), line(m.Group)
	m.Text, m.Data = clean(m.Text), clean(m.Data)
	m.Level, m.Module, m.Locator = line(m.Level), line(m.Module), line(m.Locator)
	return m
}
