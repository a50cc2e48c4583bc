package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/replay"
	"github.com/logtable/logtable/internal/row"
)

// replayFlags are what `logtable replay` can be told.
type replayFlags struct {
	tableFlags
	accountFlags
	dryRun   bool
	unsigned bool
}

func newReplay(sh *shell) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay FILE|-",
		Short: "Write last-resort lines from a function's log to the tables",
		Long: `If neither DynamoDB nor /tmp accepts a function's rows, Logtable prints them to
the function's log when the environment ends, as lines with "logtable_record".
Replay finds these lines in a log and writes the rows under their original keys.
Rows that already exist are left alone, so replaying a log twice does no harm.
Replay needs dynamodb:PutItem on both tables.

The log can come from the aws command, boto3, the CloudWatch console (CSV), Logs
Insights or an export to S3 (gzip), as JSON, CSV or plain lines.

A function prints to the same log, and its output may contain text from outside.
Logtable therefore signs its lines: its first line commits to a key before the
function runs, and its last line reveals the key. Replay believes the lines in
between. For that it needs whole log streams from their beginning, with Lambda's
own lines (START or platform.start), and as JSON if there is more than one stream.
--unsigned also accepts lines from layers that did not sign, from environments
that SnapStart restored, from processes restarted after a crash, and from filtered
logs. Use it only if you trust everything the function printed.`,
		Example: `  aws logs filter-log-events --log-group-name /aws/lambda/orders \
      --filter-pattern '?logtable ?RequestId ?platform' > orders.json
  logtable replay orders.json
  logtable replay --dry-run orders.json`,
		Args: arguments(1, 1, "the name of one FILE, or -"),
		RunE: func(cmd *cobra.Command, args []string) error { return replayLog(cmd.Context(), sh, &f, args[0]) },
	}
	flags := cmd.Flags()
	f.registerNames(flags)
	f.accountFlags.register(flags)
	flags.BoolVar(&f.unsigned, "unsigned", false, "also accept lines that are not proven to be Logtable's")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only count the rows that would be written")
	return cmd
}

// replayLog reads the file, or standard input, and writes what it finds.
func replayLog(ctx context.Context, sh *shell, f *replayFlags, name string) error {
	in := sh.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("cannot read the log: %w", err)
		}
		defer file.Close()
		in = file
	}
	var p *putter
	take := func(*row.Record) error { return nil }
	if !f.dryRun {
		account, err := connect(ctx, sh, &f.accountFlags)
		if err != nil {
			return err
		}
		info, errors := f.names(sh)
		p = newPutter(ctx, account, info, errors)
		take = p.put
	}
	report, err := replay.Read(ctx, interruptible(ctx, in), replay.Options{Unsigned: f.unsigned}, take)
	if p != nil {
		putErr := p.wait()
		if ctx.Err() != nil {
			fmt.Fprintf(sh.stderr, "%d rows were written: run it again to continue\n", p.written)
		}
		if putErr != nil {
			return putErr
		}
	}
	if err != nil {
		return fmt.Errorf("cannot read the log: %w", err)
	}
	return tell(sh, &report, p)
}

// interruptible returns a reader that ends with a context, even where in waits
// for somebody to type.
func interruptible(ctx context.Context, in io.Reader) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err) // nil is io.EOF
	}()
	context.AfterFunc(ctx, func() { r.CloseWithError(ctx.Err()) })
	return r
}

// tell says what was written, and what was seen and not taken.
func tell(sh *shell, report *replay.Report, p *putter) error {
	refused := 0
	if p == nil {
		fmt.Fprintf(sh.stdout, "%d rows found", report.Records)
	} else {
		fmt.Fprintf(sh.stdout, "%d rows written", p.written)
		if p.there > 0 {
			fmt.Fprintf(sh.stdout, ", %d already existed", p.there)
		}
		refused = p.refused
	}
	if report.Unsigned > 0 {
		fmt.Fprintf(sh.stdout, "; %d of %d without proof that they are Logtable's", report.Unsigned, report.Records)
	}
	fmt.Fprintln(sh.stdout)
	if report.Records == 0 && len(report.Notes) == 0 {
		fmt.Fprintln(sh.stderr, "there are no last-resort lines in this log: Logtable writes them only when an "+
			"environment ends and neither DynamoDB nor /tmp takes its rows (an export is for logtable import)")
	}
	for _, n := range report.Notes {
		text := fmt.Sprintf("not accepted: %d, the first in message %d of the log: %s", n.Count, n.First, n.Why)
		if n.Advice != "" {
			text += " (" + n.Advice + ")"
		}
		fmt.Fprintln(sh.stderr, visible(text))
	}
	if report.Missing > 0 {
		fmt.Fprintf(sh.stderr, "missing: %d records that Logtable wrote are not in this log (fetch the whole "+
			"stream)\n", report.Missing)
	}
	if refused > 0 {
		why := visible(strings.Join(p.why, "; "))
		fmt.Fprintf(sh.stderr, "not accepted: %d that DynamoDB refused: %s\n", refused, why)
	}
	if p.warn(sh) || len(report.Notes) > 0 || report.Missing > 0 || refused > 0 {
		return errSeen
	}
	return nil
}
