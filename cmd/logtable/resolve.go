package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/cause/causeitem"
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/redact"
)

// userVariable names whoever says something of a cause.
const userVariable = "LOGTABLE_USER"

// sayFlags is what resolve, ignore and reopen were asked.
type sayFlags struct {
	state       string // cause.Resolved and so on
	note, until string
	since       string
	deletes     deleteFlags
	tableFlags
	accountFlags
}

func newResolve(sh *shell) *cobra.Command {
	return newSay(sh, cause.Resolved, &cobra.Command{
		Use:   "resolve MODULE LOCATOR",
		Short: "Say that the cause of an error is found and mended",
		Long: `Say that a cause, as logtable errors lists it, is resolved. Rows stay as they
are. An error after this makes the cause "came back", unless it is of a version
of the code that had shown it before: these are kept with the resolution.

With --delete, the errors of that time are deleted, too, slowly, for functions
write to the same table, and not any longer if DynamoDB throttles. Where it was
stopped, the same command goes on. It counts them and asks before.

Who says it is LOGTABLE_USER, or the name with which you are logged in.`,
		Example: `  logtable resolve orders 7 --note "fixed in 41"
  logtable resolve orders '?3fa1c2d4'
  logtable resolve orders 7 --delete --export orders-7.jsonl.gz --since 90d`,
	})
}

func newIgnore(sh *shell) *cobra.Command {
	return newSay(sh, cause.Ignored, &cobra.Command{
		Use:   "ignore MODULE LOCATOR",
		Short: "Say that nobody needs to hear of a cause for a while",
		Long: `Say that a cause, as logtable errors lists it, is known and can wait: until then
it is not listed and raises no alert. After that it is open again.`,
		Example: `  logtable ignore orders 7 --until 7d --note "the bank is moving"
  logtable ignore orders 7 --until 2026-12-24`,
	})
}

func newReopen(sh *shell) *cobra.Command {
	return newSay(sh, cause.Open, &cobra.Command{
		Use:   "reopen MODULE LOCATOR",
		Short: "Say that a cause is not resolved, or to be ignored no longer",
		Long: `Say that a cause that somebody has resolved or ignored is open again. What was
said of it before stays in its history (logtable errors MODULE LOCATOR).`,
		Example: `  logtable reopen orders 7 --note "41 was rolled back"`,
	})
}

// newSay completes a command that says something of a cause.
func newSay(sh *shell, state string, cmd *cobra.Command) *cobra.Command {
	f := &sayFlags{state: state}
	cmd.Args, cmd.ValidArgsFunction = causeArguments(2), cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id := cause.Named(args[0], args[1])
		if err := f.deletes.check(cmd, sh); err != nil {
			return err
		}
		if f.deletes.on {
			return resolveAndDelete(cmd.Context(), sh, f, id)
		}
		return say(cmd.Context(), sh, f, id)
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.note, "note", "", fmt.Sprintf("why, in a `TEXT` of at most %d bytes", cause.MaxNote))
	if state == cause.Ignored {
		flags.StringVar(&f.until, "until", "", "for this `LENGTH` of time (12h, 7d, 2w), or to a date or time")
	}
	if state != cause.Open {
		flags.StringVar(&f.since, "since", causesSince, "look for the cause's errors in the last `LENGTH` of time")
	}
	if state == cause.Resolved {
		f.deletes.register(flags)
	}
	f.tableFlags.register(flags)
	f.accountFlags.register(flags)
	return cmd
}

