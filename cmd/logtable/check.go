package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/explain"
	"github.com/logtable/logtable/internal/extension"
)

// checkFlags are what `logtable check` can be told.
type checkFlags struct {
	fields, logFormat string
	settings          []string
	missing           bool
	output, color     string
}

func newCheck(sh *shell) *cobra.Command {
	f := checkFlags{logFormat: "Text", output: formText, color: "auto"}
	cmd := &cobra.Command{
		Use:   "check [FILE|-…]",
		Short: "Say what the lines of a log would become, and why not",
		Long: `Check reads what a function prints, from standard input or files, and says of
each line which row it would become. Of a line that would become none it says why,
and what to change. It uses the layer's own parser and settings, and needs neither
AWS nor a network.

The lines may also be those of a function's log, as "aws logs tail" prints them,
with the name of the log stream. If lines look like log lines and would become no
rows, the exit code is 3.`,
		Example: `  python app.py | logtable check
  logtable check --fields auto app.log
  logtable check -e LOGTABLE_LEVEL=WARN -e LOGTABLE_REDACT=all app.log
  logtable check --missing -o jsonl app.log`,
		Args: arguments(0, math.MaxInt, "the names of FILES, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error { return check(cmd.Context(), sh, &f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.fields, "fields", "", "names of other loggers' fields, as in LOGTABLE_FIELDS: `auto`, pino, …")
	flags.Var(newChoice(&f.logFormat, "Text", "JSON"), "log-format", "the function's log format")
	flags.StringArrayVarP(&f.settings, "env", "e", nil, "another setting of the layer, as `NAME=VALUE`")
	flags.BoolVar(&f.missing, "missing", false, "print only lines that look like log lines and would become no rows")
	flags.VarP(newChoice(&f.output, formText, formJSONL, formJSON), "output", "o", "text for people, the others for "+
		"programs")
	flags.Var(newChoice(&f.color, "auto", "always", "never"), "color", "color; auto means on a terminal, without "+
		"NO_COLOR")
	completeChoices(cmd, "log-format", "output", "color")
	return cmd
}

// checkedSettings are the settings that say what a line becomes. They are also
// taken from the environment, as an advice may have been followed there.
var checkedSettings = []string{
	config.Module, config.Levels, config.ErrorsFrom, config.Level, config.Plain, config.Fields, config.Redact,
}

// options are what --fields, --env and the environment say. What the layer
// would refuse is an error.
func (f *checkFlags) options(sh *shell) (o explain.Options, err error) {
	set := map[string]string{}
	for _, name := range checkedSettings {
		set[name] = sh.getenv(name)
	}
	for _, pair := range f.settings {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return o, usagef("--env %q is not NAME=VALUE: write, for example, -e %s=auto", pair, config.Fields)
		}
		set[name] = value
	}
	if f.fields != "" {
		set[config.Fields] = f.fields
	}
	cfg, problems := config.Load(func(name string) string { return set[name] }, f.settings)
	for _, p := range problems {
		return o, usagef("%s: %s", p.Message, p.Advice)
	}
	return explain.Options{
		Rows: extension.Rows(&cfg.Lines, "", ""), Fields: cfg.FieldsAsSet, JSON: f.logFormat == "JSON",
	}, nil
}

func check(ctx context.Context, sh *shell, f *checkFlags, names []string) error {
	options, err := f.options(sh)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		names = []string{"-"}
	}
	c := &checker{sh: sh, many: len(names) > 1, missing: f.missing}
	c.report = newCheckReport(sh, f)
	for _, name := range names {
		if err = c.file(ctx, name, options); err != nil {
			break
		}
	}
	if end := c.report.end(); err == nil {
		err = end
	}
	if err != nil && ctx.Err() == nil {
		return err
	}
	if perr := c.sum.print(c.report.summary()); perr != nil {
		return perr
	}
	if perr := c.report.flush(); perr != nil {
		return perr
	}
	if err == nil && c.sum.missing > 0 {
		return errSeen
	}
	return err
}

// A checker checks files, one after the other.
type checker struct {
	sh      *shell
	many    bool // files, so that a place has the file's name
	missing bool
	report  checkReport
	sum     checkSum
	err     error // of the report
}

// file checks one file.
func (c *checker) file(ctx context.Context, name string, o explain.Options) error {
	in, err := c.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	label := ""
	if c.many {
		label = name
	}
	reader := explain.NewReader(o, func(result explain.Result) {
		c.sum.add(label, &result)
		if c.err == nil && (!c.missing || result.Why.Log) {
			c.err = c.report.line(label, &result)
		}
	})
	lines := make(chan checkLine)
	go readLines(ctx, in, lines)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case line := <-lines:
			if ended, err := c.take(reader, &line); ended || err != nil {
				return err
			}
		}
	}
}

// open opens a file, or standard input.
func (c *checker) open(name string) (io.ReadCloser, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("cannot read the log: %w", err)
		}
		return file, nil
	}
	if isTerminal(c.sh.stdin) {
		fmt.Fprintln(c.sh.stderr, "logtable: reading lines from the terminal; Ctrl-D ends them")
	}
	return io.NopCloser(c.sh.stdin), nil
}

// take takes a line, or the end of a file.
func (c *checker) take(reader *explain.Reader, line *checkLine) (ended bool, err error) {
	if len(line.text) > 0 {
		reader.Line(withoutStream(line.text))
	}
	if line.err != nil {
		reader.Flush()
	}
	if line.idle && c.err == nil {
		c.err = c.report.flush()
	}
	switch {
	case c.err != nil:
		return true, c.err
	case line.err != nil && !errors.Is(line.err, io.EOF):
		return true, fmt.Errorf("cannot read the log: %w", line.err)
	}
	return line.err != nil, nil
}

// A checkLine is a line that was read.
type checkLine struct {
	text []byte
	idle bool // no more has arrived yet
	err  error
}

// readLines reads lines, and cuts long ones as Lambda does. A read from a
// terminal or a pipe cannot be interrupted: then it is left behind.
func readLines(ctx context.Context, in io.Reader, to chan<- checkLine) {
	r := bufio.NewReaderSize(in, explain.MaxLine)
	for {
		read, err := r.ReadSlice('\n')
		text := bytes.Clone(read)
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
			if next, _ := r.Peek(1); string(next) == "\n" {
				_, _ = r.Discard(1)
				text = append(text, '\n')
			}
		}
		select {
		case to <- checkLine{text, r.Buffered() == 0, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// stream is what the aws and sam commands print in front of a line: its time
// and the name of the log stream, in either order.
var stream = regexp.MustCompile(`^(?:\S{19,35} )?\d{4}/\d\d/\d\d/(?:[^ \[\]]{1,128})?\[[^ \]]{1,128}\][0-9a-f]{32} ` +
	`(?:\d{4}-\d\d-\d\dT\S{8,24} )?`)

// withoutStream is a line without that.
func withoutStream(line []byte) []byte {
	return line[len(stream.Find(line[:min(len(line), 512)])):]
}
