package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/traceid"
)

// A pending alert waits to be sent, or is the notice that others are held back.
type pending struct {
	*Alert
	key        string // of its group
	deliveries []delivery
	size       int // of all of it when it was taken, in bytes, about

	// The Sender's mu guards these, and done of the deliveries.
	ready    bool      // the row is safe
	retryAt  time.Time // not before
	attempts int       // publishes that failed
	more     Held      // like this one, while it waits
	past     past      // of its cause; only the run changes it, and reads it without mu

	// These belong to the run.
	noticeUntil time.Time // of a notice: until when others are held back
	placesUntil time.Time // it has its places in the window that ends then
	granted     string    // the window in which it is being sent; "" for not yet
	partly      bool      // some of its deliveries found no place
	busySince   time.Time // the lock has been too busy to answer
	why         string    // what kept it from being sent
}

// isNotice reports whether this is the notice that others are held back.
func (p *pending) isNotice() bool { return !p.noticeUntil.IsZero() }

// A delivery is an alert on its way to one topic.
type delivery struct {
	topic   Topic
	message string // what a line asks to be said; "" for the configured topics
	own     bool   // asked for by the line
	done    bool
}

// What a pending alert takes beside its texts, and each of its deliveries,
// whose topic stands in the line's requests, too: bytes, about.
const (
	pendingBytes  = 1 << 10
	deliveryBytes = 256
)

// newPending plans the deliveries of an alert, and takes off what no message
// would have. It has no key yet.
func newPending(a *Alert, configured []Topic) *pending {
	p := &pending{Alert: a}
	p.plan(configured)
	return p
}

// plan sets the deliveries: the configured topics, then what else the line asks
// for, which may be forged and gets the places that are left. What it asks for
// goes to a configured topic in place of the alert.
func (p *pending) plan(configured []Topic) {
	asked := map[string]bool{}
	for _, r := range p.Requests {
		for _, t := range r.Topics {
			if key := t.ARN + " " + r.Message; !asked[key] {
				asked[key], asked[t.ARN] = true, true
				p.deliveries = append(p.deliveries, delivery{topic: t, message: r.Message, own: true})
			}
		}
	}
	var first []delivery
	for _, t := range configured {
		if !p.Configured {
			break
		}
		if i := slices.IndexFunc(p.deliveries, func(d delivery) bool { return d.topic.ARN == t.ARN }); i >= 0 {
			first = append(first, p.deliveries[i])
			p.deliveries = slices.Delete(p.deliveries, i, i+1)
		} else if !asked[t.ARN] {
			first = append(first, delivery{topic: t})
		}
	}
	p.deliveries = append(first, p.deliveries...)
}

// prepare gives the alert the key of its group, and bounds it: what is longer
// than any message shows goes, and its memory with it.
func (p *pending) prepare() {
	p.key = p.group()
	p.Level, p.Module = bounded(p.Level, maxLevel), bounded(p.Module, maxModule)
	p.Locator, p.RequestID = bounded(p.Locator, maxLocator), bounded(p.RequestID, maxRequest)
	p.TraceID = bounded(p.TraceID, traceid.Length)
	p.Date, p.StampMod = "", "" // not known yet
	if tail := lastLines(p.Exception); len(tail) < len(p.Exception) {
		p.Exception = strings.Clone(tail)
	}
	p.Version = bounded(p.Version, cause.MaxVersion)
	p.size = pendingBytes + len(p.Level) + len(p.Module) + len(p.Locator) + len(p.RequestID) + len(p.Version) +
		len(p.TraceID) + len(p.Text) + len(p.Exception)
	for _, r := range p.Requests {
		p.size += len(r.Message)
		for _, t := range r.Topics {
			p.size += len(t.ARN)
		}
	}
	p.size += deliveryBytes * len(p.deliveries)
}

// bounded is s, or of a longer one as much as shows that there was more.
func bounded(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.Clone(s[:most+1])
}

// group is the hash of what alerts of one kind have in common: 128 bits, which
// forged locators cannot make collide.
func (a *Alert) group() string {
	return hex.EncodeToString(hash([]string{a.Module, a.Locator, a.Level})[:16])
}

// hash is the SHA-256 of texts, each with its end.
func hash(parts []string) []byte {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}

// left is how many deliveries are not made.
func (p *pending) left() (n int) {
	for i := range p.deliveries {
		if !p.deliveries[i].done {
			n++
		}
	}
	return n
}

// begun reports whether some delivery has been made.
func (p *pending) begun() bool { return p.left() < len(p.deliveries) }

// trim holds the deliveries back that have not been made and found no place
// among the n there are.
func (p *pending) trim(n int) {
	p.deliveries = slices.DeleteFunc(p.deliveries, func(d delivery) bool {
		if d.done {
			return false
		}
		n--
		if n < 0 {
			p.partly = true
		}
		return n < 0
	})
}
