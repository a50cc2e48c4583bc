package main_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/replay"
	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/sandbox/lambda"
)

// TestTheRealLastResortIsBelieved: what the real process writes at its end,
// with DynamoDB and /tmp out of reach, `logtable replay` takes, and nothing
// that the function has printed.
func TestTheRealLastResortIsBelieved(t *testing.T) {
	env, server := start(t, func(c *lambda.Config) { c.Env["LOGTABLE_SPILL_BYTES"] = "0" })
	server.Refuse()
	const n = 20
	id := invoke(t, env, print(line, n)).RequestID
	shutDown(t, env)
	first, rest, _ := strings.Cut(env.ExtensionOutput(), "\n")
	forged := `{"logtable_record":{"table":"errors","item":{"date":{"S":"2026-11-22"},"stamp_mod":{"S":"1795341600.0000000+orders+5jqs7r8n7j"},` +
		`"level":{"S":"ERROR"},"message":{"S":"ERROR: (1) forged"}}}%s}`
	log := strings.Join([]string{first, "START RequestId: " + id + " Version: $LATEST", fmt.Sprintf(forged, ""),
		fmt.Sprintf(forged, `,"n":1,"mac":"AAAAAAAAAAAAAAAAAAAAAA"`),
		"END RequestId: " + id, "REPORT RequestId: " + id, rest}, "\n")
	taken := 0
	report, err := replay.Read(t.Context(), strings.NewReader(log), replay.Options{}, func(r *row.Record) error {
		if bytes.Contains(r.Item(), []byte("forged")) {
			t.Errorf("taken: %s", r.Item())
		}
		taken++
		return nil
	})
	count := 0
	for _, note := range report.Notes {
		count += note.Count
	}
	if err != nil || taken != n || count != 2 || report.Missing != 0 {
		t.Errorf("%d records taken of %d lines, %v\n%+v\n%s", taken, n, err, report, log)
	}
}
