package redact

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The words of the setting. An expression that is spelt like one is written
// in parentheses.
const (
	wordOff     = "off"
	wordSecrets = "secrets"
	wordAll     = "all"
)

// New returns the Redactor for a value of LOGTABLE_REDACT, a list separated by
// semicolons of words and of RE2 regular expressions:
//
//   - "secrets" masks secrets. It holds unless another word is there, so also
//     for "" and beside expressions;
//   - "all" masks secrets, card numbers and e-mail addresses;
//   - "off" masks none of these: nothing, or what expressions find;
//   - anything else is an expression (a literal semicolon is written \;).
//
// White space around an expression does not belong to it, case matters unless
// it says (?i), and it must not match the empty string. It sees each text, with
// names and their values in the fields, and numbers. An error is one line that
// says what to write instead; the Redactor is nil then.
func New(setting string) (*Redactor, error) {
	r := &Redactor{}
	off := false
	for _, part := range split(setting) {
		switch strings.ToLower(part) {
		case wordSecrets:
			r.kinds |= secretKinds
		case wordAll:
			r.kinds |= allKinds
		case wordOff:
			off = true
		default:
			e, err := compile(part)
			if err != nil {
				return nil, err
			}
			r.expressions = append(r.expressions, e)
		}
	}
	switch {
	case off && r.kinds != 0:
		return nil, errors.New(`cannot combine off with secrets or all; write only one of them`)
	case !off && r.kinds == 0:
		r.kinds = secretKinds
	}
	return r, nil
}

// split cuts a setting at each ; that is not escaped, and unescapes those that
// are. Parts that are empty are left out.
func split(setting string) []string {
	var parts []string
	var part strings.Builder
	flush := func() {
		if p := strings.TrimSpace(part.String()); p != "" {
			parts = append(parts, p)
		}
		part.Reset()
	}
	for i := 0; i < len(setting); i++ {
		switch c := setting[i]; {
		case c == ';':
			flush()
		case c == '\\' && i+1 < len(setting):
			i++ // another backslash, for one, does not escape what follows it
			if setting[i] != ';' {
				part.WriteByte(c)
			}
			part.WriteByte(setting[i])
		default:
			part.WriteByte(c)
		}
	}
	flush()
	return parts
}

func compile(text string) (expression, error) {
	if word := meant(text); word != "" {
		return expression{}, fmt.Errorf("cannot tell whether %s is a keyword or an expression; write %s, or %s for "+
			"the expression", quote(text), word, quote("("+text+")"))
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return expression{}, uncompiled(text, err)
	}
	if matchesEmpty(tree) {
		return expression{}, fmt.Errorf("cannot use the expression %s: it matches the empty string, and so "+
			"everywhere; write one that needs at least one character, such as x+ for x*", quote(text))
	}
	e, err := regexp.Compile(text)
	if err != nil {
		return expression{}, uncompiled(text, err)
	}
	return expression{e, isUnbounded(tree), isAnchored(tree)}, nil
}

func uncompiled(text string, err error) error {
	return fmt.Errorf("cannot compile the expression %s: %s; %s", quote(text), reason(err, text), advice(err))
}

// meant returns the setting that somebody probably had in mind who wrote a
// word that would do harm as an expression, "" if the word is none of those:
// LOGTABLE_REDACT=0 would mask every zero, and nothing else.
func meant(expression string) string {
	switch lower := strings.ToLower(expression); lower {
	case "0", "no", "none", "false", "disabled":
		return wordOff
	case "1", "yes", "on", "true", "enabled", "default", "secret":
		return wordSecrets
	default:
		for part := range strings.SplitSeq(lower, ",") {
			switch part = strings.TrimSpace(part); part {
			case wordSecrets, wordAll, wordOff:
				return part + " alone or with ; for the comma"
			}
		}
	}
	return ""
}

// reason returns the regexp package's reason, without the expression if it is
// about all of it: the message has named that already.
func reason(err error, expression string) string {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Expr == "" || e.Expr == expression {
		return e.Code.String()
	}
	return e.Code.String() + " at " + quote(e.Expr)
}

func advice(err error) string {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return `write RE2 syntax`
	}
	switch e.Code {
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		return `close every ( with a ), and write a literal one as \( or \), a literal ; as \;`
	case syntax.ErrMissingBracket:
		return `close the [ with a ], or write a literal one as \[; a literal ; as \;`
	case syntax.ErrMissingRepeatArgument, syntax.ErrInvalidRepeatOp:
		return `write a literal *, + or ? with a backslash before it`
	case syntax.ErrTrailingBackslash:
		return `write a literal backslash as \\`
	case syntax.ErrInvalidRepeatSize, syntax.ErrLarge, syntax.ErrNestingDepth:
		return `write a smaller one: RE2 repeats at most 1000 times`
	case syntax.ErrInvalidPerlOp, syntax.ErrInvalidNamedCapture:
		return `write it without look-around, which RE2 does not support`
	case syntax.ErrInvalidEscape:
		return `write it without back-references, which RE2 does not support, and a literal backslash as \\`
	}
	return `write RE2 syntax`
}

// quote quotes text for a message of one line and bounded length.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r == '"' || r == utf8.RuneError || unicode.IsControl(r) }) {
		return `"` + s + `"` // %q would double each backslash
	}
	return fmt.Sprintf("%q", s)
}

// matchesEmpty reports whether an expression may match without consuming a
// character.
func matchesEmpty(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpNoMatch:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return matchesEmpty(e.Sub[0])
	case syntax.OpRepeat:
		return e.Min == 0 || matchesEmpty(e.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(e.Sub, func(sub *syntax.Regexp) bool { return !matchesEmpty(sub) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(e.Sub, matchesEmpty)
	}
	return true // *, ?, and what only asserts: ^ $ \b and their like
}

// isUnbounded reports whether there is no bound to the length of a match.
func isUnbounded(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpStar, syntax.OpPlus:
		return true
	case syntax.OpRepeat:
		if e.Max < 0 {
			return true
		}
	}
	return slices.ContainsFunc(e.Sub, isUnbounded)
}

// isAnchored reports whether an expression asks where a text or line begins or
// ends.
func isAnchored(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return true
	}
	return slices.ContainsFunc(e.Sub, isAnchored)
}
