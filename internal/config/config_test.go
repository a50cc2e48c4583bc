package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/logtable/logtable/internal/config"
)

func load(t *testing.T, env map[string]string) (config.Config, []config.Problem) {
	t.Helper()
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	return config.Load(func(name string) string { return env[name] }, environ)
}

func TestDefaults(t *testing.T) {
	c, problems := load(t, map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "PATH": "/bin"})
	if len(problems) > 0 {
		t.Errorf("problems with nothing set: %v", problems)
	}
	if c.InfoTable != "logtable-info" || c.ErrorsTable != "logtable-errors" || c.TTL != 60*24*time.Hour ||
		c.Zone != time.UTC ||
		c.FlushTimeout != 2*time.Second || c.BufferBytes != 2<<20 || c.MaxLines != 0 || c.Plain != "" ||
		c.MinLevel.Name != "" || c.Fields != nil ||
		c.SpillDir != "/tmp/logtable" || c.SpillBytes != -1 || c.LastResortBytes != 1<<20 || c.Platform != "errors" ||
		c.Strict || c.Flush != "end" ||
		c.Alerts.On() || c.Alerts.From.Name != "ALARM" || c.Alerts.Window != 5*time.Minute || c.Alerts.Max != 10 ||
		c.Alerts.Refused != nil {
		t.Errorf("%+v", c)
	}
}

