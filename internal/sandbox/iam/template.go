package iam

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A Template is a CloudFormation template as far as its policies need it.
type Template struct{ root map[string]any }

// ReadTemplate reads a template in the part of YAML that ours is written in:
// block mappings and lists, flow ones within a line, plain and quoted scalars,
// folded text, and CloudFormation's short tags, each of which becomes a mapping
// of its name ("Ref", "GetAtt", "Sub", …).
func ReadTemplate(text []byte) (Template, error) {
	r := &reader{}
	for number, line := range strings.Split(string(text), "\n") {
		content := strings.TrimLeft(uncommented(line), " ")
		if strings.TrimSpace(content) != "" {
			indent := len(line) - len(strings.TrimLeft(line, " "))
			r.lines = append(r.lines, sourceLine{number + 1, indent, strings.TrimRight(content, " ")})
		}
	}
	v, err := r.block(0)
	if err != nil {
		return Template{}, err
	}
	root, ok := v.(map[string]any)
	if !ok || r.at < len(r.lines) {
		return Template{}, fmt.Errorf("cannot read the template beyond its line %d", r.number())
	}
	return Template{root}, nil
}

// Policy is the policy document of a resource, with what the template refers to
// replaced: "InfoTable.Arn" for !GetAtt, "InfoTable" for !Ref and within !Sub.
// A condition holds if it is given as true.
func (t Template) Policy(resource string, values map[string]any) (Policy, error) {
	resources, _ := t.root["Resources"].(map[string]any)
	r, _ := resources[resource].(map[string]any)
	properties, _ := r["Properties"].(map[string]any)
	document, err := resolved(properties["PolicyDocument"], values)
	if err != nil {
		return Policy{}, fmt.Errorf("cannot resolve %s: %w", resource, err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return Policy{}, fmt.Errorf("cannot resolve %s: %w", resource, err)
	}
	return Parse(text)
}

// Resource is the resource of a name, nil for none.
func (t Template) Resource(name string) map[string]any {
	resources, _ := t.root["Resources"].(map[string]any)
	r, _ := resources[name].(map[string]any)
	return r
}

// Policies are the names of the resources that are policies.
func (t Template) Policies() (names []string) {
	resources, _ := t.root["Resources"].(map[string]any)
	for name, r := range resources {
		if r, ok := r.(map[string]any); ok && strings.HasPrefix(fmt.Sprint(r["Type"]), "AWS::IAM::") {
			names = append(names, name)
		}
	}
	return names
}

// noValue is what !Ref names where nothing is to be.
const noValue = "AWS::NoValue"

func resolved(v any, values map[string]any) (any, error) {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for i := range v {
			one, err := resolved(v[i], values)
			if err != nil {
				return nil, err
			}
			if one != noValue {
				out = append(out, one)
			}
		}
		return out, nil
	case map[string]any:
		if one, known, err := function(v, values); known {
			return one, err
		}
		out := map[string]any{}
		for key := range v {
			one, err := resolved(v[key], values)
			if err != nil {
				return nil, err
			}
			out[key] = one
		}
		return out, nil
	}
	return v, nil
}

// function is what one of CloudFormation's functions is; known reports whether
// v is one.
func function(v, values map[string]any) (one any, known bool, err error) {
	for _, tag := range []string{"Ref", "GetAtt"} {
		if name, ok := v[tag].(string); ok {
			switch {
			case name == noValue:
				return name, true, nil
			case values[name] == nil:
				return nil, true, fmt.Errorf("nothing is given for %s", name)
			}
			return values[name], true, nil
		}
	}
	if choice, ok := v["If"].([]any); ok && len(choice) == 3 {
		chosen := choice[2]
		if values[fmt.Sprint(choice[0])] == true {
			chosen = choice[1]
		}
		one, err = resolved(chosen, values)
		return one, true, err
	}
	if text, ok := v["Sub"].(string); ok {
		one, err = substituted(text, values)
		return one, true, err
	}
	return nil, false, nil
}

func substituted(text string, values map[string]any) (any, error) {
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			return text, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		value, ok := values[name].(string)
		if !closed || !ok {
			return nil, fmt.Errorf("nothing is given for %s", name)
		}
		text = before + value + after
	}
}

// A reader takes a template's lines one after the other.
type reader struct {
	lines []sourceLine
	at    int
}

type sourceLine struct {
	number, indent int
	text           string
}

func (r *reader) number() int {
	if r.at < len(r.lines) {
		return r.lines[r.at].number
	}
	return 0
}

// uncommented is a line without its comment.
func uncommented(line string) string {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '#' && !quoted && (i == 0 || line[i-1] == ' '):
			return line[:i]
		}
	}
	return line
}

