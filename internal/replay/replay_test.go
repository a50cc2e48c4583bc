package replay_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/replay"
	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/signing"
	"github.com/logtable/logtable/internal/testkit"
)

// replayed reads a log and returns the records that it takes.
func replayed(t testing.TB, log string, o replay.Options) ([]string, replay.Report) {
	t.Helper()
	var records []string
	report, err := replay.Read(t.Context(), strings.NewReader(log), o, func(r *row.Record) error {
		records = append(records, string(r.AppendJSON(nil)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Records != len(records) {
		t.Errorf("%d records, reported %d", len(records), report.Records)
	}
	return records, report
}

func noted(report replay.Report) (n int, text string) {
	for _, note := range report.Notes {
		n += note.Count
		text += fmt.Sprintf("%d %s; ", note.Count, note.Why)
	}
	return n, text
}

// Whatever a log tool makes of a log, all of Logtable's records are found in
// it, and nothing else happens to be there.
func TestEveryFormIsRead(t *testing.T) {
	for _, f := range forms {
		for name, make := range map[string]func(testing.TB) ([]logEvent, []string){
			"text": func(t testing.TB) ([]logEvent, []string) { return genuine(t) }, "JSON": jsonGenuine,
		} {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				events, want := make(t)
				for _, log := range []string{f.render(events), zipped(f.render(events)), "\ufeff" + f.render(events)} {
					got, report := replayed(t, log, replay.Options{})
					if !slices.Equal(got, want) || len(report.Notes) > 0 || report.Missing > 0 || report.Repeated > 0 {
						t.Errorf("%d records of %d, %+v in\n%.3000s", len(got), len(want), report, f.render(events))
					}
				}
			})
		}
	}
}

// A log may hold several streams; each is believed by itself where the form
// keeps them apart.
func TestEachStreamByItself(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			first, want := genuine(t)
			second, more := genuine(t)
			for i := range second {
				second[i].stream = otherStream
			}
			var events []logEvent
			for i := range first { // interleaved, as they are fetched
				events = append(events, first[i], second[i])
			}
			got, report := replayed(t, f.render(events), replay.Options{})
			n, text := noted(report)
			if f.streams && (len(got) != 12 || n > 0) || !f.streams && (!slices.Equal(got, want) || n != 6) {
				t.Errorf("%d records; not taken: %s", len(got), text)
			}
			all, _ := replayed(t, f.render(events), replay.Options{Unsigned: true})
			if len(all) != 12 {
				t.Errorf("%d records of %d with --unsigned", len(all), len(want)+len(more))
			}
		})
	}
}

// What a function prints, at whatever place behind the first line, is never
// taken for a record, and never keeps a true one from being taken.
func TestNothingThatAFunctionPrintsIsBelieved(t *testing.T) {
	corpus := hostile(t)
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			events, want := genuine(t)
			for at := 2; at <= len(events); at++ { // 0 is Lambda's, 1 the first line
				log := slices.Insert(slices.Clone(events), at, retimed(corpus, events[at-1])...)
				got, report := replayed(t, f.render(log), replay.Options{})
				if !slices.Equal(got, want) {
					_, text := noted(report)
					t.Fatalf("at %d: %d records, want the %d genuine ones; not taken: %s",
						at, len(got), len(want), text)
				}
				if n, _ := noted(report); n < 10 {
					t.Errorf("at %d: only %d of the forgeries are told of", at, n)
				}
			}
		})
	}
}

// retimed puts messages behind an event.
func retimed(messages []string, behind logEvent) (events []logEvent) {
	for _, m := range messages {
		events = append(events, logEvent{behind.stream, behind.at, m})
	}
	return events
}

