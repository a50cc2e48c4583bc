// Package config reads the extension's settings from the environment. The
// variables are a contract: docs/settings.md lists the same names and defaults.
//
// A bad setting never fails the function. Load always returns a usable
// Config, with the default in place of what was refused, and the problems to
// be said.
package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/awsenv"
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
	Layout       = "LOGTABLE_LAYOUT"
	Shards       = "LOGTABLE_SHARDS"
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
	InfoTable, ErrorsTable, TTL, Timezone, TZOffset, Module, Levels, ErrorsFrom, Level, Plain, Fields, MaxLines,
	Flush, FlushTimeout, BufferBytes, SpillDir, SpillBytes, LastResort, PlatformRows, Redact, Layout, Shards, Strict,
	AlertTopics, AlertFrom, AlertAllow, AlertWindow, AlertMax,
}

// A Config is everything a user can set, with defaults filled in.
type Config struct {
	// InfoTable and ErrorsTable are names or ARNs of DynamoDB tables.
	// Defaults: DefaultInfoTable, DefaultErrorsTable.
	InfoTable, ErrorsTable string
	// TTL is how long informational rows live: LOGTABLE_TTL as 60d, 12h or
	// bare seconds; default 60 days, at most 100 years.
	TTL time.Duration
	// Zone decides which day a row belongs to: LOGTABLE_TIMEZONE as an IANA
	// name or an offset such as +05:30; default UTC. LOGTABLE_TZ_OFFSET is
	// the ancestor's form, whole hours behind UTC.
	Zone *time.Location
	// Module names the writer of a line that names none; "" stands for the
	// function's name.
	Module string
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
	// MaxLines is how many informational lines of one invocation are stored;
	// 0 (default) means all. Errors are exempt.
	MaxLines int
	// Flush says when an invocation's lines are written: LOGTABLE_FLUSH as end
	// (default), adaptive or background.
	Flush string
	// FlushTimeout bounds the time that an invocation is held after its end
	// for writing; default 2 s.
	FlushTimeout time.Duration
	// BufferBytes bounds what waits in memory. Default: a 64th of the function's
	// memory, at least 2 MiB and at most 64 MiB; what does not fit goes to the
	// spill. BufferAlone is the bound where there is no spill: four times the
	// default, or what LOGTABLE_BUFFER_BYTES says.
	BufferBytes, BufferAlone int
	// SpillDir keeps what DynamoDB does not take: LOGTABLE_SPILL_DIR, an
	// absolute path; default /tmp/logtable. SpillBytes bounds it:
	// LOGTABLE_SPILL_BYTES; -1 (default) is the smaller of 64 MiB and a quarter
	// of what is free, 0 is no spill.
	SpillDir   string
	SpillBytes int
	// LastResortBytes bounds what is written to the function's log at the very
	// end: LOGTABLE_LAST_RESORT_BYTES; default 1 MiB, 0 is none.
	LastResortBytes int
	// Platform says which platform events become rows: LOGTABLE_PLATFORM as
	// errors (default), all or none.
	Platform string
	// Redact is LOGTABLE_REDACT, which package redact reads: words (secrets by
	// default, all, off) and regular expressions. Masking is what it says,
	// never nil.
	Redact  string
	Masking *redact.Redactor
	// Packed has informational lines share items: LOGTABLE_LAYOUT=packed;
	// the default, line, is an item each.
	Packed bool
	// Shards is over how many partitions a day the informational rows are
	// spread: LOGTABLE_SHARDS, 1 (default) to MaxShards.
	Shards int
	// Strict makes a silent guest of the extension where a setting is bad.
	Strict bool
	// Alerts says who is told of what.
	Alerts Alerts
}

