package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/cause/causeitem"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/row"
)

const (
	// deleteRate is how many write units a second are spent on deleting where
	// nobody says: functions write to the same table.
	deleteRate = 25
	// dollarsPerWriteUnit is what a write unit costs on demand in us-east-1;
	// elsewhere it is up to half as much again.
	dollarsPerWriteUnit = 0.625 / 1e6
)

// deleteFlags are what `logtable resolve` was asked about the rows of a cause.
type deleteFlags struct {
	on, yes bool
	export  string
	rate    int
}

func (f *deleteFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.on, "delete", false, "also delete its errors of that time, for good")
	flags.StringVar(&f.export, "export", "", "before, write them to this `FILE` (.jsonl or .jsonl.gz),\n"+
		"and delete what it has")
	flags.IntVar(&f.rate, "rate", deleteRate, "delete so many `UNITS` a second; one is a row of up to 1 KB")
	flags.BoolVar(&f.yes, "yes", false, "delete without asking, as scripts must")
}

// check looks at the flags before anything is read.
func (f *deleteFlags) check(cmd *cobra.Command, sh *shell) error {
	for _, name := range []string{"export", "rate", "yes"} {
		if !f.on && cmd.Flags().Changed(name) {
			return usagef("--%s is about deleting: add --delete, or leave it out", name)
		}
	}
	switch extension := filepath.Ext(strings.TrimSuffix(f.export, ".gz")); {
	case !f.on:
	case f.rate < 1:
		return usagef("--rate %d is not valid: write how many write units a second, 1 or more", f.rate)
	case cmd.Flags().Changed("export") && extension != ".jsonl":
		return usagef("--export %q is not a file that can be read back: end its name in .jsonl or .jsonl.gz", f.export)
	case !f.yes && !sh.asks():
		return usagef("--delete deletes rows for good: add --yes to have that done by a script")
	}
	return nil
}

// A doomed row is one that is to be deleted.
type doomed struct {
	rowKey
	head  *string // of its message; nil if it has none
	units int     // that deleting it costs
}

// A rowKey is a row's primary key.
type rowKey struct{ date, stampMod string }

// maxHead is how much of a message is looked at once more before its row is
// deleted, in bytes.
const maxHead = 256

// A deletion deletes the rows of a cause.
type deletion struct {
	sh       *shell
	flags    *deleteFlags
	id       cause.ID
	account  *account
	client   *read.Client
	meter    *read.Meter
	options  read.Options
	zone     *time.Location
	progress *progress

	rows []doomed
	last time.Time // of the last row
	stay int       // that the file does not have
}

// resolveAndDelete says that a cause is resolved, and deletes its rows: those
// that have been there when it began, for a cause may come back meanwhile.
func resolveAndDelete(ctx context.Context, sh *shell, f *sayFlags, id cause.ID) error {
	d := &deletion{sh: sh, flags: &f.deletes, id: id, progress: newProgress(sh)}
	err := d.prepare(ctx, f)
	d.progress.clear()
	if err != nil {
		return err
	}
	switch {
	case len(d.rows) == 0 && d.stay == 0:
		fmt.Fprintf(sh.stdout, "no error of %s %s is left to be deleted\n", causeName(id), d.span())
		return nil
	case len(d.rows) == 0:
		return d.left(0)
	}
	fmt.Fprintf(sh.stdout, "%s of %s %s\n", counted(len(d.rows), "error"), causeName(id), d.span())
	if !f.deletes.yes && !sh.ask(ctx, d.question()) {
		fmt.Fprintln(sh.stderr, "nothing is deleted, and nothing is said of the cause")
		return nil
	}
	if err := d.resolve(ctx, f); err != nil {
		return err
	}
	return d.run(ctx)
}

// question asks whether to delete the rows, and says what that costs.
func (d *deletion) question() string {
	units := 0
	for i := range d.rows {
		units += d.rows[i].units
	}
	cost := "less than a cent"
	if dollars := float64(units) * dollarsPerWriteUnit; dollars >= 0.01 {
		cost = fmt.Sprintf("about $%.2f", dollars)
	}
	return fmt.Sprintf("delete %s for good, within %v and for %s?", countedRows(len(d.rows)),
		time.Duration(units/d.flags.rate+1)*time.Second, cost)
}

// prepare finds the rows, and has them in the file if there is to be one.
func (d *deletion) prepare(ctx context.Context, f *sayFlags) (err error) {
	if d.zone, err = (&outputFlags{}).zone(d.sh); err != nil {
		return err
	}
	s, err := spanFlags{since: f.since}.resolve(d.sh.now(), d.zone)
	if err != nil {
		return err
	}
	d.options = read.Options{From: s.from, To: s.to, Now: d.sh.now(), Filter: read.Filter{}.Of(d.id)}
	if d.options.To.After(d.options.Now) {
		d.options.To = d.options.Now
	}
	if _, d.options.ErrorShards, err = f.shardCounts(d.sh); err != nil {
		return err
	}
	_, d.options.ErrorsTable = f.names(d.sh)
	if d.account, err = connect(ctx, d.sh, &f.accountFlags); err != nil {
		return err
	}
	if d.client, d.meter, err = d.account.priced(ctx, d.sh, &f.priceFlags); err != nil {
		return err
	}
	d.client.Budget.BeforeRows = false // none are printed
	return d.findAndExport(ctx, f)
}

