package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/store"
)

// maxReplayLine bounds one line of a log, in bytes; CloudWatch's are shorter.
const maxReplayLine = 4 << 20

// replayFlags are what `logtable replay` can be told.
type replayFlags struct {
	queryFlags // the account's, and the names of the tables
	dryRun     bool
}

func newReplay(sh *shell) *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay FILE|-",
		Short: "Write last-resort lines of a function's log into the tables",
		Long: `When neither DynamoDB nor /tmp takes what a function has logged, Logtable writes
it to the function's log at the very end, as lines with "logtable_record". Replay
finds them in a log, whatever its tool has put around them, and writes the rows
under the keys that they were given then. Doing so twice does no harm.`,
		Example: `  aws logs filter-log-events --log-group-name /aws/lambda/orders \
      --filter-pattern logtable_record --query 'events[].message' --output text |
    logtable replay - --info-table logtable-info --errors-table logtable-errors
  logtable replay --dry-run orders.log`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return replay(cmd.Context(), sh, &f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.infoTable, "info-table", "", "`NAME` or ARN of the informational table (required)")
	flags.StringVar(&f.errorsTable, "errors-table", "", "`NAME` or ARN of the errors table (required)")
	flags.StringVar(&f.region, "region", "", "AWS `REGION` (default as for every AWS tool)")
	flags.StringVar(&f.profile, "profile", "", "`NAME` of the AWS profile")
	flags.StringVar(&f.endpointURL, "endpoint-url", "", "`URL` of another DynamoDB, for example a local one")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only count what would be written")
	return cmd
}

// replay reads the file, or standard input, and writes what it finds.
func replay(ctx context.Context, sh *shell, f *replayFlags, name string) error {
	if !f.dryRun && (f.infoTable == "" || f.errorsTable == "") {
		return usagef("say which tables to write to: --info-table and --errors-table; or --dry-run to only count")
	}
	in := sh.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("cannot read the log: %w", err)
		}
		defer file.Close()
		in = file
	}
	var s *store.Store
	said := &complaints{}
	var account *account
	if !f.dryRun {
		var err error
		if account, err = connect(ctx, sh, &f.queryFlags); err != nil {
			return err
		}
		s = store.New(store.Config{
			Client: account.client, InfoTable: f.infoTable, ErrorsTable: f.errorsTable, TTL: time.Hour, Zone: time.UTC,
			MaxBytes: 1 << 30, Report: said, Attempt: 10 * time.Second,
		})
	}
	n, bad, err := replayLines(ctx, in, sh.stderr, s)
	if err != nil {
		return fmt.Errorf("cannot read the log: %w", err)
	}
	if s != nil {
		if err := drain(ctx, s, said); err != nil {
			return err
		}
	}
	verb := "written"
	if f.dryRun {
		verb = "found"
	}
	fmt.Fprintf(sh.stdout, "%d rows %s\n", n, verb)
	if bad > 0 {
		return fmt.Errorf("%d last-resort lines could not be read (see above)", bad)
	}
	return nil
}

// replayLines hands the records in a log to s, if there is one, and counts
// them, and those that cannot be read.
func replayLines(ctx context.Context, in io.Reader, stderr io.Writer, s *store.Store) (n, bad int, err error) {
	lines := bufio.NewReaderSize(in, 64<<10)
	for number := 1; ; number++ {
		line, err := readLine(lines)
		if len(line) > 0 {
			r, found, parseErr := store.ReadLastResort(line)
			switch {
			case parseErr != nil:
				bad++
				fmt.Fprintf(stderr, "line %d: %s\n", number, visible(parseErr.Error()))
			case found:
				n++
				if s == nil {
					break
				}
				s.AddRecord(r)
				if s.Waiting() >= 1000 {
					s.Start()
				}
				if s.Waiting() >= 10_000 { // a log may be larger than memory
					_ = s.Flush(ctx)
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return n, bad, nil
		}
		if err != nil {
			return n, bad, err
		}
	}
}

// readLine reads a line; of one that is too long, the rest is skipped.
func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) <= maxReplayLine {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// patience is how long replay tries where DynamoDB takes nothing.
const patience = 15 * time.Second

// drain writes until everything is confirmed. It gives up where somebody must
// mend something first.
func drain(ctx context.Context, s *store.Store, said *complaints) error {
	for began, written := time.Now(), s.Written(); s.Waiting() > 0; {
		err := s.Flush(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n := s.Written(); n > written {
			began, written = time.Now(), n
		}
		if err == nil {
			continue
		}
		if time.Since(began) > patience {
			return fmt.Errorf("%d rows are not written: %s; run it again when that is mended", s.Waiting(), said.text())
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if len(s.Lost()) > 0 {
		return fmt.Errorf("DynamoDB refused rows: %s", said.text())
	}
	return nil
}

// complaints collects what a Store says.
type complaints struct {
	mu  sync.Mutex
	all []string
}

func (c *complaints) Fail(_, message, advice string, _ ...any) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if advice != "" {
		message += " (" + advice + ")"
	}
	if !slices.Contains(c.all, message) {
		c.all = append(c.all, message)
	}
	return true
}

func (c *complaints) Recover(string, string) {}

func (c *complaints) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) == 0 {
		return "no answer in time"
	}
	return c.all[len(c.all)-1]
}
