package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// demoFlags are what `logtable demo` can be told.
type demoFlags struct {
	extension string
	examples  string
	env       []string
	keep      bool
	color     string
}

func newDemo(sh *shell) *cobra.Command {
	f := demoFlags{color: "auto"}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show Logtable at work on this machine, without an AWS account",
		Long: `Demo starts a local Lambda and a local DynamoDB, attaches the extension to
sample functions in several languages, invokes them (one times out, one crashes),
and prints the contents of the two tables, and the story of a request that runs
through three functions. It needs no other file than this program; languages that
are not installed are left out.

Everything runs on loopback addresses of this machine and stops with the command.`,
		Example: `  logtable demo
  logtable demo --keep                   keeps it running, to invoke functions yourself
  logtable demo -e LOGTABLE_PLATFORM=all
  make demo                              in a checkout: builds what is needed, then runs this`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), sh, &f) },
	}
	cmd.Flags().StringVar(&f.extension, "extension", "",
		"`FILE` of the extension's binary, which make build makes (default: this program)")
	cmd.Flags().StringVar(&f.examples, "examples", "", "`DIRECTORY` of the sample functions (default: those in this "+
		"program)")
	cmd.Flags().StringArrayVarP(&f.env, "env", "e", nil, "set a variable `NAME=VALUE` of all functions; may be "+
		"repeated")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "keep everything running and print how to invoke the functions "+
		"yourself")
	cmd.Flags().Var(newChoice(&f.color, "auto", "always", "never"), "color", "color the output: auto, always or never")
	return cmd
}

// demonstration is a demo under way.
type demonstration struct {
	sh        *shell
	style     textStyle
	extension []string // the command that is the extension
	examples  string
	embedded  bool // the examples are this program's
	env       map[string]string
	work      string // a directory for what is made, removed at the end
	table     *table.Server
	began     time.Time
	keep      bool
	stderrMu  sync.Mutex // guards sh.stderr while samples run

	printed  demoCount
	outcomes []*demoOutcome
	story    *demoStory
}

func demo(ctx context.Context, sh *shell, f *demoFlags) (err error) {
	if runtime.GOOS == "windows" {
		return errors.New("the local Lambda needs Linux or macOS: on Windows, run it in WSL")
	}
	d := &demonstration{sh: sh, style: styleFor(sh.stdout, f.color, sh.getenv), keep: f.keep}
	d.style.zone = time.UTC
	if d.env, err = variables(f.env); err != nil {
		return err
	}
	if d.work, err = os.MkdirTemp("", "logtable-demo-"); err != nil {
		return fmt.Errorf("cannot make a directory to work in: %w", err)
	}
	defer os.RemoveAll(d.work)
	if d.extension, err = d.findExtension(f.extension); err != nil {
		return err
	}
	if err := d.findExamples(f.examples); err != nil {
		return err
	}
	if d.table, err = table.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	defer d.table.Close()
	if err := d.table.CreateLogTables(ctx, config.DefaultInfoTable, config.DefaultErrorsTable); err != nil {
		return err
	}
	d.began = time.Now()
	defer d.end()
	d.say("A local Lambda runs the sample functions, each with the extension attached; " +
		"a local DynamoDB has the tables.\n")
	if err := d.play(ctx); err != nil {
		return err
	}
	if err := d.show(ctx); err != nil {
		return err
	}
	if err := d.summary(ctx); err != nil {
		return err
	}
	if d.keep {
		return d.serve(ctx)
	}
	return nil
}

func (d *demonstration) say(format string, args ...any) { fmt.Fprintf(d.sh.stdout, format, args...) }

// play prepares the samples, which takes the compiler's time, and then plays
// them, each step at the same time for all. It says what became of them in
// their order, of each as soon as it is known.
func (d *demonstration) play(ctx context.Context) error {
	var prepare errgroup.Group
	outcomes := func(samples []demoSample) (all []*demoOutcome) {
		for i := range samples {
			o := &demoOutcome{sample: &samples[i], over: make(chan struct{})}
			all = append(all, o)
			prepare.Go(func() error { return d.prepare(ctx, o) })
		}
		return all
	}
	d.outcomes = outcomes(demoSamples)
	d.story = &demoStory{outcomes: outcomes(storySamples), over: make(chan struct{})}
	if err := prepare.Wait(); err != nil {
		return err
	}
	if !slices.ContainsFunc(d.all(), func(o *demoOutcome) bool { return o.command != nil }) {
		return errors.New("no sample function can run here: install python3, node, go, or bash and curl")
	}
	invoke, ctx := errgroup.WithContext(ctx)
	invoke.Go(func() error {
		defer close(d.story.over)
		return d.playStory(ctx)
	})
	for _, o := range d.outcomes {
		invoke.Go(func() error {
			defer close(o.over)
			return d.invoke(ctx, o)
		})
	}
	for _, o := range d.outcomes {
		<-o.over
		if o.text != "" {
			d.say("  %-8s %-30s %s\n", o.sample.name, o.sample.says, o.text)
		}
	}
	if <-d.story.over; d.story.text != "" {
		d.say("  %-8s %-30s %s\n", "story", "a request through 3 functions", d.story.text)
	}
	return invoke.Wait()
}