func TestSettings(t *testing.T) {
	offset := func(c config.Config) int { _, s := time.Unix(1_795_300_000, 0).In(c.Zone).Zone(); return s }
	for _, tc := range []struct {
		name, value string
		good        bool
		holds       func(config.Config) bool
	}{
		{"LOGTABLE_INFO_TABLE", "my.table_1-x", true,
			func(c config.Config) bool { return c.InfoTable == "my.table_1-x" }},
		{"LOGTABLE_INFO_TABLE", "arn:aws:dynamodb:eu-west-1:123456789012:table/shared", true,
			func(c config.Config) bool { return strings.HasSuffix(c.InfoTable, "/shared") }},
		{"LOGTABLE_INFO_TABLE", "ab", false, func(c config.Config) bool { return c.InfoTable == "logtable-info" }},
		{"LOGTABLE_ERRORS_TABLE", "größe", false,
			func(c config.Config) bool { return c.ErrorsTable == "logtable-errors" }},
		{"LOGTABLE_ERRORS_TABLE", strings.Repeat("x", 256), false,
			func(c config.Config) bool { return c.ErrorsTable == "logtable-errors" }},
		{"LOGTABLE_TTL", "12h", true, func(c config.Config) bool { return c.TTL == 12*time.Hour }},
		{"LOGTABLE_TTL", "5184000", true, func(c config.Config) bool { return c.TTL == 60*24*time.Hour }},
		{"LOGTABLE_TTL", "2w", true, func(c config.Config) bool { return c.TTL == 14*24*time.Hour }},
		{"LOGTABLE_TTL", "0", false, func(c config.Config) bool { return c.TTL == 60*24*time.Hour }},
		{"LOGTABLE_TTL", "-1d", false, func(c config.Config) bool { return c.TTL == 60*24*time.Hour }},
		{"LOGTABLE_TTL", "99999999999999999999d", false,
			func(c config.Config) bool { return c.TTL == 60*24*time.Hour }},
		{"LOGTABLE_TTL", "9223372036854775807d", false, func(c config.Config) bool { return c.TTL == 60*24*time.Hour }},
		{"LOGTABLE_TTL", "two months", false, func(c config.Config) bool { return c.TTL == 60*24*time.Hour }},
		{"LOGTABLE_TTL", "60", false, /* said, but it holds */
			func(c config.Config) bool { return c.TTL == time.Minute }},
		{"LOGTABLE_TIMEZONE", "Europe/Berlin", true, func(c config.Config) bool { return offset(c) == 3600 }},
		{"LOGTABLE_TIMEZONE", "+05:30", true, func(c config.Config) bool { return offset(c) == 19800 }},
		{"LOGTABLE_TIMEZONE", "-0330", true, func(c config.Config) bool { return offset(c) == -12600 }},
		{"LOGTABLE_TIMEZONE", "UTC+2", true, func(c config.Config) bool { return offset(c) == 7200 }},
		{"LOGTABLE_TIMEZONE", "+25", false, func(c config.Config) bool { return offset(c) == 0 }},
		{"LOGTABLE_TIMEZONE", "Local", false, func(c config.Config) bool { return c.Zone == time.UTC }},
		{"LOGTABLE_TIMEZONE", "../../etc/passwd", false, func(c config.Config) bool { return c.Zone == time.UTC }},
		{"LOGTABLE_TZ_OFFSET", "6", true, func(c config.Config) bool { return offset(c) == -6*3600 }},
		{"LOGTABLE_TZ_OFFSET", "-2", true, func(c config.Config) bool { return offset(c) == 2*3600 }},
		{"LOGTABLE_TZ_OFFSET", "5.5", false, func(c config.Config) bool { return offset(c) == 0 }},
		{"LOGTABLE_TZ_OFFSET", "15", false, func(c config.Config) bool { return offset(c) == 0 }},
		{"LOGTABLE_LEVEL", "warning", true, func(c config.Config) bool { return c.MinLevel.Name == "WARN" }},
		{"LOGTABLE_LEVEL", "all", true, func(c config.Config) bool { return c.MinLevel.Name == "" }},
		{"LOGTABLE_LEVEL", "loud", false, func(c config.Config) bool { return c.MinLevel.Name == "" }},
		{"LOGTABLE_PLAIN", "info", true, func(c config.Config) bool { return c.Plain == "INFO" }},
		{"LOGTABLE_PLAIN", "off", true, func(c config.Config) bool { return c.Plain == "" }},
		{"LOGTABLE_PLAIN", "yes", false, func(c config.Config) bool { return c.Plain == "" }},
		{"LOGTABLE_FIELDS", "pino", true, func(c config.Config) bool { return c.Fields != nil }},
		{"LOGTABLE_FIELDS", " Zap ; text = message, event;", true,
			func(c config.Config) bool { return c.Fields != nil }},
		{"LOGTABLE_FIELDS", "off", true, func(c config.Config) bool { return c.Fields == nil }},
		{"LOGTABLE_FIELDS", "log4j", false, func(c config.Config) bool { return c.Fields == nil }},
		{"LOGTABLE_FIELDS", "pino; txt=msg", false, func(c config.Config) bool { return c.Fields == nil }},
		{"LOGTABLE_FIELDS", "text=", false, func(c config.Config) bool { return c.Fields == nil }},
		{"LOGTABLE_LEVELS", "LOW=1,ERROR=9", true,
			func(c config.Config) bool { _, ok := c.Scale.Find("low"); return ok }},
		{"LOGTABLE_LEVELS", "LOW", false, func(c config.Config) bool { _, ok := c.Scale.Find("ALARM"); return ok }},
		{"LOGTABLE_ERRORS_FROM", "error", true,
			func(c config.Config) bool { l, _ := c.Scale.Find("ALARM"); return !l.Error }},
		{"LOGTABLE_ERRORS_FROM", "nothing", false,
			func(c config.Config) bool { l, _ := c.Scale.Find("ALARM"); return l.Error }},
		{"LOGTABLE_APP_VERSION", " 1.4.2 ", true, func(c config.Config) bool { return c.Version == "1.4.2" }},
		{"LOGTABLE_APP_VERSION", "1.4\n2", false, func(c config.Config) bool { return c.Version == "" }},
		{"LOGTABLE_MAX_LINES", "100", true, func(c config.Config) bool { return c.MaxLines == 100 }},
		{"LOGTABLE_MAX_LINES", "-1", false, func(c config.Config) bool { return c.MaxLines == 0 }},
		{"LOGTABLE_FLUSH_TIMEOUT", "500ms", true,
			func(c config.Config) bool { return c.FlushTimeout == 500*time.Millisecond }},
		{"LOGTABLE_FLUSH_TIMEOUT", "500", false, func(c config.Config) bool { return c.FlushTimeout == 2*time.Second }},
		{"LOGTABLE_FLUSH_TIMEOUT", "1h", false, func(c config.Config) bool { return c.FlushTimeout == 2*time.Second }},
		{"LOGTABLE_BUFFER_BYTES", "16MB", true, func(c config.Config) bool { return c.BufferBytes == 16<<20 }},
		{"LOGTABLE_BUFFER_BYTES", "2 MiB", true,
			func(c config.Config) bool { return c.BufferBytes == 2<<20 && c.BufferAlone == 2<<20 }},
		{"LOGTABLE_BUFFER_BYTES", "4 MiB", true,
			func(c config.Config) bool { return c.BufferBytes == 4<<20 && c.BufferAlone == 4<<20 }},
		{"LOGTABLE_BUFFER_BYTES", "99999999999G", false,
			func(c config.Config) bool { return c.BufferBytes == 2<<20 && c.BufferAlone == 8<<20 }},
		{"LOGTABLE_BUFFER_BYTES", "1", false,
			func(c config.Config) bool { return c.BufferBytes == 2<<20 && c.BufferAlone == 8<<20 }},
		{"LOGTABLE_SPILL_DIR", "/tmp/here/", true, func(c config.Config) bool { return c.SpillDir == "/tmp/here" }},
		{"LOGTABLE_SPILL_DIR", "here", false, func(c config.Config) bool { return c.SpillDir == "/tmp/logtable" }},
		{"LOGTABLE_SPILL_DIR", "/", false, func(c config.Config) bool { return c.SpillDir == "/tmp/logtable" }},
		{"LOGTABLE_SPILL_BYTES", "0", true, func(c config.Config) bool { return c.SpillBytes == 0 }},
		{"LOGTABLE_LAST_RESORT_BYTES", "0", true, func(c config.Config) bool { return c.LastResortBytes == 0 }},
		{"LOGTABLE_FLUSH", " Adaptive", true, func(c config.Config) bool { return c.Flush == "adaptive" }},
		{"LOGTABLE_FLUSH", "never", false, func(c config.Config) bool { return c.Flush == "end" }},
		{"LOGTABLE_PLATFORM", "ALL", true, func(c config.Config) bool { return c.Platform == "all" }},
		{"LOGTABLE_PLATFORM", "some", false, func(c config.Config) bool { return c.Platform == "errors" }},
		{"LOGTABLE_REDACT", "all", true, func(c config.Config) bool { return c.Redact == "all" }},
		{"LOGTABLE_REDACT", "(unclosed", false,
			func(c config.Config) bool { return c.Redact == "" && masks(c, true, false) }},
		{"LOGTABLE_REDACT", "", true, func(c config.Config) bool { return masks(c, true, false) }},
		{"LOGTABLE_REDACT", " x\\d ", true, func(c config.Config) bool { return masks(c, true, true) }},
		{"LOGTABLE_REDACT", "secrets; x\\d", true, func(c config.Config) bool { return masks(c, true, true) }},
		{"LOGTABLE_REDACT", "Off; x\\d", true, func(c config.Config) bool { return masks(c, false, true) }},
		{"LOGTABLE_REDACT", "off", true, func(c config.Config) bool { return c.Masking.Off() }},
		{"LOGTABLE_REDACT", "off;all", false, func(c config.Config) bool { return masks(c, true, false) }},
		{"LOGTABLE_LAYOUT", "Packed", true, func(c config.Config) bool { return c.Layout == "packed" }},
		{"LOGTABLE_LAYOUT", "AUTO", true, func(c config.Config) bool { return c.Layout == "auto" }},
		{"LOGTABLE_LAYOUT", "line", true, func(c config.Config) bool { return c.Layout == "line" }},
		{"LOGTABLE_LAYOUT", "zip", false, func(c config.Config) bool { return c.Layout == "line" }},
		{"LOGTABLE_SHARDS", "8", true, func(c config.Config) bool { return c.Shards == 8 }},
		{"LOGTABLE_SHARDS", "0", false, func(c config.Config) bool { return c.Shards == 1 }},
		{"LOGTABLE_SHARDS", "257", false, func(c config.Config) bool { return c.Shards == 1 }},
		{"LOGTABLE_ERROR_SHARDS", "8", true, func(c config.Config) bool { return c.ErrorShards == 8 && c.Shards == 1 }},
		{"LOGTABLE_ERROR_SHARDS", "257", false, func(c config.Config) bool { return c.ErrorShards == 1 }},
		{"LOGTABLE_STRICT", "TRUE", true, func(c config.Config) bool { return c.Strict }},
		{"LOGTABLE_ALERT_TOPIC_ARNS", "arn:aws:sns:eu-west-1:123456789012:a , " +
			"arn:aws-cn:sns:cn-north-1:123456789012:b.fifo,", true, func(c config.Config) bool {
			return len(c.Alerts.Topics) == 2 && c.Alerts.Topics[1].FIFO && c.Alerts.On()
		}},
		{"LOGTABLE_ALERT_TOPIC_ARNS", "arn:aws:sns:eu-west-1:123456789012:a,b", false, func(c config.Config) bool {
			return len(c.Alerts.Topics) == 1 && len(c.Alerts.Refused) == 1 && strings.Contains(c.Alerts.Refused[0],
				`"b" is not an ARN`)
		}},
		{"LOGTABLE_ALERT_FROM", "warning", true,
			func(c config.Config) bool { return c.Alerts.From.Name == "WARN" && !c.Alerts.On() }},
		{"LOGTABLE_ALERT_FROM", "loud", false, func(c config.Config) bool { return c.Alerts.From.Name == "ALARM" }},
		{"LOGTABLE_ALERT_ALLOW", "arn:aws:sns:eu-west-1:123456789012:team-*", true,
			func(c config.Config) bool { return len(c.Alerts.Allow) == 1 && c.Alerts.On() }},
		{"LOGTABLE_ALERT_ALLOW", "arn:aws:sns:*:123456789012:team", false,
			func(c config.Config) bool { return !c.Alerts.On() }},
		{"LOGTABLE_ALERT_WINDOW", "1h", true, func(c config.Config) bool { return c.Alerts.Window == time.Hour }},
		{"LOGTABLE_ALERT_WINDOW", "300", true, func(c config.Config) bool { return c.Alerts.Window == 5*time.Minute }},
		{"LOGTABLE_ALERT_WINDOW", "5s", false, func(c config.Config) bool { return c.Alerts.Window == 5*time.Minute }},
		{"LOGTABLE_ALERT_WINDOW", "2d", false, func(c config.Config) bool { return c.Alerts.Window == 5*time.Minute }},
		{"LOGTABLE_ALERT_MAX", "1", true, func(c config.Config) bool { return c.Alerts.Max == 1 }},
		{"LOGTABLE_ALERT_MAX", "0", false, func(c config.Config) bool { return c.Alerts.Max == 10 }},
		{"LOGTABLE_STRICT", "maybe", false, func(c config.Config) bool { return !c.Strict }},
	} {
		t.Run(tc.name+"="+tc.value[:min(len(tc.value), 30)], func(t *testing.T) {
			c, problems := load(t, map[string]string{tc.name: tc.value})
			if tc.good != (len(problems) == 0) || !tc.holds(c) {
				t.Errorf("problems %+v, %+v", problems, c)
			}
			for _, p := range problems {
				if p.Variable != tc.name || p.Advice == "" || !strings.Contains(p.Message, tc.name) ||
					strings.ContainsAny(p.Message, "\n\r") {
					t.Errorf("problem %+v", p)
				}
			}
		})
	}
}