// findAndExport finds the rows, and where there is to be a file, those that can
// be read back from it. One that is there already is of an earlier run, which
// was stopped behind it.
func (d *deletion) findAndExport(ctx context.Context, f *sayFlags) error {
	name := d.flags.export
	if name == "" {
		return d.find(ctx, nil)
	}
	if _, err := os.Lstat(name); err == nil {
		has, since, err := readBack(name)
		if err != nil {
			return err
		}
		if since.Before(d.options.From) {
			d.options.From = since
		}
		if err := d.find(ctx, nil); err != nil {
			return err
		}
		d.keep(has)
		return nil
	}
	asked := []string{"resolve --delete", d.id.Module, d.id.Locator, f.since, d.options.ErrorsTable, d.account.where()}
	file, err := openPartial(name, strings.HasSuffix(name, ".gz"),
		exportState{Asked: asked, From: d.options.From, To: d.options.To})
	if err != nil {
		return err
	}
	defer file.close()
	d.options.From, d.options.To = file.state.From, file.state.To
	if err := d.find(ctx, file); err != nil {
		return cmp.Or(file.save(), err)
	}
	if err := file.finish(); err != nil {
		return fmt.Errorf("cannot export: %w", err)
	}
	has, _, err := readBack(name)
	if err != nil {
		return err
	}
	d.keep(has)
	fmt.Fprintf(d.sh.stdout, "%s in %s\n", areRows(len(d.rows)), visible(name))
	return nil
}

// find finds the rows, and writes them to the file; nil is none.
func (d *deletion) find(ctx context.Context, file *partial) error {
	for r, err := range allShown(d.client.Query(ctx, d.options)) {
		if err != nil {
			return d.account.explain(err)
		}
		d.progress.report(func() string {
			return "looking  " + r.Time.In(d.zone).Format("2006-01-02 15:04") + "  " + countedRows(len(d.rows))
		})
		if cause.Of(r.Module, r.Locator, r.Exception, r.Text) != d.id || !isDay(r.Date) {
			continue
		}
		d.doom(&r)
		if file == nil || file.state.has(&r) {
			continue
		}
		line, err := exportLine(&r, d.zone)
		if err != nil {
			return fmt.Errorf("cannot export row %s of %s: %w", r.StampMod, r.Date, err)
		}
		if err := file.write(line); err != nil {
			return err
		}
		file.state.add(&r)
		if err := file.saveIfLong(); err != nil {
			return err
		}
	}
	return nil
}

// isDay reports whether a partition key is a day's, or a shard's of one: all
// that is ever deleted.
func isDay(date string) bool { return strings.HasPrefix(date, "20") }

// doom notes a row. It keeps nothing of the row's memory.
func (d *deletion) doom(r *shown) {
	one := doomed{rowKey: rowKey{strings.Clone(r.Date), strings.Clone(r.StampMod)}, units: max(r.WriteUnits, 1)}
	if text, ok := r.Item[row.AttrMessage].(*types.AttributeValueMemberS); ok {
		head := strings.Clone(row.Cut(text.Value, maxHead))
		one.head = &head
	}
	if n := len(d.rows); n > 0 && d.rows[n-1].date == one.date {
		one.date = d.rows[n-1].date
	}
	if r.Time.After(d.last) {
		d.last = r.Time
	}
	d.rows = append(d.rows, one)
}

// readBack returns the keys of the errors in a file, and a time that is not
// after any of them.
func readBack(name string) (has map[rowKey]bool, since time.Time, err error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, since, fmt.Errorf("cannot read the export: %w", err)
	}
	defer in.Close()
	has, since = map[rowKey]bool{}, time.Unix(math.MaxInt32, 0)
	err = eachImported(in, func(place int, r *importedRow, err error) error {
		if err != nil {
			return fmt.Errorf("row %d: %w", place, err)
		}
		date, _ := r.item[row.AttrDate].(*types.AttributeValueMemberS) // parseExportLine has looked
		stamp, _ := r.item[row.AttrStampMod].(*types.AttributeValueMemberS)
		has[rowKey{date.Value, stamp.Value}] = r.error
		digits, _, _ := strings.Cut(strings.ReplaceAll(stamp.Value, "+", "."), ".")
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil && time.Unix(n, 0).Before(since) {
			since = time.Unix(n, 0)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("nothing is deleted, for %s is not an export that can be read back: %w", name, err)
	}
	return has, since, err
}

// keep leaves those rows to be deleted that the file has.
func (d *deletion) keep(has map[rowKey]bool) {
	all := len(d.rows)
	d.rows = slices.DeleteFunc(d.rows, func(r doomed) bool { return !has[r.rowKey] })
	d.stay = all - len(d.rows)
}

// resolve says that the cause is resolved, unless an earlier run has.
func (d *deletion) resolve(ctx context.Context, f *sayFlags) error {
	table := &causeitem.Table{API: d.account.client, Name: d.options.ErrorsTable}
	said, err := table.Get(ctx, d.id)
	if err != nil {
		return d.account.explainSaying(table.Name, err)
	}
	if said.State == cause.Resolved && f.note == "" && !d.last.After(said.At) {
		return nil
	}
	return say(ctx, d.sh, f, d.id)
}

// span is the time in which rows were looked for.
func (d *deletion) span() string {
	const layout = "2006-01-02 15:04"
	return fmt.Sprintf("from %s to %s (%s)", d.options.From.In(d.zone).Format(layout),
		d.options.To.In(d.zone).Format(layout), zoneName(d.zone, d.options.From))
}