// all are the outcomes of all samples.
func (d *demonstration) all() []*demoOutcome { return slices.Concat(d.outcomes, d.story.outcomes) }

// end ends what --keep left running.
func (d *demonstration) end() {
	defer d.story.close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, o := range d.all() {
		if o.running == nil {
			continue
		}
		if _, err := o.running.Shutdown(ctx); err != nil {
			o.running.Kill()
		}
	}
}

// show prints both tables as `logtable query` does, one function after the
// other.
func (d *demonstration) show(ctx context.Context) error {
	for _, t := range []struct{ title, name string }{
		{"Informational messages", config.DefaultInfoTable},
		{"Errors", config.DefaultErrorsTable},
	} {
		d.say("\n%s\n", d.style.paint(sgrBold, fmt.Sprintf("%s (table %s)", t.title, t.name)))
		o := read.Options{From: d.began.Add(-time.Hour), To: time.Now().Add(time.Hour), Now: time.Now()}
		if t.name == config.DefaultInfoTable {
			o.InfoTable = t.name
		} else {
			o.ErrorsTable = t.name
		}
		rows := byFunction(read.New(d.table.Client()).Query(ctx, o))
		if _, err := printText(d.sh.stdout, allShown(rows), d.style); err != nil {
			return err
		}
	}
	return d.tellStory(ctx)
}

// byFunction sorts rows by the samples' order and leaves those of each as they
// are. An error comes last.
func byFunction(rows iter.Seq2[read.Row, error]) iter.Seq2[read.Row, error] {
	return func(yield func(read.Row, error) bool) {
		var all []read.Row
		var failed error
		for row, err := range rows {
			if err != nil {
				failed = err
				break
			}
			if !isStory(row.Module) { // told below
				all = append(all, row)
			}
		}
		place := func(r read.Row) int {
			return slices.IndexFunc(demoSamples, func(s demoSample) bool { return s.name == r.Module })
		}
		slices.SortStableFunc(all, func(a, b read.Row) int { return cmp.Compare(place(a), place(b)) })
		for _, row := range all {
			if !yield(row, nil) {
				return
			}
		}
		if failed != nil {
			yield(read.Row{}, failed)
		}
	}
}

// summary says what it was about, and fails if anything was lost.
func (d *demonstration) summary(ctx context.Context) error {
	info, _, err := d.count(ctx, read.Options{InfoTable: config.DefaultInfoTable})
	if err != nil {
		return err
	}
	errs, deaths, err := d.count(ctx, read.Options{ErrorsTable: config.DefaultErrorsTable})
	if err != nil {
		return err
	}
	var held []time.Duration
	var failed []string
	for _, o := range d.all() {
		o.output.end()
		held, failed = append(held, o.held...), append(failed, o.failed...)
	}
	d.printed.mu.Lock()
	defer d.printed.mu.Unlock()
	sum := &d.printed.sum
	verdict := "nothing lost"
	if lost := sum.rows - info - errs; lost != 0 && !d.keep {
		verdict = fmt.Sprintf("%d LOST", lost)
		failed = append(failed, fmt.Sprintf("%d lines were printed, but %d rows stored", sum.rows, info+errs))
	} else if sum.missing > 0 {
		verdict = counted(sum.missing, "line") + " not stored"
	}
	d.say("\n%s %d lines printed, %d rows stored (%d informational, %d errors): %s.\n",
		d.style.paint(sgrBold, "Summary:"), sum.rows+sum.missing, info+errs, info, errs, verdict)
	d.say("%s", sum.missed(d.style))
	if deaths > 0 {
		d.say("%d more rows record how the failing functions ended, with the last lines they printed.\n", deaths)
	}
	if len(held) > 0 {
		slices.Sort(held)
		d.say("Time added after an invocation, so that its rows are stored before the environment can freeze: "+
			"median %.0f ms, at most %.0f ms.\n", milliseconds(held[len(held)/2]), milliseconds(held[len(held)-1]))
	}
	if len(failed) > 0 {
		return fmt.Errorf("the demo failed: %s", strings.Join(failed, "; "))
	}
	return nil
}

// count counts a table's rows: those of lines, and the platform's.
func (d *demonstration) count(ctx context.Context, o read.Options) (lines, platform int, err error) {
	o.From, o.To, o.Now = d.began.Add(-time.Hour), time.Now().Add(time.Hour), time.Now()
	for row, err := range read.New(d.table.Client()).Query(ctx, o) {
		if err != nil {
			return 0, 0, err
		}
		if strings.HasPrefix(row.Locator, "platform.") {
			platform++
		} else {
			lines++
		}
	}
	return lines, platform, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }
