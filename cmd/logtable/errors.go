package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/read"
)

const (
	// topCauses is how many causes are printed for people who do not say.
	topCauses = 100
	// causesSince is the span of time where none is given.
	causesSince = "7d"
)

// errorsFlags is what `logtable errors` was asked.
type errorsFlags struct {
	span spanFlags
	rowFlags
	version string
	outputFlags
	all bool // resolved and ignored ones, too
	top int  // causes; negative for the usual number
	tableFlags
	accountFlags
}

func newErrors(sh *shell) *cobra.Command {
	f := &errorsFlags{}
	cmd := &cobra.Command{
		Use:   "errors [MODULE LOCATOR]",
		Short: "List errors by their causes, as a to-do list",
		Long: `List the errors of the last 7 days by their causes, one line each: what came
back and what is new first, then what is frequent. A cause is a module and a
locator; for errors without a locator it is the exception's first line, shown as
?3fa1c2d4. Of one execution of a durable function, each step counts once.

With MODULE and LOCATOR, print one cause: how it developed, what was said of it,
and its last row.

A cause is open until somebody resolves it (logtable resolve) or ignores it for
a while (logtable ignore). Errors after that make it "came back", unless they
are of a version that had shown it before: then it is "still seen". Causes that
are resolved or ignored are counted, and printed with --all.`,
		Example: `  logtable errors                                what to do
  logtable errors orders 7                       one of them
  logtable errors --since 24h --module 'orders,bill*'
  logtable errors --since 10m --exit-code        after a deployment: 3 if there are any
  logtable errors --version 42 --exit-code       the same, of a version
  logtable errors --all -o csv                   for a spreadsheet`,
		Args:              causeArguments(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noEmptyFilter(cmd); err != nil {
				return err
			}
			if n := cmd.Flags().Lookup("top"); n.Changed && f.top < 0 {
				return usagef("-n %d is negative: write how many causes to print, or 0 for all", f.top)
			}
			return listErrors(cmd.Context(), sh, f, args)
		},
	}
	f.register(cmd)
	return cmd
}

// causeArguments are a MODULE and a LOCATOR, or with least 0 none.
func causeArguments(least int) cobra.PositionalArgs {
	const want = "a MODULE and a LOCATOR, as logtable errors prints them"
	check := arguments(least, 2, want)
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return fmt.Errorf("an argument is missing: write %s", want)
		}
		if len(args) == 2 && args[1] == cause.Nowhere {
			return fmt.Errorf("the locator ? says nothing: write it as logtable errors prints it, such as '?3fa1c2d4'")
		}
		return check(cmd, args)
	}
}

func (f *errorsFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.span.since, "since", "", "only the last `LENGTH` of time: 15m, 2h, 3d, 1w\n"+
		"(default "+causesSince+")")
	flags.StringVar(&f.span.from, "from", "", "start at this `TIME`")
	flags.StringVar(&f.span.to, "to", "", "end before this `TIME`")
	flags.BoolVar(&f.all, "all", false, "also causes that are resolved or ignored")
	flags.StringVar(&f.version, "version", "", "only errors of this `VERSION` of the function's code")
	flags.IntVarP(&f.top, "top", "n", -1, "only the first `N` causes, 0 for all\n"+
		"(default 100; all of jsonl, json and csv)")
	flags.Lookup("top").DefValue = "0" // help prints no 0
	f.rowFlags.register(flags)
	f.output = formText
	flags.VarP(newChoice(&f.output, formText, formJSONL, formJSON, formCSV), "output", "o",
		"text for people, the others for programs")
	flags.BoolVar(&f.exitCode, "exit-code", false, "exit with 3 if any cause is open or came back")
	f.registerLook(flags)
	f.tableFlags.register(flags)
	f.accountFlags.register(flags)
	completeChoices(cmd, "output", "color")
}

// options turns flags into what to read.
func (f *errorsFlags) options(sh *shell, zone *time.Location) (o read.CauseOptions, err error) {
	if f.span == (spanFlags{}) {
		f.span.since = causesSince
	}
	o.Now = sh.now()
	s, err := f.span.resolve(o.Now, zone)
	if err != nil {
		return o, err
	}
	if o.Filter, err = f.filter(sh); err != nil {
		return o, err
	}
	o.Version = f.version
	if _, o.ErrorShards, err = f.shardCounts(sh); err != nil {
		return o, err
	}
	o.From, o.To = s.from, s.to
	_, o.ErrorsTable = f.names(sh)
	return o, nil
}

