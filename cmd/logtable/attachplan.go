package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logtable/logtable/internal/alert"
	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/resources"
)

// Lambda's quotas.
const (
	maxLayers      = 5         // of a function
	maxEnvironment = 4096      // bytes, of all variables as JSON
	maxUnzipped    = 250 << 20 // bytes, of code and layers; zipped they are smaller
)

// wanted is what attach was asked for.
type wanted struct {
	layer string            // ARN; "" for the newest
	set   map[string]string // settings; "" is to be removed
	// tables are the names that are given by a flag or by the environment, by
	// the setting that has them.
	tables map[string]string
}

// wanted reads the flags.
func (f *attachFlags) wanted(sh *shell) (wanted, error) {
	w := wanted{layer: f.layer, set: map[string]string{}, tables: map[string]string{
		config.InfoTable:   cmp.Or(f.tables.infoTable, sh.getenv(config.InfoTable)),
		config.ErrorsTable: cmp.Or(f.tables.errorsTable, sh.getenv(config.ErrorsTable)),
	}}
	if whole, _ := layerName(f.layer); f.layer != "" && whole == "" {
		return w, usagef("--layer %q is not the ARN of a layer's version: "+
			"arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION", f.layer)
	}
	for _, pair := range f.set {
		name, value, found := strings.Cut(pair, "=")
		if !found || !strings.HasPrefix(name, settingPrefix) {
			return w, usagef("-e %s is not a setting of Logtable's: write LOGTABLE_NAME=VALUE", pair)
		}
		w.set[name] = value
	}
	for _, arn := range f.topics {
		if _, err := alert.ParseTopic(arn); err != nil {
			return w, usagef("--alert-topic: %w", err)
		}
	}
	if len(f.topics) > 0 {
		if _, twice := w.set[config.AlertTopics]; twice {
			return w, usagef("--alert-topic and -e %s cannot be combined", config.AlertTopics)
		}
		w.set[config.AlertTopics] = strings.Join(f.topics, ",")
	}
	return w, nil
}

// A change is what is to be done to a function.
type change struct {
	target    *target
	layers    []string          // afterwards
	variables map[string]string // afterwards
	shown     map[string]bool   // variables whose values may be shown
	policies  []policyChange
	tag       string // afterwards; "" for none
	notes     []string
}

// A policyChange is one of an inline policy.
type policyChange struct{ role, name, before, after string }

func (ch *change) isNothing() bool {
	return !ch.reconfigures() && ch.tag == ch.target.tags[attachedTag] &&
		!slices.ContainsFunc(ch.policies, func(p policyChange) bool { return p.before != p.after })
}

// reconfigures reports whether the function itself changes.
func (ch *change) reconfigures() bool {
	return !slices.Equal(ch.layers, ch.target.layers) || !maps.Equal(ch.variables, ch.target.variables)
}

func (c *cloud) planAttach(ctx context.Context, t *target, w wanted) (*change, error) {
	done := parseAttachment(t.tags[attachedTag])
	ch := &change{target: t, variables: maps.Clone(t.variables), shown: map[string]bool{}}
	if ch.variables == nil {
		ch.variables = map[string]string{}
	}
	if err := c.planLayer(ctx, ch, &done, w.layer); err != nil {
		return nil, err
	}
	if err := ch.setVariables(w, &done); err != nil {
		return nil, err
	}
	settings, problems := settingsOf(t.region, ch.variables)
	for _, p := range problems {
		if w.set[p.Variable] != "" || w.tables[p.Variable] != "" {
			return nil, errors.New(p.Message + ": " + p.Advice)
		}
		ch.notes = append(ch.notes, p.Message+": "+p.Advice)
	}
	if err := c.planPolicy(ctx, ch, settings); err != nil {
		return nil, err
	}
	if old := done.role; old != "" && old != "-" && old != t.role {
		if err := c.planRemoval(ctx, ch, old); err != nil {
			return nil, err
		}
	}
	done.role = t.role
	if t.noTags == nil {
		ch.tag = done.String()
	}
	return ch, errors.Join(done.check(), c.readAliases(ctx, t))
}

// planLayer puts the layer where its older version was, or at the end.
func (c *cloud) planLayer(ctx context.Context, ch *change, done *attachment, arn string) error {
	t := ch.target
	layer, found := resources.LayerFor(t.architecture())
	if !found {
		return fmt.Errorf("its architecture is %s, for which there is no layer", t.architecture())
	}
	if arn == "" {
		newest, err := c.newestLayer(ctx, layer.Name)
		if err != nil {
			return err
		}
		if newest == nil {
			return fmt.Errorf("there is no layer %s %s: run logtable publish%s first, or name one with --layer",
				layer.Name, c.where(), c.flags)
		}
		arn = newest.arn
	}
	_, name := layerName(arn)
	if parts := strings.Split(arn, ":"); parts[3] != t.region {
		return fmt.Errorf("the layer is in %s, and the function in %s: publish it there", parts[3], t.region)
	}
	for _, other := range resources.Layers() {
		if other.Name == name && other.Architecture != layer.Architecture {
			return fmt.Errorf("the layer %s is for %s, and the function is %s", name, other.Architecture,
				layer.Architecture)
		}
	}
	ch.layers = slices.Clone(t.layers)
	if at := slices.IndexFunc(t.layers, func(a string) bool { return isOurs(a, name) }); at >= 0 {
		ch.layers[at] = arn
	} else {
		ch.layers = append(ch.layers, arn)
	}
	done.layer = ""
	if !isOurs(arn, "") {
		done.layer = name
	}
	if len(ch.layers) > maxLayers {
		return fmt.Errorf("it has %d layers, and Lambda allows %d with ours: merge two of them", len(t.layers),
			maxLayers)
	}
	size := t.config.CodeSize
	for _, l := range t.config.Layers {
		size += l.CodeSize
	}
	if size > maxUnzipped {
		return fmt.Errorf("its code and layers have %s bytes, and Lambda allows %s: make them smaller",
			thousands(int(size)), thousands(maxUnzipped))
	}
	return nil
}

