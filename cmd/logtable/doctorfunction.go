package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/resources"
)

// checkFunction checks all that is of one function.
func (d *doctor) checkFunction(ctx context.Context, name string) {
	fmt.Fprintf(d.sh.stdout, "\n%s\n", name)
	t, err := d.readFunction(ctx, name)
	if errors.Is(err, errNoFunction) {
		d.say(finding, "function", err.Error(), "")
		return
	}
	if err != nil {
		d.say(unclear, "function", err.Error(), "")
		return
	}
	d.say(fine, "function", fmt.Sprintf("%s, %s, $LATEST", cmp.Or(string(t.config.Runtime), "no runtime"),
		t.architecture()), "")
	d.checkLayer(ctx, t)
	if e := t.config.Environment; e != nil && e.Error != nil {
		d.say(unclear, "settings", "its environment cannot be read: have kms:Decrypt on its key allowed ("+
			oneLine(aws.ToString(e.Error.Message))+")", "")
		return
	}
	settings, problems := settingsOf(t.region, t.variables)
	for _, p := range problems {
		d.say(map[bool]verdict{true: remark, false: finding}[p.Harmless], "settings", p.Message, p.Advice)
	}
	if n := ownSettings(t); n == 0 {
		d.say(fine, "settings", "none are set: the defaults hold", "")
	} else if len(problems) == 0 {
		d.say(fine, "settings", counted(n, "setting")+", valid", "")
	}
	d.checkTables(ctx, settings.InfoTable, settings.ErrorsTable)
	d.checkRole(ctx, t, settings)
	d.checkLimits(t, settings)
	d.checkLogging(t)
	d.checkRows(ctx, settings.InfoTable, settings.ErrorsTable, cmp.Or(settings.Module, name))
}

func ownSettings(t *target) (n int) {
	for name := range t.variables {
		if strings.HasPrefix(name, settingPrefix) {
			n++
		}
	}
	return n
}

// checkLayer checks which layers of ours a function has.
func (d *doctor) checkLayer(ctx context.Context, t *target) {
	if t.config.PackageType == types.PackageTypeImage {
		d.say(remark, "layer", "it is a container image: whether the extension is in it cannot be seen from here", "")
		return
	}
	again := "logtable attach " + t.name + d.flags
	var ours []string
	for _, arn := range t.layers {
		if isOurs(arn, parseAttachment(t.tags[attachedTag]).layer) {
			ours = append(ours, arn)
		}
	}
	switch {
	case len(ours) == 0:
		d.say(finding, "layer", "it has no layer of Logtable's: nothing it logs is stored", again)
		return
	case len(ours) > 1:
		d.say(finding, "layer", fmt.Sprintf("it has %d layers of Logtable's, and one too many", len(ours)),
			"remove all but one: "+strings.Join(ours, ", "))
		return
	}
	_, name := layerName(ours[0])
	layer, _ := resources.LayerFor(t.architecture())
	for _, other := range resources.Layers() {
		if other.Name == name && other.Architecture != layer.Architecture {
			d.say(finding, "layer", fmt.Sprintf("%s is for %s, and the function is %s: it cannot start", name,
				other.Architecture, layer.Architecture), again)
			return
		}
	}
	version := ours[0][strings.LastIndexByte(ours[0], ':')+1:]
	newest, err := d.newestLayer(ctx, name)
	if whole, _ := layerName(ours[0]); err == nil && newest != nil && strings.HasPrefix(newest.arn, whole+":") &&
		fmt.Sprint(newest.number) != version {
		d.say(remark, "layer", fmt.Sprintf("%s, version %s; the newest is %d", name, version, newest.number), again)
		return
	}
	d.say(fine, "layer", name+", version "+version, "")
}

// What Logtable needs of a function.
const (
	// leastTimeout is what should be left of a function's time-out when
	// Logtable takes all that it may.
	leastTimeout = time.Second
	// leastMemory is what every function has, in MB: there Logtable's share may
	// be what is missing.
	leastMemory = 128
)

func (d *doctor) checkLimits(t *target, settings config.Config) {
	timeout := time.Duration(aws.ToInt32(t.config.Timeout)) * time.Second
	left := timeout - settings.FlushTimeout
	if left < leastTimeout {
		d.say(finding, "time-out", fmt.Sprintf("%s, of which writing may take %s when DynamoDB is slow", timeout,
			settings.FlushTimeout), fmt.Sprintf("raise the time-out, or set %s to less, such as 500ms",
			config.FlushTimeout))
	} else {
		d.say(fine, "time-out", fmt.Sprintf("%s, of which writing takes %s at most", timeout, settings.FlushTimeout),
			"")
	}
	memory := aws.ToInt32(t.config.MemorySize)
	if memory <= leastMemory {
		d.say(remark, "memory", fmt.Sprintf("%d MB, of which Logtable takes 11 to 16 MB: see the maximum that the "+
			"function's reports show", memory), "")
		return
	}
	d.say(fine, "memory", fmt.Sprintf("%d MB, of which Logtable takes 11 to 16 MB", memory), "")
}

// checkLogging checks what Lambda's runtimes leave out before Logtable sees it.
func (d *doctor) checkLogging(t *target) {
	l := t.config.LoggingConfig
	if l == nil {
		return
	}
	format := string(l.LogFormat)
	switch level := l.ApplicationLogLevel; level {
	case types.ApplicationLogLevelWarn, types.ApplicationLogLevelError, types.ApplicationLogLevelFatal:
		d.say(remark, "log format", fmt.Sprintf("%s; what the runtime's loggers say below %s is dropped before "+
			"Logtable sees it", format, level), "set the application log level to what you want to store")
	default:
		d.say(fine, "log format", cmp.Or(format, "Text"), "")
	}
}
