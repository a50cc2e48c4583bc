// Package config reads the extension's settings from the environment. The
// variables are a contract: docs/settings.md lists the same names and defaults.
//
// A bad setting never fails the function. Load always returns a usable
// Config, with the default in place of what was refused, and the problems to
// be said.
package config

import (
	"strings"
	"time"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/redact"
)

// The environment variables that Logtable reads for itself.
const (
	InfoTable    = "LOGTABLE_INFO_TABLE"
	ErrorsTable  = "LOGTABLE_ERRORS_TABLE"
	TTL          = "LOGTABLE_TTL"
	Timezone     = "LOGTABLE_TIMEZONE"
	TZOffset     = "LOGTABLE_TZ_OFFSET"
	Module       = "LOGTABLE_MODULE"
	AppVersion   = "LOGTABLE_APP_VERSION"
	Levels       = "LOGTABLE_LEVELS"
	ErrorsFrom   = "LOGTABLE_ERRORS_FROM"
	Level        = "LOGTABLE_LEVEL"
	Plain        = "LOGTABLE_PLAIN"
	Fields       = "LOGTABLE_FIELDS"
	MaxLines     = "LOGTABLE_MAX_LINES"
	Flush        = "LOGTABLE_FLUSH"
	FlushTimeout = "LOGTABLE_FLUSH_TIMEOUT"
	BufferBytes  = "LOGTABLE_BUFFER_BYTES"
	SpillDir     = "LOGTABLE_SPILL_DIR"
	SpillBytes   = "LOGTABLE_SPILL_BYTES"
	LastResort   = "LOGTABLE_LAST_RESORT_BYTES"
	PlatformRows = "LOGTABLE_PLATFORM"
	Redact       = "LOGTABLE_REDACT"
	Hints        = "LOGTABLE_HINTS"
	Layout       = "LOGTABLE_LAYOUT"
	Shards       = "LOGTABLE_SHARDS"
	ErrorShards  = "LOGTABLE_ERROR_SHARDS"
	Strict       = "LOGTABLE_STRICT"
	AlertTopics  = "LOGTABLE_ALERT_TOPIC_ARNS"
	AlertFrom    = "LOGTABLE_ALERT_FROM"
	AlertAllow   = "LOGTABLE_ALERT_ALLOW"
	AlertWindow  = "LOGTABLE_ALERT_WINDOW"
	AlertMax     = "LOGTABLE_ALERT_MAX"
)

// Names of the tables where none is set.
const (
	DefaultInfoTable   = "logtable-info"
	DefaultErrorsTable = "logtable-errors"
)

// variables is what a misspelt name is compared with.
var variables = []string{
	InfoTable, ErrorsTable, TTL, Timezone, TZOffset, Module, AppVersion, Levels, ErrorsFrom, Level, Plain, Fields,
	MaxLines, Flush, FlushTimeout, BufferBytes, SpillDir, SpillBytes, LastResort, PlatformRows, Redact, Hints, Layout,
	Shards, ErrorShards, Strict, AlertTopics, AlertFrom, AlertAllow, AlertWindow, AlertMax,
}

// A Config is everything a user can set, with defaults filled in.
type Config struct {
	Tables
	Lines
	Delivery
	Storage
	// Alerts says who is told of what.
	Alerts Alerts
	// Strict puts the extension into no-op mode where a setting is bad.
	Strict bool
}

// Tables are where rows go, and in which form.
type Tables struct {
	// InfoTable and ErrorsTable are names or ARNs of DynamoDB tables.
	// Defaults: DefaultInfoTable, DefaultErrorsTable.
	InfoTable, ErrorsTable string
	// TTL is how long informational rows live: LOGTABLE_TTL as 60d, 12h or
	// bare seconds; default 60 days, at most 100 years.
	TTL time.Duration
	// Zone decides which day a row belongs to: LOGTABLE_TIMEZONE, which
	// ParseZone reads; default UTC. LOGTABLE_TZ_OFFSET is the ancestor's form,
	// whole hours behind UTC.
	Zone *time.Location
	// Layout says how informational lines become items: LOGTABLE_LAYOUT as line
	// (default), an item each; packed, they share items; or auto, they do so
	// while many of them wait.
	Layout string
	// Shards is the number of partitions over which a day's informational
	// rows are spread: LOGTABLE_SHARDS, 1 (default) to MaxShards. ErrorShards
	// is the same for errors: LOGTABLE_ERROR_SHARDS.
	Shards, ErrorShards int
}

