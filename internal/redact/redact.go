// Package redact masks secrets and personal data in what a function has
// printed, before anything else sees it.
//
// What is masked becomes a short fixed mark in brackets that says what it was,
// such as [redacted jwt]. Masking is a matter of judgement: it knows the forms
// below, and nothing of a password in a sentence. Redacting what has been
// redacted changes nothing more.
//
//   - secrets: AWS access key IDs; AWS secret access keys and session tokens
//     that stand behind their name; bearer tokens; JWTs (and JWEs).
//   - all: also payment card numbers and e-mail addresses.
//   - the user's own regular expressions.
package redact

import (
	"cmp"
	"slices"
	"strings"
)

// kinds is a set of the built-in things that can be masked.
type kinds uint8

const (
	keyID      kinds = 1 << iota // an AWS access key ID
	credential                   // an AWS secret access key or session token
	bearer
	jwt
	card
	email

	secretKinds = keyID | credential | bearer | jwt
	allKinds    = secretKinds | card | email
)

// A mark is what is written for what is masked.
type mark uint8

const (
	markAny mark = iota
	markKeyID
	markSecret
	markToken
	markBearer
	markJWT
	markCard
	markEmail

	// quoted makes a string of JSON of a mark.
	quoted mark = 1 << 7

	markPrefix = "[redacted"
)

// marks need no escaping in JSON, no built-in kind finds anything in them, and
// every one begins with markPrefix.
var marks = [...]string{
	markAny:    "[redacted]",
	markKeyID:  "[redacted aws-key]",
	markSecret: "[redacted aws-secret]",
	markToken:  "[redacted aws-token]",
	markBearer: "[redacted bearer]",
	markJWT:    "[redacted jwt]",
	markCard:   "[redacted card]",
	markEmail:  "[redacted e-mail]",
}

//go:noinline
func (m mark) String() string {
	if m&quoted != 0 {
		return `"` + marks[m&^quoted] + `"`
	}
	return marks[m]
}

// A Redactor masks what its setting names. It may be used by several
// goroutines at once; its zero value masks nothing.
type Redactor struct {
	kinds       kinds
	expressions []expression // none matches the empty string
}

// Off reports whether nothing is ever masked, as by a nil Redactor.
func (r *Redactor) Off() bool {
	return r == nil || r.kinds == 0 && len(r.expressions) == 0
}

// HasExpressions reports whether there are any of the user's, which may ask
// what a value is called.
func (r *Redactor) HasExpressions() bool { return r != nil && len(r.expressions) > 0 }

// maxPasses bounds how often a text is searched again after something in it
// was masked. A mark is a new neighbour, next to which more can be found: the
// second pass nearly always finds nothing. Where the last one still does, an
// expression is eating its way through the text, and the whole is masked.
const maxPasses = 4

// String returns s with everything masked that the setting names: s itself if
// there is nothing. What is found only when escapes in s are decoded is masked
// as well. The result is at most ten times as long as s.
func (r *Redactor) String(s string) string {
	texts := [1]Text{{S: s}}
	r.Row(texts[:])
	return texts[0].S
}

// A span is a part of a text that is to be masked.
type span struct {
	start, end int
	mark       mark
}

// add adds a span. It keeps the growing of a list out of every place that finds
// something.
//
//go:noinline
func add(spans []span, start, end int, mark mark) []span {
	return append(spans, span{start, end, mark})
}

// find returns what is to be masked in s, in order and without overlaps; nil,
// without allocating, if there is nothing.
func (r *Redactor) find(s string, c context) []span {
	named := mentioned(s, r.kinds)
	spans := r.appendVisible(nil, s, named, c)
	if r.mayHide(s, named != 0 || c != noContext) {
		spans = r.appendHidden(spans, s, c)
	}
	return merge(spans)
}

// appendVisible adds what is found in s as it is.
func (r *Redactor) appendVisible(spans []span, s string, named kinds, c context) []span {
	if named != 0 || c != noContext {
		spans = scan(spans, s, named, c)
	}
	for _, e := range r.expressions {
		spans = appendMatches(spans, e, s)
	}
	return spans
}

// appendHidden adds what is found in s when its escapes are decoded.
func (r *Redactor) appendHidden(spans []span, s string, c context) []span {
	v := &view{text: s}
	for range maxViews {
		if v = v.decoded(false); v == nil {
			break
		}
		from := len(spans)
		spans = r.appendVisible(spans, v.text, mentioned(v.text, r.kinds), c)
		v.placeAll(spans[from:])
	}
	return spans
}

// mentioned returns those kinds of wanted that may occur in s, going by what
// must be there. This is the price of every line, so it looks for the rarest
// bytes, with what the processor has for that.
func mentioned(s string, wanted kinds) kinds {
	var found kinds
	if wanted&keyID != 0 && indexKeyID(s) >= 0 {
		found |= keyID
	}
	if wanted&credential != 0 && indexCredentialName(s) >= 0 {
		found |= credential
	}
	if wanted&bearer != 0 && indexBearer(s) >= 0 {
		found |= bearer
	}
	if wanted&jwt != 0 && indexJWT(s) >= 0 {
		found |= jwt
	}
	if wanted&card != 0 && hasCard(s) {
		found |= card
	}
	if wanted&email != 0 && strings.IndexByte(s, '@') >= 0 {
		found |= email
	}
	return found
}

// scan adds what is found of the given kinds in s, in no order. Each scanner
// looks at a byte a bounded number of times, whatever s is.
func scan(spans []span, s string, named kinds, c context) []span {
	if named&keyID != 0 {
		spans = appendKeyIDs(spans, s)
	}
	if named&credential != 0 || c == secretContext || c == tokenContext {
		spans = appendCredentials(spans, s, c)
	}
	if named&bearer != 0 {
		spans = appendBearers(spans, s, c)
	}
	if named&jwt != 0 {
		spans = appendJWTs(spans, s)
	}
	if named&card != 0 {
		spans = appendCards(spans, s)
	}
	if named&email != 0 {
		spans = appendEmails(spans, s)
	}
	return spans
}

// merge sorts the spans and joins those that overlap, under the mark of the
// first and longest. The user's that touch are joined too: an expression for
// one character must not blow a text up.
func merge(spans []span) []span {
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(a.start-b.start, b.end-a.end)
	})
	merged := spans[:1]
	for _, s := range spans[1:] {
		last := &merged[len(merged)-1]
		touching := s.start == last.end && s.mark == markAny && last.mark == markAny
		if s.start < last.end || touching {
			last.end = max(last.end, s.end)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// mask returns s with the spans replaced by their marks.
func mask(s string, spans []span) string {
	b := make([]byte, 0, len(s)+len(marks[markSecret])*len(spans))
	from := 0
	for _, m := range spans {
		b = append(append(b, s[from:m.start]...), m.mark.String()...)
		from = m.end
	}
	return string(append(b, s[from:]...))
}
