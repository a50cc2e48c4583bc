package agent_test

import (
	"strings"
	"testing"
)

// TestAnExpressionForAMemberMasksIt: an expression that names a member masks
// its value, also where the member says what the row belongs to, and would
// become an attribute.
func TestAnExpressionForAMemberMasksIt(t *testing.T) {
	const head = `{"locator":"1","level":"error","text":"x",`
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	const arn = "arn:aws:lambda:eu-central-1:123456789012:function:ship:7/durable-execution/ann-smith/4f1c0b9e"
	for _, tc := range []struct{ expression, line, value string }{
		{`"tenant_id":\s*"[^"]+"`, head + `"tenant_id":"Ann Smith"}`, "Ann Smith"},
		{`"tenantId":\s*"[^"]+"`, head + `"tenantId":"Ann Smith"}`, "Ann Smith"},
		{`"tenant\.id":\s*"[^"]+"`, head + `"tenant.id": "Ann Smith"}`, "Ann Smith"},
		{`"tenant":"[^"]+"`, head + `"tenant":"Ann Smith"}`, "Ann Smith"},
		{`"id":"[^"]+"`, head + `"tenant":{"id":"Ann Smith"}}`, "Ann Smith"},
		{`"trace_?[iI]d":"\w+"`, head + `"traceId":"` + trace + `"}`, trace},
		{`"executionArn":"[^"]+"`, head + `"executionArn":"` + arn + `"}`, "ann-smith"},
		{`durable-execution/[^"]+`, head + `"executionArn":"` + arn + `"}`, "ann-smith"},
		{`"operationName":"[^"]+"`, head + `"executionArn":"` + strings.Replace(arn, "ann-smith", "e", 1) +
			`","operationName":"Ann Smith"}`, "Ann Smith"},
		{`"operationId":"[^"]+"`, head + `"executionArn":"` + strings.Replace(arn, "ann-smith", "e", 1) +
			`","operationId":"Ann Smith"}`, "Ann Smith"},
		{`"tenantId":"[^"]+"`, `{"timestamp":"2026-11-22T10:52:00Z","level":"INFO","requestId":"r",` +
			`"tenantId":"Ann Smith","message":"{\"locator\":\"1\",\"level\":\"error\",\"text\":\"x\"}"}`, "Ann Smith"},
	} {
		if shown := strings.Join(leave(t, "off", "", tc.line).rows, "\n"); !strings.Contains(shown, tc.value) {
			t.Errorf("%s does not show in\n%s", tc.value, shown)
		}
		out := leave(t, tc.expression, "", tc.line)
		for _, row := range append(out.rows, out.messages...) {
			if strings.Contains(row, tc.value) {
				t.Errorf("%s leaves %s in\n%s", tc.expression, tc.value, row)
			}
		}
	}
}
