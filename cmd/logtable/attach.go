package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/resources"
)

// attachFlags are what `logtable attach` can be told.
type attachFlags struct {
	cloudFlags
	tables tableFlags
	layer  string
	set    []string
	topics []string
	force  bool

	detaching bool
}

func newAttach(sh *shell) *cobra.Command {
	f := &attachFlags{}
	cmd := &cobra.Command{
		Use:   "attach FUNCTION...",
		Short: "Attach Logtable to functions",
		Long: `Attach Logtable to functions: add the layer of the function's architecture, give
its role the permission to write to the tables, and set what -e says. Everything
is read and checked first, the changes are shown, and nothing is done without
your consent.

Attach again for a newer layer or for other settings; a setting with no value
(-e LOGTABLE_FIELDS=) is removed. Other layers, their order, other variables and
other policies stay as they are, and logtable detach undoes it all.

It changes $LATEST. Versions are immutable, so aliases stay as they are.`,
		Example: `  logtable attach orders --dry-run
  logtable attach orders billing -e LOGTABLE_FIELDS=pino
  logtable attach orders --alert-topic arn:aws:sns:eu-central-1:123456789012:oncall`,
		Args: arguments(1, 1000, "logtable attach FUNCTION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return dryRunIsFine(sh, attach(cmd.Context(), sh, f, args))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVarP(&f.set, "env", "e", nil, "a setting of Logtable's, `NAME=VALUE`; may be repeated")
	flags.StringSliceVar(&f.topics, "alert-topic", nil, "`ARN` of an SNS topic for alerts; may be repeated")
	flags.StringVar(&f.layer, "layer", "", "`ARN` of the layer's version\n"+
		"(default the newest that is published)")
	flags.BoolVar(&f.force, "force", false, "even a function that CloudFormation manages")
	f.tables.registerNames(flags)
	f.cloudFlags.register(flags, "what would be changed")
	return cmd
}

func newDetach(sh *shell) *cobra.Command {
	f := &attachFlags{detaching: true}
	cmd := &cobra.Command{
		Use:   "detach FUNCTION...",
		Short: "Undo what attach did to functions",
		Long: `Undo what attach did to functions: remove the layer, the settings that attach
made, and its policy. What else was changed meanwhile stays.

Rows stay in the tables.`,
		Example: `  logtable detach orders --dry-run`,
		Args:    arguments(1, 1000, "logtable detach FUNCTION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return dryRunIsFine(sh, detach(cmd.Context(), sh, f, args))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.force, "force", false, "even a function that CloudFormation manages")
	f.cloudFlags.register(flags, "what would be changed")
	return cmd
}

func attach(ctx context.Context, sh *shell, f *attachFlags, names []string) error {
	wanted, err := f.wanted(sh)
	if err != nil {
		return err
	}
	return f.each(ctx, sh, names, "attach", func(ctx context.Context, c *cloud, t *target) (*change, error) {
		return c.planAttach(ctx, t, wanted)
	})
}

func detach(ctx context.Context, sh *shell, f *attachFlags, names []string) error {
	return f.each(ctx, sh, names, "detach", func(ctx context.Context, c *cloud, t *target) (*change, error) {
		return c.planDetach(ctx, t)
	})
}

// each plans a change of each function, asks, and makes the changes one after
// the other. A function that cannot be changed does not keep the others from
// it.
func (f *attachFlags) each(ctx context.Context, sh *shell, names []string, verb string,
	plan func(context.Context, *cloud, *target) (*change, error),
) error {
	c, err := connectCloud(ctx, sh, &f.accountFlags)
	if err != nil {
		return err
	}
	functions, err := c.functionNames(names)
	if err != nil {
		return err
	}
	s := &summary{sh: sh, functions: len(functions)}
	var changes []*change
	for _, name := range functions {
		ch, err := c.plan(ctx, name, f.force, plan)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			f.hint(ctx, sh, c, err)
			s.failed(name, err)
		case ch.isNothing():
			fmt.Fprintf(sh.stdout, "%s: there is nothing to %s\n", name, verb)
		default:
			fmt.Fprintln(sh.stdout, strings.Join(visibleLines(ch.String()), "\n")+"\n")
			changes = append(changes, ch)
		}
	}
	if len(changes) == 0 {
		return s.result()
	}
	question := fmt.Sprintf("Change %s?", counted(len(changes), "function"))
	if err := f.confirmed(ctx, sh, question); err != nil {
		return errors.Join(s.result(), err)
	}
	for _, ch := range changes {
		err := c.apply(ctx, ch)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.failed(ch.target.name, err)
		default:
			fmt.Fprintf(sh.stdout, "%s: %sed\n", ch.target.name, verb)
		}
	}
	if verb == "attach" && s.bad < len(functions) {
		fmt.Fprintf(sh.stdout, "\nInvoke it, then:\n  logtable tail -f%s\n  logtable doctor %s%s\n", visible(c.flags),
			changes[0].target.name, visible(c.flags))
	}
	return s.result()
}

// hint prints what belongs into the template of a function that attach leaves
// alone because a stack has it.
func (f *attachFlags) hint(ctx context.Context, sh *shell, c *cloud, err error) {
	var e *stackError
	if !errors.As(err, &e) || f.detaching {
		return
	}
	info, errorsTable := f.tables.names(sh)
	s := &snippet{Form: "sam", Function: e.target.name, Architecture: e.target.architecture(), InfoTable: info,
		ErrorsTable: errorsTable, Layer: f.layer, Topics: f.topics}
	if layer, known := resources.LayerFor(s.Architecture); known && s.Layer == "" {
		if newest, err := c.newestLayer(ctx, layer.Name); err == nil && newest != nil {
			s.Layer = newest.arn
		}
	}
	var text strings.Builder
	if s.write(&text) == nil {
		fmt.Fprintln(sh.stdout, strings.Join(visibleLines(text.String()), "\n"))
	}
}

// A summary counts what did not work.
type summary struct {
	sh             *shell
	functions, bad int
	last           error
}

func (s *summary) failed(name string, err error) {
	s.bad++
	s.last = err
	if s.functions > 1 {
		fmt.Fprintf(s.sh.stderr, "%s: %s\n", name, visible(err.Error()))
	}
}

func (s *summary) result() error {
	switch {
	case s.bad == 0:
		return nil
	case s.functions == 1:
		return s.last
	}
	return fmt.Errorf("%d of %d functions were not changed", s.bad, s.functions)
}

// plan reads a function and, unless it must be left alone, plans its change.
func (c *cloud) plan(ctx context.Context, name string, force bool,
	plan func(context.Context, *cloud, *target) (*change, error),
) (*change, error) {
	t, err := c.readFunction(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := t.refusal(force); err != nil {
		return nil, err
	}
	return plan(ctx, c, t)
}

// functionNames are the names of functions, each once, by names or ARNs.
func (c *cloud) functionNames(args []string) (names []string, err error) {
	for _, arg := range args {
		name := arg
		if rest, isARN := strings.CutPrefix(arg, "arn:"); isARN {
			parts := strings.Split(rest, ":") // partition, lambda, region, account, function, name
			if len(parts) < 6 || parts[1] != "lambda" || parts[4] != "function" {
				return nil, usagef("%q is not the ARN of a function", arg)
			}
			if parts[2] != c.region {
				return nil, usagef("the function %s is in %s: say --region %s", parts[5], parts[2], parts[2])
			}
			name = strings.Join(parts[5:], ":")
		}
		name, qualifier, qualified := strings.Cut(name, ":")
		if qualified && qualifier != "$LATEST" {
			return nil, usagef("%q names a version or alias, which cannot be changed: write %s, and move the alias "+
				"afterwards", arg, name)
		}
		if !functionName.MatchString(name) {
			return nil, usagef("%q is not a function's name: letters, digits, - and _", arg)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}
