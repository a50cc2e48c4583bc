package diag_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/diag"
)

// TestLimits is the list of this package's limits, for people: what each is,
// why it is there, and which test fails without it.
func TestLimits(t *testing.T) {
	var tests strings.Builder
	for _, file := range []string{"diag_test.go", "flap_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for _, l := range []struct {
		name  string
		value any
		want  any
		why   string
		test  string
	}{
		{"maxKeys", diag.MaxKeys, 256, "memory of what is known of failures", "TestCausesAreBounded"},
		{"maxLines", diag.MaxLines, 3, "what comes and goes must not become a bill",
			"TestWhatFlapsIsThreeLinesAMinute"},
		{"perTime", diag.PerTime, time.Minute, "what comes and goes must not become a bill",
			"TestWhatFlapsIsThreeLinesAMinute"},
		{"maxSays", diag.MaxSays, 200, "neither must anything else", "TestOwnLinesAreBounded"},
		{"NewAsync's limit", "given", "given", "memory, where nobody reads standard error",
			"TestAStuckStandardErrorHoldsNobody"},
	} {
		if fmt.Sprint(l.value) != fmt.Sprint(l.want) {
			t.Errorf("%s is %v, this list says %v: does %s still hold?", l.name, l.value, l.want, l.test)
		}
		if !strings.Contains(tests.String(), "func "+l.test+"(") {
			t.Errorf("%s: there is no %s", l.name, l.test)
		}
	}
}
