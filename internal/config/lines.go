package config

import (
	"fmt"
	"strings"

	"github.com/logtable/logtable/internal/level"
	"github.com/logtable/logtable/internal/parse"
	"github.com/logtable/logtable/internal/redact"
)

func (l *loader) lines(to *Lines) {
	to.Module = strings.TrimSpace(l.getenv(Module))
	to.Version = l.version()
	to.Scale = l.scale()
	to.MaxLines = l.integer(MaxLines, 0, 1, 1<<31-1, 1000)
	to.MinLevel, _ = l.level(Level, "all", to.Scale)
	if plain, ok := l.level(Plain, "off", to.Scale); ok {
		to.Plain = plain.Name
	}
	to.FieldsAsSet, to.Fields = l.fields()
	to.Platform = l.choice(PlatformRows, "errors", "all", "none")
	to.Redact, to.Masking = l.redact()
	to.Hints = l.choice(Hints, "on", "off") == "on"
}

func (l *loader) version() string {
	v := strings.TrimSpace(l.getenv(AppVersion))
	odd := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("._+-", r)
	}
	if len(v) > MaxVersion || strings.ContainsFunc(v, odd) {
		l.refuse(AppVersion, v, fmt.Sprintf("is not 1 to %d of A-Z a-z 0-9 . _ + -", MaxVersion),
			"the function's version", "write, for example, "+AppVersion+"=1.4.2 or a commit's hash")
		return ""
	}
	return v
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
		l.refuse(ErrorsFrom, from, "is not a level on the scale", "the scale's own", "write the name of a level: "+
			scale.String())
		return scale
	}
	l.refuse(Levels, levels, "is not valid: "+err.Error(), "DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7",
		"write NAME=number,… in rising order, for example "+Levels+"=DEBUG=0,INFO=1,WARN=2,ALARM=6,ERROR=7; a scale "+
			"with neither ALARM nor ERROR also needs "+ErrorsFrom)
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
			instead = "none (plain lines stay in CloudWatch only)"
		}
		l.refuse(variable, v, "is not a level on the scale", instead, "write "+neutral+" or the name of a level: "+
			scale.String())
	}
	return level, ok
}

func (l *loader) fields() (setting string, m *parse.Mapping) {
	v := strings.TrimSpace(l.getenv(Fields))
	m, err := parse.ParseMapping(v)
	if err != nil {
		l.refuse(Fields, v, "is not valid: "+err.Error(), "Logtable's own names only",
			"write auto, a preset such as pino, names such as text=message,msg; locator=caller, "+
				"or several of these separated by semicolons")
		return "", nil
	}
	return v, m
}

func (l *loader) redact() (setting string, r *redact.Redactor) {
	v := strings.TrimSpace(l.getenv(Redact))
	r, err := redact.New(v)
	if err != nil {
		l.refuse(Redact, v, "is not valid: "+err.Error(), "secrets",
			"write off, secrets or all, and regular expressions, separated by semicolons")
		r, _ = redact.New("") // secrets, which is never refused
		return "", r
	}
	return v, r
}
