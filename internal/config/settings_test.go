package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of settings into docs/settings.md")

// A setting is a row of the table in docs/settings.md. The table stands in a
// test and not beside the variables, because the layer would carry the words
// through every cold start.
type setting struct {
	name string
	// def is the default as the table shows it. Where it depends on the
	// function, the table says so in words, and same is a value that means
	// what the default means to a function of 128 MB ("" if there is none).
	def, same string
	takes     string // the values it takes, as the table shows them
	text      string
	// other are values that are taken and mean something else than the
	// default; the bounds are among them. refused are values just outside.
	other, refused []string
	value          func(Config) any
}

// scaleForm is how a scale and the level of its errors compare.
func scaleForm(c Config) any {
	var all []string
	for _, name := range strings.Split(c.Scale.String(), ", ") {
		level, _ := c.Scale.Find(name)
		all = append(all, fmt.Sprint(name, level.Error))
	}
	return all
}

const topic = "arn:aws:sns:eu-central-1:123456789012:oncall"

var settings = []setting{
	{
		name: InfoTable, def: "logtable-info", same: "logtable-info", takes: "a table's name or ARN",
		text: "The table for informational lines. An ARN may name a table in another account, in the " +
			"function's region.",
		other: []string{"abc", "arn:aws:dynamodb:eu-central-1:123456789012:table/info"}, refused: []string{"ab", "a b"},
		value: func(c Config) any { return c.InfoTable },
	},
	{
		name: ErrorsTable, def: "logtable-errors", same: "logtable-errors", takes: "a table's name or ARN",
		text:  "The table for errors.",
		other: []string{"abc", "arn:aws:dynamodb:eu-central-1:123456789012:table/errs"}, refused: []string{"ab", "a b"},
		value: func(c Config) any { return c.ErrorsTable },
	},
	{
		name: TTL, def: "60d", same: "60d", takes: "1s to 100 years: `60d`, `12h`, or a number of seconds",
		text:  "How long informational rows are kept.",
		other: []string{"1s", "3600", "36500d"}, refused: []string{"0s", "36501d", "soon"},
		value: func(c Config) any { return c.TTL },
	},
	{
		name: Timezone, def: "UTC", same: "UTC", takes: "an IANA name or an offset: `Europe/Berlin`, `+05:30`",
		text:  "The time zone whose days the attribute `date` means.",
		other: []string{"Europe/Berlin", "+05:30", "-14:00"}, refused: []string{"Europe/Nowhere", "+15:00", "Local"},
		value: func(c Config) any { return c.Zone.String() },
	},
	{
		name: TZOffset, takes: "-14 to 14",
		text: "Whole hours behind UTC, for tables that began with another library: see " +
			"[Compatibility](compatibility.md).",
		other: []string{"-14", "6", "14"}, refused: []string{"-15", "15", "1.5"},
		value: func(c Config) any { return c.Zone.String() },
	},
	{
		name: Module, def: "the function's name", takes: "text",
		text: "The module of lines that name none. Characters other than `A-Z a-z 0-9 . _ -` become `_`; " +
			"128 characters are kept.",
		other: []string{"orders"},
		value: func(c Config) any { return c.Module },
	},
	{
		name: AppVersion, def: "the function's version", takes: "1 to 64 of `A-Z a-z 0-9 . _ + -`",
		text: "The version of your code that errors carry: see [Tables](tables.md#a-row). The function's own version " +
			"is used if it is not $LATEST.",
		other:   []string{"1", "1.4.2-rc.1+build_7", strings.Repeat("a", 64)},
		refused: []string{strings.Repeat("a", 65), "a b", "v/1", "é"},
		value:   func(c Config) any { return c.Version },
	},
	{
		name: Level, def: "all", same: "all", takes: "`all` or a level",
		text:  "Lines below this level are not stored.",
		other: []string{"WARN"}, refused: []string{"LOUD"},
		value: func(c Config) any { return c.MinLevel.Name },
	},
	{
		name: Levels, def: "DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7", same: "DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7",
		takes: "`NAME=number,…`, rising",
		text:  "Another scale of levels. One with neither ALARM nor ERROR needs `LOGTABLE_ERRORS_FROM`.",
		other: []string{"TRACE=0,INFO=1,ERROR=5"}, refused: []string{"INFO=1,INFO=2", "INFO"},
		value: scaleForm,
	},
	{
		name: ErrorsFrom, def: "ALARM", same: "ALARM", takes: "a level",
		text:  "Lines at this level or above are errors.",
		other: []string{"WARN", "ERROR"}, refused: []string{"LOUD"},
		value: scaleForm,
	},
	{
		name: Plain, def: "off", same: "off", takes: "`off` or a level",
		text:  "Stores lines that Logtable does not recognise, too, under this level.",
		other: []string{"INFO"}, refused: []string{"LOUD"},
		value: func(c Config) any { return c.Plain },
	},
	{
		name: Fields, def: "Logtable's own names", takes: "`auto`, presets and `role=name,…`, separated by `;`",
		text: "Maps your logger's field names to Logtable's; `auto` recognises the common loggers: see " +
			"[Loggers](loggers.md).",
		other:   []string{"auto", "pino", "zap; text=message", "auto;lambda"},
		refused: []string{"nosuchlogger", "colour=red"},
		value:   func(c Config) any { return c.Fields != nil },
	},
	{
		name: MaxLines, def: "no limit", takes: "1 or more",
		text:  "How many informational lines of one invocation are stored. Errors are exempt.",
		other: []string{"1", "2147483647"}, refused: []string{"0", "2147483648"},
		value: func(c Config) any { return c.MaxLines },
	},
	{
		name: Flush, def: "end", same: "end", takes: "`end`, `adaptive`, `background`",
		text:  "When an invocation's lines are written: see [When to write](guarantees.md#when-to-write).",
		other: []string{"adaptive", "background"}, refused: []string{"never"},
		value: func(c Config) any { return c.Flush },
	},
	{
		name: FlushTimeout, def: "2s", same: "2s", takes: "10ms to 15m",
		text:  "The longest that writing may delay the end of an invocation.",
		other: []string{"10ms", "15m"}, refused: []string{"9ms", "16m", "2"},
		value: func(c Config) any { return c.FlushTimeout },
	},
	{
		name: BufferBytes, def: "1/64 of the function's memory, 2 MB to 64 MB", same: "2MB", takes: "64KB to 1GB",
		text: "How much may wait in memory. The rest moves to `/tmp`. Without `/tmp` the default is four " +
			"times as large, " +
			"up to 64 MB.",
		other: []string{"64KB", "1GB"}, refused: []string{"63KB", "2GB"},
		value: func(c Config) any { return c.BufferBytes },
	},
	{
		name: SpillDir, def: "/tmp/logtable", same: "/tmp/logtable", takes: "an absolute path",
		text: "The directory for what DynamoDB does not accept. If others use it, Logtable keeps to its folder " +
			"`logtable-spill`.",
		other: []string{"/tmp/elsewhere"}, refused: []string{"elsewhere", "/"},
		value: func(c Config) any { return c.SpillDir },
	},
	{
		name: SpillBytes, def: "64MB, at most a quarter of what is free", takes: "0 to 1024GB",
		text:  "How much it may take. 64 MB of `/tmp` always stay free; 0 switches it off.",
		other: []string{"0", "1024GB"}, refused: []string{"-1", "1025GB"},
		value: func(c Config) any { return c.SpillBytes },
	},
	{
		name: LastResort, def: "1MB", same: "1MB", takes: "0 to 64MB",
		text: "How much of what could be neither stored nor kept is written to the function's log at the very end; " +
			"0 switches it off.",
		other: []string{"0", "64MB"}, refused: []string{"65MB"},
		value: func(c Config) any { return c.LastResortBytes },
	},
	{
		name: PlatformRows, def: "errors", same: "errors", takes: "`errors`, `all`, `none`",
		text: "`errors`: a time-out or crash of the function becomes a row. `all`: reports and cold starts, too. " +
			"`none`: neither. What Lambda dropped is a row in any case.",
		other: []string{"all", "none"}, refused: []string{"some"},
		value: func(c Config) any { return c.Platform },
	},
	{
		name: Redact, def: "secrets", same: "secrets",
		takes: "`secrets`, `all`, `off`, and RE2 expressions, separated by `;`",
		text:  "What is masked: see [Secrets](lines.md#secrets).",
		other: []string{"all", "off", `\b\d{9}\b`}, refused: []string{"(", "x*"},
		value: func(c Config) any {
			if c.Redact == "secrets" {
				return ""
			}
			return c.Redact
		},
	},
	{
		name: Hints, def: "on", same: "on", takes: "`on`, `off`",
		text: "Whether the function's log says which lines look like log lines and are not stored: see " +
			"[Hints](loggers.md#hints).",
		other: []string{"off"}, refused: []string{"never"},
		value: func(c Config) any { return c.Hints },
	},
	{
		name: Layout, def: "line", same: "line", takes: "`line`, `packed`, `auto`",
		text: "`packed`: the informational lines of an invocation share an item, which costs less. " +
			"`auto`: they do so while more than 200 of them wait: see [Packed rows](tables.md#packed-rows).",
		other: []string{"packed", "auto"}, refused: []string{"wide"},
		value: func(c Config) any { return c.Layout },
	},
	{
		name: Shards, def: "1", same: "1", takes: "1 to 256",
		text:  "Over how many partitions a day of the informational table is spread: see [Shards](tables.md#shards).",
		other: []string{"2", "256"}, refused: []string{"0", "257"},
		value: func(c Config) any { return c.Shards },
	},
	{
		name: ErrorShards, def: "1", same: "1", takes: "1 to 256",
		text: "The same for the errors table: see " +
			"[When everything fails at once](tables.md#when-everything-fails-at-once).",
		other: []string{"2", "256"}, refused: []string{"0", "257"},
		value: func(c Config) any { return c.ErrorShards },
	},
	{
		name: Strict, def: "false", same: "false", takes: "`true`, `false`",
		text:  "With an invalid setting, do nothing at all instead of using its default.",
		other: []string{"true"}, refused: []string{"perhaps"},
		value: func(c Config) any { return c.Strict },
	},
	{
		name: AlertTopics, def: "none", takes: "ARNs, separated by commas",
		text:  "The SNS topics to which severe records are published.",
		other: []string{topic, topic + "," + topic + "-2"}, refused: []string{"oncall"},
		value: func(c Config) any { return len(c.Alerts.Topics) },
	},
	{
		name: AlertFrom, def: "ALARM", same: "ALARM", takes: "a level",
		text:  "Records at this level or above are severe.",
		other: []string{"WARN", "ERROR"}, refused: []string{"LOUD"},
		value: func(c Config) any { return c.Alerts.From.Name },
	},
	{
		name: AlertWindow, def: "5m", same: "5m", takes: "10s to 24h",
		text:  "In this time, one alert per module, locator and level is sent.",
		other: []string{"10s", "24h"}, refused: []string{"9s", "25h"},
		value: func(c Config) any { return c.Alerts.Window },
	},
	{
		name: AlertMax, def: "10", same: "10", takes: "1 to 1000",
		text: "How many messages the function publishes in that time at most; one alert to two topics is " +
			"two messages.",
		other: []string{"1", "1000"}, refused: []string{"0", "1001"},
		value: func(c Config) any { return c.Alerts.Max },
	},
	{
		name: AlertAllow, def: "none", takes: "ARNs, separated by commas, with `*` in the topic's name only",
		text:  "The topics that a line may ask for: see [Alerts](alerts.md#a-line-that-asks-for-an-alert).",
		other: []string{topic, "arn:aws:sns:eu-central-1:123456789012:team-*"}, refused: []string{"*"},
		value: func(c Config) any { return len(c.Alerts.Allow) },
	},
}

