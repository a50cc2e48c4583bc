package replay

import (
	"slices"
	"strings"
)

// A Report says what a log held.
type Report struct {
	Events   int // messages, or lines of a log without messages
	Records  int // taken
	Unsigned int // of them: taken though nothing proves that they are Logtable's
	Repeated int // lines that the log has twice
	Missing  int // lines that Logtable has signed and the log does not have
	Notes    []Note
}

// A Note says how many records, or parts of the log that may hold some, were
// seen and not taken, and why.
type Note struct {
	Why    string
	Advice string // "" if nothing can be done
	Count  int
	First  int // the place of the first: the number of its message
}

// A reason is why a record is not taken.
type reason string

const (
	unsigned       reason = "not signed: an older Logtable wrote them, or the function did"
	noCommitment   reason = "signed, but the log lacks the first line of Logtable's process"
	lateCommitment reason = "signed, but the first line of Logtable's process comes " +
		"at a time when the function could have printed it, too (a restart, a restored snapshot, another " +
		"environment, or a log without its beginning)"
	unproven   reason = "signed, but the log does not show when the invocations began"
	noKey      reason = "signed, but the log lacks the later line with the key"
	afterKey   reason = "after the line with the key, where anyone can sign"
	forged     reason = "the signature does not match: forged, changed in transit, or from another process"
	disordered reason = "signed, but the log is not in chronological order, so it is unclear what came first"
	mixedForms reason = "signed, but the log mixes formats, so it is unclear who wrote what"
	repeated   reason = "twice"

	inside      reason = "inside another line, where a function can print anything"
	tooLong     reason = "in a message of more than 4 MiB"
	cutOff      reason = "the log ends in the middle"
	notJSON     reason = "the log starts as JSON but is not JSON from here on, so the rest was read as lines"
	broken      reason = "cut off, or not in Logtable's format"
	newerRecord reason = "written by a newer Logtable"
)

const (
	wholeStream = "pass the whole stream, as JSON and with Lambda's own lines: see logtable replay --help"
	orUnsigned  = "or, if you trust everything the function printed, use --unsigned"
)

var advice = map[reason]string{
	unsigned:       "if you trust everything the function printed, use --unsigned",
	noCommitment:   wholeStream + "; " + orUnsigned,
	lateCommitment: wholeStream + "; " + orUnsigned,
	unproven:       wholeStream + "; " + orUnsigned,
	noKey:          wholeStream + "; " + orUnsigned,
	afterKey:       orUnsigned[len("or, "):],
	disordered:     "sort it, oldest first; " + orUnsigned,
	mixedForms:     orUnsigned[len("or, "):],
	inside:         "if a log tool has put it there, take it out first, for example with jq -r .message",
	cutOff:         "fetch it again",
	newerRecord:    "install that version of logtable",
}

// maxReasons bounds the notes: errors tell what was in a record.
const maxReasons = 100

// notes collects what was not taken.
type notes struct {
	order []reason
	all   map[reason]*Note
}

func (n *notes) add(why reason, event uint64) {
	if n.all == nil {
		n.all = map[reason]*Note{}
	}
	if n.all[why] == nil {
		if len(n.order) >= maxReasons {
			why = broken
		}
		if n.all[why] == nil {
			n.order = append(n.order, why)
			n.all[why] = &Note{Why: string(why), Advice: advice[why], First: int(event)}
		}
	}
	n.all[why].Count++
}

// list returns the notes, the most frequent first.
func (n *notes) list() []Note {
	var list []Note
	for _, why := range n.order {
		list = append(list, *n.all[why])
	}
	slices.SortStableFunc(list, func(a, b Note) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Why, b.Why)
	})
	return list
}
