package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/web"
)

// defaultWebPort is beside the ports of logtable local. It is always the same,
// so that a link of yesterday's page leads to today's.
const defaultWebPort = 9002

// webFlags is what `logtable web` was asked.
type webFlags struct {
	port         int
	allowResolve bool
	look         outputFlags // its zone
	tableFlags
	accountFlags
}

func newWeb(sh *shell) *cobra.Command {
	f := &webFlags{}
	cmd := &cobra.Command{
		Use:   "web",
		Short: "Show rows, requests and causes of errors as a page in the browser",
		Long: `Web serves a page on 127.0.0.1 until it is interrupted, and prints a link to it.
The link works once; Enter prints another one. The page reads the tables with
your credentials, within --max-read-units for each search, and shows what it has
read. Its box takes the filters of query: --level WARN+ --grep declined.

Nothing on the page changes anything, unless it was started with --allow-resolve:
then causes of errors can be resolved, ignored and reopened.`,
		Example: `  logtable web
  logtable web --allow-resolve --profile prod
  logtable web --port 0 --timezone local         any free port, this machine's time`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveWeb(cmd.Context(), sh, f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.allowResolve, "allow-resolve", false, "let the page resolve, ignore and reopen causes of errors")
	flags.IntVar(&f.port, "port", defaultWebPort, "`PORT` of 127.0.0.1; 0 is any that is free")
	f.look.registerZone(flags)
	f.tableFlags.register(flags)
	f.accountFlags.register(flags)
	return cmd
}

// serveWeb serves the page.
func serveWeb(ctx context.Context, sh *shell, f *webFlags) error {
	tables, err := newWebTables(ctx, sh, f)
	if err != nil {
		return err
	}
	if f.port < 0 || f.port > 65535 {
		return usagef("--port %d is not a port: write 1 to 65535, or 0 for any that is free", f.port)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(f.port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is in use: choose another one with --port, or 0 for any that is free", f.port)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on 127.0.0.1: %w", err)
	}
	config := web.Config{Tables: tables, Causes: webCauses{tables}, About: tables.about(), Now: sh.now}
	server := web.New(listener.Addr().String(), config)
	fmt.Fprintln(sh.stdout, server.Link())
	fmt.Fprintln(sh.stderr, strings.TrimSpace("The link works once, within an hour. "+tables.invitation()))
	if isTerminal(sh.stdin) {
		go func() { // it ends with ctx
			for lines := bufio.NewScanner(interruptible(ctx, sh.stdin)); lines.Scan(); {
				fmt.Fprintln(sh.stdout, server.Link())
			}
		}()
	}
	return server.Serve(ctx, listener)
}
