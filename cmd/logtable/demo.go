package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/runtimes"
	"github.com/logtable/logtable/internal/sandbox/table"
	"github.com/logtable/logtable/internal/signing"
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
sample functions in several languages, invokes them (one runs into its time-out,
one crashes), and prints what is in the two tables afterwards.

Everything runs on loopback addresses of this machine and ends with the command.`,
		Example: `  make demo                    builds what is needed, then runs this
  logtable demo --keep         leaves it running, to invoke by hand`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), sh, &f) },
	}
	cmd.Flags().StringVar(&f.extension, "extension", "bin/extension/logtable", "the extension's binary (make build makes it)")
	cmd.Flags().StringVar(&f.examples, "examples", "examples", "the directory of the sample functions")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "leave everything running and say how to invoke by hand")
	cmd.Flags().Var(newChoice(&f.color, "auto", "always", "never"), "color", "colour the output: auto, always or never")
	return cmd
}

// demoSample is one function of the demo.
type demoSample struct {
	name    string // also of its directory
	needs   string // the program that must be installed
	says    string // what it shows
	timeout time.Duration
	repeat  int
	status  string // how its invocations end
	command func(d *demonstration) (command []string, handler string, err error)
}

var demoSamples = []demoSample{
	{name: "go", needs: "go", says: "aws-lambda-go", repeat: 2, command: goSample},
	{name: "python", needs: "python3", says: "print", repeat: 2, command: pythonSample},
	{name: "node", needs: "node", says: "console.log", repeat: 2, command: nodeSample},
	{name: "bash", needs: "curl", says: "a runtime of its own", repeat: 2, command: bashSample},
	{name: "timeout", needs: "go", says: "runs into its time-out of 2 s", repeat: 1, timeout: 2 * time.Second, status: lambda.StatusTimeout, command: goSample},
	{name: "crash", needs: "go", says: "exits in the middle", repeat: 1, status: lambda.StatusError, command: goSample},
}

// demonstration is a demo under way.
type demonstration struct {
	sh        *shell
	style     textStyle
	extension string
	examples  string
	work      string // a directory for what is made, removed at the end
	table     *table.Server
	began     time.Time

	running map[string]*lambda.Environment // with --keep
	held    []time.Duration
	printed int
	failed  []string // what went otherwise than it should
}

const (
	infoTableName   = "logtable-info"
	errorsTableName = "logtable-errors"
)

func demo(ctx context.Context, sh *shell, f *demoFlags) (err error) {
	d := &demonstration{sh: sh, style: styleFor(sh.stdout, f.color, sh.getenv), running: map[string]*lambda.Environment{}}
	if d.extension, err = filepath.Abs(f.extension); err != nil {
		return err
	}
	if d.examples, err = filepath.Abs(f.examples); err != nil {
		return err
	}
	if _, err := os.Stat(d.extension); err != nil {
		return fmt.Errorf("cannot find the extension: %w; run `make demo` in a checkout of Logtable, or name it with --extension", err)
	}
	if _, err := os.Stat(d.examples); err != nil {
		return fmt.Errorf("cannot find the sample functions: %w; run `make demo` in a checkout of Logtable, or name them with --examples", err)
	}
	if d.work, err = os.MkdirTemp("", "logtable-demo-"); err != nil {
		return fmt.Errorf("cannot make a directory to work in: %w", err)
	}
	defer os.RemoveAll(d.work)
	if d.table, err = table.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	defer d.table.Close()
	if err := d.table.CreateLogTables(ctx, infoTableName, errorsTableName); err != nil {
		return err
	}
	d.began = time.Now()
	defer d.end()
	d.say("A local Lambda runs the sample functions, each with the extension attached; a local DynamoDB has the tables.\n")
	for _, s := range demoSamples {
		if err := d.run(ctx, s, f.keep); err != nil {
			return err
		}
	}
	if err := d.show(ctx); err != nil {
		return err
	}
	if err := d.summary(f.keep); err != nil {
		return err
	}
	if f.keep {
		return d.serve(ctx)
	}
	return nil
}

func (d *demonstration) say(format string, args ...any) { fmt.Fprintf(d.sh.stdout, format, args...) }

// run plays one sample: its environment, its invocations, its end.
func (d *demonstration) run(ctx context.Context, s demoSample, keep bool) error {
	label := fmt.Sprintf("  %-8s %-30s", s.name, s.says)
	if _, err := exec.LookPath(s.needs); err != nil {
		d.say("%s %s\n", label, d.style.paint(sgrYellow, "skipped: "+s.needs+" is not installed"))
		return nil
	}
	command, handler, err := s.command(d.in(s))
	if err != nil {
		return fmt.Errorf("cannot prepare the sample %s: %w", s.name, err)
	}
	var printed lineCounter
	env, err := lambda.Start(ctx, lambda.Config{
		Extension: d.extension, Function: command, Dir: filepath.Join(d.examples, s.name),
		FunctionName: s.name, Identity: lambda.Identity{Handler: handler},
		Timeout: s.timeout, Lifecycle: lambda.Lifecycle{Freeze: true},
		Env:    map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": d.table.URL(), "LOGTABLE_SPILL_DIR": filepath.Join(d.work, s.name+"-spill")},
		Output: lambda.Output{FunctionOutput: &printed, Stderr: d.diagnostics(s.name)},
	})
	if err != nil {
		return fmt.Errorf("cannot start the sample %s: %w", s.name, err)
	}
	var ends []string
	for i := range s.repeat {
		r, err := env.Invoke(ctx, fmt.Appendf(nil, `{"name":%q}`, []string{"Ada", "Grace", "Edsger"}[i%3]))
		if err != nil {
			env.Kill()
			return fmt.Errorf("cannot invoke the sample %s: %w", s.name, err)
		}
		if want := firstOf(s.status, lambda.StatusSuccess); r.Status != want {
			d.failed = append(d.failed, fmt.Sprintf("%s ended with %s %s", s.name, r.Status, r.FunctionError))
		}
		if r.Status == lambda.StatusSuccess {
			d.held = append(d.held, r.Held)
		}
		ends = append(ends, describeEnd(r))
	}
	d.say("%s %s\n", label, strings.Join(ends, ", "))
	if keep {
		d.running[s.name] = env
	} else if err := d.shutDown(ctx, s.name, env); err != nil {
		return err
	}
	d.printed += printed.lines()
	d.failed = append(d.failed, env.Violations()...)
	return nil
}

// in is the demonstration as a sample's command sees it: with a directory of
// the sample's own.
func (d *demonstration) in(s demoSample) *demonstration {
	own := *d
	own.work = filepath.Join(d.work, s.name)
	own.examples = filepath.Join(d.examples, s.name)
	_ = os.MkdirAll(own.work, 0o755) // its absence shows when it is used
	return &own
}

func describeEnd(r lambda.Result) string {
	if r.Status == lambda.StatusSuccess {
		return fmt.Sprintf("%.0f ms", float64(r.Duration)/1e6)
	}
	return firstOf(r.FunctionError, r.Status)
}

// diagnostics shows what the extension has to say of itself, which should be
// nothing but its first line.
func (d *demonstration) diagnostics(name string) io.Writer {
	r, w := io.Pipe()
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if strings.Contains(lines.Text(), `"`+signing.Commitment+`":"`) {
				continue
			}
			fmt.Fprintf(d.sh.stderr, "  %s: the extension says: %s\n", name, visible(lines.Text()))
		}
		io.Copy(io.Discard, r)
	}()
	return w
}