// Where nothing shows that a first line comes before what a function can print,
// it is not believed.
func TestWhatNeedsUnsigned(t *testing.T) {
	events, want := genuine(t)
	forged := forgery(t)
	start := slices.IndexFunc(events, func(e logEvent) bool { return strings.HasPrefix(e.message, "START") })
	without := func(prefixes ...string) []logEvent {
		return slices.DeleteFunc(slices.Clone(events), func(e logEvent) bool {
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(e.message, p) })
		})
	}
	again := slices.Clone(events)
	key := signing.New()
	second, _ := lastWords(t, key, "after a crash", 3)
	again = append(again, retimed(append([]string{firstLineOf(key)}, second...), again[len(again)-1])...)
	backwards := slices.Clone(events)
	slices.Reverse(backwards)
	unsigned, _ := lastWords(t, nil, "by an older layer", 4)
	for name, tc := range map[string]struct {
		events   []logEvent
		signed   int // taken without more
		unsigned int // taken with --unsigned
		why      string
	}{
		"filtered: nothing but Logtable's lines": {without("INIT_START", "START", "END", "REPORT"), 0, 6,
			"does not show when"},
		"filtered: only records": {events[start+4 : len(events)-1], 0, 6, "lacks the first line"},
		"the key is missing":     {events[:len(events)-1], 0, 6, "lacks the later line"},
		"from the middle of an invocation": {slices.Insert(slices.Clone(events[start+1:]), 1,
			retimed(forged, events[start+1])...), 0, 9, "first line"},
		"from an invocation on": {slices.Insert(slices.Clone(events[start:]), 1,
			retimed(forged, events[start])...), 0, 9, "first line"},
		"restored from a snapshot": {slices.Concat(inStream(streamName, "RESTORE_START Runtime Version: java:21.v1"),
			retimed(forged, events[0]),
			events[2:]), 0, 9, "first line"},
		"of a function without Logtable": {slices.Concat(events[:1], events[3:5], retimed(forged, events[4])), 0, 3,
			"first line"},
		"a process that was started again": {again, 6, 9, "after the line with the key"},
		"an older layer's": {slices.Concat(events[:1], events[3:7], retimed(unsigned, events[6])), 0,
			4, "not signed"},
		"newest first":                      {backwards, 0, 6, "chronological order"},
		"lines without INIT_START are fine": {without("INIT_START"), 6, 6, ""},
		"and an environment never invoked":  {without("START", "END", "REPORT"), 6, 6, ""},
	} {
		t.Run(name, func(t *testing.T) {
			log := forms[0].render(tc.events)
			got, report := replayed(t, log, replay.Options{})
			n, text := noted(report)
			if len(got) != tc.signed || !strings.Contains(text, tc.why) || (tc.why == "") != (n == 0) {
				t.Errorf("%d records, want %d; not taken: %s, want %q", len(got), tc.signed, text, tc.why)
			}
			for _, r := range got {
				if !slices.Contains(want, r) {
					t.Errorf("a forged record is taken: %s", r)
				}
			}
			got, report = replayed(t, log, replay.Options{Unsigned: true})
			if len(got) != tc.unsigned || report.Unsigned != tc.unsigned-tc.signed {
				_, text := noted(report)
				t.Errorf("--unsigned: %d records, %d without proof, want %d; not taken: %s", len(got), report.Unsigned,
					tc.unsigned, text)
			}
		})
	}
}

// --unsigned believes what a function printed, but still not what stands inside
// of it.
func TestUnsignedTakesWholeMessagesOnly(t *testing.T) {
	unsigned, _ := lastWords(t, nil, "forged", 1)
	quoted, _ := json.Marshal(unsigned[0])
	deeper, _ := json.Marshal(`{"message":` + string(quoted) + `}`)
	inner := []string{
		`{"level":"INFO","locator":"3","text":` + string(quoted) + `}`, `{"message":` + string(deeper) + `}`,
		"request from " + unsigned[0], "[" + unsigned[0] + "]", unsigned[0] + " said the customer", string(quoted),
	}
	for _, f := range forms {
		for _, message := range inner {
			got, report := replayed(t, f.render(inStream(streamName, "START RequestId: x", message, "a line")),
				replay.Options{Unsigned: true})
			if n, text := noted(report); len(got) != 0 || n != 1 {
				t.Errorf("%s: %d records of %s; not taken: %d %s", f.name, len(got), message, n, text)
			}
		}
	}
}

// Several records may have come into one line, or an event into the log twice.
func TestSeveralInALineAndTwice(t *testing.T) {
	events, want := genuine(t)
	n := len(events)
	joined := slices.Clone(events[:n-7])
	var records []string
	for _, e := range events[n-7 : n-1] {
		records = append(records, e.message)
	}
	for _, between := range []string{"\n", " ", "", ",", "\t"} {
		log := append(slices.Clone(joined), logEvent{streamName, when + 100, strings.Join(records, between)},
			logEvent{streamName, when + 100, events[n-1].message})
		for _, f := range forms {
			if got, report := replayed(t, f.render(log), replay.Options{}); !slices.Equal(got, want) ||
				len(report.Notes) > 0 {
				t.Errorf("%s, %q between: %d records, %+v", f.name, between, len(got), report)
			}
		}
	}
	twice := append(slices.Clone(events[:n-1]), events[n-7:]...)
	for i := range twice {
		twice[i].at = when
	}
	if got, report := replayed(t, forms[0].render(twice), replay.Options{}); !slices.Equal(got, want) ||
		report.Repeated != 6 || len(report.Notes) > 0 {
		t.Errorf("%d records, %+v", len(got), report)
	}
	if got, report := replayed(t, forms[0].render(slices.Delete(slices.Clone(events), n-5, n-3)),
		replay.Options{}); len(got) != 4 || report.Missing != 2 {
		t.Errorf("two lines are missing: %d records, %+v", len(got), report)
	}
}

