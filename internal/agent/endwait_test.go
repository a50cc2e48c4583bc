package agent

import (
	"testing"
	"time"
)

// TestDecide holds what is done about an invocation's end, from what is known.
// Times are in milliseconds after INVOKE; the deadline is at 9,800, and a hold
// lasts 2,000 at most.
func TestDecide(t *testing.T) {
	type facts struct {
		trust           trust
		afterNext, noop bool
		endSeen, unread int // 0: not yet
		reset, reading  bool
		deadline, flush int // 0: those of the test
	}
	for _, tc := range []struct {
		name  string
		facts facts
		now   int
		what  decision
		until int
	}{
		{"the end is waited for to the deadline", facts{trust: proven}, 100, keepWaiting, 9800},
		{"and not beyond", facts{trust: proven}, 9800, noEndCame, 9800},
		{"an end is held for", facts{trust: proven, endSeen: 500}, 500, holdAndWrite, 2500},
		{"whatever is believed", facts{trust: doubted, endSeen: 500}, 500, holdAndWrite, 2500},
		{"even if nobody listens", facts{trust: notExpected, endSeen: 500}, 500, holdAndWrite, 2500},
		{"shortly if a reset follows", facts{trust: proven, endSeen: 500, reset: true}, 500, holdAndWrite, 800},
		{"the body that told of it is read first", facts{trust: proven, endSeen: 500, reading: true}, 600, keepWaiting,
			2500},
		{"for as long as a hold", facts{trust: proven, endSeen: 500, reading: true}, 2500, holdAndWrite, 2500},
		{"a short flush", facts{trust: proven, endSeen: 500, flush: 100}, 500, holdAndWrite, 600},

		{"without any sign, two seconds", facts{trust: unproven}, 100, keepWaiting, 2000},
		{"are enough", facts{trust: unproven}, 2000, noSignCame, 2000},
		{"or the deadline", facts{trust: unproven, deadline: 1000}, 1000, noSignCame, 1000},
		{"an end that waits to be read is a sign", facts{trust: unproven, unread: 1900}, 2100, keepWaiting, 3900},
		{"unless it is never read", facts{trust: unproven, unread: 1900}, 3900, callNext, 3900},

		{"an end that did not come: the next is not waited for", facts{trust: doubted}, 0, callNext, 0},
		{"no sign: nothing is waited for", facts{trust: signless}, 0, callNext, 0},
		{"no telemetry: nothing is waited for", facts{trust: notExpected}, 0, callNext, 0},
		{"but an end may wait to be read", facts{trust: doubted, unread: 1}, 2, keepWaiting, 2001},
		{"in both cases", facts{trust: signless, unread: 1}, 2, keepWaiting, 2001},
		{"not without telemetry", facts{trust: notExpected, unread: 1}, 2, callNext, 2},
		{"the bound counts from its arrival", facts{trust: proven, unread: 1000}, 3000, callNext, 3000},
		{"also of one that came before a freeze", facts{trust: proven, unread: -60000}, 1, keepWaiting, 2000},
		{"which ends", facts{trust: proven, unread: -60000}, 2000, callNext, 2000},
		{"the deadline goes before the rest of a body", facts{trust: proven, endSeen: 9700, reading: true}, 9801,
			holdAndWrite, 11700},
		{"the deadline goes first", facts{trust: proven, unread: 9000}, 9000, keepWaiting, 9800},

		{"writing overlaps what follows", facts{trust: proven, afterNext: true}, 0, callNext, 0},
		{"in no-op mode", facts{trust: proven, noop: true}, 0, callNext, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			zero := time.UnixMilli(1_795_300_000_000)
			at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
			f := endFacts{
				invoked: zero, deadline: at(9800), flush: 2 * time.Second, trust: tc.facts.trust,
				afterNext: tc.facts.afterNext, noop: tc.facts.noop, reset: tc.facts.reset, reading: tc.facts.reading,
			}
			if tc.facts.deadline > 0 {
				f.deadline = at(tc.facts.deadline)
			}
			if tc.facts.flush > 0 {
				f.flush = time.Duration(tc.facts.flush) * time.Millisecond
			}
			if tc.facts.endSeen > 0 {
				f.endSeen = at(tc.facts.endSeen)
			}
			if tc.facts.unread != 0 {
				f.unread = at(tc.facts.unread)
			}
			what, until := f.decide(at(tc.now))
			if what != tc.what || !until.Equal(at(tc.until)) {
				t.Errorf("at %d ms: decision %d until %d ms, want %d until %d",
					tc.now, what, until.Sub(zero).Milliseconds(), tc.what, tc.until)
			}
		})
	}
}

// TestTrust: what is believed after what was seen. d is a runtimeDone, s a
// start, l a logsDropped, m an end that was missed.
func TestTrust(t *testing.T) {
	for _, tc := range []struct {
		from  trust
		seen  string
		want  trust
		waits bool
	}{
		{unproven, "", unproven, true}, {unproven, "s", proven, true}, {unproven, "d", proven, true},
		{signless, "", signless, false}, {signless, "s", proven, true}, {signless, "d", proven, true},
		{proven, "l", doubted, false}, {doubted, "s", doubted, false}, {doubted, "d", proven, true},
		{notExpected, "sdl", notExpected, false}, {unproven, "ls", doubted, false},
	} {
		got := tc.from
		for _, c := range tc.seen {
			switch c {
			case 's':
				got = got.afterStart()
			case 'd':
				got = got.afterEnd()
			case 'l':
				got = got.afterLoss()
			}
		}
		if got != tc.want || got.awaitsEnd() != tc.waits {
			t.Errorf("%d after %q is %d (waits: %v), want %d (%v)", tc.from, tc.seen, got, got.awaitsEnd(), tc.want,
				tc.waits)
		}
	}
}
