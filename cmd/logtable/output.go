package main

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/read"
)

// Forms of output.
const (
	formText  = "text"
	formJSONL = "jsonl"
	formJSON  = "json"
	formCSV   = "csv"
	formRaw   = "raw"
)

// outputFlags say how rows are printed.
type outputFlags struct {
	output, color, timezone string
	columns                 []string
	oneline, noPager        bool
	verbose, exitCode       bool
}

func (f *outputFlags) register(cmd *cobra.Command) {
	f.output = formText
	flags := cmd.Flags()
	flags.VarP(newChoice(&f.output, formText, formJSONL, formJSON, formCSV, formRaw), "output", "o",
		"text for people, the others for programs;\nraw is text and exception alone")
	flags.BoolVar(&f.oneline, "oneline", false, "one line for each row")
	flags.StringSliceVar(&f.columns, "columns", nil, "one line for each row, with these `COLUMNS`: time,level,text;\n"+
		"also the columns of -o csv")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "also print each row's request ID, trace, key, table and expiry")
	f.registerLook(flags)
	completeChoices(cmd, "output", "color")
	_ = cmd.RegisterFlagCompletionFunc("columns", completeList(columnNames()))
}

// registerLook registers what every output has.
func (f *outputFlags) registerLook(flags *pflag.FlagSet) {
	f.color = "auto"
	flags.Var(newChoice(&f.color, "auto", "always", "never"), "color",
		"color; auto means on a terminal, without NO_COLOR")
	flags.BoolVar(&f.noPager, "no-pager", false, "do not page the output on a terminal")
	f.registerZone(flags)
}

// registerZone registers which zone times are shown and meant in.
func (f *outputFlags) registerZone(flags *pflag.FlagSet) {
	flags.StringVar(&f.timezone, "timezone", "", "time `ZONE`: Europe/Berlin, +02:00, local\n"+
		"(default LOGTABLE_TIMEZONE, else UTC)")
}

// completeChoices completes the words of choices. The error that it leaves out
// is about a flag that does not exist.
func completeChoices(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		choices := cmd.Flags().Lookup(name).Value.(*choice).all
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
	}
}

// zone is --timezone, else LOGTABLE_TIMEZONE, else UTC.
func (f *outputFlags) zone(sh *shell) (*time.Location, error) {
	zone, err := parseZone(cmp.Or(f.timezone, sh.getenv(config.Timezone)))
	if err != nil && f.timezone == "" {
		err = usagef("%s: %w", config.Timezone, err)
	}
	return zone, err
}

// printing is how rows are printed.
type printing struct {
	sh       *shell
	form     string
	columns  []column // of csv
	style    textStyle
	terminal bool   // standard output is one
	pager    string // a command line; "" for none
}

// printing looks at what was asked for and at where the output goes, before
// anything is read. marks finds the places in a line that are shown; nil is for
// none.
func (f *outputFlags) printing(sh *shell, marks func(line string) [][]int) (*printing, error) {
	zone, err := f.zone(sh)
	if err != nil {
		return nil, err
	}
	chosen, err := parseColumns(f.columns)
	if err != nil {
		return nil, err
	}
	if f.output != formText && (f.oneline || len(chosen) > 0 && f.output != formCSV) {
		return nil, usagef("-o %s has no --oneline and no --columns: they are for text, and --columns for csv",
			f.output)
	}
	p := &printing{sh: sh, form: f.output, columns: chosen, terminal: isTerminal(sh.stdout)}
	p.style = styleFor(sh.stdout, f.color, sh.getenv)
	p.style.zone, p.style.verbose = zone, f.verbose
	p.style.marks = marks
	if p.style.columns = chosen; f.oneline && len(chosen) == 0 {
		p.style.columns = onelineColumns
	}
	if p.terminal && !f.noPager {
		p.pager = pagerCommand(sh.getenv)
	}
	return p, nil
}

// isTerminal reports whether somebody sees what is written to w.
func isTerminal(w any) bool {
	if o, ok := w.(*output); ok {
		w = o.Writer
	}
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// print prints rows, and on a terminal, how many there were and what they cost
// to read. It returns how many. The errors of rows end it, after what was
// before them.
func (p *printing) print(rows iter.Seq2[shown, error], meter *read.Meter) (int, error) {
	t := &tally{}
	err := p.paged(func(out io.Writer, left func() bool) error {
		t.left = left
		err := p.rows(out, t.count(rows))
		if err == nil && p.form == formText && p.terminal && t.rows > 0 {
			_, err = fmt.Fprintln(out, p.style.paint(sgrDim, t.String()+", "+readUnits(meter)))
		}
		return err
	})
	return t.rows, err
}

// paged prints through the pager, if there is one. left reports whether the
// reader has left it.
func (p *printing) paged(print func(out io.Writer, left func() bool) error) error {
	if p.pager == "" {
		return print(p.sh.stdout, func() bool { return false })
	}
	through := &pager{sh: p.sh, command: p.pager}
	return through.close(print(through, func() bool { return through.left }))
}

func (p *printing) rows(out io.Writer, rows iter.Seq2[shown, error]) (err error) {
	switch zone := p.style.zone; p.form {
	case formJSONL:
		_, err = printJSON(out, rows, zone)
	case formJSON:
		err = printArray(out, rows, zone)
	case formCSV:
		err = printCSV(out, rows, p.columns, zone)
	case formRaw:
		err = printRaw(out, rows, p.terminal)
	default:
		_, err = printText(out, rows, p.style)
	}
	return err
}

// A tally counts rows on their way.
type tally struct {
	rows, errors int
	left         func() bool // reports whether nobody wants more; nil for never
}

func (t *tally) count(rows iter.Seq2[shown, error]) iter.Seq2[shown, error] {
	return func(yield func(shown, error) bool) {
		for row, err := range rows {
			if t.left != nil && t.left() {
				return
			}
			if err == nil {
				t.rows++
				if row.Error {
					t.errors++
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func (t *tally) String() string { return counted(t.rows, "row") + ", " + counted(t.errors, "error") }

func readUnits(meter *read.Meter) string {
	if units := meter.Units(); units != float64(int(units)) {
		return thousands(int(units)) + ".5 read units"
	}
	return counted(int(meter.Units()), "read unit")
}

// counted is a number with the name of what it counts.
func counted(n int, name string) string {
	if n == 1 {
		return "1 " + name
	}
	return thousands(n) + " " + name + "s"
}

// thousands is a number that is not negative with its digits in groups.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}