// isOurs reports whether an ARN is of a layer of ours, or of the one that has
// this name.
func isOurs(arn, alsoName string) bool {
	_, name := layerName(arn)
	return name != "" && (name == alsoName ||
		slices.ContainsFunc(resources.Layers(), func(l resources.Layer) bool { return l.Name == name }))
}

// setVariables makes the settings. What a person has set is not touched: detach
// could not bring it back.
func (ch *change) setVariables(w wanted, done *attachment) error {
	set := maps.Clone(w.set)
	for _, table := range []resources.Table{resources.InfoTable(), resources.ErrorsTable()} {
		name := w.tables[table.Variable]
		if _, there := ch.variables[table.Variable]; name != "" && (there || name != table.Name) {
			set[table.Variable] = name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		value := set[name]
		current, there := ch.variables[name]
		switch {
		case there && current == value:
		case there && !done.owns(name, current):
			return fmt.Errorf("%s is set already, and not by attach: change it where it was set, or remove it there "+
				"first", name)
		case value == "":
			delete(ch.variables, name)
		default:
			ch.variables[name] = value
			done.take(name, value)
		}
	}
	for name := range set {
		ch.shown[name] = true
	}
	for name := range done.set {
		value, there := ch.variables[name]
		ch.shown[name] = true
		if !there || !done.owns(name, value) {
			delete(done.set, name)
		}
	}
	return ch.checkEnvironment()
}

func (ch *change) checkEnvironment() error {
	if size := environmentSize(ch.variables); size > maxEnvironment && !maps.Equal(ch.variables, ch.target.variables) {
		return fmt.Errorf("its environment would have %s bytes, and Lambda allows %s: remove variables, or set fewer",
			thousands(size), thousands(maxEnvironment))
	}
	return nil
}

// environmentSize is how Lambda measures the variables, in bytes.
func environmentSize(variables map[string]string) int {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if len(variables) == 0 || enc.Encode(variables) != nil {
		return 0
	}
	return len(bytes.TrimSpace(b.Bytes()))
}

func assignments(variables map[string]string) (list []string) {
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	return list
}

// planPolicy gives the role what the layer needs with these settings.
func (c *cloud) planPolicy(ctx context.Context, ch *change, settings config.Config) error {
	at := resources.Place{Function: ch.target.name}
	for _, table := range []struct {
		name string
		arn  *string
	}{{settings.InfoTable, &at.InfoTable}, {settings.ErrorsTable, &at.ErrorsTable}} {
		state, err := c.findTable(ctx, table.name)
		switch {
		case err != nil:
			return err
		case state == nil:
			return fmt.Errorf("there is no table %s %s: run logtable setup%s first, or name it with --info-table and "+
				"--errors-table", table.name, c.where(), c.flags)
		case state.keyProblem() != "":
			return errors.New("the table " + table.name + " " + state.keyProblem())
		}
		*table.arn = state.arn
		if state.kmsKey != "" && !slices.Contains(at.Keys, state.kmsKey) {
			at.Keys = append(at.Keys, state.kmsKey)
		}
	}
	duties := []resources.Duty{resources.Write}
	if at.Topics = topicsOf(settings.Alerts); len(at.Topics) > 0 {
		duties = append(duties, resources.Alert)
	}
	p := policyChange{role: ch.target.role, name: policyName(ch.target.name)}
	p.after = resources.For(at, duties...).JSON()
	var err error
	p.before, err = c.readPolicy(ctx, p.role, p.name)
	ch.policies = append(ch.policies, p)
	return err
}

// topicsOf are the topics that alerts may go to.
func topicsOf(a config.Alerts) (arns []string) {
	for _, topic := range slices.Concat(a.Topics, a.Allow) {
		if !slices.Contains(arns, topic.ARN) {
			arns = append(arns, topic.ARN)
		}
	}
	return arns
}

// planDetach undoes what attach did.
func (c *cloud) planDetach(ctx context.Context, t *target) (*change, error) {
	tag, attached := t.tags[attachedTag]
	done := parseAttachment(tag)
	ch := &change{target: t, variables: maps.Clone(t.variables), shown: map[string]bool{}}
	for _, arn := range t.layers {
		if !isOurs(arn, done.layer) {
			ch.layers = append(ch.layers, arn)
		}
	}
	for name := range done.set {
		value, there := ch.variables[name]
		switch {
		case there && done.owns(name, value):
			delete(ch.variables, name)
			ch.shown[name] = true
		case there:
			ch.notes = append(ch.notes, name+" has been changed since attach set it, and stays")
		}
	}
	if !attached && len(ch.layers) < len(t.layers) {
		ch.notes = append(ch.notes, "attach did not attach it: variables stay")
	}
	roles := []string{t.role}
	if done.role != "" && done.role != "-" && done.role != t.role {
		roles = append(roles, done.role)
	}
	for _, role := range roles {
		if err := c.planRemoval(ctx, ch, role); err != nil {
			return nil, err
		}
	}
	return ch, c.readAliases(ctx, t)
}

// planRemoval removes the inline policy from a role, if it has it.
func (c *cloud) planRemoval(ctx context.Context, ch *change, role string) error {
	name := policyName(ch.target.name)
	before, err := c.readPolicy(ctx, role, name)
	if before != "" {
		ch.policies = append(ch.policies, policyChange{role: role, name: name, before: before})
	}
	return err
}
