package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/read"
)

// defaultReadUnits is what a command reads without asking.
const defaultReadUnits = 5_000

// dollarsPerUnit is what a read unit costs on demand in us-east-1; elsewhere it
// is up to half as much again.
const dollarsPerUnit = 0.125 / 1e6

// maxReadUnits is the flag's name.
const maxReadUnits = "max-read-units"

// priceFlags bound what a command reads.
type priceFlags struct{ maxReadUnits int }

func (f *priceFlags) register(flags *pflag.FlagSet) {
	flags.IntVar(&f.maxReadUnits, maxReadUnits, defaultReadUnits,
		"ask before more than this many `UNITS` are read; in scripts,\nstop there; 0 is no bound")
}

// priced is metered, within a bound. What is read for rows that are printed to
// a terminal is asked about before the first of them.
func (a *account) priced(ctx context.Context, sh *shell, f *priceFlags) (*read.Client, *read.Meter, error) {
	if f.maxReadUnits < 0 {
		return nil, nil, usagef("--max-read-units %d is negative: write how many read units may be read, or 0 for "+
			"no bound", f.maxReadUnits)
	}
	client, meter := a.metered(ctx)
	client.Budget = &read.Budget{Meter: meter, Units: float64(f.maxReadUnits), BeforeRows: isTerminal(sh.stdout)}
	if sh.asks() {
		client.Budget.Ask = func(units float64) bool { return sh.ask(ctx, price(units)+": go on?") }
	}
	return client, meter, nil
}

// asks reports whether somebody sits at a terminal who can answer a question.
func (sh *shell) asks() bool { return isTerminal(sh.stdin) && isTerminal(sh.stderr) }

// ask puts a question, and reports whether the answer is yes. All questions
// have one reader of the answers: it may have read further than the first. They
// are put one after the other.
func (sh *shell) ask(ctx context.Context, question string) bool {
	if sh.answers == nil {
		sh.answers = bufio.NewReader(interruptible(ctx, sh.stdin))
	}
	fmt.Fprintf(sh.stderr, "\r\x1b[K%s [y/N] ", question)
	answer, err := sh.answers.ReadString('\n')
	if err != nil {
		fmt.Fprintln(sh.stderr)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// price says what a command will read, and what that costs.
func price(units float64) string {
	units = rounded(units, math.Round)
	return fmt.Sprintf("this will read about %s read units (about $%.2g)", thousands(int(units)), units*dollarsPerUnit)
}

// rounded is a number with two significant digits.
func rounded(n float64, round func(float64) float64) float64 {
	if n <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(n))-1)
	return round(n/unit) * unit
}

// explainPrice says what to do about a command that would read too much.
func explainPrice(e *read.PriceError) error {
	text := fmt.Sprintf("stopped after %s read units of about %s (about $%.2g)", thousands(int(math.Ceil(e.Read))),
		thousands(int(rounded(e.Estimate, math.Ceil))), e.Estimate*dollarsPerUnit)
	return errors.New(text + fmt.Sprintf(": allow more with --max-read-units %d, or read less: a shorter span, "+
		"--limit, -n", int(rounded(1.5*max(e.Estimate, e.Bound), math.Ceil))))
}