// listErrors reads and prints.
func listErrors(ctx context.Context, sh *shell, f *errorsFlags, args []string) error {
	out, err := f.printing(sh, f.marks())
	if err != nil {
		return err
	}
	o, err := f.options(sh, out.style.zone)
	if err != nil {
		return err
	}
	if len(args) == 2 {
		if len(f.modules)+len(f.locators) > 0 {
			return usagef("--module and --locator are for the list: MODULE and LOCATOR name a cause")
		}
		o.Only = cause.Named(args[0], args[1])
	}
	account, err := connect(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	found, meter, err := account.causes(ctx, sh, &f.priceFlags, o)
	if err != nil {
		return account.explain(err)
	}
	r := &causeReport{
		Causes: found, style: out.style, now: o.Now, meter: meter, plain: plainTerminal(sh.getenv), only: o.Only,
	}
	attention := r.choose(f, out.form)
	if len(r.All) == 0 && out.form == formText {
		fmt.Fprintln(sh.stderr, r.nothing(o.ErrorsTable))
		return nil
	}
	if err := out.paged(func(w io.Writer, _ func() bool) error { return r.print(w, out.form) }); err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	if attention && f.exitCode {
		return errSeen
	}
	return nil
}

// causes reads causes within a bound, telling how far it is. Nothing is printed
// before all is read, so that whoever waits can be asked at any time.
func (a *account) causes(
	ctx context.Context, sh *shell, price *priceFlags, o read.CauseOptions,
) (*read.Causes, *read.Meter, error) {
	client, meter, err := a.priced(ctx, sh, price)
	if err != nil {
		return nil, nil, err
	}
	client.Budget.BeforeRows = false
	p := newProgress(sh)
	defer p.clear()
	rows := 0
	o.Seen = func(r *read.Row) {
		rows++
		p.report(func() string {
			return counted(rows, "error") + ", back to " + r.Time.In(time.UTC).Format(statsTime)
		})
	}
	found, err := client.Causes(ctx, o)
	if err == nil && found.Unsaid {
		p.clear()
		fmt.Fprintf(sh.stderr, "logtable: what was said of causes cannot be read, so all are shown as open: "+
			"allow dynamodb:Query on %s with keys that begin with %s\n", visible(o.ErrorsTable), cause.Prefix)
	}
	return found, meter, err
}

// A causeReport is causes on their way to somebody.
type causeReport struct {
	*read.Causes
	style  textStyle
	now    time.Time
	meter  *read.Meter
	plain  bool     // no block characters
	only   cause.ID // the one that is wanted; zero for all
	total  int      // errors of all causes
	more   int      // causes that are not printed because there are too many
	rest   int      // and their errors
	hidden map[cause.Standing]int
}

// choose leaves the causes that are printed, and reports whether any needs
// attention.
func (r *causeReport) choose(f *errorsFlags, form string) (attention bool) {
	r.hidden = map[cause.Standing]int{}
	all := r.All
	r.All = nil
	for _, c := range all {
		r.total += c.Count
		attention = attention || c.Standing.NeedsAttention() && c.Count > 0
		done := c.Standing == cause.IsResolved || c.Standing == cause.IsIgnored
		if done && !f.all && r.only == (cause.ID{}) {
			r.hidden[c.Standing]++
			continue
		}
		r.All = append(r.All, c)
	}
	n := f.top
	if n < 0 && form == formText {
		n = topCauses
	}
	if n > 0 && n < len(r.All) {
		for _, c := range r.All[n:] {
			r.more++
			r.rest += c.Count
		}
		r.All = r.All[:n]
	}
	return attention || r.Others > 0
}

// nothing says that there is nothing to do, or what is not printed.
func (r *causeReport) nothing(table string) string {
	const layout = "2006-01-02 15:04:05"
	span := fmt.Sprintf("in %s from %s to %s (%s)", visible(table), r.From.In(r.style.zone).Format(layout),
		r.To.In(r.style.zone).Format(layout), zoneName(r.style.zone, r.From))
	switch {
	case r.only != (cause.ID{}):
		return "no errors of this cause " + span + ": logtable errors lists all causes, --since looks further back"
	case len(r.hidden) > 0:
		return "no open causes " + span + "; " + r.hiddenText()
	}
	return "no errors " + span
}

// hiddenText says which causes are not printed because somebody has dealt with
// them.
func (r *causeReport) hiddenText() string {
	var parts []string
	for _, standing := range []cause.Standing{cause.IsResolved, cause.IsIgnored} {
		if n := r.hidden[standing]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", thousands(n), standing))
		}
	}
	return strings.Join(parts, " and ") + ": --all prints them, too"
}

func (r *causeReport) print(w io.Writer, form string) error {
	switch {
	case form == formJSONL, form == formJSON:
		return r.printJSON(w, form == formJSON)
	case form == formCSV:
		return r.printCSV(w)
	case r.only != (cause.ID{}):
		return r.printOne(w)
	}
	return r.printList(w)
}
