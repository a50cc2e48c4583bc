package config

import (
	"strings"
	"time"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/awsenv"
	"github.com/logtable/logtable/internal/level"
)

// Alerts are the settings of alerting.
type Alerts struct {
	// Topics are the SNS topics that every severe record is published to:
	// LOGTABLE_ALERT_TOPIC_ARNS, separated by commas; none by default.
	Topics []alert.Topic
	// From is the level from which on a record is severe: LOGTABLE_ALERT_FROM;
	// default ALARM, or the errors' first level on a scale without it.
	From level.Level
	// Allow are the topics that a line may ask for by itself:
	// LOGTABLE_ALERT_ALLOW, ARNs with * in their names only; none by default.
	Allow alert.Allow
	// Window is the time in which one alert of a kind is sent:
	// LOGTABLE_ALERT_WINDOW, 10s to 24h; default 5m.
	Window time.Duration
	// Max is how many alerts of the function are sent in that time:
	// LOGTABLE_ALERT_MAX, 1 to 1000; default 10.
	Max int
	// Refused says in words which topics were refused; it becomes rows.
	Refused []string
}

// On reports whether anybody is ever told of anything.
func (a *Alerts) On() bool { return len(a.Topics)+len(a.Allow) > 0 }

const (
	defaultAlertWindow = 5 * time.Minute
	minAlertWindow     = 10 * time.Second
	maxAlertWindow     = 24 * time.Hour
	defaultAlertMax    = 10
)

func (l *loader) alerts(a *Alerts, scale *level.Scale) {
	a.From = alarm(scale)
	a.Window = l.alertWindow()
	a.Max = l.integer(AlertMax, defaultAlertMax, 1, 1000, 20)
	for _, entry := range list(l.getenv(AlertTopics)) {
		topic, err := alert.ParseTopic(entry)
		if err != nil {
			a.Refused = append(a.Refused, AlertTopics+" names an invalid SNS topic: "+shorten(err.Error(), 400))
			l.refuse(AlertTopics, entry, "is not valid: "+err.Error(), "the other topics", "write ARNs such as "+
				l.exampleTopic()+", separated by commas")
			continue
		}
		a.Topics = append(a.Topics, topic)
	}
	for _, entry := range list(l.getenv(AlertAllow)) {
		topic, err := alert.ParseAllowed(entry)
		if err != nil {
			l.refuse(AlertAllow, entry, "is not valid: "+err.Error(), "the other entries",
				"write topic ARNs, with * in the name only, separated by commas")
			continue
		}
		a.Allow = append(a.Allow, topic)
	}
	if v := strings.TrimSpace(l.getenv(AlertFrom)); v != "" {
		level, ok := scale.Find(v)
		if !ok {
			l.refuse(AlertFrom, v, "is not a level on the scale", a.From.Name,
				"write the name of a level: "+scale.String())
		} else {
			a.From = level
		}
	}
}

// exampleTopic is an ARN as the function's region has them.
func (l *loader) exampleTopic() string {
	region := l.region()
	if !awsenv.IsRegion(region) {
		region = "eu-central-1"
	}
	return "arn:" + awsenv.Partition(region) + ":sns:" + region + ":123456789012:oncall"
}

// alarm is the level ALARM, or on a scale without it the lowest that is an
// error.
func alarm(scale *level.Scale) level.Level {
	if l, ok := scale.Find("ALARM"); ok {
		return l
	}
	return scale.LowestError()
}

func (l *loader) alertWindow() time.Duration {
	v := strings.TrimSpace(l.getenv(AlertWindow))
	if v == "" {
		return defaultAlertWindow
	}
	if d, ok := duration(v); ok && d >= minAlertWindow && d <= maxAlertWindow {
		return d
	}
	l.refuse(AlertWindow, v, "is not a duration from 10s to 24h", "5m", "write, for example, "+AlertWindow+"=5m or 1h")
	return defaultAlertWindow
}

// list splits a setting at its commas.
func list(setting string) (entries []string) {
	if setting == "" {
		return nil
	}
	for entry := range strings.SplitSeq(setting, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries
}
