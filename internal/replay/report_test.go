package replay

import (
	"fmt"
	"testing"
)

// Texts of errors come out of a log, so there may be any number of them.
func TestReasonsAreBounded(t *testing.T) {
	var n notes
	for i := range 1000 {
		n.add(reason(fmt.Sprint("broken at ", i)), uint64(i))
	}
	count := 0
	for _, note := range n.list() {
		count += note.Count
	}
	if len(n.list()) > 101 || count != 1000 {
		t.Errorf("%d notes of %d records", len(n.list()), count)
	}
}