func TestAlertsFromTheErrorsOnAScaleWithoutALARM(t *testing.T) {
	c, problems := load(t, map[string]string{"LOGTABLE_LEVELS": "LOW=1,MID=2,HIGH=3", "LOGTABLE_ERRORS_FROM": "MID"})
	if len(problems) > 0 || c.Alerts.From.Name != "MID" {
		t.Errorf("%+v, %v", c.Alerts, problems)
	}
}

func TestMisspeltNamesAreFound(t *testing.T) {
	for name, want := range map[string]string{
		"LOGTABLE_INFOTABLE": "did you mean LOGTABLE_INFO_TABLE?",
		"LOGTABLE_TIME_ZONE": "did you mean LOGTABLE_TIMEZONE?",
		"LOGTABLE_XYZZY":     "see docs/settings.md",
	} {
		_, problems := load(t, map[string]string{name: "1"})
		if len(problems) != 1 || !strings.Contains(problems[0].Advice, want) || !problems[0].Harmless {
			t.Errorf("%s: %+v", name, problems)
		}
	}
	if _, problems := load(t, map[string]string{"LOGTABLEX": "1", "MY_LOGTABLE_TTL": "x"}); len(problems) > 0 {
		t.Errorf("others' variables: %+v", problems)
	}
}

func TestBufferFollowsTheFunctionsMemory(t *testing.T) {
	for memory, want := range map[string]int{"128": 2, "512": 8, "1024": 16, "10240": 64, "": 2, "x": 2, "-5": 2} {
		if c, _ := load(t, map[string]string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}); c.BufferBytes != want<<20 ||
			c.BufferAlone != min(4*want, 64)<<20 {
			t.Errorf("%s MB: buffer of %d bytes, %d alone", memory, c.BufferBytes, c.BufferAlone)
		}
	}
}

