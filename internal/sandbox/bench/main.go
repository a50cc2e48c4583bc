// Command bench measures what Logtable costs a function: beside the floor, an
// extension that does nothing, beside the previous release and beside any other
// binary of an extension (-compare), in one run. `make bench` calls it. It
// prints a table in Markdown.
//
// Figures of one machine mean little; what lies between the columns means more.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	compare := flag.String("compare", "",
		"another extension to measure, such as bin/extension/logtable of the commit before: a `binary`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := run(ctx, *quick, *only, *compare)
	if err == nil && *out != "" {
		err = os.WriteFile(*out, []byte(report), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run builds the contenders, measures and reports.
func run(ctx context.Context, quick bool, only, compare string) (string, error) {
	dir, err := os.MkdirTemp("", "logtable-bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	all, notes, err := contenders(ctx, dir, compare)
	if err != nil {
		return "", err
	}
	b := &bench{contenders: all, dir: dir, rounds: 30, quick: quick}
	if quick {
		b.rounds = 8
	}
	if b.slow, err = newSlowGroup(); err != nil {
		notes = append(notes, "Nothing is measured with the processor of a 128 MB function: no cgroup can be made "+
			"here ("+err.Error()+").")
	} else {
		defer b.slow.remove()
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "Measured on %s: %s, %d CPUs, %s, %s/%s; medians of %d rounds unless said otherwise, "+
		"of %d lives for an invocation's processor time.\n\n",
		time.Now().UTC().Format(time.DateOnly), processor(), runtime.NumCPU(), runtime.Version(),
		runtime.GOOS, runtime.GOARCH, b.rounds, lives)
	if err := b.table(ctx, &text, only); err != nil {
		return "", err
	}
	for _, n := range notes {
		fmt.Fprintf(&text, "\n%s\n", n)
	}
	_, err = os.Stdout.Write(text.Bytes())
	return text.String(), err
}

// table takes the measures whose name holds only, and writes a row of each.
func (b *bench) table(ctx context.Context, to io.Writer, only string) error {
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	head, rule := "| figure |", "|---|"
	for _, c := range b.contenders {
		head += "\t " + c.name + " |"
		rule += "\t---|"
	}
	fmt.Fprintf(w, "%s\t goal |\n%s\t---|\n", head, rule)
	for _, m := range measures {
		if !strings.Contains(m.name, only) || m.slow && b.slow == "" {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench:", m.name)
		cells := make([]string, len(b.contenders))
		b.slowed = m.slow
		if err := m.take(ctx, b, cells); err != nil {
			return fmt.Errorf("cannot measure %s: %w", m.name, err)
		}
		line := "| " + m.name + " |"
		for _, cell := range cells {
			line += "\t " + cell + " |"
		}
		fmt.Fprintf(w, "%s\t %s |\n", line, m.goal)
	}
	return w.Flush()
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