// Lines are which lines and events become rows, and what of them.
type Lines struct {
	// Module names the writer of a line that names none; "" stands for the
	// function's name.
	Module string
	// Version is the version of the function's code: LOGTABLE_APP_VERSION, 1 to
	// MaxVersion of A-Za-z0-9._+-; "" stands for the function's.
	Version string
	// Scale orders the levels: LOGTABLE_LEVELS and LOGTABLE_ERRORS_FROM.
	Scale *level.Scale
	// MinLevel is the lowest level that is stored: LOGTABLE_LEVEL; the zero
	// Level (all) by default.
	MinLevel level.Level
	// Plain is the level under which lines that are not ours are stored:
	// LOGTABLE_PLAIN; "" (default) leaves them to CloudWatch.
	Plain string
	// Fields maps the member names of other loggers onto ours:
	// LOGTABLE_FIELDS, which parse.ParseMapping reads; nil (default) is our
	// names only.
	Fields *parse.Mapping
	// FieldsAsSet is LOGTABLE_FIELDS as it is written, "" if it was refused.
	FieldsAsSet string
	// MaxLines is how many informational lines of one invocation are stored;
	// 0 (default) means all. Errors are exempt.
	MaxLines int
	// Platform says which platform events become rows: LOGTABLE_PLATFORM as
	// errors (default), all or none.
	Platform string
	// Redact is LOGTABLE_REDACT, which package redact reads: words (secrets by
	// default, all, off) and regular expressions. Masking is what it says,
	// never nil.
	Redact  string
	Masking *redact.Redactor
	// Hints says whether the log tells of lines that look like log lines and
	// are not stored: LOGTABLE_HINTS as on (default) or off.
	Hints bool
}

// Delivery is when rows are written.
type Delivery struct {
	// Flush says when an invocation's lines are written: LOGTABLE_FLUSH as end
	// (default), adaptive or background.
	Flush string
	// FlushTimeout bounds the time that an invocation is held after its end
	// for writing; default 2 s.
	FlushTimeout time.Duration
}

// Storage is where rows wait, in bytes.
type Storage struct {
	// BufferBytes bounds what waits in memory. Default: a 64th of the
	// function's memory, at least 2 MiB and at most 64 MiB; what does not fit
	// goes to the spill. BufferAlone is the bound where there is no spill: four
	// times the default, or what LOGTABLE_BUFFER_BYTES says.
	BufferBytes, BufferAlone int
	// SpillDir keeps what DynamoDB does not take: LOGTABLE_SPILL_DIR, an
	// absolute path; default /tmp/logtable. SpillBytes bounds it:
	// LOGTABLE_SPILL_BYTES; -1 (default) is the smaller of 64 MiB and a quarter
	// of what is free, 0 means no spill.
	SpillDir   string
	SpillBytes int
	// LastResortBytes bounds what is written to the function's log at the very
	// end: LOGTABLE_LAST_RESORT_BYTES; default 1 MiB, 0 is none.
	LastResortBytes int
}

// MaxShards is the most that LOGTABLE_SHARDS and LOGTABLE_ERROR_SHARDS take:
// 256,000 write units a second.
const MaxShards = 256

// MaxVersion is how long LOGTABLE_APP_VERSION may be, in bytes.
const MaxVersion = 64

// A Problem is a setting that was refused.
type Problem struct {
	Variable string
	Message  string // what is wrong and what holds instead
	Advice   string // what to write
	// Harmless says that nothing was replaced by a default: even under
	// LOGTABLE_STRICT the extension works.
	Harmless bool
}

// Load reads the settings through getenv (usually os.Getenv); environ
// (os.Environ's form, NAME=value) serves only to find misspelt names.
func Load(getenv func(string) string, environ []string) (Config, []Problem) {
	l := loader{getenv: getenv}
	var c Config
	l.tables(&c.Tables)
	l.lines(&c.Lines)
	c.Strict = l.boolean(Strict)
	c.Flush = l.choice(Flush, "end", "adaptive", "background")
	c.FlushTimeout = l.flushTimeout()
	l.storage(&c.Storage)
	l.alerts(&c.Alerts, c.Scale)
	l.misspelt(environ)
	return c, l.problems
}

const (
	defaultFlushTimeout = 2 * time.Second
	maxFlushTimeout     = 15 * time.Minute // the longest invocation
)

func (l *loader) flushTimeout() time.Duration {
	v := strings.TrimSpace(l.getenv(FlushTimeout))
	if v == "" {
		return defaultFlushTimeout
	}
	d, err := time.ParseDuration(v)
	if err == nil && d >= 10*time.Millisecond && d <= maxFlushTimeout {
		return d
	}
	l.refuse(FlushTimeout, v, "is not a duration with a unit, from 10ms to 15m", "2s", "write, for example, "+
		FlushTimeout+"=2s or 500ms")
	return defaultFlushTimeout
}
