package main

import (
	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/sandbox/local"
)

// localTablesPort is where `logtable local` has its tables, and --local looks
// for them.
const localTablesPort = 9001

// localFlags is what `logtable local` was asked.
type localFlags struct {
	handler localHandler
	look    outputFlags

	variables   local.Variables
	toldLeft    bool // which variables are left out has been said
	event       eventFlags
	function    functionFlags
	port        int
	tablesPort  int
	endpointURL string
	extensions  []string
	noLogtable  bool
}

// eventFlags say when the function is invoked without a request.
type eventFlags struct {
	file         string
	once, reload bool
}

// functionFlags are the function's configuration.
type functionFlags struct {
	name, logFormat string
	timeout, memory int // seconds, MB
}

func newLocal(sh *shell) *cobra.Command {
	f := &localFlags{function: functionFlags{logFormat: "Text"}}
	cmd := &cobra.Command{
		Use:   "local [--python FILE.FUNCTION | --node FILE.FUNCTION] [DIR] [-- COMMAND…]",
		Short: "Run a function of yours in a local Lambda with Logtable",
		Long: `Local runs the function in DIR (by default, this directory) in a local Lambda
with Logtable attached. It prints what the function prints, the rows that
Logtable stores of it, and why a line is no row. It needs no AWS account.

--python and --node run a handler as Lambda's runtimes do, but with loops of our
own, not with AWS's clients. COMMAND is a program that speaks Lambda's Runtime
API, such as a bootstrap.

The function is invoked by HTTP, as Lambda is, or by --event. It finds in its
environment what Lambda sets, PATH, HOME, DIR/.env and -e. Nothing else of your
environment is passed on, your AWS credentials included, unless --pass-env says
so. The ports are for programs of this machine: web pages are refused.

Ctrl-C ends the function as Lambda does, with a SHUTDOWN phase; a second one
kills it. Nothing is kept.`,
		Example: `  logtable local --python handler.handler
  logtable local --node index.handler --reload --event event.json
  logtable local -e LOGTABLE_FIELDS=auto --node index.handler orders
  logtable local -- ./bootstrap
  curl -d '{"name":"Ada"}' http://127.0.0.1:9000/
  logtable tail -f --local`,
		Args: func(cmd *cobra.Command, args []string) error { return f.handler.arguments(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error { return runLocal(cmd.Context(), sh, f) },
	}
	f.register(cmd)
	return cmd
}

func (f *localFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.handler.python, "python", "", "`FILE.FUNCTION` of a Python handler, without .py")
	flags.StringVar(&f.handler.node, "node", "", "`FILE.FUNCTION` of a Node.js handler, without .mjs, .js or .cjs")
	flags.StringVar(&f.event.file, "event", "", "invoke with this `FILE` at the start, - for standard input;\n"+
		"with --reload again after each change")
	flags.BoolVar(&f.event.once, "once", false, "end after the invocation with --event")
	flags.BoolVar(&f.event.reload, "reload", false, "start the function again when a file in DIR changes")
	flags.StringArrayVarP(&f.variables.Set, "env", "e", nil, "set a variable `NAME=VALUE`; may be repeated")
	flags.StringArrayVar(&f.variables.Pass, "pass-env", nil, "pass on this shell's variable `NAME`; may be repeated")
	flags.Var(newChoice(&f.function.logFormat, "Text", "JSON"), "log-format", "the function's log format")
	flags.IntVar(&f.function.timeout, "timeout", 3, "the function's time-out in `SECONDS`")
	flags.IntVar(&f.function.memory, "memory", 128, "the function's memory in `MB`; told to it, not enforced")
	flags.StringVar(&f.function.name, "name", "", "the function's `NAME` (default: the directory's)")
	flags.IntVar(&f.port, "port", 9000, "`PORT` for invocations; 0 is any free one")
	flags.IntVar(&f.tablesPort, "tables-port", localTablesPort, "`PORT` of the tables; 0 is any free one")
	flags.StringVar(&f.endpointURL, "endpoint-url", "", "`URL` of another DynamoDB that has the tables")
	flags.StringArrayVar(&f.extensions, "extension", nil, "attach the extension at `PATH`, too; may be repeated")
	flags.BoolVar(&f.noLogtable, "no-logtable", false, "do not attach Logtable")
	f.look.color = "auto"
	flags.Var(newChoice(&f.look.color, "auto", "always", "never"), "color",
		"color; auto means on a terminal, without NO_COLOR")
	flags.StringVar(&f.look.timezone, "timezone", "", "time `ZONE`: Europe/Berlin, +02:00, local\n"+
		"(default LOGTABLE_TIMEZONE, else UTC)")
	completeChoices(cmd, "log-format", "color")
}