// MaxShards is the most that LOGTABLE_SHARDS takes: 256,000 write units a
// second.
const MaxShards = 256

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
	c := Config{
		InfoTable:   l.table(InfoTable, DefaultInfoTable),
		ErrorsTable: l.table(ErrorsTable, DefaultErrorsTable),
		TTL:         l.ttl(),
		Zone:        l.zone(),
		Module:      strings.TrimSpace(getenv(Module)),
		Scale:       l.scale(),
		MaxLines:    l.integer(MaxLines, 0, 1, 1<<31-1, 1000),
		Strict:      l.boolean(Strict),
	}
	c.MinLevel, _ = l.level(Level, "all", c.Scale)
	if plain, ok := l.level(Plain, "off", c.Scale); ok {
		c.Plain = plain.Name
	}
	c.Flush = l.choice(Flush, "end", "adaptive", "background")
	c.Fields = l.fields()
	c.FlushTimeout = l.flushTimeout()
	buffer := defaultBuffer(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	problems := len(l.problems)
	c.BufferBytes = l.bytes(BufferBytes, buffer, 64<<10, 1<<30, "4MB")
	c.BufferAlone = c.BufferBytes
	if strings.TrimSpace(getenv(BufferBytes)) == "" || len(l.problems) > problems {
		c.BufferAlone = min(4*buffer, maxDefaultBuffer)
	}
	c.SpillDir = l.directory(SpillDir, "/tmp/logtable")
	c.SpillBytes = l.bytes(SpillBytes, -1, 0, 1<<40, "64MB")
	c.LastResortBytes = l.bytes(LastResort, 1<<20, 0, 64<<20, "1MB")
	c.Platform = l.choice(PlatformRows, "errors", "all", "none")
	c.Redact, c.Masking = l.redact()
	c.Alerts = l.alerts(c.Scale)
	c.Packed = l.choice(Layout, "line", "packed") == "packed"
	c.Shards = l.integer(Shards, 1, 1, MaxShards, 2)
	l.misspelt(environ)
	return c, l.problems
}

type loader struct {
	getenv   func(string) string
	problems []Problem
}

func (l *loader) refuse(variable, value, why, instead, advice string) {
	l.problems = append(l.problems, Problem{
		Variable: variable,
		Message:  fmt.Sprintf("%s=%q %s; using %s", variable, shorten(value, 80), shorten(why, 400), instead),
		Advice:   advice,
	})
}

// shorten keeps what is far too long from filling a log line: most is in bytes.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// lazily compiles an expression when it is needed first: a few of these take a
// millisecond of every cold start, for settings that few functions have.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// table accepts what DynamoDB accepts as TableName: a name of 3 to 255
// characters out of a-z A-Z 0-9 _ . - or a table's ARN.
func (l *loader) table(variable, fallback string) string {
	v := strings.TrimSpace(l.getenv(variable))
	switch {
	case v == "":
		return fallback
	case isTableName(v):
		return v
	}
	if arn, ok := awsenv.SplitARN(v); ok && arn.Service == "dynamodb" {
		if name, isTable := strings.CutPrefix(arn.Resource, "table/"); isTable && isTableName(name) {
			l.elsewhere(variable, arn)
			return v
		}
	}
	l.refuse(variable, v, "is not a table name that DynamoDB accepts", fallback,
		"write 3 to 255 characters out of a-z A-Z 0-9 _ . - or the table's ARN, for example "+variable+"="+fallback)
	return fallback
}

// elsewhere says of a table's ARN that no request of ours can reach it: the
// request goes to the function's region, and DynamoDB does not pass it on.
// Another account is not an obstacle. The ARN is kept all the same, because rows
// must not go to a table that nobody named.
func (l *loader) elsewhere(variable string, table awsenv.ARN) {
	region := l.region()
	p := Problem{Variable: variable}
	switch {
	case !awsenv.InPartition(table.Region, table.Partition):
		p.Message = fmt.Sprintf("%s names region %s in partition %s, but it is in %s; DynamoDB will refuse every row",
			variable, table.Region, table.Partition, awsenv.Partition(table.Region))
		p.Advice = "write the ARN as DynamoDB shows it, " +
			"arn:" + awsenv.Partition(table.Region) + ":dynamodb:" + table.Region + ":…"
	case region != "" && table.Region != region:
		p.Message = fmt.Sprintf("%s names a table in region %s, but the function runs in %s, and DynamoDB writes to "+
			"its own region only: it will refuse every row",
			variable, table.Region, region)
		p.Advice = "name a table in " + region + "; of a global table, that is the replica there"
	default:
		return
	}
	l.problems = append(l.problems, p)
}