func (d *demonstration) shutDown(ctx context.Context, name string, env *lambda.Environment) error {
	r, err := env.Shutdown(ctx)
	if err != nil {
		return err
	}
	if r.Killed || r.ExitCode != 0 {
		d.failed = append(d.failed, fmt.Sprintf("%s: the extension did not end properly at SHUTDOWN: %+v", name, r))
	}
	return nil
}

// end ends what --keep left running, or what an error left behind.
func (d *demonstration) end() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, env := range d.running {
		if _, err := env.Shutdown(ctx); err != nil {
			env.Kill()
		}
	}
}

// lineCounter counts the lines that are meant for the tables.
type lineCounter struct {
	buffer bytes.Buffer
}

func (c *lineCounter) Write(p []byte) (int, error) { return c.buffer.Write(p) }

func (c *lineCounter) lines() int {
	n := 0
	for line := range bytes.Lines(c.buffer.Bytes()) {
		if bytes.Contains(line, []byte(`"locator"`)) {
			n++
		}
	}
	return n
}

// show prints both tables as `logtable query` does.
func (d *demonstration) show(ctx context.Context) error {
	for _, t := range []struct{ title, name string }{
		{"Informational messages", infoTableName},
		{"Errors", errorsTableName},
	} {
		d.say("\n%s\n", d.style.paint(sgrBold, fmt.Sprintf("%s (table %s)", t.title, t.name)))
		o := read.Options{From: d.began.Add(-time.Hour), To: time.Now().Add(time.Hour), Now: time.Now()}
		if t.name == infoTableName {
			o.InfoTable = t.name
		} else {
			o.ErrorsTable = t.name
		}
		if _, err := printText(d.sh.stdout, read.New(d.table.Client()).Query(ctx, o), d.style); err != nil {
			return err
		}
	}
	return nil
}

