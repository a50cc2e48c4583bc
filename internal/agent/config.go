package agent

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/logtable/logtable/internal/diag"
	"github.com/logtable/logtable/internal/extapi"
	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/logsapi"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/redact"
	"github.com/logtable/logtable/internal/store"
)

// Events is where Lambda's events come from.
type Events interface {
	Next(context.Context) (extapi.NextEvent, error)
}

// A Receiver is where telemetry arrives.
type Receiver interface {
	// Idle reports whether nothing waits for the intake, and when something
	// last arrived.
	Idle() (idle bool, last time.Time)
	// DoneWaiting returns since when a body waits for the intake, or is being
	// read by it, that seems to hold the end of an invocation.
	DoneWaiting() (since time.Time, ok bool)
	// Counts says what was posted and not handed on.
	Counts() logsapi.Counts
}

// A Marker leaves a mark that the next process finds if this one does not end
// properly.
type Marker interface {
	Mark(payload []byte) error
	Unmark() error
}

// A Config wires an Agent.
type Config struct {
	Events   Events
	Receiver Receiver // nil where nothing will ever arrive
	Store    *store.Store
	Diag     *diag.Logger
	Now      func() time.Time // time.Now if it is nil

	Rows         Rows
	Flush        Flush         // FlushEnd if it is zero
	FlushTimeout time.Duration // the longest time that an invocation is held
	// Concurrent says that several invocations run at a time and nothing is
	// ever frozen (Lambda Managed Instances): there is no INVOKE, and writing
	// follows platform.report.
	Concurrent bool
	// Snapshot says that the process is cloned between its init and the first
	// INVOKE (SnapStart): until then nothing is sent.
	Snapshot   bool
	Mark       Mark
	LastResort LastResort
	Alerts     *Alerts // nil: nobody is alerted
	Hints      Hints
}

// Rows says what becomes a row, and how.
type Rows struct {
	Scale    *level.Scale
	MinLevel level.Level // zero for all
	Plain    string
	Mapping  *parse.Mapping   // nil for our own names only
	Module   string           // of lines that name none
	Version  string           // of the function's code, for errors; "" for none
	MaxLines int              // a limit for each invocation; 0 for none
	Platform Platform         // PlatformErrors if it is zero
	Redact   *redact.Redactor // nil masks nothing
}

// Mark says where the mark of a process that has not ended properly is kept.
type Mark struct {
	Marker Marker // nil for nowhere
	Owner  string // whose process this is: see store.Config
}

// LastResort is where messages go that nothing else took: the function's log.
type LastResort struct {
	Log      io.Writer
	MaxBytes int
}

// A Flush says when what an invocation printed is written.
type Flush uint8

const (
	// FlushEnd writes everything before next is called: durable, and billed.
	FlushEnd Flush = iota + 1
	// FlushAdaptive is FlushEnd while traffic is thin. In busy traffic next is
	// called at once, and the write overlaps the following invocation.
	FlushAdaptive
	// FlushBackground never waits for an end. The environment may freeze before
	// anything has been sent.
	FlushBackground
)

// Platform says which of the platform's events become rows.
type Platform uint8

const (
	// PlatformErrors stores the death of a function and what Lambda dropped.
	PlatformErrors Platform = iota + 1
	// PlatformAll stores a row per platform.report and cold start as well.
	PlatformAll
	// PlatformNone stores what Lambda dropped only.
	PlatformNone
)

// withDefaults returns the Config with what it leaves open.
func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Flush = cmp.Or(c.Flush, FlushEnd)
	c.Rows.Platform = cmp.Or(c.Rows.Platform, PlatformErrors)
	return c
}
