package main

import (
	"regexp"
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
	levels            []string
	scale             string // of levels, the layer's
	locators, modules []string
	textFlags
	linkFlags
	orderFlags
}

// orderFlags say how many rows are wanted, and in which order.
type orderFlags struct {
	context, limit, last int
	newest               bool
}

func (f *orderFlags) register(flags *pflag.FlagSet) {
	flags.IntVar(&f.context, "context", 0, "also this many `ROWS` before and after each that --grep or --match finds")
	flags.IntVar(&f.limit, "limit", 0, "print at most this many `ROWS`")
	flags.IntVarP(&f.last, "last", "n", 0, "only the last `ROWS`, oldest first")
	flags.BoolVar(&f.newest, "newest", false, "newest first")
}

// textFlags say what must stand in the wanted rows, or must not.
type textFlags struct {
	grep, match string
	not, fields []string
	ignoreCase  bool
}

func (f *textFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.grep, "grep", "", "only rows with this `TEXT` in message or fields")
	flags.StringVar(&f.match, "match", "", "only rows in which this regular `EXPRESSION` matches")
	flags.StringArrayVar(&f.not, "not", nil, "only rows without this `TEXT`; may be repeated")
	flags.BoolVarP(&f.ignoreCase, "ignore-case", "i", false, "--grep, --match, --not and --field ignore case")
	flags.StringArrayVar(&f.fields, "field", nil, "only rows with such a `FIELD`: order=17, status!=ok, took>1.5,\n"+
		"user.name~^A (a regular expression); may be repeated")
}

// resolve adds to a filter what is not taken as it was written.
func (f *textFlags) resolve(filter *read.Filter) error {
	filter.TextFilter = read.TextFilter{Contains: f.grep, Not: f.not, IgnoreCase: f.ignoreCase}
	if f.match != "" {
		expression := f.match
		if f.ignoreCase {
			expression = "(?i)" + expression
		}
		var err error
		if filter.Match, err = regexp.Compile(expression); err != nil {
			return usagef("--match %q is not a valid regular expression: %w", f.match, err)
		}
	}
	for _, text := range f.fields {
		test, err := read.ParseFieldTest(text, f.ignoreCase)
		if err != nil {
			return usagef("--field %q is not valid: %w", text, err)
		}
		filter.Fields = append(filter.Fields, test)
	}
	if slices.Contains(f.not, "") {
		return usagef("--not is empty: give it a value, or leave it out")
	}
	return nil
}

// linkFlags say what the wanted rows belong to.
type linkFlags struct{ request, trace, tenant, execution string }

func (f *rowFlags) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.levels, "level", nil, "only these `LEVELS`: WARN,ERROR or WARN+ (and above)")
	flags.StringVar(&f.scale, "levels", "", "the layer's `SCALE` of levels, for --level\n"+
		"(default LOGTABLE_LEVELS, else the layer's default)")
	flags.StringSliceVar(&f.locators, "locator", nil, "only these `LOCATORS`; * stands for any characters, ? for one")
	flags.StringSliceVar(&f.modules, "module", nil, "only these `MODULES`: orders,bill*")
	flags.StringVar(&f.request, "request", "", "only this request `ID`, or IDs that start with it")
	flags.StringVar(&f.trace, "trace", "", "only this trace `ID`, as X-Ray or as W3C writes it")
	flags.StringVar(&f.tenant, "tenant", "", "only the tenant with this `ID`")
	flags.StringVar(&f.execution, "execution", "", "only this `EXECUTION` of a durable function, <name>/<id> or ARN")
	f.textFlags.register(flags)
}

// noEmptyFilter refuses a filter that was given as "": it is an unset variable
// of a script, and would print everything.
func noEmptyFilter(cmd *cobra.Command) error { return noEmptyWord(cmd.Flags()) }

// noEmptyWord is noEmptyFilter for flags that no command has.
func noEmptyWord(flags *pflag.FlagSet) error {
	for _, name := range []string{"level", "locator", "module", "request", "trace", "tenant", "execution",
		"grep", "match", "field", "from", "to", "since", "version"} {
		flag := flags.Lookup(name)
		if flag == nil {
			continue // another command's
		}
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
	if f.context < 0 || f.context > 0 && f.grep == "" && f.match == "" {
		return read.Filter{}, usagef("--context %d is not valid: write how many rows to print around each match, "+
			"together with --grep or --match", f.context)
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
		Levels: levels, Locators: f.locators, Modules: f.modules, RequestID: f.request, TenantID: f.tenant,
	}
	if err := f.textFlags.resolve(&filter); err != nil {
		return filter, err
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
		if lowest, above := strings.CutSuffix(asked, "+"); above {
			found, ok := scale.Find(lowest)
			if !ok {
				return nil, usagef("--level %s is not valid: the scale is %s; if the layer has another one, "+
					"name it with --levels", visible(asked), scale)
			}
			names = append(names, atLeast(scale, found)...)
			continue
		}
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

// atLeast returns the names of a level and those above it; invalid lines have a
// level of their own name.
func atLeast(scale *level.Scale, lowest level.Level) (names []string) {
	for name := range strings.SplitSeq(scale.String(), ", ") {
		if l, _ := scale.Find(name); l.Rank >= lowest.Rank {
			names = append(names, name)
		}
	}
	if warn := scale.Warn(); warn.Rank >= lowest.Rank {
		names = append(names, warn.Name)
	}
	return names
}
