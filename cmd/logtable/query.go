package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/traceid"
)

// queryFlags is what `logtable query` was asked.
type queryFlags struct {
	span spanFlags
	rowFlags
	outputFlags
	onlyInfo, onlyErrors bool
	open                 bool // only errors of causes that are open
	tableFlags
	accountFlags
}

// tableFlags name the tables.
type tableFlags struct {
	infoTable, errorsTable string
	shards, errorShards    int
	priceFlags
}

func newQuery(sh *shell) *cobra.Command {
	f := &queryFlags{}
	cmd := &cobra.Command{
		Use:   "query [DAY]",
		Short: "Print the rows of a day or of any span of time",
		Long: `Print the rows of a day, both tables merged in time order.

DAY is today (the default), yesterday or a date such as 2026-11-22. --from and
--to set the start and the end: a time of that day (14:30), a time ago (2h, 3d)
or a date and time (2026-11-22T14:30:00Z). The end is exclusive.

Rows from the errors table are marked with "!" in the first column.`,
		Example: `  logtable query                                 everything from today
  logtable query 2026-11-22 --from 14:00 --to 14:30
  logtable query --since 2h --level WARN+ --module 'orders,bill*'
  logtable query --grep declined --context 5     with the rows around each match
  logtable query --request 7f3a9c12 -v           one invocation, in full
  logtable query --errors -n 10                  today's last ten errors
  logtable query -o jsonl | jq -r .text
  logtable query --errors --since 10m --exit-code   after a deployment`,
		Args:              arguments(0, 1, "one DAY at most; times go with --from and --to"),
		ValidArgsFunction: completeDay,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.span.day = args[0]
			}
			if err := noEmptyFilter(cmd); err != nil {
				return err
			}
			return query(cmd.Context(), sh, f)
		},
	}
	f.register(cmd)
	return cmd
}

func completeDay(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"today", "yesterday"}, cobra.ShellCompDirectiveNoFileComp
}

func (f *queryFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	f.registerRows(flags)
	f.orderFlags.register(flags)
	f.outputFlags.register(cmd)
	flags.BoolVar(&f.open, "open", false, "only errors whose cause is neither resolved nor ignored\n"+
		"(see logtable errors)")
	flags.BoolVar(&f.exitCode, "exit-code", false, "exit with 3 if any rows match")
	f.tableFlags.register(flags)
	f.accountFlags.register(flags)
}

// registerRows registers what says which rows are wanted.
func (f *queryFlags) registerRows(flags *pflag.FlagSet) {
	flags.StringVar(&f.span.from, "from", "", "start at this `TIME`")
	flags.StringVar(&f.span.to, "to", "", "end before this `TIME`")
	flags.StringVar(&f.span.since, "since", "", "only the last `LENGTH` of time: 15m, 2h, 3d, 1w")
	flags.BoolVar(&f.onlyErrors, "errors", false, "read only the errors table")
	flags.BoolVar(&f.onlyInfo, "info", false, "read only the informational table")
	f.rowFlags.register(flags)
}

func (f *tableFlags) register(flags *pflag.FlagSet) {
	f.registerNames(flags)
	flags.IntVar(&f.shards, "shards", 0, "number of `PARTITIONS` per day of the informational table\n"+
		"(default LOGTABLE_SHARDS, else detected)")
	flags.IntVar(&f.errorShards, "error-shards", 0, "number of `PARTITIONS` per day of the errors table\n"+
		"(default LOGTABLE_ERROR_SHARDS, else detected)")
	f.priceFlags.register(flags)
}

// registerNames is register for a command that only writes.
func (f *tableFlags) registerNames(flags *pflag.FlagSet) {
	flags.StringVar(&f.infoTable, "info-table", "", "`NAME` or ARN of the informational table\n"+
		"(default LOGTABLE_INFO_TABLE, else "+config.DefaultInfoTable+")")
	flags.StringVar(&f.errorsTable, "errors-table", "", "`NAME` or ARN of the errors table\n"+
		"(default LOGTABLE_ERRORS_TABLE, else "+config.DefaultErrorsTable+")")
}

// query reads and prints.
func query(ctx context.Context, sh *shell, f *queryFlags) error {
	out, err := f.printing(sh, f.marks())
	if err != nil {
		return err
	}
	zone := out.style.zone
	options, err := f.options(sh, zone)
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
	n, err := out.print(f.rows(ctx, client, options), meter)
	if err != nil {
		return account.explain(err)
	}
	if n == 0 {
		fmt.Fprintln(sh.stderr, nothing(options, zone))
		if text := hint(ctx, account.reader(ctx), options); text != "" {
			fmt.Fprintln(sh.stderr, text)
		}
	}
	if n > 0 && f.exitCode {
		return errSeen
	}
	return nil
}

