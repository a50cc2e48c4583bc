package store

import (
	"time"

	"github.com/logtable/logtable/internal/row"
)

// sayEvery is how often losses become a record, at most.
const sayEvery = 10 * time.Second

// A Loss says of which level records were lost and why. "Why" is short and
// fixed, so that counts stay few.
type Loss struct {
	Level  string
	Reason string
}

// A tally counts what became of lines. Store.mu guards it.
type tally struct {
	report       Reporter
	written      int
	writtenByAge int          // written, when Store.Age was called last
	lost         map[Loss]int // in all
	unsaid       map[Loss]int // not stored as a record yet
	saidAt       time.Time    // when losses were last made a record
}

// lose counts a record that will not be stored.
func (t *tally) lose(r *record, reason string) {
	if r.Lines() > 1 {
		if lines, err := r.Unpack(); err == nil {
			for _, line := range lines {
				t.loseLevel(line.Level(), reason)
			}
			return
		}
	}
	t.loseLevel(r.Level(), reason)
}

// loseUnread counts n records of which nothing is known.
func (t *tally) loseUnread(n int, reason string) {
	for range n {
		t.loseLevel(row.UnknownLevel, reason)
	}
}

func (t *tally) loseLevel(level, reason string) {
	t.lost[Loss{level, reason}]++
	t.unsaid[Loss{level, reason}]++
	t.report.Fail("lost "+reason, "rows are lost: "+reason,
		"the row logtable.lost and the end of this environment's log say how many", "level", level)
}

// due returns the losses of which a record is to be made now, and takes them
// for said; nil if there are none, or the last record is not long ago and more
// of them can follow.
func (t *tally) due(now time.Time, last bool) map[Loss]int {
	if len(t.unsaid) == 0 || !last && now.Sub(t.saidAt) < sayEvery {
		return nil
	}
	t.saidAt = now
	losses := t.unsaid
	t.unsaid = make(map[Loss]int)
	return losses
}
