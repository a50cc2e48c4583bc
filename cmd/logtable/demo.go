package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/table"
)

// demoFlags are what `logtable demo` can be told.
type demoFlags struct {
	extension string
	examples  string
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
through three functions.

Everything runs on loopback addresses of this machine and stops with the command.`,
		Example: `  make demo                    builds what is needed, then runs this
  logtable demo --keep         keeps it running, to invoke functions yourself`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), sh, &f) },
	}
	cmd.Flags().StringVar(&f.extension, "extension", "",
		"`FILE` of the extension's binary, which make build makes (default: this program)")
	cmd.Flags().StringVar(&f.examples, "examples", "examples", "`DIRECTORY` of the sample functions")
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
	work      string // a directory for what is made, removed at the end
	table     *table.Server
	began     time.Time
	keep      bool
	stderrMu  sync.Mutex // guards sh.stderr while samples run

	outcomes []*demoOutcome
	story    *demoStory
}

func demo(ctx context.Context, sh *shell, f *demoFlags) (err error) {
	d := &demonstration{sh: sh, style: styleFor(sh.stdout, f.color, sh.getenv), keep: f.keep}
	d.style.zone = time.UTC
	if d.examples, err = filepath.Abs(f.examples); err != nil {
		return err
	}
	if d.work, err = os.MkdirTemp("", "logtable-demo-"); err != nil {
		return fmt.Errorf("cannot make a directory to work in: %w", err)
	}
	defer os.RemoveAll(d.work)
	if d.extension, err = d.findExtension(f.extension); err != nil {
		return err
	}
	if _, err := os.Stat(d.examples); err != nil {
		return fmt.Errorf("cannot find the sample functions: %w; "+
			"run `make demo` in a checkout of Logtable, or give their directory with --examples", err)
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
	if err := d.summary(); err != nil {
		return err
	}
	if d.keep {
		return d.serve(ctx)
	}
	return nil
}

// findExtension returns the binary that was named, or else this program, which
// is the extension by its command of that name. It is linked to under the file
// name that the extension has in the layer, because it registers by it.
func (d *demonstration) findExtension(named string) ([]string, error) {
	if named != "" {
		path, err := filepath.Abs(named)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("cannot find the extension: %w; "+
				"run `make demo` in a checkout of Logtable, or name it with --extension", err)
		}
		return []string{path}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program's file: %w", err)
	}
	link := filepath.Join(d.work, "extensions", "logtable")
	if err := os.Mkdir(filepath.Dir(link), 0o755); err != nil {
		return nil, err
	}
	return []string{link, extensionCommand}, os.Symlink(self, link)
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
			prepare.Go(func() error { return d.prepare(o) })
		}
		return all
	}
	d.outcomes = outcomes(demoSamples)
	d.story = &demoStory{outcomes: outcomes(storySamples), over: make(chan struct{})}
	if err := prepare.Wait(); err != nil {
		return err
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

// end ends what --keep left running.
func (d *demonstration) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, o := range slices.Concat(d.outcomes, d.story.outcomes) {
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
func (d *demonstration) summary() error {
	info, _ := d.count(config.DefaultInfoTable)
	errs, deaths := d.count(config.DefaultErrorsTable)
	printed := 0
	var held []time.Duration
	var failed []string
	for _, o := range slices.Concat(d.outcomes, d.story.outcomes) {
		printed += o.printed.lines()
		held, failed = append(held, o.held...), append(failed, o.failed...)
	}
	verdict := "nothing lost"
	if lost := printed - info - errs; lost != 0 && !d.keep {
		verdict = fmt.Sprintf("%d LOST", lost)
		failed = append(failed, fmt.Sprintf("%d lines were printed, but %d rows stored", printed, info+errs))
	}
	d.say("\n%s %d lines printed, %d rows stored (%d informational, %d errors): %s.\n",
		d.style.paint(sgrBold, "Summary:"), printed, info+errs, info, errs, verdict)
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
func (d *demonstration) count(table string) (lines, platform int) {
	for _, item := range d.table.Items(table) {
		if strings.HasPrefix(item.Str("locator"), "platform.") {
			platform++
		} else {
			lines++
		}
	}
	return lines, platform
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }

// serve keeps the environments for invocations by hand, until the command is
// interrupted.
func (d *demonstration) serve(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen for invocations: %w", err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(d.invokeByHand), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		srv.Close()
	}()
	d.say("\nStill running. Invoke the functions from another terminal:\n")
	for _, o := range d.outcomes {
		if o.running != nil {
			d.say("  curl -d '{\"name\":\"you\"}' http://%s/%s\n", ln.Addr(), o.sample.name)
		}
	}
	d.say("and read the tables:\n  %s query --endpoint-url %s\nPress Ctrl-C to stop.\n", os.Args[0], d.table.URL())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot take invocations: %w", err)
	}
	return nil
}

// invokeByHand invokes the function that the path names.
func (d *demonstration) invokeByHand(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	i := slices.IndexFunc(d.outcomes, func(o *demoOutcome) bool { return o.sample.name == name && o.running != nil })
	if i < 0 {
		http.Error(w, "there is no such function", http.StatusNotFound)
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 6<<20))
	if err == nil && len(payload) == 0 {
		payload = []byte("{}")
	}
	if err != nil || !json.Valid(payload) {
		http.Error(w, "the event must be JSON of at most 6 MB", http.StatusBadRequest)
		return
	}
	caller := lambda.Caller{Trace: r.Header.Get("X-Amzn-Trace-Id"), Tenant: r.Header.Get("X-Amz-Tenant-Id")}
	result, err := d.outcomes[i].running.InvokeAs(r.Context(), caller, payload)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintf(w, "%s\n%s in %.0f ms, and %.0f ms more after the response; request %s\n",
		result.Payload, cmp.Or(result.FunctionError, result.Status),
		milliseconds(result.Duration), milliseconds(result.Held), result.RequestID)
}
