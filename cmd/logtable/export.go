package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/read"
)

// exportFlags are what `logtable export` was asked.
type exportFlags struct {
	queryFlags
	file string
	gzip bool
}

func newExport(sh *shell) *cobra.Command {
	f := &exportFlags{}
	cmd := &cobra.Command{
		Use:   "export FILE|- [DAY]",
		Short: "Write rows to a file",
		Long: `Write the rows of a day or of any span of time to a file, both tables merged in
time order: a JSON object a line, which import reads, or CSV for spreadsheets.
The file's name says which (orders.csv), and whether it is compressed
(orders.jsonl.gz). DAY and the filters are those of query.

Until it is whole, the file is called FILE.partial. If an export is interrupted,
the same command continues where it stopped, with the span of the first one. An
export overwrites nothing.`,
		Example: `  logtable export orders.jsonl.gz --since 30d
  logtable export errors.csv --errors --since 60d
  logtable export - yesterday | jq -r .text`,
		Args: arguments(1, 2, "the name of a FILE, or -, and one DAY at most"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.file = args[0]
			if len(args) > 1 {
				f.span.day = args[1]
			}
			if err := noEmptyFilter(cmd); err != nil {
				return err
			}
			return export(cmd.Context(), sh, f, asked(cmd.Flags(), args))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.registerRows(flags)
	flags.VarP(newChoice(&f.output, formJSONL, formCSV), "output", "o",
		"jsonl, which import reads, or csv (default: by the file's name)")
	flags.BoolVar(&f.gzip, "gzip", false, "compress (default: if the file's name ends in .gz)")
	flags.StringVar(&f.timezone, "timezone", "", "time `ZONE`: Europe/Berlin, +02:00, local\n"+
		"(default LOGTABLE_TIMEZONE, else UTC)")
	f.tableFlags.register(flags)
	f.accountFlags.register(flags)
	completeChoices(cmd, "output")
	return cmd
}

// asked is what the rows of an export depend on, as it was written. Whoever was
// stopped by the price may go on with another one.
func asked(flags *pflag.FlagSet, args []string) []string {
	all := slices.Clone(args[1:])
	flags.Visit(func(flag *pflag.Flag) {
		if flag.Name != maxReadUnits {
			all = append(all, "--"+flag.Name+"="+flag.Value.String())
		}
	})
	return all
}

// byName takes from the file's name what no flag says: what to write, and
// whether to compress it.
func (f *exportFlags) byName() error {
	if _, err := parseDay(f.file, time.Now()); err == nil {
		return usagef("FILE %q is a day: write the name of a file, or -, before it", f.file)
	}
	name := strings.TrimSuffix(f.file, ".gz")
	f.gzip = f.gzip || name != f.file
	if f.output != "" {
		return nil
	}
	switch filepath.Ext(name) {
	case ".csv":
		f.output = formCSV
	case "", ".jsonl", ".json", ".ndjson":
		f.output = formJSONL
	default:
		return usagef("cannot tell by the name %q what to write: end it in .jsonl or .csv, or use -o", f.file)
	}
	return nil
}

// export reads, and writes to the file.
func export(ctx context.Context, sh *shell, f *exportFlags, asked []string) error {
	zone, err := f.zone(sh)
	if err != nil {
		return err
	}
	if err := f.byName(); err != nil {
		return err
	}
	options, err := f.options(sh, zone)
	if err != nil {
		return err
	}
	account, err := connect(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	e := &exporter{sh: sh, flags: f, zone: zone, progress: newProgress(sh)}
	if e.client, e.meter, err = account.priced(ctx, sh, &f.priceFlags); err != nil {
		return err
	}
	asked = append(asked, f.output, fmt.Sprint(f.gzip), options.InfoTable, options.ErrorsTable, account.where(),
		zone.String())
	if f.file == "-" {
		err = e.toStdout(ctx, options)
	} else {
		err = e.toFile(ctx, options, asked)
	}
	return account.explain(err)
}

// An exporter exports once.
type exporter struct {
	sh       *shell
	flags    *exportFlags
	zone     *time.Location
	progress *progress
	client   *read.Client
	meter    *read.Meter
}

func (e *exporter) toStdout(ctx context.Context, o read.Options) error {
	out, end := io.Writer(e.sh.stdout), func() error { return nil }
	if e.flags.gzip {
		zip := gzip.NewWriter(out)
		out, end = zip, zip.Close
	}
	if _, err := out.Write(e.header()); err != nil {
		return err
	}
	t := &tally{}
	for row, err := range e.rows(ctx, o, t) {
		if err != nil {
			return err
		}
		line, err := e.line(&row)
		if err != nil {
			return err
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	if err := end(); err != nil {
		return err
	}
	e.done(e.sh.stderr, t.rows, t.errors)
	return nil
}

func (e *exporter) toFile(ctx context.Context, o read.Options, asked []string) (err error) {
	file, err := openPartial(e.flags.file, e.flags.gzip, exportState{Asked: asked, From: o.From, To: o.To})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, file.close()) }()
	state := &file.state
	if state.Rows > 0 {
		const layout = "2006-01-02 15:04:05"
		fmt.Fprintf(e.sh.stderr, "continuing behind the %s of %s.partial (%s to %s, %s)\n", countedRows(state.Rows),
			e.flags.file, state.From.In(e.zone).Format(layout), state.To.In(e.zone).Format(layout),
			zoneName(e.zone, state.From))
	}
	err = e.fill(ctx, o, file)
	e.progress.clear()
	if err != nil {
		if saveErr := file.save(); saveErr == nil && state.Rows > 0 {
			fmt.Fprintf(e.sh.stderr, "%s in %s.partial: run the same command again to continue\n",
				areRows(state.Rows), e.flags.file)
		}
		return err
	}
	if err := file.finish(); err != nil {
		return err
	}
	e.done(e.sh.stdout, state.Rows, state.Errors)
	return nil
}

func areRows(n int) string {
	if n == 1 {
		return "1 row is"
	}
	return thousands(n) + " rows are"
}

// fill writes what the file does not have yet.
func (e *exporter) fill(ctx context.Context, o read.Options, file *partial) error {
	state := &file.state
	o.From, o.To = state.resumed(), state.To
	if header := e.header(); state.Bytes == 0 && len(header) > 0 {
		if err := file.write(header); err != nil {
			return err
		}
	}
	for row, err := range e.rows(ctx, o, &tally{rows: state.Rows}) {
		if err != nil {
			return err
		}
		if state.has(&row) {
			continue
		}
		line, err := e.line(&row)
		if err != nil {
			return err
		}
		if err := file.write(line); err != nil {
			return err
		}
		state.add(&row)
		if err := file.saveIfLong(); err != nil {
			return err
		}
	}
	return nil
}

// rows reads, and reports how far that is.
func (e *exporter) rows(ctx context.Context, o read.Options, t *tally) iter.Seq2[shown, error] {
	begun, before := e.sh.now(), t.rows
	rows := t.count(allShown(e.client.Query(ctx, o)))
	return func(yield func(shown, error) bool) {
		for row, err := range rows {
			e.progress.report(func() string {
				speed := float64(t.rows-before) / max(e.sh.now().Sub(begun).Seconds(), 0.001)
				return fmt.Sprintf("exporting  %s  %s  %s  %s a second", row.Time.In(e.zone).Format("2006-01-02 15:04"),
					countedRows(t.rows), percent(float64(row.Time.Sub(o.From)), float64(o.To.Sub(o.From))),
					countedRows(int(speed)))
			})
			if !yield(row, err) {
				return
			}
		}
	}
}

// header is what is before the rows.
func (e *exporter) header() []byte {
	if e.flags.output != formCSV {
		return nil
	}
	return csvLine(names(allColumns[:csvColumns]))
}

func (e *exporter) line(row *shown) ([]byte, error) {
	if e.flags.output == formCSV {
		return csvLine(csvRecord(row, allColumns[:csvColumns], e.zone)), nil
	}
	line, err := exportLine(row, e.zone)
	if err != nil {
		err = fmt.Errorf("cannot export row %s of %s: %w", row.StampMod, row.Date, err)
	}
	return line, err
}

func csvLine(record []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(record) // into memory
	w.Flush()
	return b.Bytes()
}

func (e *exporter) done(w io.Writer, rows, errors int) {
	e.progress.clear()
	fmt.Fprintf(w, "%s, %s, %s\n", counted(rows, "row"), counted(errors, "error"), readUnits(e.meter))
}

// errBusy says that another process writes to the same file.
var errBusy = errors.New("another export writes to it just now: wait, or choose another name")
