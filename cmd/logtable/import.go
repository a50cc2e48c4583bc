package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/row/items"
)

// importFlags are what `logtable import` can be told.
type importFlags struct {
	tableFlags
	accountFlags
	rate   int
	dryRun bool
}

func newImport(sh *shell) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|-…",
		Short: "Write the rows of an export to the tables",
		Long: `Write rows from files to the tables: what export and query print with -o jsonl
or json, also compressed with gzip, and items in DynamoDB's JSON, as the aws
command's scan and AWS's exports to S3 have them. Of the latter, rows that have
an expiry go to the informational table.

A row that is there already is left alone, so that an import can be run again,
and continues where one was interrupted. What is not accepted is counted, and the
exit code is 3.

Import writes slowly, and stops if DynamoDB throttles, for your functions may
write to the same tables. It needs dynamodb:PutItem on both of them.`,
		Example: `  logtable import orders.jsonl.gz
  logtable import orders.jsonl --info-table logtable-copy-info --errors-table logtable-copy-errors
  logtable import --rate 50 info.json errors.json`,
		Args: arguments(1, math.MaxInt, "the names of one or more FILES, or -"),
		RunE: func(cmd *cobra.Command, args []string) error { return importFiles(cmd.Context(), sh, &f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&f.rate, "rate", 200, "write so many `UNITS` a second; one is a row of up to 1 KB")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only count the rows that would be written")
	f.registerNames(flags)
	f.accountFlags.register(flags)
	return cmd
}

func importFiles(ctx context.Context, sh *shell, f *importFlags, names []string) error {
	if f.rate < 1 {
		return usagef("--rate %d is not valid: write how many write units a second, 1 or more", f.rate)
	}
	i := &importer{sh: sh, pace: pace{rate: float64(f.rate)}, progress: newProgress(sh)}
	if !f.dryRun {
		account, err := connect(ctx, sh, &f.accountFlags)
		if err != nil {
			return err
		}
		info, errors := f.names(sh)
		i.put = newPutter(ctx, account, info, errors)
		i.put.gentle = true
	}
	var err error
	for _, name := range names {
		if err = i.file(ctx, name); err != nil {
			break
		}
	}
	if i.put != nil {
		if putErr := i.put.wait(); putErr != nil {
			err = putErr
		}
	}
	i.progress.clear()
	if err != nil {
		if ctx.Err() != nil && i.put != nil {
			fmt.Fprintf(sh.stderr, "%s: run it again to continue\n", i.put)
		}
		return err
	}
	return i.tell()
}

// An importer imports files, one after the other.
type importer struct {
	sh       *shell
	put      *putter // nil for --dry-run
	pace     pace
	progress *progress

	rows int // that were found; of the goroutine that reads

	mu    sync.Mutex // guards what follows
	notes []importNote
}

// An importNote is how many rows were not accepted, for one reason.
type importNote struct {
	why   string
	count int
	first string // its place
}

// maxNotes bounds the reasons that are told apart.
const maxNotes = 20

func (i *importer) note(why, place string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.notes {
		if i.notes[n].why == why || n == maxNotes-1 {
			i.notes[n].count++
			return
		}
	}
	i.notes = append(i.notes, importNote{why, 1, place})
}

func (i *importer) file(ctx context.Context, name string) error {
	in, size := i.sh.stdin, int64(0)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("cannot read the rows: %w", err)
		}
		defer file.Close()
		in = file
		if info, err := file.Stat(); err == nil {
			size = info.Size()
		}
	}
	counted := &countingReader{r: interruptible(ctx, in)}
	err := eachImported(counted, func(place int, r *importedRow, err error) error {
		at := fmt.Sprintf("row %d of %s", place, name)
		i.progress.report(func() string {
			return strings.TrimSpace(fmt.Sprintf("importing %s  %s  %s", name, countedRows(i.rows),
				percent(float64(counted.n), float64(size))))
		})
		switch {
		case err != nil:
			i.note(err.Error(), at)
		case r.expired(i.sh.now()):
			i.note("expired: DynamoDB would delete it at once", at)
		default:
			i.rows++
			return i.take(r, at)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot import %s: %w", name, err)
	}
	return nil
}

// take has a row written.
func (i *importer) take(r *importedRow, place string) error {
	if i.put == nil {
		return nil
	}
	const unit = 1 << 10
	if err := i.pace.take(i.put.ctx, float64((itemSize(r.item)+unit-1)/unit)); err != nil {
		return context.Cause(i.put.ctx)
	}
	return i.put.do(func() error { return i.write(r, place) })
}

// write writes a row, unless its key is taken.
func (i *importer) write(r *importedRow, place string) error {
	old, err := i.put.item(i.put.tables[r.error], r.item)
	switch {
	case err != nil || old == nil:
		return err
	case equalItems(old, r.item) || holds(old, r.item):
		i.put.count(&i.put.there)
	default:
		i.note("another row has its key, and is left alone", place)
	}
	return nil
}

// holds reports whether an item is a pack that a row is in: it has the key of
// its first line.
func holds(item, line attributes) bool {
	packed, ok := item[row.AttrPacked].(*types.AttributeValueMemberB)
	if !ok {
		return false
	}
	lines, err := items.Unpack(packed.Value)
	return err == nil && equalItems(lines[0], line)
}

// tell says what was written, and what was not.
func (i *importer) tell() error {
	if i.put == nil {
		fmt.Fprintf(i.sh.stdout, "%s found\n", countedRows(i.rows))
	} else {
		fmt.Fprintln(i.sh.stdout, i.put)
		if i.put.refused > 0 {
			fmt.Fprintf(i.sh.stderr, "not accepted: %s that DynamoDB refused: %s\n", thousands(i.put.refused),
				visible(strings.Join(i.put.why, "; ")))
		}
	}
	for _, n := range i.notes {
		fmt.Fprintf(i.sh.stderr, "not accepted: %s, the first is %s: %s\n", thousands(n.count), visible(n.first),
			visible(n.why))
	}
	if i.put.warn(i.sh) || len(i.notes) > 0 || i.put != nil && i.put.refused > 0 {
		return errSeen
	}
	return nil
}

func countedRows(n int) string { return counted(n, "row") }

// countingReader counts what is read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
