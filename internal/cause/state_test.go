package cause_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/cause"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestHowACauseStands(t *testing.T) {
	resolved := cause.State{
		Change:   cause.Change{State: cause.Resolved, Rev: 1, At: noon},
		Versions: []string{"40", "41"},
	}
	ignored := cause.State{Change: cause.Change{State: cause.Ignored, Rev: 1, At: noon, Until: noon.Add(time.Hour)}}
	reopened := cause.State{Change: cause.Change{State: cause.Open, Rev: 2, At: noon}}
	later := noon.Add(time.Minute)
	for _, test := range []struct {
		name      string
		state     cause.State
		now, seen time.Time
		version   string
		want      cause.Standing
	}{
		{"nobody said anything", cause.State{}, later, noon, "41", cause.IsOpen},
		{"before it was resolved", resolved, later, noon, "42", cause.IsResolved},
		{"after, in another version", resolved, later, later, "42", cause.CameBack},
		{"after, in no version", resolved, later, later, "", cause.CameBack},
		{"after, in an old version", resolved, later, later, "41", cause.IsStillSeen},
		{"ignored", ignored, later, later, "41", cause.IsIgnored},
		{"ignored until now", ignored, noon.Add(time.Hour), later, "41", cause.IsOpen},
		{"reopened", reopened, later, later, "41", cause.IsOpen},
		{"newer", cause.State{Change: cause.Change{State: "assigned", Rev: 1}}, later, later, "41", cause.IsOpen},
	} {
		if got := test.state.Judge(test.now, test.seen, test.version); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if resolved.Quiet(later) != cause.IsResolved || ignored.Quiet(later) != cause.IsIgnored {
		t.Error("without errors since, it stands otherwise than it was said")
	}
}

func TestTheHistoryIsBounded(t *testing.T) {
	s := cause.State{ID: cause.ID{Module: "m", Locator: "7"}}
	for i := range 30 {
		s = s.Next(cause.Change{State: cause.Resolved, By: "ada", At: noon, Note: fmt.Sprint(i)}, make([]string, 40))
	}
	if s.Rev != 30 || len(s.History) != 20 || len(s.Versions) != 20 || s.Note != "29" || s.History[0].Note != "28" {
		t.Errorf("after 30 changes: rev %d, note %s, %d of history, %d versions", s.Rev, s.Note, len(s.History),
			len(s.Versions))
	}
	if s = s.Next(cause.Change{State: cause.Open}, []string{"1"}); s.Versions != nil {
		t.Error("an open cause has versions of its resolution")
	}
	if s.ID.Locator != "7" {
		t.Error("the cause is lost")
	}
}

func TestWhatIsSaidIsALineForReadersOfRows(t *testing.T) {
	s := cause.State{ID: cause.ID{Module: "m", Locator: "7"}}
	s.Change = cause.Change{State: cause.Resolved, By: "ada", Note: "fixed in 41"}
	if got, want := s.Message(), "CAUSE: (7) resolved by ada: fixed in 41"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.Change = cause.Change{State: cause.Ignored, Until: noon}
	if got, want := s.Message(), "CAUSE: (7) ignored until 2026-11-26T12:00:00Z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := cause.Line(" a\x1b[31m\n\u202eb  c "), "a [31m b c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

const item = `{"date":{"S":"cause#shop"},"stamp_mod":{"S":"7"},"message":{"S":"x"},"state":{"S":"resolved"},` +
	`"rev":{"N":"3"},"by":{"S":"a\nda"},"at":{"N":"1795694400000"},"note":{"S":"fixed in \"41\""},` +
	`"versions":{"L":[{"S":"40"},{"S":"41"}]},"history":{"L":[{"M":{"state":{"S":"open"}}}]}}`

func TestTheItemIsReadFromDynamoDBsJSON(t *testing.T) {
	got, ok := cause.Decode([]byte(item))
	want := cause.State{
		ID: cause.ID{Module: "shop", Locator: "7"},
		Change: cause.Change{State: "resolved", Rev: 3, By: "a da", At: time.UnixMilli(1795694400000).UTC(),
			Note: `fixed in "41"`},
		Versions: []string{"40", "41"},
	}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, no := range []string{
		"", "{}", "null", `[]`, item[:len(item)-1],
		strings.Replace(item, "cause#", "2026-", 1),
		strings.Replace(item, `"3"`, `"three"`, 1),
	} {
		if _, ok := cause.Decode([]byte(no)); ok {
			t.Errorf("%s is taken for a state", no)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(item)
	long := strings.NewReplacer("resolved", strings.Repeat("resolved", 9), "40", strings.Repeat("4", 99))
	f.Add(long.Replace(item))
	f.Add(`{"date":{"S":"cause#"},"rev":{"N":"1"},"versions":{"L":[null,{"S":7},[]]},"at":7}`)
	f.Fuzz(func(t *testing.T, item string) {
		s, _ := cause.Decode([]byte(item))
		for _, v := range s.Versions {
			if len(v) > cause.MaxVersion {
				t.Errorf("a version of %d bytes", len(v))
			}
		}
		if len(s.State) > 32 || len(s.By) > cause.MaxBy || len(s.Note) > cause.MaxNote ||
			len(s.Versions) > cause.MaxVersions || s.By != cause.Line(s.By) ||
			cause.Named(s.Module, s.Locator) != s.ID && s.Locator != "" {
			t.Errorf("not bounded: %+v", s)
		}
	})
}

// What is far behind what may be shown is not even looked at: an item of 400 KB
// must not cost a small function its processor.
func TestAHostileNoteIsCutBeforeItIsCleaned(t *testing.T) {
	for _, filler := range []string{" ", "\x01", "\u202e"} {
		s := cause.State{}
		s.Note = strings.Repeat(filler, 10*cause.MaxNote) + "x"
		s.By = strings.Repeat(filler, 10*cause.MaxBy) + "x"
		if s = s.Bounded(); s.Note != "" || s.By != "" {
			t.Errorf("%q: %q by %q", filler, s.Note, s.By)
		}
	}
}
