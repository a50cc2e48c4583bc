package row

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func testKeys(t *testing.T, zone *time.Location) *Keys {
	t.Helper()
	return NewKeys(zone, func() time.Time { return time.Unix(1_795_300_000, 0) }, Shards{})
}

func TestStampIsWhatReadersSort(t *testing.T) {
	k := testKeys(t, time.UTC)
	at := time.UnixMilli(1_795_300_002_005)
	var got []string
	for range 8 {
		_, s := makeKey(k, at, "orders")
		got = append(got, s)
	}
	if want := "1795300002.0050007+orders+" + k.env; got[7] != want {
		t.Errorf("stamp %q, want %q", got[7], want)
	}
	if !regexp.MustCompile(`^[0-9a-v]{10}$`).MatchString(k.env) {
		t.Errorf("environment ID %q", k.env)
	}
	for i := 1; i < len(got); i++ {
		if got[i] <= got[i-1] {
			t.Errorf("%q does not sort after %q", got[i], got[i-1])
		}
	}
	// The ancestor's keys, <sec>+<module>, sort among ours by second.
	if !(("1795300002+orders") < got[0] && got[0] < ("1795300003+orders")) {
		t.Error("the ancestor's keys do not sort with ours")
	}
}

func TestClockOfKeys(t *testing.T) {
	base := time.UnixMilli(1_795_300_002_500)
	t.Run("a little back is clamped", func(t *testing.T) {
		k := testKeys(t, time.UTC)
		_, first := makeKey(k, base, "m")
		env := k.env
		for _, back := range []time.Duration{time.Millisecond, time.Second, 2 * time.Second} {
			if _, s := makeKey(k, base.Add(-back), "m"); s <= first || k.env != env {
				t.Errorf("%v back: %q after %q, environment %q", back, s, first, k.env)
			}
		}
	})
	t.Run("a jump back starts a new environment ID", func(t *testing.T) {
		k := testKeys(t, time.UTC)
		makeKey(k, base, "m")
		env := k.env
		_, s := makeKey(k, base.Add(-2001*time.Millisecond), "m")
		if k.env == env || !strings.HasPrefix(s, "1795300000.4990000+") {
			t.Errorf("stamp %q in environment %q (before: %q)", s, k.env, env)
		}
	})
	t.Run("past 9999 the next millisecond is used", func(t *testing.T) {
		k := testKeys(t, time.UTC)
		seen := map[string]bool{}
		last := ""
		for range 25_000 {
			_, s := makeKey(k, base, "m")
			if seen[s] || s <= last {
				t.Fatalf("key %q repeats or goes back", s)
			}
			seen[s], last = true, s
		}
		if !strings.HasPrefix(last, "1795300002.5024999+") {
			t.Errorf("25,000th key %q", last)
		}
	})
	t.Run("an absurd time is replaced by ours", func(t *testing.T) {
		for _, odd := range []time.Time{{}, time.Unix(0, 0), time.Unix(-5, 0), time.Unix(1<<40, 0)} {
			k := testKeys(t, time.UTC)
			if _, s := makeKey(k, odd, "m"); !strings.HasPrefix(s, "1795300000.0000000+") {
				t.Errorf("%v became %q", odd, s)
			}
		}
	})
}

func TestDayIsThatOfTheStampInItsZone(t *testing.T) {
	for _, tc := range []struct {
		zone string
		at   string
		want string
	}{
		{"UTC", "2026-11-22T23:59:59.999Z", "2026-11-22"},
		{"UTC", "2026-11-23T00:00:00.000Z", "2026-11-23"},
		{"Europe/Berlin", "2026-07-01T22:00:00Z", "2026-07-02"},         // +02:00 in summer
		{"Europe/Berlin", "2026-12-01T22:30:00Z", "2026-12-01"},         // +01:00 in winter
		{"Asia/Kathmandu", "2026-01-01T18:15:00Z", "2026-01-02"},        // +05:45
		{"Asia/Kathmandu", "2026-01-01T18:14:59.999Z", "2026-01-01"},    //
		{"America/St_Johns", "2026-01-02T03:29:59Z", "2026-01-01"},      // -03:30
		{"Africa/Monrovia", "1972-01-06T23:59:59Z", "2026-11-21"},       // before ten digits: our own clock
		{"Pacific/Apia", "2026-01-01T10:59:59Z", "2026-01-01"},          // +13:00
		{"America/Sao_Paulo", "2018-11-04T02:59:59.999Z", "2018-11-03"}, // the night without a midnight
		{"America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"},     //
	} {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, tc.at)
		if err != nil {
			t.Fatal(err)
		}
		k := testKeys(t, zone)
		if day, _ := makeKey(k, at, "m"); day != tc.want {
			t.Errorf("%s in %s is %s, want %s", tc.at, tc.zone, day, tc.want)
		}
	}
	// A stamp that is clamped forward over midnight has the day of the stamp,
	// or a query by day would miss it.
	k := testKeys(t, time.UTC)
	midnight := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	makeKey(k, midnight, "m")
	if day, s := makeKey(k, midnight.Add(-time.Second), "m"); day != "2026-11-23" {
		t.Errorf("clamped stamp %s has the day %s", s, day)
	}
	for i := range 20_001 {
		makeKey(k, midnight.Add(24*time.Hour-time.Millisecond), "m")
		_ = i
	}
	if day, s := makeKey(k, midnight.Add(24*time.Hour-time.Millisecond), "m"); day != "2026-11-24" {
		t.Errorf("stamp %s, moved over midnight by its sequence, has the day %s", s, day)
	}
}

func TestModuleFitsAKey(t *testing.T) {
	for in, want := range map[string]string{
		"orders":                       "orders",
		"my-fn_1.2":                    "my-fn_1.2",
		"a+b c/d":                      "a_b_c_d",
		"größe":                        "gr__e",
		"":                             "",
		"\x1b[31m\x00":                 "__31m_",
		strings.Repeat("é", 400):       strings.Repeat("_", 128),
		strings.Repeat("m", 128) + "+": strings.Repeat("m", 128),
	} {
		if got := Module(in); got != want {
			t.Errorf("Module(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEnvironmentsDoNotMeet(t *testing.T) {
	seen := map[string]bool{}
	for range 100_000 {
		id := newEnvironmentID()
		if seen[id] {
			t.Fatalf("environment ID %s twice in 100,000", id)
		}
		seen[id] = true
	}
}

// makeKey is make with a sort key that lasts.
func makeKey(k *Keys, t time.Time, module string) (date, stampMod string) {
	date, b := k.Next(t, module, true)
	return date, string(b)
}
