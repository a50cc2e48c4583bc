package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Whatever levels are asked for, by name or as WARN+, a query finds what a look
// at every row finds. The ranks are this test's own.
func TestLevelsAndAboveFindWhatALookAtEveryRowFinds(t *testing.T) {
	for scale, ranks := range map[string]map[string]int{
		"": {"DEBUG": 0, "INFO": 1, "WARN": 2, "ALARM": 6, "ERROR": 7},
		"LOW=0,INFO=3,WARN=5,HIGH=50,ERROR=60,FATAL=90": {
			"LOW": 0, "INFO": 3, "WARN": 5, "HIGH": 50, "ERROR": 60, "FATAL": 90},
	} {
		random := rand.New(rand.NewPCG(19, uint64(len(scale))))
		s := newRowStore(t)
		names := make([]string, 0, len(ranks))
		for name := range ranks {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int { return ranks[a] - ranks[b] })
		var stored []string // a row's level
		for i := range 120 {
			name := names[random.IntN(len(names))]
			table := "info"
			if ranks[name] >= ranks["ERROR"] || random.IntN(9) == 0 { // where it stands makes no difference
				table = "errors"
			}
			s.put(table, attributes{"date": text("2026-11-22"), "level": text(name), "locator": text(fmt.Sprint(i)),
				"stamp_mod": text(fmt.Sprintf("%d.0000000+orders+2p4thtomb9", 1795345200+i)),
				"message":   text(fmt.Sprintf("%s: (%d) text", name, i))})
			stored = append(stored, name)
		}
		for range 40 {
			passes := map[string]bool{}
			var asked []string
			for range 1 + random.IntN(2) {
				name := names[random.IntN(len(names))]
				above := random.IntN(3) > 0
				for _, other := range names {
					passes[other] = passes[other] || other == name || above && ranks[other] > ranks[name]
				}
				if above {
					name += "+"
				}
				if random.IntN(2) == 0 {
					name = strings.ToLower(name)
				}
				asked = append(asked, name)
			}
			args := []string{"query", "2026-11-22", "-o", "jsonl", "--level", strings.Join(asked, ",")}
			if scale != "" {
				args = append(args, "--levels", scale)
			}
			got := s.run(args...)
			var found, want []string
			for line := range strings.Lines(got.stdout) {
				var row struct{ Locator string }
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Fatal(err)
				}
				found = append(found, row.Locator)
			}
			for i, name := range stored {
				if passes[name] {
					want = append(want, fmt.Sprint(i))
				}
			}
			if got.code != exitOK || !slices.Equal(found, want) {
				t.Fatalf("--level %v of %q: exit code %d, %v are found, want %v\n%s", asked, scale, got.code, found,
					want, got.stderr)
			}
		}
	}
}
