package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/read"
)

// rowFlags say which rows are wanted, and in which order.
type rowFlags struct {
	levels          []string
	scale           string // of levels, the layer's
	locator, module string
	grep            string
	linkFlags
	context, limit int
	last           int
	newest         bool
}

// linkFlags say what the wanted rows belong to.
type linkFlags struct{ request, trace, tenant, execution string }

func (f *rowFlags) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.levels, "level", nil, "only these `LEVELS`: WARN,ERROR")
	flags.StringVar(&f.scale, "levels", "", "the layer's `SCALE` of levels, for --level\n"+
		"(default LOGTABLE_LEVELS, else the layer's default)")
	flags.StringVar(&f.locator, "locator", "", "only this `LOCATOR`")
	flags.StringVar(&f.module, "module", "", "only this `MODULE`")
	flags.StringVar(&f.request, "request", "", "only this request `ID`, or IDs that start with it")
	flags.StringVar(&f.trace, "trace", "", "only this trace `ID`, as X-Ray or as W3C writes it")
	flags.StringVar(&f.tenant, "tenant", "", "only the tenant with this `ID`")
	flags.StringVar(&f.execution, "execution", "", "only this `EXECUTION` of a durable function, <name>/<id> or ARN")
	flags.StringVar(&f.grep, "grep", "", "only rows with this `TEXT` in message or fields, case-sensitive")
	flags.IntVar(&f.context, "context", 0, "also this many `ROWS` before and after each that --grep finds")
	flags.IntVar(&f.limit, "limit", 0, "print at most this many `ROWS`")
	flags.IntVarP(&f.last, "last", "n", 0, "only the last `ROWS`, oldest first")
	flags.BoolVar(&f.newest, "newest", false, "newest first")
}

// noEmptyFilter refuses a filter that was given as "": it is an unset variable
// of a script, and would print everything.
func noEmptyFilter(cmd *cobra.Command) error {
	for _, name := range []string{"level", "locator", "module", "request", "trace", "tenant", "execution",
		"grep", "from", "to", "since"} {
		flag := cmd.Flags().Lookup(name)
		if value := flag.Value.String(); flag.Changed && (value == "" || value == "[]") {
			return usagef("--%s is empty: give it a value, or leave it out", name)
		}
	}
	return nil
}

// filter turns the flags into what rows must have.
func (f *rowFlags) filter(sh *shell) (filter read.Filter, err error) {
	if f.limit < 0 {
		return read.Filter{}, usagef("--limit %d is negative: write how many rows to print, or 0 for all", f.limit)
	}
	if f.context < 0 || f.context > 0 && f.grep == "" {
		return read.Filter{}, usagef("--context %d is not valid: write how many rows to print around each that "+
			"--grep finds, and --grep", f.context)
	}
	if f.last < 0 || f.last > 0 && f.limit > 0 {
		return read.Filter{}, usagef("-n %d is not valid: write how many of the last rows to print, without --limit",
			f.last)
	}
	levels, err := f.levelNames(sh)
	if err != nil {
		return read.Filter{}, err
	}
	filter = read.Filter{
		Levels: levels, Locator: f.locator, Module: f.module, RequestID: f.request, TenantID: f.tenant,
		Contains: f.grep,
	}
	err = f.linkFlags.resolve(&filter)
	return filter, err
}

// levelNames returns the names under which the layer stores levels: it takes
// the usual aliases for a level of its scale, and so does this. Where nobody
// has said which scale that is, a name is looked for as it is, too: the layer
// may have another than the default one.
func (f *rowFlags) levelNames(sh *shell) ([]string, error) {
	name, text := "--levels", f.scale
	if text == "" {
		name, text = config.Levels, strings.TrimSpace(sh.getenv(config.Levels))
	}
	scale := level.DefaultScale()
	if text != "" {
		first, _, _ := strings.Cut(text, "=") // which levels are errors makes no difference here
		var err error
		if scale, err = level.ParseScale(text, first); err != nil {
			return nil, usagef("%s %s is not valid: %w; write it as for the layer, for example "+
				"DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7", name, visible(text), err)
		}
	}
	var names []string
	for _, asked := range f.levels {
		level, ok := scale.Find(asked)
		if ok {
			names = append(names, level.Name)
		}
		if !ok || text == "" {
			names = append(names, strings.ToUpper(asked))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
