package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/logtable/logtable/internal/resources"
)

// String shows a change as a diff. A value that attach did not set may be a
// secret, and is not shown.
func (ch *change) String() string {
	var b strings.Builder
	t := ch.target
	kind := string(t.config.Runtime)
	if kind == "" {
		kind = "no runtime"
	}
	fmt.Fprintf(&b, "%s (%s, %s)\n", t.name, t.architecture(), kind)
	ch.section(&b, "layers", difference(t.layers, ch.layers))
	title := fmt.Sprintf("variables (%s of %s bytes)", thousands(environmentSize(ch.variables)),
		thousands(maxEnvironment))
	ch.section(&b, title, difference(ch.hidden(t.variables), ch.hidden(ch.variables)))
	for _, p := range ch.policies {
		ch.section(&b, "inline policy "+p.name+" of the role "+p.role, difference(allowed(p.before), allowed(p.after)))
	}
	ch.section(&b, "tag", difference(tagLine(t.tags[attachedTag]), tagLine(ch.tag)))
	for _, note := range ch.notes {
		fmt.Fprintf(&b, "  ! %s\n", note)
	}
	if ch.reconfigures() && len(t.aliases) > 0 {
		fmt.Fprintf(&b, "  $LATEST changes. Aliases stay as they are: %s.\n"+
			"  Publish a version and move them when you are content.\n", strings.Join(t.aliases, ", "))
	}
	return b.String()
}

func (ch *change) section(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return l[0] != ' ' }) {
		title += ": as they are"
	}
	fmt.Fprintf(b, "  %s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "    %s\n", line)
	}
}

// hidden are assignments in order, with the values that may be shown.
func (ch *change) hidden(variables map[string]string) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		value := "***"
		if ch.shown[name] {
			value = variables[name]
		}
		lines = append(lines, name+"="+value)
	}
	return lines
}

func tagLine(value string) []string {
	if value == "" {
		return nil
	}
	return []string{attachedTag + " = " + value}
}

// allowed are the lines of a policy: actions, and what they are allowed on.
func allowed(document string) (lines []string) {
	var p resources.Policy
	if document == "" {
		return nil
	}
	if json.Unmarshal([]byte(document), &p) != nil {
		return []string{"what somebody else has written"}
	}
	for _, s := range p.Statement {
		lines = append(lines, s.Words())
	}
	return lines
}

// difference is two lists as one: what both have, after "- " what the first has
// alone, and after "+ " what the second has.
func difference(before, after []string) (lines []string) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(before) > 0 && len(after) > 0 && before[0] == after[0]:
			lines = append(lines, "  "+before[0])
			before, after = before[1:], after[1:]
		case len(before) > 0 && !slices.Contains(after, before[0]):
			lines = append(lines, "- "+before[0])
			before = before[1:]
		case len(after) > 0:
			lines = append(lines, "+ "+after[0])
			after = after[1:]
		default:
			lines = append(lines, "- "+before[0])
			before = before[1:]
		}
	}
	return lines
}
