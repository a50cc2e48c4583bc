package main

import (
	"context"
	"errors"
	"strings"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/cause/causeitem"
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/web"
)

// webCauses says something of causes at the page, as the commands do. What is
// different: the page knows which revision has been looked at, and nobody can
// be asked in the terminal.
type webCauses struct{ *webTables }

// Say writes what is said.
func (c webCauses) Say(ctx context.Context, id cause.ID, rev int64, w web.Saying) error {
	sh := *c.sh
	sh.stdin = strings.NewReader("")
	f := &sayFlags{state: w.State, note: w.Note, until: w.Until, since: causesSince, tableFlags: c.flags.tableFlags}
	change, err := f.change(&sh)
	if err != nil {
		return asUsage(err)
	}
	masking, err := redact.New(sh.getenv(config.Redact))
	if err != nil {
		return err
	}
	a, err := c.connected(ctx)
	if err != nil {
		return err
	}
	_, errorsTable := f.names(&sh)
	table := &causeitem.Table{API: a.client, Name: errorsTable, Redact: masking}
	said, err := table.Get(ctx, id)
	if err != nil {
		return a.explainSaying(errorsTable, err)
	}
	versions, err := f.versions(ctx, &sh, a, said)
	if err != nil {
		return err
	}
	_, _, err = table.Say(ctx, id, rev, change, versions)
	var raced *causeitem.RacedError
	if err == nil || errors.As(err, &raced) {
		return err
	}
	return asUsage(a.explainSaying(errorsTable, err))
}
