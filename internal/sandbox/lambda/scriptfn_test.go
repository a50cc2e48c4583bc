package lambda

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScriptedFunction(t *testing.T) {
	var mirror strings.Builder
	e := start(t, Config{Output: Output{FunctionOutput: &mirror}}, "wait-for-done")
	r := invoke(t, e, `{"steps":[
		{"stderr":"to stderr"},
		{"sleep_ms":1,"print":"n","times":2,"number":true},
		{"print":"{n} of {request_id}","number":true},
		{"respond":1},
		{"print":"after the response"}]}`)
	got := lines(delivered(e))
	// The two streams have no order between them.
	if i := slices.Index(got, "to stderr\n"); i < 0 {
		t.Errorf("nothing came from stderr: %q", got)
	} else {
		got = slices.Delete(got, i, i+1)
	}
	want := []string{"n 1\n", "n 2\n", "1 of " + r.RequestID + "\n", "after the response\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	e.Kill()
	if mirror.String() != e.FunctionOutput() || mirror.Len() == 0 {
		t.Errorf("FunctionOutput got %q of %q", mirror.String(), e.FunctionOutput())
	}
}

// A line that a goroutine writes after its invocation belongs to none, and
// is delivered when the environment is awake.
func TestScriptedLateLine(t *testing.T) {
	e := start(t, Config{}, "wait-for-done")
	invoke(t, e, `{"steps":[{"late_print_ms":20,"print":"late"}]}`)
	awaitEvent(t, e, "function")
	if got := lines(delivered(e)); !slices.Equal(got, []string{"late\n"}) {
		t.Errorf("lines %q", got)
	}
}