// summary says what it was about, and fails if anything was lost.
func (d *demonstration) summary(keep bool) error {
	info, errs, deaths := len(d.table.Items(infoTableName)), 0, 0
	for _, item := range d.table.Items(errorsTableName) {
		if strings.HasPrefix(item.Str("locator"), "platform.") {
			deaths++
		} else {
			errs++
		}
	}
	verdict := "nothing lost"
	if lost := d.printed - info - errs; lost != 0 && !keep {
		verdict = fmt.Sprintf("%d LOST", lost)
		d.failed = append(d.failed, fmt.Sprintf("%d lines were printed and %d rows stored", d.printed, info+errs))
	}
	d.say("\n%s %d lines printed, %d rows stored (%d informational, %d errors): %s.\n", d.style.paint(sgrBold, "Summary:"),
		d.printed, info+errs, info, errs, verdict)
	if deaths > 0 {
		d.say("%d more rows tell of the functions' own deaths, with the last lines that they printed.\n", deaths)
	}
	if len(d.held) > 0 {
		slices.Sort(d.held)
		d.say("Time added after a function's end, so that its rows are stored before the environment can freeze: median %.0f ms, at most %.0f ms.\n",
			float64(d.held[len(d.held)/2])/1e6, float64(d.held[len(d.held)-1])/1e6)
	}
	if len(d.failed) > 0 {
		return fmt.Errorf("the demo did not go as it should: %s", strings.Join(d.failed, "; "))
	}
	return nil
}

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
	d.say("\nStill running. Invoke by hand, in another terminal:\n")
	for _, s := range demoSamples {
		if d.running[s.name] != nil {
			d.say("  curl -d '{\"name\":\"you\"}' http://%s/%s\n", ln.Addr(), s.name)
		}
	}
	d.say("and read the tables:\n  %s query --endpoint-url %s\nCtrl-C ends it.\n", os.Args[0], d.table.URL())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot take invocations: %w", err)
	}
	return nil
}

// invokeByHand invokes the function that the path names.
func (d *demonstration) invokeByHand(w http.ResponseWriter, r *http.Request) {
	env := d.running[strings.Trim(r.URL.Path, "/")]
	if env == nil {
		http.Error(w, "there is no such function here", http.StatusNotFound)
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
	result, err := env.Invoke(r.Context(), payload)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintf(w, "%s\n%s in %.0f ms, held for %.0f ms afterwards; request %s\n", result.Payload, firstOf(result.FunctionError, result.Status),
		float64(result.Duration)/1e6, float64(result.Held)/1e6, result.RequestID)
}

// goSample builds the Go function.
func goSample(d *demonstration) ([]string, string, error) {
	binary := filepath.Join(d.work, "bootstrap")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = d.examples
	if out, err := build.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("cannot build it: %w: %s", err, out)
	}
	return []string{binary}, "bootstrap", nil
}

func pythonSample(d *demonstration) ([]string, string, error) {
	command, err := runtimes.Python(d.work)
	return command, "handler.handler", err
}

func nodeSample(d *demonstration) ([]string, string, error) {
	command, err := runtimes.Node(d.work)
	return command, "index.handler", err
}

func bashSample(d *demonstration) ([]string, string, error) {
	return []string{"bash", filepath.Join(d.examples, "bootstrap")}, "function.handler", nil
}
