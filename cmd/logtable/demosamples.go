package main

import (
	"bytes"
	"cmp"
	"context"
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
	name    string // also of its directory
	needs   string // the program that must be installed
	says    string // what it shows
	timeout time.Duration
	repeat  int
	status  string // how its invocations end; "" is success
	prepare func(examples, work string) (command []string, handler string, err error)
}

var demoSamples = []demoSample{
	{name: "go", needs: "go", says: "aws-lambda-go", repeat: 2, prepare: goSample},
	{name: "python", needs: "python3", says: "print", repeat: 2, prepare: pythonSample},
	{name: "node", needs: "node", says: "console.log", repeat: 2, prepare: nodeSample},
	{name: "bash", needs: "curl", says: "a custom runtime", repeat: 2, prepare: bashSample},
	{
		name: "timeout", needs: "go", says: "times out after 2 s", repeat: 1,
		timeout: 2 * time.Second, status: lambda.StatusTimeout, prepare: goSample,
	},
	{
		name: "crash", needs: "go", says: "exits mid-invocation", repeat: 1,
		status: lambda.StatusError, prepare: goSample,
	},
}

// demoOutcome is what becomes of a sample.
type demoOutcome struct {
	sample  *demoSample
	command []string // nil where the sample is skipped
	handler string

	over    chan struct{} // closed when what follows is known
	text    string        // what is said of its invocations
	printed lineCounter
	held    []time.Duration
	failed  []string            // what went otherwise than it should
	running *lambda.Environment // with --keep
}

// prepare makes the sample's command, or skips the sample.
func (d *demonstration) prepare(o *demoOutcome) error {
	s := o.sample
	if _, err := exec.LookPath(s.needs); err != nil {
		o.text = d.style.paint(sgrYellow, "skipped: "+s.needs+" is not installed")
		return nil
	}
	work := filepath.Join(d.work, s.name)
	err := os.Mkdir(work, 0o755)
	if err == nil {
		o.command, o.handler, err = s.prepare(filepath.Join(d.examples, s.name), work)
	}
	if err != nil {
		return fmt.Errorf("cannot prepare the sample %s: %w", s.name, err)
	}
	return nil
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
	return lambda.Start(ctx, lambda.Config{
		Extension: d.extension[0], Extensions: lambda.Extensions{ExtensionArgs: d.extension[1:]},
		Function: o.command, Dir: filepath.Join(d.examples, name), FunctionName: name,
		Identity: lambda.Identity{Handler: o.handler},
		Timeout:  o.sample.timeout, Lifecycle: lambda.Lifecycle{Freeze: true},
		Env:    variables,
		Output: lambda.Output{FunctionOutput: &o.printed, Stderr: &diagnostics{name, d.sh.stderr, &d.stderrMu}},
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

// lineCounter counts the lines that are meant for the tables.
type lineCounter struct {
	mu sync.Mutex
	n  int
}

// Write takes one whole line.
func (c *lineCounter) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`"locator"`)) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.n++
	}
	return len(line), nil
}

func (c *lineCounter) lines() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// goSample builds the Go function.
func goSample(examples, work string) ([]string, string, error) {
	binary := filepath.Join(work, "bootstrap")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = examples
	if out, err := build.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("cannot build it: %w: %s", err, out)
	}
	return []string{binary}, "bootstrap", nil
}

func pythonSample(_, work string) ([]string, string, error) {
	command, err := runtimes.Python(work)
	return command, "handler.handler", err
}

func nodeSample(_, work string) ([]string, string, error) {
	command, err := runtimes.Node(work)
	return command, "index.handler", err
}

func bashSample(examples, _ string) ([]string, string, error) {
	return []string{"bash", filepath.Join(examples, "bootstrap")}, "function.handler", nil
}
