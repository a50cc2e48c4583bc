package diag_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logtable/logtable/internal/diag"
)

// A line is what log/slog would write, in its order: readers know that form.
func TestALineIsWhatSlogWrites(t *testing.T) {
	args := []any{"text", "a \"quoted\"\n\ttext\x00 <é>", "count", -17, "with a space", errors.New("cause"),
		"", "", "broken", "\xff"}
	for level, theirs := range map[diag.Level]slog.Level{
		diag.Info: slog.LevelInfo, diag.Warn: slog.LevelWarn, diag.Error: slog.LevelError,
	} {
		var ours, want bytes.Buffer
		diag.New(&ours).Say(level, "said", "do this", args...)
		slog.New(slog.NewJSONHandler(&want, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.MessageKey {
				a.Key = "logtable"
			}
			return a
		}})).Log(t.Context(), theirs, "said", append([]any{"do", "do this"}, args...)...)
		if diff := cmp.Diff(tokens(t, want.Bytes()), tokens(t, ours.Bytes())); diff != "" {
			t.Errorf("%s differs from slog's:\n%s", ours.Bytes(), diff)
		}
	}
}

// tokens are a line's tokens, but for the time's value, which must be one.
func tokens(t *testing.T, line []byte) (all []json.Token) {
	t.Helper()
	var when struct{ Time time.Time }
	if err := json.Unmarshal(line, &when); err != nil || when.Time.IsZero() || line[len(line)-1] != '\n' {
		t.Fatalf("%q is not a line with a time: %v", line, err)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	for {
		token, err := d.Token()
		if err != nil {
			return slices.Delete(all, 2, 3)
		}
		all = append(all, token)
	}
}
