package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/traceid"
)

// showFlags is what `logtable show` was asked.
type showFlags struct {
	since       string
	onlyRequest bool
	outputFlags
	tableFlags
	accountFlags
}

func newShow(sh *shell) *cobra.Command {
	f := &showFlags{}
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Tell the story of a request, a trace or an execution, across functions",
		Long: `Show prints what several functions have logged for one request, in time order:
where each invocation begins and ends, its lines, and its duration and memory
where a row has them (LOGTABLE_PLATFORM=all, and every time-out and crash).

ID is one of
  - a request ID, or its beginning of at least 8 characters. If its rows name a
    trace, the story is that of the whole trace;
  - a trace ID, as X-Ray writes it (1-6b02cb30-0123456789abcdef01234567) or as
    32 hexadecimal digits;
  - an execution of a durable function, <name>/<id> or its ARN.

An X-Ray trace ID names the second at which the trace began: only the 24 hours
from then on are read. Anything else is looked for day by day, newest first, for
7 days or as far as --since says. Looking for a request or a trace ends when the
day before has no more of it.

"-->" is the first row of an invocation, "<--" its end, and "..." says whose the
rows below are. Rows from the errors table are marked with "!".`,
		Example: `  logtable show 7f3a9c12                      what became of a request
  logtable show 1-6b02cb30-0123456789abcdef01234567
  logtable show order-17/4f1c0b9e --since 30d     an execution of a month
  logtable show 7f3a9c12 -o jsonl | jq -r .text`,
		Args:              arguments(1, 1, "one ID: of a request, a trace or an execution"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if flag := cmd.Flags().Lookup("since"); flag.Changed && f.since == "" {
				return usagef("--since is empty: give it a value, or leave it out")
			}
			return show(cmd.Context(), sh, f, args[0])
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.registerStory(flags)
	f.outputFlags.register(cmd)
	f.tableFlags.register(flags)
	f.accountFlags.register(flags)
	return cmd
}

// registerStory registers what says which story is wanted.
func (f *showFlags) registerStory(flags *pflag.FlagSet) {
	flags.StringVar(&f.since, "since", "", "look back by this `LENGTH` of time: 12h, 30d (default 7d)")
	flags.BoolVar(&f.onlyRequest, "only-request", false, "of a request, not the rest of its trace")
}

// beginsLikeTrace is how an ID of X-Ray's begins, and no request ID.
var beginsLikeTrace = regexp.MustCompile(`^1-[0-9A-Fa-f]*(-[0-9A-Fa-f]*)?$`)

// subject finds out what an ID is of.
func subject(id string) (o read.StoryOptions, err error) {
	id = strings.TrimSpace(id)
	if trace, ok := traceid.Parse(id); ok {
		o.TraceID = trace
		return o, nil
	}
	switch {
	case strings.Contains(id, "/"):
		o.Execution, err = parseExecution("ID", id)
	case beginsLikeTrace.MatchString(id):
		_, err = parseTrace("ID", id)
	case len(id) < shortRequest:
		err = usagef("ID %q is too short: write at least %d characters of a request ID", id, shortRequest)
	default:
		o.RequestID = id
	}
	return o, err
}

// show reads a story and prints it.
func show(ctx context.Context, sh *shell, f *showFlags, id string) error {
	out, err := f.printing(sh, nil)
	if err != nil {
		return err
	}
	o, err := f.options(sh, id)
	if err != nil {
		return err
	}
	account, err := connect(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	client, meter, err := account.priced(ctx, sh, &f.priceFlags)
	if err != nil {
		return err
	}
	story, err := client.Story(ctx, o)
	var ambiguous *read.AmbiguousError
	switch {
	case errors.As(err, &ambiguous):
		return fmt.Errorf("%w: write more of the ID", err)
	case err != nil:
		return account.explain(err)
	case len(story.Rows) == 0:
		return errors.New(notFound(&o, &story, out.style.zone))
	}
	if out.form != formText || len(out.style.columns) > 0 {
		_, err = out.print(storyRows(story.Rows), meter)
	} else {
		err = out.paged(func(w io.Writer, _ func() bool) error {
			return printStory(w, &story, storyTitle(&o, &story), out.style)
		})
	}
	if err == nil && story.More {
		fmt.Fprintf(sh.stderr, "the story has more than %d rows, and these are some of them: "+
			"logtable query has filters for more\n", read.MaxStory)
	}
	return err
}

// options turns flags into what to read.
func (f *showFlags) options(sh *shell, id string) (read.StoryOptions, error) {
	o, err := subject(id)
	if err != nil {
		return o, err
	}
	if f.onlyRequest && o.RequestID == "" {
		return o, usagef("--only-request is for a request ID, which %q is not", id)
	}
	o.OnlyRequest = f.onlyRequest
	o.Now = sh.now()
	if f.since != "" {
		ago, ok := parseAgo(f.since)
		if !ok {
			return o, usagef("--since %q is not a duration: write, for example, 12h or 30d", f.since)
		}
		o.Since = o.Now.Add(-ago)
	}
	if o.Shards, o.ErrorShards, err = f.shardCounts(sh); err != nil {
		return o, err
	}
	o.InfoTable, o.ErrorsTable = f.names(sh)
	return o, nil
}

// notFound says what was looked for in vain, and where.
func notFound(o *read.StoryOptions, story *read.Story, zone *time.Location) string {
	const layout = "2006-01-02 15:04:05"
	what := "request " + o.RequestID
	switch {
	case o.TraceID != "":
		what = "trace " + traceid.XRay(o.TraceID)
	case o.Execution != "":
		what = "execution " + o.Execution
	}
	text := fmt.Sprintf("found no rows of %s in %s and %s from %s to %s (%s)", what, o.InfoTable, o.ErrorsTable,
		story.From.In(zone).Format(layout), story.To.In(zone).Format(layout), zone)
	if o.Since.IsZero() {
		text += ": if it is of another time, look further back with --since 30d"
	}
	return text
}

// storyTitle says what a story is of.
func storyTitle(o *read.StoryOptions, story *read.Story) string {
	switch {
	case o.Execution != "":
		return "Execution " + visible(o.Execution)
	case o.TraceID != "":
		return "Trace " + traceid.XRay(o.TraceID)
	case len(story.Traces) == 1:
		return "Trace " + traceid.XRay(story.Traces[0]) + " of request " + visible(story.RequestID)
	case len(story.Traces) > 1:
		return fmt.Sprintf("The %d traces of request %s", len(story.Traces), visible(story.RequestID))
	}
	return "Request " + visible(story.RequestID)
}
