package agent

import (
	"cmp"

	"github.com/logtable/logtable/internal/jsonscan"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

// redact masks what nobody should read in all that a row has, before the row is
// cut, keyed or stored, or becomes an alert. Every row passes here, the agent's
// own as well: they may repeat what a function printed.
//
// All texts are masked together, because a secret's name may stand in another
// one. Level is left out: it is always one of the scale's.
func (a *Agent) redact(r *row) {
	masking := a.cfg.Rows.Redact
	if masking.Off() {
		return
	}
	var none store.Links
	links := cmp.Or(r.Links, &none)
	a.maskTenant(links)
	texts := [...]redact.Text{
		{S: r.Message, Parts: r.parts}, {S: r.Locator}, {S: r.Module}, {S: r.RequestID},
		{S: r.Fields, JSON: true}, {S: r.Issues},
		{S: links.TraceID}, {S: links.TraceIDLine}, {S: links.TenantID},
		{S: links.Execution}, {S: links.Operation}, {S: links.Version},
	}
	if !masking.Row(texts[:]) {
		return
	}
	r.Message, r.parts = texts[0].S, texts[0].Parts
	r.Module, r.RequestID, r.Fields, r.Issues = texts[2].S, texts[3].S, texts[4].S, texts[5].S
	links.TraceID, links.TraceIDLine, links.TenantID = texts[6].S, texts[7].S, texts[8].S
	links.Execution, links.Operation, links.Version = texts[9].S, texts[10].S, texts[11].S
	// The message repeats the locator, and both have to stay the same.
	r.Locator = texts[1].S
	if head := r.parts[0]; head.To > head.From && r.Locator != "" {
		r.Locator = r.Message[head.From:head.To]
	}
	if r.ExceptionAt >= 0 {
		r.ExceptionAt = r.parts[2].From
	}
}

// lastLines puts the last lines of a function together. What is to be masked in
// each is, before it is cut.
func (a *Agent) lastLines(tail []string) string {
	text := "Last lines:"
	for _, line := range tail {
		text += "\n" + a.cfg.Rows.Redact.Head(line, tailBytes)
	}
	return text
}

// heads returns what a parser gives the beginnings of texts to that it repeats
// in issues; nil for no masking.
func heads(r *redact.Redactor) func(text string, n int) string {
	if r.Off() {
		return nil
	}
	return r.Head
}

// masks returns what a parser asks whether something is to be masked in a
// member; nil if that never depends on what the member is called.
func masks(r *redact.Redactor) func(object string) bool {
	if !r.HasExpressions() {
		return nil
	}
	return func(object string) bool { return r.JSON(object) != object }
}

// maskTenant masks the tenant that Lambda names as if the function had printed
// it, under the attribute's name or Lambda's.
func (a *Agent) maskTenant(links *store.Links) {
	masking := a.cfg.Rows.Redact
	if links.TenantID == "" || !masking.HasExpressions() {
		return
	}
	for _, name := range [...]string{"tenant_id", "tenantId"} {
		object := withField("", name, links.TenantID)
		links.TenantID = jsonscan.Text(jsonscan.Object(masking.JSON(object)).Find(`"` + name + `"`))
	}
}
