package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/read"
)

// tailFlags is what `logtable tail` was asked.
type tailFlags struct {
	queryFlags
	follow bool
}

func newTail(sh *shell) *cobra.Command {
	f := &tailFlags{}
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the last rows, and with -f new ones as they come",
		Long: `Tail prints the last 10 rows of all functions in time order, both tables merged,
and with -f goes on with new ones, at most two seconds after they were written,
until you press Ctrl-C.

Functions write at different times, so a row may be written when later ones have
been shown already. For 15 minutes after its time such a row is still found,
within a minute, and marked "late". What is written later than that is not
shown: "logtable query" finds it.

While nothing can be read, because of the network, throttling or expired
credentials, tail says so and goes on from the last row when it can.

Rows from the errors table are marked with "!" in the first column.`,
		Example: `  logtable tail                                  the last ten rows
  logtable tail -f                               and new ones
  logtable tail -f --level WARN+ --module 'orders,bill*'
  logtable tail -n 100 --since 7d --errors       the last hundred errors
  logtable tail -f -n 0 -o jsonl | jq -r .text   new ones only`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := noEmptyFilter(cmd); err != nil {
				return err
			}
			return tail(cmd.Context(), sh, f)
		},
	}
	const usual = 10
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVarP(&f.follow, "follow", "f", false, "print new rows as they come")
	flags.IntVarP(&f.last, "last", "n", usual, "the last `ROWS` at first; 0 for none")
	flags.StringVar(&f.span.since, "since", "24h", "look for the last rows in this `LENGTH` of time: 15m, 2h, 3d, 1w")
	flags.BoolVar(&f.onlyErrors, "errors", false, "read only the errors table")
	flags.BoolVar(&f.onlyInfo, "info", false, "read only the informational table")
	f.rowFlags.register(flags)
	f.outputFlags.register(cmd)
	f.tableFlags.register(flags)
	f.accountFlags.register(flags)
	return cmd
}

// tail reads and prints.
func tail(ctx context.Context, sh *shell, f *tailFlags) error {
	if !f.follow {
		if f.last == 0 {
			return usagef("-n 0 prints nothing: use it with -f, or write how many of the last rows to print")
		}
		return query(ctx, sh, &f.queryFlags)
	}
	if f.output == formJSON {
		return usagef("-o json is one array, which -f would never end: use -o jsonl")
	}
	f.noPager = true
	out, err := f.printing(sh, f.marks())
	if err != nil {
		return err
	}
	options, err := f.options(sh, out.style.zone)
	if err != nil {
		return err
	}
	options.Limit = f.last // of 0, too
	account, err := connect(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	follower := &follower{sh: sh, flags: &f.accountFlags, account: account, zone: out.style.zone}
	client, meter, err := account.priced(ctx, sh, &f.priceFlags)
	if err != nil {
		return err
	}
	follower.tail = client.NewTail(options, sh.now().Sub(options.From), out.style.zone, sh.now)
	first, err := follower.tail.Last(ctx)
	if err != nil {
		return account.explain(err)
	}
	if len(first) == 0 && f.last > 0 {
		fmt.Fprintln(sh.stderr, nothing(options, out.style.zone)+"; waiting for new ones")
		if text := hint(ctx, client, options); text != "" {
			fmt.Fprintln(sh.stderr, text)
		}
	}
	_, err = out.print(follower.rows(ctx, first), meter)
	return follower.account.explain(err)
}

// follower shows rows as they come, and tells of what keeps it from reading.
type follower struct {
	sh      *shell
	flags   *accountFlags
	account *account
	tail    *read.Tail
	zone    *time.Location
	told    trouble // of the last error; "" while reading works
}

// rows are the first ones, and then those that come.
func (f *follower) rows(ctx context.Context, first []read.Row) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		for i, row := range first {
			if !yield(shown{Row: row, atOnce: i == len(first)-1}, nil) {
				return
			}
		}
		for row, err := range f.tail.Follow(ctx, func(err error) error { return f.heard(ctx, err) }) {
			if !yield(shown{Row: row.Row, late: row.Late, atOnce: true}, err) {
				return
			}
		}
	}
}

// readingAgain is said when trouble has passed.
const readingAgain = "reading again"

// trouble is a kind of error that may pass. It is told of once.
type trouble string

const (
	badCredentials trouble = "as soon as there are new ones"
	tooManyCalls   trouble = "with longer and longer pauses"
	notReached     trouble = "when it can"
)

// troubleOf finds out whether an error may pass; "" if somebody must do
// something else than renew credentials.
func troubleOf(err error) trouble {
	var api smithy.APIError
	if !errors.As(err, &api) {
		if isCredentials(err) {
			return badCredentials
		}
		return notReached
	}
	switch class := awsenv.Classify(api.ErrorCode(), api.ErrorMessage()); {
	case class == awsenv.Expired, class == awsenv.BadSignature:
		return badCredentials
	case class == awsenv.Throttled:
		return tooManyCalls
	case class.Passing(), api.ErrorFault() == smithy.FaultServer:
		return notReached
	}
	return ""
}

// heard says what goes wrong, or that it goes on, and decides whether it can.
func (f *follower) heard(ctx context.Context, err error) error {
	if err == nil {
		f.told = ""
		fmt.Fprintln(f.sh.stderr, "logtable: "+readingAgain)
		return nil
	}
	var gap *read.GapError
	if errors.As(err, &gap) {
		fmt.Fprintf(f.sh.stderr, "logtable: nothing could be read for %v, which is more than --since: for the rows "+
			"before, see logtable query --from %s --to %s\n", f.sh.now().Sub(gap.From).Round(time.Second),
			gap.From.In(f.zone).Format(time.RFC3339), gap.To.In(f.zone).Format(time.RFC3339))
		return nil
	}
	kind := troubleOf(err)
	if kind == badCredentials && f.flags.profile == "" && f.sh.getenv("AWS_ACCESS_KEY_ID") != "" {
		return err // nobody can change this process's environment
	}
	if kind == "" {
		return err
	}
	if kind != f.told {
		f.told = kind
		fmt.Fprintf(f.sh.stderr, "logtable: %s; trying again %s\n", visible(f.explain(err)), kind)
	}
	if kind == badCredentials {
		// What is in files was read when the client was made.
		if account, err := connect(ctx, f.sh, f.flags); err == nil {
			f.account = account
			f.tail.Use(account.reader(ctx))
		}
	}
	return nil
}

// explain is account's, with less of what the SDK says of a connection.
func (f *follower) explain(err error) string {
	var api smithy.APIError
	table := &read.TableError{}
	if errors.As(err, &table) && !errors.As(err, &api) && !isCredentials(err) {
		return fmt.Sprintf("cannot read table %s %s: no connection (%s)", table.Table, f.account.where(),
			rootCause(table.Err))
	}
	return f.account.explain(err).Error()
}