// A tool may have parsed messages and printed their JSON anew.
func TestMessagesThatAToolHasParsed(t *testing.T) {
	events, want := genuine(t)
	var all []any
	for _, e := range events {
		event := awsEvent(e)
		var parsed any
		if json.Unmarshal([]byte(e.message), &parsed) == nil {
			event["message"] = parsed
		}
		all = append(all, event)
	}
	if got, report := replayed(t, marshal(map[string]any{"events": all}, "  "), replay.Options{}); !slices.Equal(got,
		want) || len(report.Notes) > 0 {
		t.Errorf("%d records, %+v", len(got), report)
	}
}

// Nothing is passed over without a word.
func TestWhatIsNotTakenIsTold(t *testing.T) {
	events, want := genuine(t)
	record := events[len(events)-2].message
	long := strings.Repeat("x", 5<<20)
	quoted, _ := json.Marshal(record)
	text, document := forms[11].render(events), forms[0].render(events)
	for name, tc := range map[string]struct {
		log   string
		taken int
		why   string
	}{
		"a line of 5 MiB":        {text + long + record + long + "\n", 6, "more than 4 MiB"},
		"the end of such a line": {text + long + record, 6, "more than 4 MiB"},
		"the end of such a CSV field": {forms[9].render(events) + "1,\"" + long + "logtable_record\"", 6,
			"more than 4 MiB"},
		"the end of such a JSON string": {`[{"timestamp":1,"message":"` + long + `logtable_record`, 0,
			"more than 4 MiB"},
		"the seam of its parts": {text + strings.Repeat("x", 4<<20-7) + record + long + "\n", 6,
			"more than 4 MiB"},
		"a JSON string of 5 MiB": {`{"events":[{"timestamp":1,"message":"` + long + `logtable_record"}]}`, 0,
			"more than 4 MiB"},
		"beside the messages": {`{"events":[{"timestamp":1,"message":"x","note":` + string(quoted) + `}]}`,
			0, "inside another line"},
		"a document that ends early":  {document[:len(document)-20], 6, "ends in the middle"},
		"a CSV field that never ends": {forms[9].render(events) + "1,\"" + long, 6, "ends in the middle"},
		"a CSV field of 5 MiB": {forms[9].render(events) + "1,\"" + long + "logtable_record\"\n", 6,
			"more than 4 MiB"},
		"another column of a CSV":         {"timestamp,message,note\n1,x,logtable_record\n", 0, "inside another line"},
		"a CSV that has lines of another": {forms[9].render(events) + "START RequestId: x\n", 0, "mixes formats"},
		"a field by itself": {
			`{"events":[{"timestamp":1,"message":"x"}],"a":{"field":"b","value":"logtable_record"}}`,
			0, "inside another line"},
		"a name": {`{"events":[{"timestamp":1,"message":"x"}],"logtable_record":1}`, 0,
			"inside another line"},
		"a line that looks like Lambda's": {text + `{"type":"platform.start","a":"logtable_record"}`, 6,
			"inside another line"},
		"JSON and then lines": {document + "then a line with logtable_record\n", 0, "mixes formats"},
		"JSON in JSON in JSON": {`{"log":` + fmt.Sprintf("%q", `{"message":`+string(quoted)+`}`) + `}`, 0,
			"inside another line"},
		"an array of records": {"[" + record + "]", 0, "inside another line"},
		"half a record":       {text + record[:len(record)/2], 6, "cut off"},
		"a newer Logtable's line": {text + strings.Replace(record, `,"n":`, `,"v":2,"n":`, 1), 6,
			"written by a newer Logtable"},
	} {
		t.Run(name, func(t *testing.T) {
			got, report := replayed(t, tc.log, replay.Options{})
			if _, text := noted(report); len(got) != tc.taken || !strings.Contains(text, tc.why) {
				t.Errorf("%d records of %d, want %d; not taken: %s, want %q",
					len(got), len(want), tc.taken, text, tc.why)
			}
		})
	}
}