// masks reports whether the setting masks secrets, and what is an x and a
// digit.
func masks(c config.Config, secret, own bool) bool {
	const key = "AKIAIOSFODNN7EXAMPLE"
	return (c.Masking.String(key) != key) == secret && (c.Masking.String("x1") != "x1") == own
}

func FuzzLoad(f *testing.F) {
	names := []string{"LOGTABLE_INFO_TABLE", "LOGTABLE_TTL", "LOGTABLE_TIMEZONE", "LOGTABLE_TZ_OFFSET",
		"LOGTABLE_LEVELS", "LOGTABLE_ERRORS_FROM",
		"LOGTABLE_LEVEL", "LOGTABLE_PLAIN", "LOGTABLE_MAX_LINES", "LOGTABLE_FLUSH_TIMEOUT", "LOGTABLE_BUFFER_BYTES",
		"LOGTABLE_SPILL_DIR",
		"LOGTABLE_SPILL_BYTES", "LOGTABLE_LAST_RESORT_BYTES", "LOGTABLE_PLATFORM", "LOGTABLE_FLUSH",
		"LOGTABLE_REDACT", "LOGTABLE_STRICT", "LOGTABLE_NEW", "LOGTABLE_FIELDS",
		"LOGTABLE_ALERT_TOPIC_ARNS", "LOGTABLE_ALERT_FROM", "LOGTABLE_ALERT_ALLOW", "LOGTABLE_ALERT_WINDOW",
		"LOGTABLE_ALERT_MAX", "LOGTABLE_LAYOUT", "LOGTABLE_SHARDS", "LOGTABLE_ERROR_SHARDS", "LOGTABLE_APP_VERSION"}
	for i, value := range []string{
		"my-table", "60d", "Europe/Berlin", "6", "A=1,B=2", "B", "warn", "info", "100", "2s", "16MB", "/tmp/x",
		"64KiB", "0", "3", "all", "secrets;a+b", "true", "x", "pino; text=msg,a.b",
	} {
		f.Add(uint8(i), value, uint8(i+1), value)
	}
	f.Add(uint8(5), strings.Repeat("\"\xad", 700), uint8(3), "0") // once a message of 4 KB
	f.Fuzz(func(t *testing.T, a uint8, av string, b uint8, bv string) {
		env := map[string]string{names[int(a)%len(names)]: av, names[int(b)%len(names)]: bv}
		c, problems := load(t, env)
		if c.TTL < time.Second || c.Zone == nil || c.Scale == nil || c.FlushTimeout < 10*time.Millisecond ||
			c.FlushTimeout > 15*time.Minute ||
			c.BufferBytes < 64<<10 || c.BufferBytes > 1<<30 || c.MaxLines < 0 || c.SpillDir == "" ||
			c.LastResortBytes < 0 || len(c.InfoTable) < 3 ||
			c.Alerts.Max < 1 || c.Alerts.Window < 10*time.Second || c.Alerts.Window > 24*time.Hour ||
			c.Alerts.From.Name == "" {
			t.Errorf("%q: %+v", env, c)
		}
		for _, p := range problems {
			if p.Message == "" || p.Advice == "" || len(p.Message) > 2000 {
				t.Errorf("%q: %+v", env, p)
			}
		}
	})
}