// region is where the function runs; "" if that is not said.
func (l *loader) region() string {
	if region := l.getenv("AWS_REGION"); region != "" {
		return region
	}
	return l.getenv("AWS_DEFAULT_REGION")
}

// isTableName is not a regular expression: most functions name their tables.
func isTableName(v string) bool {
	for _, c := range []byte(v) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return len(v) >= 3 && len(v) <= 255
}

const (
	defaultTTL = 60 * 24 * time.Hour
	maxTTL     = 100 * 365 * 24 * time.Hour
)

func (l *loader) ttl() time.Duration {
	v := strings.TrimSpace(l.getenv(TTL))
	if v == "" {
		return defaultTTL
	}
	d, ok := duration(v)
	why := ""
	switch {
	case !ok:
		why = "is not a duration"
	case d < time.Second:
		why = "is not above zero"
	case d > maxTTL:
		why = "is more than 100 years"
	default:
		if d < time.Hour {
			l.problems = append(l.problems, Problem{
				Variable: TTL, Harmless: true,
				Message: fmt.Sprintf("%s=%q makes informational rows expire %v after they were printed", TTL, v, d),
				Advice:  "write days as 60d; bare numbers are seconds",
			})
		}
		return d
	}
	l.refuse(TTL, v, why, "60d", "write days as 60d, hours as 12h, or bare seconds such as 5184000")
	return defaultTTL
}

// duration reads bare seconds, or a whole number with s, m, h, d or w, or
// what Go reads (1h30m, 1.5h). Values beyond time.Duration's range are
// returned as its ends, which every caller refuses.
func duration(v string) (time.Duration, bool) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	digits, unit := v, time.Second
	if u, ok := units[v[len(v)-1]]; ok {
		digits, unit = v[:len(v)-1], u
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64); err == nil {
		const most = 1<<63 - 1
		if n > most/int64(unit) {
			return most, true
		}
		if n < -most/int64(unit) {
			return -most, true
		}
		return time.Duration(n) * unit, true
	}
	d, err := time.ParseDuration(v)
	return d, err == nil
}

func (l *loader) zone() *time.Location {
	name, behind := strings.TrimSpace(l.getenv(Timezone)), strings.TrimSpace(l.getenv(TZOffset))
	if name != "" {
		if behind != "" {
			l.refuse(TZOffset, behind, "is not looked at because "+Timezone+" is set", Timezone,
				"remove one of the two variables")
		}
		if zone, ok := ParseZone(name); ok {
			return zone
		}
		l.refuse(Timezone, name, "is not a time zone", "UTC",
			"write an IANA name such as Europe/Berlin, or an offset such as +05:30")
		return time.UTC
	}
	if behind == "" {
		return time.UTC
	}
	// The ancestor documented -12 to 14 hours behind UTC; the zones of the
	// world need -14 to 12.
	hours, err := strconv.Atoi(behind)
	if err != nil || hours < -14 || hours > 14 {
		l.refuse(TZOffset, behind, "is not a whole number of hours behind UTC (-14 to 14)", "UTC",
			"write 6 for US Central in winter, or better "+Timezone+"=America/Chicago")
		return time.UTC
	}
	return fixedZone(-hours * 3600)
}

var offsetForm = lazily(`^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?$`)

