package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/resources"
)

// doctorFlags are what `logtable doctor` can be told.
type doctorFlags struct {
	cloudFlags
	tables tableFlags
}

func newDoctor(sh *shell) *cobra.Command {
	f := &doctorFlags{}
	cmd := &cobra.Command{
		Use:   "doctor [FUNCTION...]",
		Short: "Check that everything is as Logtable needs it",
		Long: `Check the tables, the layers and, for each FUNCTION, its layer, its settings,
what its role allows, its time-out, its memory and its log format; and say what
to do about each finding. Nothing is changed.

A check that your credentials do not allow is named, and does not keep the
others from being made.`,
		Example: `  logtable doctor
  logtable doctor orders billing`,
		Args: arguments(0, 1000, "logtable doctor FUNCTION"),
		RunE: func(cmd *cobra.Command, args []string) error { return runDoctor(cmd.Context(), sh, f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.tables.registerNames(flags)
	f.registerAccount(flags)
	return cmd
}

// A verdict is what came of a check.
type verdict string

const (
	fine    verdict = "ok"
	remark  verdict = "note" // nothing that must be put right
	finding verdict = "FIX"
	unclear verdict = "?" // the check could not be made
)

// A doctor makes checks and prints them one by one.
type doctor struct {
	*cloud
	sh     *shell
	style  textStyle
	counts map[verdict]int
	tables map[string]*tableState // those that are checked, by name; nil for what is not there
}

func runDoctor(ctx context.Context, sh *shell, f *doctorFlags, names []string) error {
	c, err := connectCloud(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	functions, err := c.functionNames(names)
	if err != nil {
		return err
	}
	d := &doctor{cloud: c, sh: sh, style: styleFor(sh.stdout, "auto", sh.getenv), counts: map[verdict]int{},
		tables: map[string]*tableState{}}
	if owner, err := c.identity(ctx); err == nil {
		d.say(fine, "account", owner+", region "+c.region, "")
	} else {
		d.say(unclear, "account", err.Error(), "")
	}
	info, errorsTable := f.tables.names(sh)
	if len(functions) == 0 {
		d.checkTables(ctx, info, errorsTable)
	}
	for _, layer := range resources.Layers() {
		d.checkPublished(ctx, layer)
	}
	for _, name := range functions {
		d.checkFunction(ctx, name)
	}
	if len(functions) == 0 {
		d.checkRows(ctx, info, errorsTable, "")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return d.summary()
}

// say prints a check. What to do stands below.
func (d *doctor) say(v verdict, subject, text, advice string) {
	d.counts[v]++
	color := map[verdict]string{finding: sgrRed, unclear: sgrYellow, remark: sgrCyan}[v]
	const indent = 17
	width := max(d.style.width-indent, 0)
	if d.style.width > 0 {
		width = max(width, 20)
	}
	lines := wrap(visible(text), width)
	if advice != "" {
		lines = append(lines, wrap("-> "+visible(advice), width)...)
	}
	for i, line := range lines {
		head := strings.Repeat(" ", indent)
		if i == 0 {
			head = d.style.paint(color, fmt.Sprintf("%-4s", v)) + fmt.Sprintf("  %-10s ", subject)
		}
		fmt.Fprintln(d.sh.stdout, head+line)
	}
}

func (d *doctor) summary() error {
	text := counted(d.counts[fine]+d.counts[remark], "check") + " passed"
	if n := d.counts[finding]; n > 0 {
		text += ", " + counted(n, "finding")
	}
	if n := d.counts[unclear]; n > 0 {
		text += fmt.Sprintf(", %d could not be made", n)
	}
	fmt.Fprintf(d.sh.stdout, "\n%s\n", text)
	if d.counts[finding] > 0 {
		return errSeen
	}
	return nil
}

func (d *doctor) checkTables(ctx context.Context, info, errorsTable string) {
	d.checkTable(ctx, info, resources.InfoTable())
	d.checkTable(ctx, errorsTable, resources.ErrorsTable())
}

// checkTable checks a table, once.
func (d *doctor) checkTable(ctx context.Context, name string, want resources.Table) {
	if _, done := d.tables[name]; done {
		return
	}
	state, err := d.describeTable(ctx, name)
	d.tables[name] = state
	switch {
	case err != nil:
		d.say(unclear, "table", err.Error(), "")
		return
	case state == nil:
		d.say(finding, "table", name+" does not exist "+d.where(),
			"logtable setup"+d.flags+", or check --region, --profile and the name")
		return
	case state.keyProblem() != "":
		d.say(finding, "table", name+" "+state.keyProblem(), "name another table: nothing can change keys")
		return
	}
	d.say(fine, "table", name+": keys "+state.keys+", "+strings.ToLower(string(state.status)), "")
	for _, err := range state.unknown {
		d.say(unclear, "table", err.Error(), "")
	}
	if len(state.unknown) == 0 {
		d.checkKeeping(name, state, want)
	}
}

// checkKeeping checks that rows are kept for as long as they should be.
func (d *doctor) checkKeeping(name string, state *tableState, want resources.Table) {
	repair := "logtable setup" + d.flags
	switch {
	case want.TTL != "" && state.ttl == "":
		d.say(finding, "TTL", name+" has no TTL: its rows stay for ever, and you pay for them", repair)
	case want.TTL != "" && state.ttl != want.TTL:
		d.say(finding, "TTL", name+" has its TTL on "+state.ttl+", not on "+want.TTL+": its rows stay for ever",
			"turn it off, wait an hour, then "+repair)
	case want.TTL == "" && state.ttl == resources.InfoTable().TTL:
		d.say(remark, "TTL", name+" has a TTL, which rows of errors do not set", "")
	case want.TTL != "":
		d.say(fine, "TTL", name+": rows expire by "+state.ttl, "")
	}
	if want.DeletionProtection && !state.protected {
		d.say(remark, "protection", name+" can be deleted with all its rows", repair)
	}
	if want.PointInTimeRecovery && !state.recovery {
		d.say(remark, "protection", name+" has no point-in-time recovery", repair)
	}
}

// checkPublished checks the layer of an architecture.
func (d *doctor) checkPublished(ctx context.Context, layer resources.Layer) {
	newest, err := d.newestLayer(ctx, layer.Name)
	switch {
	case err != nil:
		d.say(unclear, "layer", err.Error(), "")
	case newest == nil:
		d.say(remark, "layer", layer.Name+" is not published "+d.where(), "logtable publish"+d.flags)
	default:
		d.say(fine, "layer", fmt.Sprintf("%s: version %d is the newest", layer.Name, newest.number), "")
	}
}

// lastRows is how far back the last row is looked for, and doctorUnits how many
// read units may be spent on it.
const (
	lastRows    = 7 * 24 * time.Hour
	doctorUnits = 1000
)

// checkRows looks for the last row, of a module or of any ("").
func (d *doctor) checkRows(ctx context.Context, info, errorsTable, module string) {
	if d.tables[info] == nil || d.tables[errorsTable] == nil {
		return // that has been said
	}
	client, meter := d.metered(ctx)
	client.Budget = &read.Budget{Meter: meter, Units: doctorUnits}
	now := d.sh.now()
	o := read.Options{From: now.Add(-lastRows), To: now.Add(time.Hour), InfoTable: info, ErrorsTable: errorsTable,
		NewestFirst: true, Limit: 1, Now: now}
	of, advice := "", "invoke a function that has the layer, then look with logtable tail"+d.flags
	if module != "" {
		o.Modules = []string{module}
		of = " of " + module
		advice = "invoke it; if no row comes, look for lines with the member logtable in its log in CloudWatch"
	}
	for row, err := range client.Query(ctx, o) {
		if price := (&read.PriceError{}); errors.As(err, &price) {
			d.say(remark, "rows", "none"+of+" among the last ones; more are not read here", advice)
			return
		}
		if err != nil {
			d.say(unclear, "rows", d.explain(err).Error(), "")
			return
		}
		d.say(fine, "rows", fmt.Sprintf("the last one%s is of %s UTC", of, row.Time.UTC().Format(time.DateTime)), "")
		return
	}
	d.say(remark, "rows", fmt.Sprintf("none%s in the last %d days", of, int(lastRows.Hours()/24)), advice)
}

// settingsOf are the settings that the layer will read from these variables.
func settingsOf(region string, variables map[string]string) (config.Config, []config.Problem) {
	return config.Load(func(name string) string {
		if name == "AWS_REGION" {
			return region
		}
		return variables[name]
	}, assignments(variables))
}