// An example that is advised is one that is accepted, and whose effect nobody
// has to fear.
func TestExamplesThatAreAdvisedAreGood(t *testing.T) {
	examples := 0
	for name, value := range map[string]string{
		"LOGTABLE_INFO_TABLE": "a", "LOGTABLE_ERRORS_TABLE": "a b", "LOGTABLE_TTL": "x", "LOGTABLE_TIMEZONE": "x",
		"LOGTABLE_TZ_OFFSET": "x",
		"LOGTABLE_LEVELS":    "x", "LOGTABLE_ERRORS_FROM": "x", "LOGTABLE_LEVEL": "x", "LOGTABLE_PLAIN": "x",
		"LOGTABLE_FIELDS": "x", "LOGTABLE_MAX_LINES": "x", "LOGTABLE_APP_VERSION": "a b",
		"LOGTABLE_FLUSH": "x", "LOGTABLE_FLUSH_TIMEOUT": "x", "LOGTABLE_BUFFER_BYTES": "x", "LOGTABLE_SPILL_DIR": "x",
		"LOGTABLE_SPILL_BYTES":       "x",
		"LOGTABLE_LAST_RESORT_BYTES": "x", "LOGTABLE_PLATFORM": "x", "LOGTABLE_LAYOUT": "x",
		"LOGTABLE_SHARDS": "1000", "LOGTABLE_STRICT": "x",
		"LOGTABLE_ALERT_FROM": "x", "LOGTABLE_ALERT_WINDOW": "x", "LOGTABLE_ALERT_MAX": "x",
		"LOGTABLE_ALERT_TOPIC_ARNS": "x",
	} {
		_, problems := load(t, map[string]string{name: value})
		if len(problems) != 1 {
			t.Errorf("%s=%s: %v", name, value, problems)
			continue
		}
		for word := range strings.FieldsSeq(problems[0].Advice) {
			variable, example, found := strings.Cut(strings.TrimRight(word, ".,;"), "=")
			if !found || !strings.HasPrefix(variable, "LOGTABLE_") {
				continue
			}
			examples++
			c, problems := load(t, map[string]string{variable: example})
			if len(problems) > 0 || c.Shards > 2 || c.BufferBytes > 4<<20 {
				t.Errorf("%s=%s advises %s: %v", name, value, word, problems)
			}
		}
	}
	if examples < 15 {
		t.Errorf("only %d examples were found", examples)
	}
	for _, name := range []string{"LOGTABLE_LEVEL", "LOGTABLE_PLAIN", "LOGTABLE_ALERT_FROM", "LOGTABLE_ERRORS_FROM"} {
		env := map[string]string{"LOGTABLE_LEVELS": "ROUTINE=1,ALARM=5", name: "loud"}
		_, problems := load(t, env)
		if len(problems) != 1 || !strings.Contains(problems[0].Advice, "ROUTINE") ||
			strings.Contains(problems[0].Advice, "INFO") {
			t.Errorf("%v: %v", env, problems)
		}
	}
}