// ParseZone reads what LOGTABLE_TIMEZONE may be: an IANA name, UTC, Z, or an
// offset such as +05:30 or UTC+2, at most 14 hours. ok is false for anything
// else, and for "Local".
func ParseZone(name string) (zone *time.Location, ok bool) {
	if m := offsetForm().FindStringSubmatch(name); m != nil {
		hours, _ := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi("0" + m[3])
		seconds := hours*3600 + minutes*60
		if minutes > 59 || seconds > 14*3600 {
			return nil, false
		}
		if m[1] == "-" {
			seconds = -seconds
		}
		return fixedZone(seconds), true
	}
	// "Local" would be whatever the image says, and ":UTC" is how Lambda's
	// own TZ is written.
	name = strings.TrimPrefix(name, ":")
	if strings.EqualFold(name, "local") || name == "" {
		return nil, false
	}
	if strings.EqualFold(name, "utc") || name == "Z" {
		return time.UTC, true
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil
}

func fixedZone(seconds int) *time.Location {
	sign, abs := '+', seconds
	if seconds < 0 {
		sign, abs = '-', -seconds
	}
	return time.FixedZone(fmt.Sprintf("%c%02d:%02d", sign, abs/3600, abs/60%60), seconds)
}

func (l *loader) scale() *level.Scale {
	levels, from := strings.TrimSpace(l.getenv(Levels)), strings.TrimSpace(l.getenv(ErrorsFrom))
	scale, err := level.ParseScale(levels, from)
	if err == nil {
		return scale
	}
	// A scale that is refused must not take a good LOGTABLE_ERRORS_FROM
	// along, nor the other way round.
	if scale, lerr := level.ParseScale(levels, ""); lerr == nil {
		l.refuse(ErrorsFrom, from, "is not a level of the scale", "the scale's own", "write the name of a level: "+
			scale.String())
		return scale
	}
	l.refuse(Levels, levels, "is refused: "+err.Error(), "DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7",
		"write NAME=number,… in rising order, for example "+Levels+"=DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7; a scale "+
			"without ALARM and ERROR needs "+ErrorsFrom+", too")
	if scale, err := level.ParseScale("", from); err == nil {
		return scale
	}
	return level.DefaultScale()
}

// level reads the name of a level; the neutral word means none.
func (l *loader) level(variable, neutral string, scale *level.Scale) (level.Level, bool) {
	v := strings.TrimSpace(l.getenv(variable))
	if v == "" || strings.EqualFold(v, neutral) {
		return level.Level{}, false
	}
	level, ok := scale.Find(v)
	if !ok {
		instead := "all levels"
		if variable == Plain {
			instead = "none (plain lines are left to CloudWatch)"
		}
		l.refuse(variable, v, "is not a level of the scale", instead, "write "+neutral+" or the name of a level: "+
			scale.String())
	}
	return level, ok
}

// integer reads a whole number. The example is one that most who set the
// variable may want.
func (l *loader) integer(variable string, fallback, least, most, example int) int {
	v := strings.TrimSpace(l.getenv(variable))
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err == nil && n >= least && n <= most {
		return n
	}
	instead := strconv.Itoa(fallback)
	if fallback == 0 {
		instead = "no limit"
	}
	l.refuse(variable, v, fmt.Sprintf("is not a whole number from %d to %d", least, most), instead,
		fmt.Sprintf("write a whole number, for example %s=%d", variable, example))
	return fallback
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
	l.refuse(FlushTimeout, v, "is not a time with a unit, from 10ms to 15m", "2s", "write for example "+
		FlushTimeout+"=2s or 500ms")
	return defaultFlushTimeout
}

func (l *loader) boolean(variable string) bool {
	v := strings.TrimSpace(l.getenv(variable))
	switch strings.ToLower(v) {
	case "", "false", "0", "no", "off":
		return false
	case "true", "1", "yes", "on":
		return true
	}
	l.refuse(variable, v, "is neither true nor false", "false", "write "+variable+"=true or remove it")
	return false
}

// bytes reads a number of bytes, or of KB, MB or GB (of 1,024), as 16MB.
func (l *loader) bytes(variable string, fallback, least, most int, example string) int {
	v := strings.TrimSpace(l.getenv(variable))
	if v == "" {
		return fallback
	}
	upper := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(v), "IB"), "B")
	shift := 0
	for unit, by := range map[string]int{"K": 10, "M": 20, "G": 30} {
		if digits, ok := strings.CutSuffix(upper, unit); ok {
			upper, shift = digits, by
		}
	}
	n, err := strconv.Atoi(strings.TrimSpace(upper))
	if err == nil && n >= 0 && n <= most>>shift && n<<shift >= least {
		return n << shift
	}
	instead := size(fallback)
	if fallback < 0 {
		instead = "the smaller of 64MB and a quarter of what is free"
	}
	l.refuse(variable, v, "is not a size from "+size(least)+" to "+size(most), instead, "write for example "+
		variable+"="+example)
	return fallback
}