// say writes what somebody says of a cause, and prints how it stands then.
func say(ctx context.Context, sh *shell, f *sayFlags, id cause.ID) error {
	change, err := f.change(sh)
	if err != nil {
		return err
	}
	masking, err := redact.New(sh.getenv(config.Redact))
	if err != nil {
		return usagef("%s: %w", config.Redact, err)
	}
	account, err := connect(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	_, errorsTable := f.names(sh)
	table := &causeitem.Table{API: account.client, Name: errorsTable, Redact: masking}
	said, err := table.Get(ctx, id)
	if err != nil {
		return account.explainSaying(errorsTable, err)
	}
	if f.state == cause.Open && said.Quiet(sh.now()) == cause.IsOpen && said.State != cause.Ignored {
		fmt.Fprintf(sh.stdout, "%s is open: nobody has resolved or ignored it\n", causeName(id))
		return nil
	}
	versions, err := f.versions(ctx, sh, account, said)
	if err != nil {
		return err
	}
	state, meanwhile, err := table.Say(ctx, id, causeitem.AnyRev, change, versions)
	if err != nil {
		return account.explainSaying(errorsTable, err)
	}
	for i := range meanwhile {
		fmt.Fprintf(sh.stderr, "logtable: meanwhile somebody else has said: %s; that is in the history now "+
			"(logtable errors %s %s)\n", visible(meanwhile[i].Words()), shellWord(id.Module), shellWord(id.Locator))
	}
	text := causeName(id) + ": " + visible(state.Words())
	if len(state.Versions) > 0 {
		text += "\nseen before in " + visible(strings.Join(state.Versions, ", "))
	}
	fmt.Fprintln(sh.stdout, text)
	return nil
}

func causeName(id cause.ID) string { return visible(id.Module) + " (" + visible(id.Locator) + ")" }

// change is what is said, by whom, and when.
func (f *sayFlags) change(sh *shell) (c cause.Change, err error) {
	c = cause.Change{State: f.state, By: sh.getenv(userVariable), At: sh.now().Truncate(time.Millisecond), Note: f.note}
	if c.By == "" {
		c.By = loginName()
	}
	if f.state != cause.Ignored {
		return c, nil
	}
	if f.until == "" {
		return c, usagef("say for how long: --until 7d, or to a date or time")
	}
	zone, err := (&outputFlags{}).zone(sh)
	if err != nil {
		return c, err
	}
	now := c.At.In(zone)
	if length, ok := parseAgo(f.until); ok {
		c.Until = now.Add(length)
	} else if c.Until, err = parseInstant("--until", f.until, now, now); err != nil {
		return c, usagef("--until %q is not a length of time (12h, 7d, 2w), and not a date or time", f.until)
	}
	if !c.Until.After(now) {
		return c, usagef("--until %q is over: write a time to come", f.until)
	}
	return c, nil
}

// loginName is the name with which the user is logged in, shortened if need be;
// "" if nobody knows it.
func loginName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	name := u.Username[strings.LastIndexByte(u.Username, '\\')+1:] // Windows has a domain before it
	return strings.ToValidUTF8(name[:min(len(name), cause.MaxBy)], "")
}

// versions are those that have shown the error. It is an error if the cause has
// none, of which nobody has said anything: its name may be misspelt.
func (f *sayFlags) versions(ctx context.Context, sh *shell, a *account, said cause.State) ([]string, error) {
	if f.state == cause.Open || f.state == cause.Ignored && said.Rev > 0 {
		return nil, nil
	}
	s, err := spanFlags{since: f.since}.resolve(sh.now(), time.UTC)
	if err != nil {
		return nil, err
	}
	o := read.CauseOptions{Only: said.ID}
	if _, o.ErrorShards, err = f.shardCounts(sh); err != nil {
		return nil, err
	}
	o.From, o.To, o.Now = s.from, s.to, sh.now()
	_, o.ErrorsTable = f.names(sh)
	found, _, err := a.causes(ctx, sh, &f.priceFlags, o)
	if err != nil {
		return nil, a.explain(err)
	}
	if len(found.All) == 0 && said.Rev == 0 {
		return nil, fmt.Errorf("no error of %s in the last %s: logtable errors lists the causes, and --since looks "+
			"further back", causeName(said.ID), f.since)
	}
	var versions []string
	for i := range found.All {
		for _, v := range found.All[i].Versions {
			versions = append(versions, v.Version)
		}
	}
	for _, v := range said.Versions {
		if !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	return versions, nil
}

// explainSaying turns an error of a causeitem.Table into one that says what to
// do next.
func (a *account) explainSaying(table string, err error) error {
	var text *causeitem.TextError
	var op *smithy.OperationError
	switch {
	case errors.As(err, &text):
		return usageError{err}
	case errors.As(err, &op):
		verb := map[string]string{"GetItem": "read"}[op.Operation()]
		return a.explainTable(cmp.Or(verb, "write"), "dynamodb:"+op.Operation(), table, err)
	}
	return err
}
