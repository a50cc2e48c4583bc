package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/runtimes"
	"github.com/logtable/logtable/internal/signing"
)

// demoSample is one function of the demo.
type demoSample struct {
	name    string     // also of its directory
	in      []language // in which it is written: the first that is installed is taken
	says    string     // what it shows
	timeout time.Duration
	repeat  int
	status  string // how its invocations end; "" is success
}

// A language is how a sample is made a command.
type language struct {
	needs   []string // the programs that must be installed
	prepare func(ctx context.Context, s sources, work string) (command []string, handler string, err error)
}

// sources are a sample's files: in a checkout, or embedded in this program and
// written to a directory of the demo's.
type sources struct {
	dir      string
	embedded bool
}

var (
	inGo     = language{[]string{"go"}, goSample}
	inPython = language{[]string{"python3"}, pythonSample}
	inNode   = language{[]string{"node"}, nodeSample}
	inBash   = language{[]string{"bash", "curl"}, bashSample}
)

var demoSamples = []demoSample{
	{name: "go", in: []language{inGo}, says: "aws-lambda-go", repeat: 2},
	{name: "python", in: []language{inPython}, says: "print", repeat: 2},
	{name: "node", in: []language{inNode}, says: "console.log", repeat: 2},
	{name: "bash", in: []language{inBash}, says: "a custom runtime", repeat: 2},
	{
		name: "timeout", in: []language{inPython, inGo}, says: "times out after 2 s", repeat: 1,
		timeout: 2 * time.Second, status: lambda.StatusTimeout,
	},
	{
		name: "crash", in: []language{inPython, inGo}, says: "exits mid-invocation", repeat: 1,
		status: lambda.StatusError,
	},
}

// demoOutcome is what becomes of a sample.
type demoOutcome struct {
	sample  *demoSample
	command []string // nil where the sample is skipped
	handler string

	over    chan struct{} // closed when what follows is known
	text    string        // what is said of its invocations
	lacks   string        // why it is skipped
	output  *demoOutput
	held    []time.Duration
	failed  []string            // what went otherwise than it should
	running *lambda.Environment // with --keep
}

// prepare makes the sample's command, or skips the sample.
func (d *demonstration) prepare(ctx context.Context, o *demoOutcome) error {
	s := o.sample
	work := filepath.Join(d.work, s.name)
	if err := os.Mkdir(work, 0o755); err != nil {
		return fmt.Errorf("cannot prepare the sample %s: %w", s.name, err)
	}
	from := sources{filepath.Join(d.examples, s.name), d.embedded}
	if _, err := os.Stat(from.dir); err != nil {
		o.lacks = "there is no folder " + s.name
		o.text = d.skipped(o.lacks)
		return nil
	}
	for i := range s.in {
		if lacks := s.in[i].lacks(); lacks != "" {
			if o.lacks == "" {
				o.lacks = lacks
			}
			continue
		}
		var err error
		o.command, o.handler, err = s.in[i].prepare(ctx, from, work)
		var cannot cannotBuild
		switch {
		case err == nil:
			o.lacks = ""
			return nil
		case !errors.As(err, &cannot):
			return fmt.Errorf("cannot prepare the sample %s: %w", s.name, err)
		}
		o.lacks = cannot.summary()
	}
	o.text = d.skipped(o.lacks)
	return nil
}

// skipped is what is said of what this machine cannot run.
func (d *demonstration) skipped(why string) string { return d.style.paint(sgrYellow, "skipped: "+why) }

// lacks says what is not installed, "" for nothing.
func (l *language) lacks() string {
	for _, program := range l.needs {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed"
		}
	}
	return ""
}

// invoke plays one sample: its environment, its invocations, its end.
func (d *demonstration) invoke(ctx context.Context, o *demoOutcome) error {
	if o.command == nil {
		return nil
	}
	env, err := d.start(ctx, o, nil)
	if err != nil {
		return fmt.Errorf("cannot start the sample %s: %w", o.sample.name, err)
	}
	var ends []string
	for _, name := range []string{"Ada", "Grace"}[:o.sample.repeat] {
		r, err := env.Invoke(ctx, fmt.Appendf(nil, `{"name":%q}`, name))
		if err != nil {
			env.Kill()
			return fmt.Errorf("cannot invoke the sample %s: %w", o.sample.name, err)
		}
		if want := cmp.Or(o.sample.status, lambda.StatusSuccess); r.Status != want {
			o.failed = append(o.failed, fmt.Sprintf("%s ended with %s %s", o.sample.name, r.Status, r.FunctionError))
		}
		if r.Status == lambda.StatusSuccess {
			o.held = append(o.held, r.Held)
		}
		ends = append(ends, describeEnd(r))
	}
	if d.keep {
		o.running = env
	} else if err := o.shutDown(ctx, env); err != nil {
		return err
	}
	o.text = strings.Join(ends, ", ")
	o.failed = append(o.failed, env.Violations()...)
	return nil
}