// size is a number of bytes as people write it.
func size(n int) string {
	for _, unit := range []string{"", "KB", "MB"} {
		if n == 0 || n%1024 != 0 {
			return strconv.Itoa(n) + unit
		}
		n /= 1024
	}
	return strconv.Itoa(n) + "GB"
}

// directory reads an absolute path.
func (l *loader) directory(variable, fallback string) string {
	v := strings.TrimSpace(l.getenv(variable))
	switch {
	case v == "":
		return fallback
	case strings.HasPrefix(v, "/") && filepath.Clean(v) != "/" && !strings.ContainsRune(v, 0):
		return filepath.Clean(v)
	}
	l.refuse(variable, v, "is not the absolute path of a directory", fallback, "write for example "+variable+"="+fallback)
	return fallback
}

// choice reads one of some words; the first is the default.
func (l *loader) choice(variable string, words ...string) string {
	v := strings.ToLower(strings.TrimSpace(l.getenv(variable)))
	if v == "" {
		return words[0]
	}
	if !slices.Contains(words, v) {
		l.refuse(variable, v, "is not one of "+strings.Join(words, ", "), words[0], "write one of these words, for "+
			"example "+variable+"="+words[0])
		return words[0]
	}
	return v
}

func (l *loader) fields() *parse.Mapping {
	v := strings.TrimSpace(l.getenv(Fields))
	m, err := parse.ParseMapping(v)
	if err != nil {
		l.refuse(Fields, v, "is refused: "+err.Error(), "Logtable's own names only",
			"write a preset such as pino, names such as text=message,msg; locator=caller, or both separated by semicolons")
	}
	return m
}

func (l *loader) redact() (setting string, r *redact.Redactor) {
	v := strings.TrimSpace(l.getenv(Redact))
	r, err := redact.New(v)
	if err != nil {
		l.refuse(Redact, v, "is refused: "+err.Error(), "secrets", "write off, secrets or all, and regular expressions, separated by semicolons")
		r, _ = redact.New("") // secrets, which is never refused
		return "", r
	}
	return v, r
}

const maxDefaultBuffer = 64 << 20

// defaultBuffer is a 64th of the function's memory (given in MB), at least 2 MiB
// and at most 64 MiB: the more waits in memory, the less the function has of it.
func defaultBuffer(memoryMB string) int {
	mb, err := strconv.Atoi(memoryMB)
	if err != nil {
		mb = 128
	}
	return min(max(mb, 128)<<20/64, maxDefaultBuffer)
}

// misspelt complains of LOGTABLE_ variables that do not exist: a setting that
// silently does nothing is the hardest to find.
func (l *loader) misspelt(environ []string) {
	found := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "LOGTABLE_") && !slices.Contains(variables, name) {
			found[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		advice := "remove it, or see docs/settings.md"
		if near := nearest(name); near != "" {
			advice = "did you mean " + near + "?"
		}
		l.problems = append(l.problems, Problem{
			Variable: name,
			Message:  shorten(name, 80) + " is not a setting of Logtable and does nothing",
			Advice:   advice,
			Harmless: true,
		})
	}
}

// nearest returns the variable within three edits of name, if there is one.
func nearest(name string) string {
	best, least := "", 4
	for _, v := range variables {
		if d := distance(name, v); d < least {
			best, least = v, d
		}
	}
	return best
}

// distance is the number of inserted, deleted or changed bytes between two
// names; long names count as far away.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
