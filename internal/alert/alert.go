// Package alert tells people of severe records, without a storm: one message
// for a kind of record and window, whatever the number of environments, and at
// most so many a window for the function as a whole.
//
// It knows neither Lambda nor the store. Package agent hands it an Alert when
// the row is safe; a Lock decides, over all environments, whether it is sent
// now; a Channel carries it.
package alert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// An Alert is a record that somebody is to be told of.
type Alert struct {
	Time                       time.Time
	Level, Module, Locator     string
	Text, Exception, RequestID string
	Configured                 bool      // for the configured topics
	Requests                   []Request // what the line asks for by itself
	ErrorsTable                bool      // which table has the row
	Date, StampMod             string    // the row's key; set when the row is safe

	key        string // of its group
	deliveries []delivery
	ready      bool      // the row is safe
	retryAt    time.Time // not before: another environment is about to send it
	slotUntil  time.Time // it has its place in the window that ends then
	granted    string    // the window in which it has been sent in part; "" for not yet
	more       Held      // like this one, while it waits
	full       time.Time // it is the notice that the others are held back until then
	busySince  time.Time // the lock has been too busy to answer
	tried      bool      // since the end began
	why        string    // what kept it from being sent
}

// A delivery is an alert on its way to one topic.
type delivery struct {
	topic   Topic
	message string // what a line asks to be said; "" for the configured topics
	own     bool   // asked for by the line
	done    bool
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

// less takes out what has been told of; what came meanwhile stays.
func (h *Held) less(told Held) {
	if h.Count -= told.Count; h.Count <= 0 {
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

	// Group and Once are for channels that keep order and drop duplicates:
	// messages with the same Once are the same message.
	Group, Once string
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
	// Granted: send it.
	Granted Verdict = iota
	// Sent: somebody has sent one in this window, which ends at Answer.Until.
	Sent
	// Leased: somebody is about to send one; whether he did shows at
	// Answer.Until at the latest.
	Leased
	// Last: the function's last one in this window has been sent; say so, once.
	Last
	// Full: as Last, and somebody has said so.
	Full
)

// An Answer is what a Lock says.
type Answer struct {
	Verdict Verdict
	Until   time.Time // end of the window or of the lease
	Held    Held      // what all environments held back in the window before
	// Window names the window, the same for all who send in it.
	Window string
}

// A Lock decides for all environments of a function. Its methods are called
// from one goroutine. Groups are hashes.
type Lock interface {
	// Acquire asks to send for a group. Granted holds for Lease.
	Acquire(ctx context.Context, group string) (Answer, error)
	// Slot takes one of the function's places in this window: Granted, Last or
	// Full.
	Slot(ctx context.Context) (Answer, error)
	// Sent says that what Acquire granted is done, and what was told of.
	Sent(ctx context.Context, group string, told Held) error
	// Release gives back what Acquire granted.
	Release(ctx context.Context, group string) error
	// Count adds what this environment held back.
	Count(ctx context.Context, group string, held Held) error
}

// ErrBusy is what a Lock returns when too many ask at once. That is no reason to
// decide alone: whoever asks in a storm is one of many.
var ErrBusy = errors.New("too many environments ask at once")

// Lease is how long Acquire's grant holds: a sender that dies mutes others no
// longer.
const Lease = 30 * time.Second

// group is the hash of what alerts of one kind have in common: 128 bits, which
// forged locators cannot make collide.
func (a *Alert) group() string {
	h := sha256.New()
	for _, part := range []string{a.Module, a.Locator, a.Level} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// plan sets the deliveries: what the line asks for, and the configured topics
// that it does not ask for.
func (a *Alert) plan(configured []Topic) {
	asked := map[string]bool{}
	for _, r := range a.Requests {
		for _, t := range r.Topics {
			if key := t.ARN + " " + r.Message; !asked[key] {
				asked[key], asked[t.ARN] = true, true
				a.deliveries = append(a.deliveries, delivery{topic: t, message: r.Message, own: true})
			}
		}
	}
	for _, t := range configured {
		if a.Configured && !asked[t.ARN] {
			a.deliveries = append(a.deliveries, delivery{topic: t})
		}
	}
}

// size is what the alert takes in memory, about.
func (a *Alert) size() int {
	n := 512 + len(a.Text) + len(a.Exception)
	for _, r := range a.Requests {
		n += len(r.Message) + 128*len(r.Topics)
	}
	return n
}