// with loads the settings of a function of 128 MB that has set one variable.
func with(name, value string) (Config, []Problem) {
	env := map[string]string{"AWS_REGION": "eu-central-1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}
	if name != "" {
		env[name] = value
	}
	return Load(func(name string) string { return env[name] }, nil)
}

// TestSettingsTable holds the table to the code: no variable is missing, each
// default is what the variable means when it is not set, and each bound is the
// last value that is taken.
func TestSettingsTable(t *testing.T) {
	none, _ := with("", "")
	var names []string
	for _, s := range settings {
		names = append(names, s.name)
		t.Run(s.name, func(t *testing.T) {
			def := s.value(none)
			if s.same != "" {
				c, problems := with(s.name, s.same)
				if got := s.value(c); !reflect.DeepEqual(got, def) || len(problems) > 0 {
					t.Errorf("%s=%s is %v, not the default %v; problems %v", s.name, s.same, got, def, problems)
				}
			}
			for _, value := range s.other {
				c, problems := with(s.name, value)
				problems = slices.DeleteFunc(problems, func(p Problem) bool { return p.Harmless })
				if got := s.value(c); reflect.DeepEqual(got, def) || len(problems) > 0 {
					t.Errorf("%s=%s is %v like the default, or refused: %v", s.name, value, got, problems)
				}
			}
			for _, value := range s.refused {
				c, problems := with(s.name, value)
				if got := s.value(c); !reflect.DeepEqual(got, def) || len(problems) == 0 {
					t.Errorf("%s=%s is taken: %v, want the default %v and a problem", s.name, value, got, def)
				}
			}
		})
	}
	slices.Sort(names)
	all := slices.Sorted(slices.Values(variables))
	if !slices.Equal(names, all) {
		t.Errorf("the table has %q, the code %q", names, all)
	}
}

// TestSettingsDocument holds docs/settings.md to the table.
func TestSettingsDocument(t *testing.T) {
	const path = "../../docs/settings.md"
	const begin, end = "<!-- generated: settings -->\n", "<!-- end -->\n"
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(document), begin)
	old, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no part between %q and %q", path, begin, end)
	}
	want := settingsTable()
	if old == want {
		return
	}
	if !*update {
		t.Fatalf("%s differs from this table; `go test ./internal/config -run Document -update` writes it:\n%s",
			path, want)
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func settingsTable() string {
	var b strings.Builder
	b.WriteString("| variable | default | takes | |\n|---|---|---|---|\n")
	for _, s := range settings {
		def := s.def
		if s.same != "" && s.same == s.def {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.name, def, s.takes, s.text)
	}
	return b.String()
}
