package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/version"
	"github.com/logtable/logtable/internal/web"
)

// tailReach is how far back the page reads after its machine has slept.
const tailReach = time.Hour

// webTables are the tables as the page reads them: by the words and with the
// texts of the commands.
type webTables struct {
	sh    *shell
	flags *webFlags
	zone  *time.Location

	mu      sync.Mutex // guards account
	account *account   // nil after its credentials have turned out to be bad
}

// newWebTables checks what was asked for.
func newWebTables(ctx context.Context, sh *shell, f *webFlags) (*webTables, error) {
	if f.maxReadUnits < 0 {
		return nil, usagef("--max-read-units %d is negative: write how many read units may be read, or 0 for no bound",
			f.maxReadUnits)
	}
	zone, err := f.look.zone(sh)
	if err != nil {
		return nil, err
	}
	t := &webTables{sh: sh, flags: f, zone: zone}
	if _, err := t.Options(nil); err != nil {
		return nil, err
	}
	_, err = t.connected(ctx)
	return t, err
}

func (t *webTables) about() web.About {
	info, errors := t.flags.names(t.sh)
	return web.About{
		Zone: t.zone.String(), Where: t.account.where(), Info: info, Errors: errors, Version: version.Number(),
		Resolve: t.flags.allowResolve, Units: t.flags.maxReadUnits, Dollars: dollarsPerUnit,
	}
}

// invitation says what can be done where the command runs.
func (t *webTables) invitation() string {
	text := ""
	if isTerminal(t.sh.stdin) {
		text = "Press Enter for another one, Ctrl-C to end. "
	}
	if !t.flags.allowResolve {
		text += "The page is read-only: --allow-resolve lets it resolve causes."
	}
	return text
}

// connected is the account. What is in files was read when it was made, so that
// it is made again after credentials did not do.
func (t *webTables) connected(ctx context.Context) (*account, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.account != nil {
		return t.account, nil
	}
	a, err := connect(ctx, t.sh, &t.flags.accountFlags)
	if err == nil {
		t.account = a
	}
	return a, err
}

// Reader makes a client for one request.
func (t *webTables) Reader(ctx context.Context) (*read.Client, *read.Meter, error) {
	a, err := t.connected(ctx)
	if err != nil {
		return nil, nil, err
	}
	client, meter := a.metered(ctx)
	return client, meter, nil
}

// Options reads words as query reads its flags. A word that is no flag is
// looked for as --grep does.
func (t *webTables) Options(words []string) (read.Options, error) {
	f := &queryFlags{tableFlags: t.flags.tableFlags}
	flags := quietFlags()
	f.registerRows(flags)
	err := flags.Parse(words)
	if text := strings.Join(flags.Args(), " "); err == nil && text != "" {
		if f.grep != "" {
			err = usagef("%q is no flag: --grep looks for one text", text)
		}
		f.grep = cmp.Or(f.grep, text)
	}
	if err == nil {
		err = noEmptyWord(flags)
	}
	if err != nil {
		return read.Options{}, web.Usage(err)
	}
	o, err := f.options(t.sh, t.zone)
	return o, asUsage(err)
}

// StoryOptions reads words as show reads its flags.
func (t *webTables) StoryOptions(id string, words []string) (read.StoryOptions, error) {
	f := &showFlags{tableFlags: t.flags.tableFlags}
	flags := quietFlags()
	f.registerStory(flags)
	if err := flags.Parse(words); err != nil {
		return read.StoryOptions{}, web.Usage(err)
	}
	o, err := f.options(t.sh, id)
	return o, asUsage(err)
}

// quietFlags are flags of no command.
func quietFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

func asUsage(err error) error {
	if usage := (usageError{}); errors.As(err, &usage) {
		return web.Usage(err)
	}
	return err
}

// Tail follows rows as tail -f does, and says what tail says.
func (t *webTables) Tail(
	ctx context.Context, words []string, trouble func(string),
) (iter.Seq2[read.TailedRow, error], error) {
	o, err := t.Options(words)
	if err != nil {
		return nil, err
	}
	a, err := t.connected(ctx)
	if err != nil {
		return nil, err
	}
	sh := *t.sh
	sh.stderr = troubleWriter(trouble)
	f := &follower{sh: &sh, flags: &t.flags.accountFlags, account: a, zone: t.zone}
	f.tail = a.reader(ctx).NewTail(o, tailReach, t.zone, t.sh.now)
	if _, err := f.tail.Last(ctx); err != nil {
		return nil, err
	}
	return func(yield func(read.TailedRow, error) bool) {
		for row, err := range f.rows(ctx, nil) {
			if !yield(read.TailedRow{Row: row.Row, Late: row.late}, err) {
				return
			}
		}
	}, nil
}

// troubleWriter passes on what a follower says of what keeps it from reading.
type troubleWriter func(string)

func (w troubleWriter) Write(line []byte) (int, error) {
	text := strings.TrimPrefix(strings.TrimSpace(string(line)), "logtable: ")
	if text == readingAgain {
		text = ""
	}
	w(text)
	return len(line), nil
}

// Print prints rows for programs.
func (t *webTables) Print(w io.Writer, form string, rows iter.Seq2[read.Row, error]) error {
	switch form {
	case formJSONL:
		_, err := printJSON(w, allShown(rows), t.zone)
		return err
	case formCSV:
		return printCSV(w, allShown(rows), nil, t.zone)
	}
	return fmt.Errorf("there is no form %q", form)
}

// Explain says what to do, and has the account made again if its credentials do
// not do.
func (t *webTables) Explain(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.account
	if a == nil {
		return err
	}
	if troubleOf(err) == badCredentials {
		t.account = nil
	}
	return a.explain(err)
}
