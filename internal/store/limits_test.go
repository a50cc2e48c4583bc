package store

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/spill"
	"github.com/logtable/logtable/internal/testkit"
)

// TestLimits is the list of this package's limits, for people: what each is,
// why it is there, and which test fails without it.
func TestLimits(t *testing.T) {
	testkit.Limits(t, []testkit.Limit{
		{"maxBatch", maxBatch, 25, "items that BatchWriteItem takes", "TestEverythingIsStoredInBothTables"},
		{"maxBatchWire", maxBatchWire, 1 << 20, "memory of a request; errors get ahead", "TestRequestsStaySmall"},
		{"maxWriters", maxWriters, 4, "memory and connections", "TestWritersAreFew"},
		{"perWriter", perWriter, 50, "connections for what one writer can do", "TestWritersAreFew"},
		{"replayHold", replayHold, 250 * time.Millisecond,
			"a hold is not for what earlier invocations left", "TestAHoldWaitsForItsOwnOverflow"},
		{"sayEvery", sayEvery, 10 * time.Second, "losses must not cause more rows", "TestLossesAreToldSeldom"},
		{"fullPack", fullPack, 100, "a pack is the cheaper the more is in it", "TestAFullPackIsWorthARequest"},
		{"calmLines", calmLines, 200, "in calm a line stays an item", "TestAutoPacksWhileManyLinesWait"},
		{"row.MaxPackLines", row.MaxPackLines, 1000, "what a reader must unpack for one line", "TestPacksAreBounded"},
		{"row.MaxPackBytes", row.MaxPackBytes, 128 << 10,
			"what does not compress fits a last-resort line", "TestPacksAreBounded"},
		{"row.MaxEncoded", row.MaxEncoded, 1<<20 - 128,
			"the spill's limit of a record", "TestALineOfControlCharactersFitsEverywhere"},
		{"spillChunk", spillChunk, 64 << 10, "memory of one write to the spill", "TestEvictionIsPiecewise"},
		{"fullFor", fullFor, 250 * time.Millisecond,
			"a lost line must not cost ten times as much", "TestAFullSpillIsRememberedForAMoment"},
		{"persistMost", persistMost, time.Second, "a slow disk holds nobody", "TestPersistIsBroughtToAnEnd"},
		{"hungFor", hungFor, 400 * time.Millisecond,
			"a request that hangs costs a kill of the process a second", "TestWhatDoesNotGetOnIsOld"},
		{"smallRecord", smallRecord, 4 << 10,
			"a large row without room does not mean that there is none", "TestOneThatFindsNoRoomBlocksNobody"},
		{"keptBody", keptBody, 64 << 10,
			"a large request's memory is not kept for life", "TestALargeRequestsMemoryIsNotKept"},
		{"firstAttempt", firstAttempt, 1500 * time.Millisecond, "a dead socket costs little", "TestAttemptsAreBounded"},
		{"maxAttempt", maxAttempt, 8 * time.Second,
			"a slow table is waited for in the end, not for ever", "TestAttemptsAreBounded"},
		{"perMiB", perMiB, 2 * time.Second, "large requests take longer", "TestAttemptsAreBounded"},
		{"lastAttempt", lastAttempt, 700 * time.Millisecond,
			"two tries fit into SHUTDOWN's 2 s", "TestAttemptsAreBounded"},
		{"lastPatience", lastPatience, 300 * time.Millisecond,
			"what hangs at the end is sent again", "TestTheEndGivesUpOldRequests"},
		{"openAfter", openAfter, 5, "a dead DynamoDB is not waited for", "TestADeadDynamoDBIsProbedSeldom"},
		{"restBase", restBase, 250 * time.Millisecond,
			"the first pause of a dead DynamoDB", "TestADeadDynamoDBIsProbedSeldom"},
		{"restMost", restMost, 10 * time.Second,
			"the longest: it is noticed when DynamoDB is back", "TestADeadDynamoDBIsProbedSeldom"},
		{"backoffBase", backoffBase, 25 * time.Millisecond,
			"a table at its limit is not hammered", "TestTheBackoffIsBounded"},
		{"backoffDoublings", backoffDoublings, 5, "the pause ends in time for a hold", "TestTheBackoffIsBounded"},
		{"chance", chance, 100 * time.Millisecond, "a hold that is probably in vain", "TestChancesAreRare"},
		{"slowAnswer", slowAnswer, 200 * time.Millisecond,
			"a slow table is told from a slow processor", "TestASlowTableHoldsOnceAMinute"},
		{"chanceBase", chanceBase, time.Second, "the first pause between such holds", "TestChancesAreRare"},
		{"chanceMost", chanceMost, 10 * time.Second,
			"the longest: it is noticed when the table is quick again", "TestChancesAreRare"},
		{"patience", patience, 250 * time.Millisecond,
			"one long hold a minute, not two", "TestHoldsAfterALongOneAreShort"},
		{"patienceEvery", patienceEvery, time.Minute,
			"one long hold a minute, not two", "TestHoldsAfterALongOneAreShort"},
	})
}

