package cause

import (
	"slices"
	"strings"
	"time"
)

// Limits of a State, which keep its item below 25 KB.
const (
	MaxNote     = 512 // bytes
	MaxBy       = 64  // bytes
	MaxVersions = 20
	MaxHistory  = 20
	// MaxVersion is what a row has of a version at most, in bytes.
	MaxVersion = 64
	// maxState is what is shown of a state that a newer version may know.
	maxState = 32
)

// What somebody may have said of a cause: the attribute state.
const (
	Open     = "open"     // it was resolved or ignored, and is no more
	Resolved = "resolved" // no error of it is expected after this
	Ignored  = "ignored"  // until Until, nobody wants to hear of it
)

// The attributes of a State's item, beside the key and the message, which says
// the same in words: readers of rows see a line. No item has an expiry.
const (
	AttrState    = "state"    // S: Open, Resolved or Ignored
	AttrRev      = "rev"      // N: 1 for the first; every write is conditional on it
	AttrBy       = "by"       // S: who said so; at most MaxBy bytes
	AttrAt       = "at"       // N: when, in epoch milliseconds
	AttrUntil    = "until"    // N: epoch milliseconds; Ignored only
	AttrNote     = "note"     // S: why; at most MaxNote bytes; absent if empty
	AttrVersions = "versions" // L of S: those seen before it was resolved; Resolved only
	AttrHistory  = "history"  // L of M of the above, without versions: what was said before, the newest first
)

// A State is what has been said of a cause. The zero State is that of a cause
// of which nobody has said anything.
type State struct {
	ID
	Change
	// Versions of the function's code that had shown the error before it was
	// resolved: whoever still runs one of them may show it again. At most
	// MaxVersions of MaxVersion bytes.
	Versions []string
	// History is what was said before, the newest first, at most MaxHistory.
	History []Change
}

// A Change is what somebody said of a cause, and when.
type Change struct {
	State string // Open, Resolved or Ignored; "" for nothing
	Rev   int64  // 1 for the first, 0 for none
	By    string
	At    time.Time // to the millisecond
	Until time.Time // Ignored only
	Note  string
}

// Next returns the state after somebody has said something more; c.Rev is set.
// It is to be written on condition that the item still has the Rev of s, or is
// not there if that is 0.
func (s State) Next(c Change, versions []string) State {
	next := State{ID: s.ID, Change: c}
	next.Rev = s.Rev + 1
	if c.State == Resolved {
		next.Versions = versions[:min(len(versions), MaxVersions)]
	}
	if s.Rev > 0 {
		next.History = append([]Change{s.Change}, s.History[:min(len(s.History), MaxHistory-1)]...)
	}
	return next
}

// Message is the state in words, as a row has them: "CAUSE: (7) resolved by
// ada: fixed in 41".
func (s *State) Message() string { return "CAUSE: (" + s.Locator + ") " + s.Words() }

// Words are the change in words: "resolved by ada: fixed in 41".
func (c *Change) Words() string {
	words := c.State
	if words == Open {
		words = "reopened"
	}
	if c.By != "" {
		words += " by " + c.By
	}
	if !c.Until.IsZero() {
		words += " until " + c.Until.UTC().Format(time.RFC3339)
	}
	if c.Note != "" {
		words += ": " + c.Note
	}
	return words
}

// A Standing is how a cause stands, with what has been seen of it since
// somebody said something. A greater one outweighs a smaller one.
type Standing int

const (
	_ Standing = iota
	// IsIgnored: nobody wants to hear of it yet.
	IsIgnored
	// IsResolved: not seen since it was resolved.
	IsResolved
	// IsStillSeen: seen since it was resolved, but only in versions that had
	// shown it before.
	IsStillSeen
	// IsOpen: nobody has said anything that holds.
	IsOpen
	// CameBack: seen again after it was resolved.
	CameBack
)

func (s Standing) String() string {
	return [...]string{"", "ignored", "resolved", "still seen", "open", "came back"}[s]
}

// NeedsAttention reports whether somebody has something to do: the cause is
// open, or came back.
func (s Standing) NeedsAttention() bool { return s >= IsOpen }

// Judge returns how the cause stands if an error was seen at a time in a
// version ("" if not known). Of many errors, the greatest counts; of none, see
// Quiet.
func (s *State) Judge(now, seen time.Time, version string) Standing {
	standing := s.Quiet(now)
	switch {
	case standing != IsResolved || !seen.After(s.At):
		return standing
	case version != "" && slices.Contains(s.Versions, version):
		return IsStillSeen
	}
	return CameBack
}

// Quiet returns how the cause stands if no error was seen since somebody said
// something.
func (s *State) Quiet(now time.Time) Standing {
	switch {
	case s.State == Resolved:
		return IsResolved
	case s.State == Ignored && now.Before(s.Until):
		return IsIgnored
	}
	return IsOpen
}

// Line is a note or a name as it is stored: one line of printable characters.
// It may be longer than MaxNote or MaxBy.
func Line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