// A record with an attribute that this version does not know is a newer
// Logtable's, if it is signed; and whoever wrote it, that is what is said.
func TestAttributesOfANewerLogtable(t *testing.T) {
	unsigned, _ := lastWords(t, nil, "x", 1)
	log := strings.Replace(unsigned[0], `"message":{`, `"trace":{"S":"1"},"message":{`, 1)
	if got, report := replayed(t, log, replay.Options{Unsigned: true}); len(got) != 0 || len(report.Notes) != 1 ||
		!strings.Contains(report.Notes[0].Why, "written by a newer Logtable") {
		t.Errorf("%d records, %+v", len(got), report)
	}
}

func TestUTF16IsRefused(t *testing.T) {
	_, err := replay.Read(t.Context(), strings.NewReader("\xff\xfe{\x00"), replay.Options{}, nil)
	if err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("%v", err)
	}
}

// More streams than can be told apart are believed nothing, and cost nothing.
func TestTooManyStreams(t *testing.T) {
	var log strings.Builder
	for i := range 110_000 {
		fmt.Fprintf(&log, `{"logStreamName":"s%d","timestamp":1,"message":"x"}`+"\n", i)
	}
	events, _ := genuine(t)
	log.WriteString(forms[3].render(events))
	if got, report := replayed(t, log.String(), replay.Options{}); len(got) != 0 || len(report.Notes) != 1 {
		t.Errorf("%d records, %+v", len(got), report)
	}
}

// What a process is believed to have written has a bound: it costs memory.
func TestTooManyLines(t *testing.T) {
	events, _ := genuine(t)
	log := strings.Replace(forms[0].render(events), `\"lines\":6`, `\"lines\":1152921504606846976`, 1)
	if got, report := replayed(t, log, replay.Options{}); len(got) != 0 || len(report.Notes) != 1 ||
		!strings.Contains(report.Notes[0].Why, "with the key") {
		t.Errorf("%d records, %+v", len(got), report)
	}
}

// endless is a log that never stops repeating itself, up to a size.
type endless struct {
	begin, part string
	left, at    int
	each        func() // is called at each MiB
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, fmt.Errorf("the end")
	}
	n := 0
	for n < len(p) {
		source := e.begin
		if e.at >= len(e.begin) {
			source = e.part
		}
		k := copy(p[n:], source[min(e.at, len(source)):])
		if e.at >= len(e.begin) {
			k = copy(p[n:], e.part[(e.at-len(e.begin))%len(e.part):])
		}
		n += k
		e.at += k
	}
	e.left -= n
	e.each()
	return n, nil
}

// memoryTested is the size of a log by which memory is judged, in bytes.
var memoryTested = 28 << 20

// Memory is bounded, whatever the log.
func TestMemoryIsBounded(t *testing.T) {
	testkit.Slow(t)
	size := memoryTested
	const bound = 22 << 20
	for name, log := range map[string]*endless{
		"a line":                  {part: "xxxxxxxxxxxxxxxxxxxxxxxx"},
		"a JSON string":           {begin: `{"events":[{"timestamp":1,"message":"`, part: `xxxxxxxxxxxxxxxxxxxxx\n`},
		"a name in JSON":          {begin: `{"events":[{"`, part: `xxxxxxxxxxxxxxxxxxxxx`},
		"a number":                {begin: `{"events":[`, part: `1111111111111111`},
		"nested arrays":           {begin: `{"events":[`, part: `[[[[[[[[[[[`},
		"nested objects":          {begin: `{"events":[`, part: `{"a":`},
		"commas":                  {begin: `[],`, part: `,,,,,,,,,,,,,,,`},
		"empty events":            {begin: `{"events":[{}`, part: `,{"message":"x","timestamp":1}`},
		"a quotation mark in CSV": {begin: "timestamp,message\n1,\"", part: "xxxxxxx\n"},
		"columns of a CSV":        {begin: "timestamp,message\n", part: "1,"},
	} {
		t.Run(name, func(t *testing.T) {
			log.left = size
			most := uint64(0)
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			before := m.HeapAlloc
			log.each = func() {
				runtime.ReadMemStats(&m)
				if m.HeapAlloc > before+bound {
					runtime.GC() // what lives counts
					runtime.ReadMemStats(&m)
				}
				most = max(most, m.HeapAlloc)
			}
			_, err := replay.Read(t.Context(), log, replay.Options{}, nil)
			if err == nil {
				t.Error("it did not read to the end")
			}
			if most > before+bound {
				t.Errorf("%d MiB of memory for %d MiB of log", (most-before)>>20, size>>20)
			}
		})
	}
}
