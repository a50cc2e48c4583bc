// Command bench measures what Logtable costs a function: beside the floor, an
// extension that does nothing, and beside the previous release, in one run.
// `make bench` calls it. It prints a table in Markdown.
//
// Figures of one machine mean little; what lies between the columns means more.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda/scriptfn"
)

func main() {
	if os.Getenv(scriptfn.Switch) == "1" {
		scriptfn.Main()
	}
	out := flag.String("o", "", "also write the table to this `file`")
	quick := flag.Bool("quick", false, "fewer and shorter rounds")
	only := flag.String("only", "", "only figures whose name holds this `text`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := run(ctx, *quick, *only)
	if err == nil && *out != "" {
		err = os.WriteFile(*out, []byte(report), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A contender is an extension that is measured.
type contender struct {
	name   string
	binary string
	stores bool // it stores lines; the floor does not
}

// run builds the contenders, measures and reports.
func run(ctx context.Context, quick bool, only string) (string, error) {
	dir, err := os.MkdirTemp("", "logtable-bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	all, notes, err := contenders(ctx, dir)
	if err != nil {
		return "", err
	}
	b := &bench{contenders: all, dir: dir, rounds: 30, quick: quick}
	if quick {
		b.rounds = 8
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "Measured on %s: %s, %d CPUs, %s, %s/%s; medians of %d rounds unless said otherwise.\n\n", time.Now().UTC().Format(time.DateOnly),
		processor(), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, b.rounds)
	w := tabwriter.NewWriter(&text, 0, 0, 1, ' ', 0)
	head, rule := "| figure |", "|---|"
	for _, c := range all {
		head += "\t " + c.name + " |"
		rule += "\t---|"
	}
	fmt.Fprintf(w, "%s\t goal |\n%s\t---|\n", head, rule)
	for _, m := range measures {
		if !strings.Contains(m.name, only) {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench:", m.name)
		cells := make([]string, len(all))
		if err := m.take(ctx, b, cells); err != nil {
			return "", fmt.Errorf("cannot measure %s: %w", m.name, err)
		}
		line := "| " + m.name + " |"
		for _, cell := range cells {
			line += "\t " + cell + " |"
		}
		fmt.Fprintf(w, "%s\t %s |\n", line, m.goal)
	}
	w.Flush()
	for _, n := range notes {
		fmt.Fprintf(&text, "\n%s\n", n)
	}
	_, err = os.Stdout.Write(text.Bytes())
	return text.String(), err
}

// contenders builds the floor, the layer's binary of this source and, if there is a
// release tag before this source, that of the release.
func contenders(ctx context.Context, dir string) (all []contender, notes []string, err error) {
	if err := build(ctx, ".", "./internal/sandbox/bench/floor", filepath.Join(dir, "floor", "floor")); err != nil {
		return nil, nil, err
	}
	if err := build(ctx, ".", "./cmd/extension", filepath.Join(dir, "ours", "logtable")); err != nil {
		return nil, nil, err
	}
	all = []contender{
		{name: "floor", binary: filepath.Join(dir, "floor", "floor")},
		{name: "logtable", binary: filepath.Join(dir, "ours", "logtable"), stores: true},
	}
	tag, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--abbrev=0", "--match", "v*").Output()
	if err != nil {
		return all, append(notes, "No previous release to compare with: the repository has no tag v*."), nil
	}
	name := strings.TrimSpace(string(tag))
	source := filepath.Join(dir, "previous")
	if err := command(ctx, ".", nil, "git", "worktree", "add", "--detach", source, name); err != nil {
		return nil, nil, err
	}
	defer func() {
		_ = command(context.WithoutCancel(ctx), ".", nil, "git", "worktree", "remove", "--force", source)
	}()
	binary := filepath.Join(dir, "released", "logtable")
	if err := build(ctx, source, "./cmd/extension", binary); err != nil {
		return nil, nil, err
	}
	return append(all, contender{name: "logtable " + name, binary: binary, stores: true}), notes, nil
}

// build builds a package as the layer is built: see layer/pack.
func build(ctx context.Context, dir, pkg, binary string) error {
	args := []string{"build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w -buildid=", "-o", binary}
	for _, seldom := range []string{
		"github.com/aws/aws-sdk-go-v2/service/dynamodb/...", "github.com/logtable/logtable/internal/alert/...",
		"github.com/logtable/logtable/internal/awsenv", "github.com/logtable/logtable/internal/config",
	} {
		args = append(args, "-gcflags", seldom+"=-l")
	}
	return command(ctx, dir, []string{"CGO_ENABLED=0"}, "go", append(args, pkg)...)
}

func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("cannot run %s %s: %w", name, strings.Join(args, " "), err), errors.New(string(out)))
	}
	return nil
}

// processor is the machine's processor, as the system calls it.
func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// quantile is the value below which a share q of all lies.
func quantile(all []time.Duration, q float64) time.Duration {
	s := slices.Sorted(slices.Values(all))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