// start starts a sample's environment, with these variables besides its own.
func (d *demonstration) start(
	ctx context.Context, o *demoOutcome, more map[string]string,
) (*lambda.Environment, error) {
	name := o.sample.name
	variables := map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": d.table.URL(),
		"LOGTABLE_SPILL_DIR":        filepath.Join(d.work, name+"-spill"),
	}
	maps.Copy(variables, more)
	maps.Copy(variables, d.env)
	o.output = newDemoOutput(&d.printed, name, d.env)
	return lambda.Start(ctx, lambda.Config{
		Extension: d.extension[0], Extensions: lambda.Extensions{ExtensionArgs: d.extension[1:]},
		Function: o.command, Dir: filepath.Join(d.examples, name), FunctionName: name,
		Identity: lambda.Identity{Handler: o.handler},
		Timeout:  o.sample.timeout, Lifecycle: lambda.Lifecycle{Freeze: true},
		Env:    variables,
		Output: lambda.Output{FunctionOutput: o.output, Stderr: &diagnostics{name, d.sh.stderr, &d.stderrMu}},
	})
}

func (o *demoOutcome) shutDown(ctx context.Context, env *lambda.Environment) error {
	r, err := env.Shutdown(ctx)
	if err != nil {
		return err
	}
	if r.Killed || r.ExitCode != 0 {
		o.failed = append(o.failed,
			fmt.Sprintf("%s: the extension did not exit cleanly at SHUTDOWN: %+v", o.sample.name, r))
	}
	return nil
}

func describeEnd(r lambda.Result) string {
	if r.Status == lambda.StatusSuccess {
		return fmt.Sprintf("%.0f ms", milliseconds(r.Duration))
	}
	return cmp.Or(r.FunctionError, r.Status)
}

// diagnostics shows what an extension has to say of itself, which should be
// nothing but its first line.
type diagnostics struct {
	function string
	stderr   io.Writer
	mu       *sync.Mutex // guards stderr, which is everybody's
}

// Write takes one whole line.
func (d *diagnostics) Write(line []byte) (int, error) {
	if !bytes.Contains(line, []byte(`"`+signing.Commitment+`":"`)) {
		d.mu.Lock()
		defer d.mu.Unlock()
		text := visible(strings.TrimSuffix(string(line), "\n"))
		fmt.Fprintf(d.stderr, "  %s: the extension reports: %s\n", d.function, text)
	}
	return len(line), nil
}

// buildTime bounds the building of a sample, the download of what it needs
// included.
const buildTime = 90 * time.Second

// cannotBuild is that the Go tool cannot build a sample, and what it says.
type cannotBuild struct {
	error
	says string
}

// summary is the last line of that, which says what is wrong.
func (e cannotBuild) summary() string {
	lines := strings.Split(strings.TrimSpace(e.says), "\n")
	if why := strings.TrimSpace(lines[len(lines)-1]); why != "" {
		return "go build: " + visible(why)
	}
	return "go build: " + e.Error()
}

// goSample builds the Go function. No other version of Go is downloaded.
func goSample(ctx context.Context, s sources, work string) ([]string, string, error) {
	binary := filepath.Join(work, "bootstrap")
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	build.Dir = s.dir
	if s.embedded {
		build.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off")
	}
	if out, err := build.CombinedOutput(); err != nil {
		return nil, "", cannotBuild{fmt.Errorf("cannot build it: %w: %s", err, out), string(out)}
	}
	return []string{binary}, "bootstrap", nil
}

func pythonSample(_ context.Context, _ sources, work string) ([]string, string, error) {
	command, err := runtimes.Python(work)
	return command, "handler.handler", err
}

func nodeSample(_ context.Context, _ sources, work string) ([]string, string, error) {
	command, err := runtimes.Node(work)
	return command, "index.handler", err
}

func bashSample(_ context.Context, s sources, _ string) ([]string, string, error) {
	return []string{"bash", filepath.Join(s.dir, "bootstrap")}, "function.handler", nil
}
