// Package alert notifies people of severe records, without a storm: one message
// for a kind of record and window, whatever the number of environments, and at
// most so many publishes a window for the function as a whole.
//
// It knows neither Lambda nor the store. Package agent hands it an Alert when
// the row is safe; a Lock decides, over all environments, whether it is sent
// now; a Channel carries it.
package alert

import (
	"context"
	"errors"
	"time"
)

// An Alert is a record that people are to be notified of. Its members are as
// the function printed them: whatever goes to people is cleaned when the
// message is made.
type Alert struct {
	Time                       time.Time
	Level, Module, Locator     string
	Text, Exception, RequestID string
	TraceID                    string    // as package traceid has it; "" if not known
	Version                    string    // of the function's code, as the row has it; "" if not known
	Configured                 bool      // for the configured topics
	Requests                   []Request // what the line asks for by itself
	ErrorsTable                bool      // which table has the row
	Date, StampMod             string    // the row's key; set when the row is safe
}

// Held says how many alerts were held back, and when the first and the last of
// them came.
type Held struct {
	Count       int
	First, Last time.Time
}

// add counts one more.
func (h *Held) add(at time.Time) { h.join(Held{1, at, at}) }

// join counts others as well.
func (h *Held) join(more Held) {
	if more.Count <= 0 {
		return
	}
	if h.Count == 0 || more.First.Before(h.First) && !more.First.IsZero() {
		h.First = more.First
	}
	if more.Last.After(h.Last) {
		h.Last = more.Last
	}
	h.Count += more.Count
}

// less takes out what has been reported; what came meanwhile stays.
func (h *Held) less(reported Held) {
	if h.Count -= reported.Count; h.Count <= 0 {
		*h = Held{}
		return
	}
	h.First = h.Last
}

// A Message is what a Channel carries: the same thing for different readers.
type Message struct {
	Topic   Topic
	Subject string // one line of less than 100 printable ASCII characters
	Text    string // everything, for a person
	Short   string // for a text message
	Data    string // everything, for a program: a JSON object

	Level, Module, Locator string // for filters

	// Group and DeduplicationID are for channels that keep order and drop
	// duplicates: messages with the same ID are the same message.
	Group, DeduplicationID string
}

// A Channel carries messages to people. Its methods are called from one
// goroutine.
type Channel interface {
	// Fits reports whether the message is within the channel's limit of size.
	Fits(Message) bool
	// Publish sends one message. An error that is a *Refusal will stay as it
	// is; any other may pass.
	Publish(context.Context, Message) error
}

// A Refusal is a failure to publish that no repetition will mend.
type Refusal struct {
	Why    string // in words, without anybody's data
	Advice string // what to do
}

func (r *Refusal) Error() string {
	if r.Advice == "" {
		return r.Why
	}
	return r.Why + ": " + r.Advice
}

// A Verdict is a Lock's answer.
type Verdict int

const (
	// Undecided is the zero Verdict and never an answer: an Answer that nobody
	// has filled in must not read as leave to send.
	Undecided Verdict = iota
	// Granted: send it.
	Granted
	// Sent: somebody has sent one in this window, which ends at Answer.Until.
	Sent
	// Leased: somebody is about to send one; whether he did shows at
	// Answer.Until at the latest.
	Leased
	// Last: fewer places than asked for are left in this window, and this is
	// the first to be told: say so, once.
	Last
	// Full: as Last, and somebody has said so.
	Full
)

// An Answer is what a Lock says.
type Answer struct {
	Verdict Verdict
	Until   time.Time // end of the window or of the lease
	// Places is how many of the places asked for were granted: all of them with
	// Granted, fewer with Last, maybe none, and none with Full.
	Places int
	// Held is what all environments held back in the window before: of the
	// group (Acquire), or of all groups that are counted together (Places).
	Held Held
	// Window names the window, the same for all who send in it.
	Window string
}

// A Lock decides for all environments of a function. Its methods are called
// from one goroutine. Groups are hashes.
type Lock interface {
	// Acquire asks to send for a group: Granted, Sent or Leased. Granted holds
	// for Lease.
	Acquire(ctx context.Context, group string) (Answer, error)
	// Places takes up to n of the function's places in this window, one for
	// each publish to a topic: Granted, Last or Full.
	Places(ctx context.Context, n int) (Answer, error)
	// Sent says that what Acquire granted is done, and which of the alerts that
	// were held back the message reports.
	Sent(ctx context.Context, group string, reported Held) error
	// Release gives back what Acquire granted.
	Release(ctx context.Context, group string) error
	// Count adds what this environment held back of a group; with the group
	// Others, of all that are counted together.
	Count(ctx context.Context, group string, held Held) error
}

// Others stands for all groups that have no count of their own: there may be
// more of them than anybody wants to count one by one.
const Others = ""

// ErrBusy is what a Lock returns when too many ask at once. That is no reason
// to decide alone: whoever asks in a storm is one of many.
var ErrBusy = errors.New("too many environments are asking at once")

const (
	// Lease is how long Acquire's grant holds: a sender that dies mutes others
	// no longer.
	Lease = 30 * time.Second
	// Skew is how far the clocks of a function's environments may be apart.
	// What lies further ahead is the error of a clock, and muting everybody
	// until then would be worse than a message too many.
	Skew = time.Minute
)

// ahead reports whether now is before until, which cannot rightly be more than
// most away: a clock has jumped then, and until is over.
func ahead(now, until time.Time, most time.Duration) bool {
	return now.Before(until) && !until.After(now.Add(most))
}