// silent is a Reporter that nobody listens to.
type silent struct{}

func (silent) Fail(string, string, string, ...any) bool { return false }
func (silent) Recover(string, string)                   {}

// worstRows are rows that are as large as they can be, in one way or another.
func worstRows() map[string]Entry {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	long := func(s string) string { return strings.Repeat(s, 500_000/len(s)) }
	fields := func(s string) string { return `{"a":"` + long(s) + `"}` }
	return map[string]Entry{
		"text":               {Time: at, Level: "INFO", Locator: "1", Message: long("x"), ExceptionAt: -1},
		"control characters": {Time: at, Level: "INFO", Locator: "1", Message: long("\x01"), ExceptionAt: 400_000},
		"quotes": {
			Time: at, Error: true, Level: "ERROR", Locator: long(`"`), Message: long(`"`), Issues: long(`\`),
			ExceptionAt: 1,
		},
		"fields": {
			Time: at, Level: "INFO", Locator: "1", Message: "x", Fields: fields(`\"`), ExceptionAt: -1,
		},
		"all": {
			Time: at, Level: long("\x02"), Locator: long("\x03"), Module: long("m"), RequestID: long("\x04"),
			Message: long("\x01"), Fields: fields(`\u0001`), Issues: long("\x05"), ExceptionAt: 399_999,
		},
		"no UTF-8": {
			Time: at, Level: "INFO", Locator: "\xff", Message: long("\xff\x01"), Fields: fields(`\\`), ExceptionAt: 7,
		},
	}
}

// dynamoItem is the largest item that DynamoDB takes, in bytes.
const dynamoItem = 400 << 10

// itemSize is the size of a row's texts, their names and its packed lines, as
// DynamoDB counts them.
func itemSize(r *row.Row) int {
	n := len(r.Packed)
	for name, text := range map[string]string{
		row.AttrDate: r.Date, row.AttrStampMod: r.StampMod, row.AttrLevel: r.Level, row.AttrLocator: r.Locator,
		row.AttrRequestID: r.RequestID, row.AttrMessage: r.Message, row.AttrFields: r.Fields, row.AttrIssues: r.Issues,
	} {
		n += len(name) + len(text)
	}
	return n
}

// The layers that a row passes, each with a limit of its own, fit one another:
// the largest rows go through memory, the request, the spill and back.
func TestNeighbouringLimitsFit(t *testing.T) {
	const dynamoRequest = 16 << 20 // DynamoDB: a request
	owner := strings.Repeat("o", row.MaxOwner)
	sp, _, err := spill.Open(spill.Config{Dir: filepath.Join(t.TempDir(), "spill"), MaxBytes: 64 << 20, KeepFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	s := New(Config{
		InfoTable: "i", ErrorsTable: "e", TTL: 50 * 365 * 24 * time.Hour, Zone: time.UTC, MaxBytes: 1 << 30,
		Report: silent{}, Owner: owner,
	})
	s.UseSpill(sp)
	for name, e := range worstRows() {
		s.Add(e)
		queue := &s.queues.byTable[tableIndex(e.Error)]
		r := queue.popLast()
		decoded, err := r.Row()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := itemSize(decoded); n > dynamoItem || n < 150_000 {
			t.Errorf("%s: an item of %d bytes", name, n)
		}
		payload := r.AppendOwned(nil, owner)
		if len(payload) > spill.MaxPayload || len(r.Item()) > row.MaxEncoded {
			t.Errorf("%s: %d bytes for a spill that takes %d", name, len(payload), spill.MaxPayload)
		}
		if body := s.sender.appendBody(nil, []*record{r}); len(body) > dynamoRequest/2 {
			t.Errorf("%s: a request of %d bytes", name, len(body))
		}
		if decoded.Truncated == 0 || decoded.ExceptionAt >= int64(len(decoded.Message)) {
			t.Errorf("%s: %d bytes are said to be gone, the exception begins at %d of %d",
				name, decoded.Truncated, decoded.ExceptionAt, len(decoded.Message))
		}
		if _, _, err := row.ParseOwned(payload); err != nil && name != "all" { // whose level is none
			t.Errorf("%s: %v", name, err)
		}
		queue.push(r)
	}
	// A whole request of the largest ones.
	most := maxBatchWire + row.MaxEncoded + maxBatch*(len(beforeItem)+len(afterItem)) + requestOverhead
	if most > dynamoRequest {
		t.Errorf("a request of %d bytes", most)
	}
	if n := len(worstRows()); !s.Persist() || sp.Records() != n {
		t.Errorf("%d of %d rows are on /tmp", sp.Records(), n)
	}
	for {
		segment, err := sp.Take()
		if err != nil {
			t.Fatal(err)
		}
		if segment == nil {
			break
		}
		if segment.Damaged > 0 {
			t.Error("a file of the spill is damaged")
		}
		if err := sp.Done(segment); err != nil {
			t.Fatal(err)
		}
	}
}

// The largest pack, of what does not compress, fits the item, the spill and a
// line of the log; and what we pack we unpack.
func TestTheLargestPackFits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	s := New(Config{
		InfoTable: "i", ErrorsTable: "e", TTL: 50 * 365 * 24 * time.Hour, Zone: time.UTC, MaxBytes: 1 << 30,
		Report: silent{}, Layout: Layout{Packed: true},
	})
	for range 200 {
		noise := make([]rune, 1000)
		for i := range noise {
			noise[i] = rune(0x4e00 + random.IntN(0x5000))
		}
		s.Add(Entry{
			Time: time.Now(), Level: "INFO", Locator: "1", Module: "m", Message: string(noise), ExceptionAt: -1,
		})
	}
	group := s.takeGroup(&s.queues.byTable[infoTable], nil, true)
	pack := writer{s}.packOf(group)
	decoded, err := pack.Row()
	if err != nil || len(group) < 20 {
		t.Fatal(len(group), err)
	}
	if n := itemSize(decoded); n > dynamoItem {
		t.Errorf("an item of %d bytes", n)
	}
	line := pack.AppendLastResort(nil, nil, 0)
	if len(line) > row.MaxLastResortLine || len(line) < row.MaxLastResortLine/3 {
		t.Errorf("a line of %d bytes, %d are written", len(line), row.MaxLastResortLine)
	}
	if lines, err := pack.Unpack(); err != nil || len(lines) != len(group) {
		t.Errorf("%d of %d lines: %v", len(lines), len(group), err)
	}
}

func TestALargeRequestsMemoryIsNotKept(t *testing.T) {
	s := New(Config{InfoTable: "i", ErrorsTable: "e", Report: silent{}})
	s.sender.bodyDone(make([]byte, 10, keptBody))
	s.sender.bodyDone(make([]byte, 10, 70_000))
	if len(s.sender.bodies) != 1 || cap(s.sender.bodies[0]) > 64<<10 {
		t.Errorf("%d buffers are kept", len(s.sender.bodies))
	}
	for range 100 {
		s.sender.bodyDone(make([]byte, 10))
	}
	if len(s.sender.bodies) > 4 {
		t.Errorf("%d buffers are kept", len(s.sender.bodies))
	}
}
