package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/read"
)

// statsFlags is what `logtable stats` was asked.
type statsFlags struct {
	queryFlags
	by  []string
	top int // groups; negative for the usual number
}

// topGroups is how many groups are printed for people who do not say.
const topGroups = 20

func newStats(sh *shell) *cobra.Command {
	f := &statsFlags{}
	cmd := &cobra.Command{
		Use:   "stats [DAY]",
		Short: "Count the rows of a day or of any span of time",
		Long: `Count rows, errors, and when the first and the last one came, by module or by
whatever else --by names: module, locator, level, hour, day, field:NAME, or
several of these. DAY, the span of time and the filters are those of query.

Hours and days are in order of time, and those without rows are shown. All else
is in order of the number of rows; -n says how many groups are printed.

If there are rows of LOGTABLE_PLATFORM=all, a second table has each function's
invocations, cold starts, durations (within 1 %) and memory. The last line says
what the rows took to write and to read.`,
		Example: `  logtable stats                                 today's rows by module
  logtable stats yesterday --by hour
  logtable stats --since 30d --by day --module orders
  logtable stats --errors --since 1w --by module,locator -n 10
  logtable stats --by field:user.name --grep declined
  logtable stats --by hour,module -o csv         for a spreadsheet`,
		Args:              arguments(0, 1, "one DAY at most; times go with --from and --to"),
		ValidArgsFunction: completeDay,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.span.day = args[0]
			}
			if err := noEmptyFilter(cmd); err != nil {
				return err
			}
			if n := cmd.Flags().Lookup("top"); n.Changed && f.top < 0 {
				return usagef("-n %d is negative: write how many groups to print, or 0 for all", f.top)
			}
			return stats(cmd.Context(), sh, f)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *statsFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.by, "by", []string{"module"},
		"what to count by, a `LIST` of module, locator, level,\nhour, day, field:NAME")
	flags.IntVarP(&f.top, "top", "n", -1, "only the `N` groups with the most rows, of hours and days the\n"+
		"last, 0 for all (default 20; all of hours and days, and of\njsonl and csv)")
	flags.Lookup("by").DefValue, flags.Lookup("top").DefValue = "module", "0" // help prints no 0
	f.registerRows(flags)
	f.output = formText
	flags.VarP(newChoice(&f.output, formText, formJSONL, formCSV), "output", "o",
		"text for people, the others for programs")
	f.registerLook(flags)
	f.tableFlags.register(flags)
	f.accountFlags.register(flags)
	completeChoices(cmd, "output", "color")
	_ = cmd.RegisterFlagCompletionFunc("by", completeList(append(slices.Clone(dimensionNames), fieldDimension)))
}

// stats counts and prints.
func stats(ctx context.Context, sh *shell, f *statsFlags) error {
	out, err := f.printing(sh, nil)
	if err != nil {
		return err
	}
	options, err := f.options(sh, out.style.zone)
	if err != nil {
		return err
	}
	s, err := newStatistics(f.by, &options, out.style.zone)
	if err != nil {
		return err
	}
	account, err := connect(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	client, meter, err := account.priced(ctx, sh, &f.priceFlags)
	if err != nil {
		return err
	}
	if err := s.read(client.Query(ctx, options), newProgress(sh)); err != nil {
		return account.explain(err)
	}
	if s.total.rows == 0 {
		fmt.Fprintln(sh.stderr, nothing(options, out.style.zone))
		if text := hint(ctx, client, options); text != "" {
			fmt.Fprintln(sh.stderr, text)
		}
		if out.form == formText {
			return nil
		}
	}
	r := &report{statistics: s, style: out.style, meter: meter, groups: s.sorted(), plain: plainTerminal(sh.getenv)}
	r.choose(f.top, out.form)
	return out.paged(func(w io.Writer, _ func() bool) error { return r.print(w, out.form) })
}

// read counts rows. If some cannot be read, the numbers of the others are worth
// nothing: they would be taken for those of all.
func (s *statistics) read(rows iter.Seq2[read.Row, error], p *progress) error {
	defer p.clear()
	for row, err := range rows {
		if err != nil {
			return err
		}
		s.add(&row)
		p.report(func() string {
			return counted(s.total.rows, "row") + ", up to " + s.total.last.In(s.zone).Format(statsTime)
		})
	}
	return nil
}

// plainTerminal reports whether a terminal says that it has no block
// characters.
func plainTerminal(getenv func(string) string) bool {
	if getenv("TERM") == "dumb" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first one that is set counts
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return false
}

// A report is statistics on their way to somebody.
type report struct {
	*statistics
	style  textStyle
	meter  *read.Meter
	plain  bool // no block characters
	groups []*group
	rest   counts // of the groups that are not printed
	more   int    // how many these are
	// topFunctions is how many functions are printed for people; 0 is all.
	topFunctions int
}

// choose leaves the groups that are printed.
func (r *report) choose(n int, form string) {
	timely := r.by[0].bucket != nil
	if r.topFunctions = n; n < 0 {
		r.topFunctions = topGroups
		if n = topGroups; timely || form != formText {
			n = 0
		}
	}
	if n == 0 || n >= len(r.groups) {
		return
	}
	r.more = len(r.groups) - n
	left := r.groups[n:]
	if timely {
		left, r.groups = r.groups[:r.more], r.groups[r.more:]
	} else {
		r.groups = r.groups[:n]
	}
	for _, g := range left {
		r.rest.merge(&g.counts)
	}
}

func (r *report) print(w io.Writer, form string) error {
	var err error
	switch form {
	case formJSONL:
		err = r.printJSON(w)
	case formCSV:
		err = r.printCSV(w)
	default:
		err = r.printText(w)
	}
	if err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	return nil
}

// counts are what is counted of every group.
type counts struct {
	rows, errors int
	first, last  time.Time // zero of rows whose time nobody knows
}

func (c *counts) add(row *read.Row) {
	one := counts{rows: 1, first: row.Time, last: row.Time}
	if row.Error {
		one.errors = 1
	}
	c.merge(&one)
}

func (c *counts) merge(other *counts) {
	c.rows += other.rows
	c.errors += other.errors
	if c.first.IsZero() || !other.first.IsZero() && other.first.Before(c.first) {
		c.first = other.first
	}
	if other.last.After(c.last) {
		c.last = other.last
	}
}

// rate is which part of the rows are errors.
func (c *counts) rate() float64 {
	if c.rows == 0 {
		return 0
	}
	return float64(c.errors) / float64(c.rows)
}
