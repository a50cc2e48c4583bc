package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitSeen        = 3
	exitInterrupted = 130 // as of a shell: 128 and the number of SIGINT
	exitPipe        = 141 // and of SIGPIPE
)

// exitCodes stands below the help of every command.
const exitCodes = `
Exit codes:
    0  done
    1  failed: access, network, a table; show found nothing
    2  invalid usage
    3  done, but something needs attention: rows that replay or import did not accept,
       rows that query --exit-code found, causes that errors --exit-code found,
       a test alert that nobody receives, lines that check takes for log lines
       and that would become no rows, findings of doctor
  130  interrupted
  141  the reader of the output has gone
`

var (
	// errSeen ends a command whose work is done, and which has told of
	// something that somebody should look at.
	errSeen = errors.New("something needs attention")
	// errPipe says that nobody reads what is printed any more.
	errPipe = errors.New("the reader of the output has gone")
)

// output is standard output. Once nobody reads it any more, the command is
// stopped.
type output struct {
	io.Writer
	cancel context.CancelCauseFunc
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		o.cancel(errPipe)
	}
	return n, err
}

// shell is what a command knows of the process it runs in.
type shell struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time

	// started is set by a command that runs: what fails before is the usage.
	started bool

	answers *bufio.Reader // of stdin: see ask
}

// usageError is an error in what was asked for, found by a command itself.
type usageError struct{ error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// run is the whole program: it returns the exit code.
func run(
	ctx context.Context, args []string, getenv func(string) string,
	stdin io.Reader, stdout, stderr io.Writer,
) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return execute(ctx, args, &shell{
		getenv: getenv,
		stdin:  stdin,
		stdout: &output{stdout, cancel},
		stderr: stderr,
		now:    time.Now,
	})
}

func execute(ctx context.Context, args []string, sh *shell) int {
	root := newRoot(sh)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	var status exitStatus
	switch {
	case errors.Is(context.Cause(ctx), errPipe):
		return exitPipe // whoever has left needs no explanation
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, errSeen):
		return exitSeen
	case ctx.Err() != nil:
		fmt.Fprintln(sh.stderr, "logtable: interrupted")
		return exitInterrupted
	}
	// Cobra puts what was meant on lines of its own.
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n\nDid you mean this?\n\t", "; did you mean ")
	fmt.Fprintf(sh.stderr, "logtable: %s\n", visible(text))
	if usage := (usageError{}); !sh.started || errors.As(err, &usage) {
		fmt.Fprintf(sh.stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitError
}

// arguments is cobra.RangeArgs, but its error says what to write. An empty
// argument is an unset variable of a script.
func arguments(least, most int, want string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case slices.Contains(args, ""):
			return errors.New("an argument is empty: write " + want)
		case len(args) < least:
			return errors.New("an argument is missing: write " + want)
		case len(args) > most:
			return fmt.Errorf("%d arguments are too many: write %s", len(args), want)
		}
		return nil
	}
}

// newRoot makes the command tree. This is where a new command is added.
func newRoot(sh *shell) *cobra.Command {
	root := &cobra.Command{
		Use:   "logtable",
		Short: "Read the logs of your Lambda functions",
		Long: `Logtable keeps what your AWS Lambda functions log as rows in two DynamoDB
tables: informational rows, which expire, and errors, which stay until somebody
deletes them. The Logtable layer writes the rows; this command reads them.`,
		Example: `  logtable query                          everything from today, oldest first
  logtable query yesterday --errors       yesterday's errors
  logtable query --since 15m -v           the last quarter of an hour, in full
  logtable query --grep "card declined" -o jsonl | jq -r .text
  logtable tail -f --level WARN+          warnings and errors as they come
  logtable show 7f3a9c12                  what became of a request, across functions
  logtable stats --by hour                today's rows and errors, hour by hour
  logtable errors                         the causes of errors, as a to-do list`,
		Version:           ownVersion(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		// Arguments and flags are checked before.
		PersistentPreRun: func(*cobra.Command, []string) { sh.started = true },
	}
	root.SetIn(sh.stdin)
	root.SetOut(sh.stdout)
	root.SetErr(sh.stderr)
	// Without cobra's -v, which is --verbose elsewhere.
	root.Flags().Bool("version", false, "print the version")
	// Of all commands.
	root.SetHelpTemplate(strings.TrimRight(root.HelpTemplate(), "\n") + "\n" + exitCodes)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		// Of a number, without the names of Go's functions.
		if number := (&strconv.NumError{}); errors.As(err, &number) {
			return errors.New(strings.Replace(err.Error(), number.Error(), "write a whole number", 1))
		}
		return err
	})
	root.SetVersionTemplate("logtable {{.Version}}\n")
	root.AddCommand(
		newQuery(sh),
		newTail(sh),
		newShow(sh),
		newStats(sh),
		newErrors(sh),
		newResolve(sh),
		newIgnore(sh),
		newReopen(sh),
		newWeb(sh),
		newExport(sh),
		newImport(sh),
		newReplay(sh),
		newAlert(sh),
		newSetup(sh),
		newPublish(sh),
		newAttach(sh),
		newDetach(sh),
		newDoctor(sh),
		newCheck(sh),
		newLocal(sh),
		newDemo(sh),
		newInit(sh),
		newExtension(),
		newVersion(sh),
	)
	return root
}