// rows reads what is printed. With --context, DynamoDB cannot look for the
// text: what stands around it is wanted, too. What is read costs the same.
func (f *queryFlags) rows(ctx context.Context, client *read.Client, o read.Options) iter.Seq2[shown, error] {
	var rows iter.Seq2[shown, error]
	if f.context == 0 {
		rows = allShown(client.Query(ctx, o))
	} else {
		text, limit := o.TextFilter, o.Limit
		o.Contains, o.Match, o.Limit = "", nil, 0
		rows = around(client.Query(ctx, o), text.Found, f.context, limit)
	}
	if f.last > 0 && !f.newest {
		rows = reversed(rows)
	}
	return rows
}

// options turns flags into what to read.
func (f *queryFlags) options(sh *shell, zone *time.Location) (read.Options, error) {
	s, err := f.span.resolve(sh.now(), zone)
	if err != nil {
		return read.Options{}, err
	}
	filter, err := f.filter(sh)
	if err != nil {
		return read.Options{}, err
	}
	shards, errorShards, err := f.shardCounts(sh)
	if err != nil {
		return read.Options{}, err
	}
	if f.onlyInfo && f.onlyErrors {
		return read.Options{}, usagef("--info and --errors exclude each other: leave out both to read both tables")
	}
	if f.onlyInfo && f.open {
		return read.Options{}, usagef("--open is for errors: leave out --info")
	}
	o := read.Options{
		From:        s.from,
		To:          s.to,
		Filter:      filter,
		Limit:       f.limit,
		Shards:      shards,
		ErrorShards: errorShards,
		NewestFirst: f.newest,
		Open:        f.open,
		Now:         sh.now(),
	}
	if f.last > 0 {
		o.Limit, o.NewestFirst = f.last, true
	}
	o.InfoTable, o.ErrorsTable = f.names(sh)
	if f.onlyErrors || f.open {
		o.InfoTable = ""
	}
	if f.onlyInfo {
		o.ErrorsTable = ""
	}
	return o, nil
}

// shardCounts are over how many partitions a day of each table is spread; 0
// where nobody says.
func (f *tableFlags) shardCounts(sh *shell) (info, errors int, err error) {
	if info, err = shardCount(sh, "--shards", f.shards, config.Shards); err != nil {
		return 0, 0, err
	}
	errors, err = shardCount(sh, "--error-shards", f.errorShards, config.ErrorShards)
	return info, errors, err
}

// names are the tables' names or ARNs.
func (f *tableFlags) names(sh *shell) (info, errors string) {
	return cmp.Or(f.infoTable, sh.getenv(config.InfoTable), config.DefaultInfoTable),
		cmp.Or(f.errorsTable, sh.getenv(config.ErrorsTable), config.DefaultErrorsTable)
}

// shardCount is a flag, else a variable, else 0: find out.
func shardCount(sh *shell, name string, n int, variable string) (int, error) {
	value := strconv.Itoa(n)
	if text := sh.getenv(variable); n == 0 && text != "" {
		name, value = variable, text
		var err error
		if n, err = strconv.Atoi(strings.TrimSpace(text)); err != nil || n == 0 {
			n = -1
		}
	}
	if n < 0 || n > config.MaxShards {
		return 0, usagef("%s %s is not a valid number of shards: write 1 to %d, or leave it out to detect it",
			name, visible(value), config.MaxShards)
	}
	return n, nil
}

// nothing says what was looked for in vain.
func nothing(o read.Options, zone *time.Location) string {
	unread := func(table string) bool { return table == "" }
	tables := strings.Join(slices.DeleteFunc([]string{o.InfoTable, o.ErrorsTable}, unread), " and ")
	const layout = "2006-01-02 15:04:05"
	text := fmt.Sprintf("no matching rows in %s from %s to %s (%s)", visible(tables),
		o.From.In(zone).Format(layout), o.To.In(zone).Format(layout), zoneName(zone, o.From))
	id := cmp.Or(o.Execution, o.RequestID)
	if len(o.TraceIDs) > 0 {
		id = traceid.XRay(o.TraceIDs[0])
	}
	if len(id) >= shortRequest {
		text += "; to look for it on other days, too: logtable show " + visible(id)
	}
	return text
}

// choice is a flag that takes one of a few words.
type choice struct {
	value *string
	all   []string
}

func newChoice(value *string, all ...string) *choice {
	return &choice{value: value, all: all}
}

func (c *choice) String() string {
	if c.value == nil { // as the flag package asks of a zero value
		return ""
	}
	return *c.value
}

func (c *choice) Type() string { return strings.Join(c.all, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.all, s) {
		last := len(c.all) - 1
		return fmt.Errorf("write %s or %s", strings.Join(c.all[:last], ", "), c.all[last])
	}
	*c.value = s
	return nil
}