// block reads a mapping or a list whose lines are indented by so much at least.
func (r *reader) block(least int) (any, error) {
	if r.at >= len(r.lines) || r.lines[r.at].indent < least {
		return nil, nil
	}
	indent := r.lines[r.at].indent
	if strings.HasPrefix(r.lines[r.at].text, "- ") {
		return r.list(indent)
	}
	m := map[string]any{}
	for r.at < len(r.lines) && r.lines[r.at].indent == indent && !strings.HasPrefix(r.lines[r.at].text, "- ") {
		name, rest, err := pair(r.lines[r.at].text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.number(), err)
		}
		r.at++
		v, err := r.value(rest, indent)
		if err != nil {
			return nil, err
		}
		m[name] = v
	}
	return m, nil
}

func (r *reader) list(indent int) (any, error) {
	var items []any
	for r.at < len(r.lines) && r.lines[r.at].indent == indent && strings.HasPrefix(r.lines[r.at].text, "- ") {
		l := &r.lines[r.at]
		l.text = strings.TrimLeft(l.text[2:], " ")
		if _, _, err := pair(l.text); err == nil && l.text[0] != '{' && l.text[0] != '[' && l.text[0] != '!' {
			l.indent += 2 // a mapping begins behind the dash
			v, err := r.block(indent + 2)
			if err != nil {
				return nil, err
			}
			items = append(items, v)
			continue
		}
		r.at++
		v, err := r.value(l.text, indent)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, nil
}

// value reads what stands behind a name or dash, or below it.
func (r *reader) value(rest string, indent int) (any, error) {
	switch {
	case rest == "":
		least := indent + 1
		if r.at < len(r.lines) && strings.HasPrefix(r.lines[r.at].text, "- ") {
			least = indent
		}
		return r.block(least)
	case rest == ">-":
		var words []string
		for r.at < len(r.lines) && r.lines[r.at].indent > indent {
			words = append(words, r.lines[r.at].text)
			r.at++
		}
		return strings.Join(words, " "), nil
	}
	v, left, err := flow(rest)
	if err == nil && strings.TrimSpace(left) != "" {
		err = fmt.Errorf("%q is left over", left)
	}
	if err != nil {
		return nil, fmt.Errorf("before line %d: %w", r.number(), err)
	}
	return v, nil
}

// pair splits a line at the colon behind its name.
func pair(line string) (name, rest string, err error) {
	if i := strings.Index(line, "\":"); line[0] == '"' && i > 0 {
		return line[1:i], strings.TrimLeft(line[i+2:], " "), nil
	}
	if before, ok := strings.CutSuffix(line, ":"); ok {
		return before, "", nil
	}
	name, rest, found := strings.Cut(line, ": ")
	if !found || strings.ContainsAny(name, "\"[{") {
		return "", "", fmt.Errorf("%q is not a name and its value", line)
	}
	return name, strings.TrimLeft(rest, " "), nil
}

// flow reads a value within a line; left is what is behind it.
func flow(s string) (v any, left string, err error) {
	s = strings.TrimLeft(s, " ")
	switch {
	case strings.HasPrefix(s, "!"):
		tag, rest, _ := strings.Cut(s[1:], " ")
		v, left, err = flow(rest)
		return map[string]any{tag: v}, left, err
	case strings.HasPrefix(s, `"`):
		text, rest, closed := strings.Cut(s[1:], `"`)
		if !closed {
			return nil, "", fmt.Errorf("%q has no end", s)
		}
		return text, rest, nil
	case strings.HasPrefix(s, "["):
		return flowList(s[1:])
	case strings.HasPrefix(s, "{"):
		return flowMap(s[1:])
	}
	end := strings.IndexAny(s, ",]}")
	if end < 0 || !strings.ContainsAny(s, "]}") { // a plain scalar outside of brackets may have commas
		end = len(s)
	}
	return strings.TrimSpace(s[:end]), s[end:], nil
}

func flowList(s string) (any, string, error) {
	items := []any{}
	for {
		if s = strings.TrimLeft(s, " ,"); strings.HasPrefix(s, "]") {
			return items, s[1:], nil
		}
		if s == "" {
			return nil, "", fmt.Errorf("a list has no end")
		}
		v, left, err := flow(s)
		if err != nil {
			return nil, "", err
		}
		items, s = append(items, v), left
	}
}

func flowMap(s string) (any, string, error) {
	m := map[string]any{}
	for {
		if s = strings.TrimLeft(s, " ,"); strings.HasPrefix(s, "}") {
			return m, s[1:], nil
		}
		name, rest, found := strings.Cut(s, ":")
		if !found {
			return nil, "", fmt.Errorf("a mapping has no end")
		}
		v, left, err := flow(rest)
		if err != nil {
			return nil, "", err
		}
		m[strings.TrimSpace(name)], s = v, left
	}
}