func TestSizesAreSaidAsPeopleWriteThem(t *testing.T) {
	_, problems := load(t, map[string]string{"LOGTABLE_BUFFER_BYTES": "1"})
	const want = `LOGTABLE_BUFFER_BYTES="1" is not a size from 64KB to 1GB; using 2MB`
	if len(problems) != 1 || problems[0].Message != want {
		t.Errorf("%v, want %s", problems, want)
	}
}

// DynamoDB does not pass a request on to another region. It does so to another
// account.
func TestATableThatCannotBeReachedIsSaid(t *testing.T) {
	for _, c := range []struct{ region, arn, says, advises string }{
		{"eu-central-1", "arn:aws:dynamodb:eu-central-1:210987654321:table/logs", "", ""},
		{"us-gov-west-1", "arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/logs", "", ""},
		{"xx-new-1", "arn:aws-new:dynamodb:xx-new-1:210987654321:table/logs", "", ""},
		{"", "arn:aws:dynamodb:us-east-1:123456789012:table/logs", "", ""},
		{"eu-central-1", "arn:aws:dynamodb:us-east-1:123456789012:table/logs",
			"in region us-east-1, but the function " +
				"runs in eu-central-1", "name a table in eu-central-1"},
		{"cn-north-1", "arn:aws:dynamodb:cn-north-1:123456789012:table/logs", "names region cn-north-1 in partition " +
			"aws, but that region is in aws-cn", "arn:aws-cn:dynamodb:cn-north-1:"},
		{"", "arn:aws-cn:dynamodb:us-east-1:123456789012:table/logs", "partition aws-cn, but that region is in aws;",
			"arn:aws:dynamodb:us-east-1:"},
	} {
		for _, name := range []string{"LOGTABLE_INFO_TABLE", "LOGTABLE_ERRORS_TABLE"} {
			for _, region := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
				cfg, problems := load(t, map[string]string{region: c.region, name: c.arn})
				if cfg.InfoTable != c.arn && cfg.ErrorsTable != c.arn {
					t.Errorf("%s in %s: rows would go to %s and %s", c.arn, c.region, cfg.InfoTable, cfg.ErrorsTable)
				}
				if c.says == "" && len(problems) == 0 {
					continue
				}
				if len(problems) != 1 || problems[0].Harmless || problems[0].Variable != name || c.says == "" ||
					!strings.Contains(problems[0].Message, c.says) || !strings.Contains(problems[0].Advice, c.advises) {
					t.Errorf("%s in %s: %+v", c.arn, c.region, problems)
				}
			}
		}
	}
	for _, bad := range []string{
		"arn:aws:sns:eu-central-1:123456789012:table/logs", "arn:aws:dynamodb:eu-central-1:123456789012:logs",
		"arn:aws:dynamodb:eu-central-1:123456789012:table/a",
		"arn:aws:dynamodb:eu-central-1:12345:table/logs",
		"arn:aws:dynamodb:eu-central-1:123456789012:table/logs/index/x",
	} {
		c, problems := load(t, map[string]string{"LOGTABLE_INFO_TABLE": bad})
		if len(problems) != 1 || c.InfoTable != "logtable-info" {
			t.Errorf("%s: %v, table %s", bad, problems, c.InfoTable)
		}
	}
}

func TestTheAdvisedTopicIsInTheFunctionsPartition(t *testing.T) {
	for region, want := range map[string]string{"cn-north-1": "arn:aws-cn:sns:cn-north-1:",
		"us-gov-east-1": "arn:aws-us-gov:sns:us-gov-east-1:", "": "arn:aws:sns:eu-central-1:"} {
		_, problems := load(t, map[string]string{"AWS_REGION": region, "LOGTABLE_ALERT_TOPIC_ARNS": "oncall"})
		if len(problems) != 1 || !strings.Contains(problems[0].Advice, want) {
			t.Errorf("%s: %v", region, problems)
		}
	}
}
