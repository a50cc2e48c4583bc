// Package iam decides, as AWS's IAM would, what a role may do by the policy
// documents that the project hands out: the template's and those of docs. It
// serves the tests, which run the layer under them; nothing of it is linked
// into the layer.
//
// It knows what these documents use: Allow and Deny, actions and resources with
// * and ?, and the condition operators in operators. Whatever else a document
// has is an error: a condition that is skipped would allow too much unseen.
package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A Policy is a policy document.
type Policy struct{ statements []statement }

type statement struct {
	deny      bool
	actions   []string
	resources []string
	condition []test
}

// A test is one condition: the values that a request has under a key must fit.
type test struct {
	operator, key string
	values        []string
}

// A Request is what a role is about to do.
type Request struct {
	Action   string // "dynamodb:BatchWriteItem"
	Resource string // an ARN
	// Keys are the request's condition keys, such as dynamodb:LeadingKeys, with
	// all their values.
	Keys map[string][]string
}

// operators are the conditions there are. ForAllValues holds for a request
// without the key, too: it asks whether a value does not fit.
var operators = map[string]func(values, patterns []string) bool{
	"ForAllValues:StringLike": func(values, patterns []string) bool {
		for _, v := range values {
			if !matchesAny(patterns, v) {
				return false
			}
		}
		return true
	},
	"Null": func(values, patterns []string) bool { return (len(values) == 0) == (patterns[0] == "true") },
}

// Parse reads a policy document, or a list of its statements alone.
func Parse(document []byte) (Policy, error) {
	var whole struct {
		Version   string
		Statement list[rawStatement]
	}
	if trimmed := bytes.TrimSpace(document); len(trimmed) > 0 && trimmed[0] == '[' {
		document = append(append([]byte(`{"Version":"2012-10-17","Statement":`), trimmed...), '}')
	}
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&whole); err != nil {
		return Policy{}, fmt.Errorf("cannot read the policy: %w", err)
	}
	if whole.Version != "2012-10-17" || len(whole.Statement) == 0 {
		return Policy{}, fmt.Errorf("the policy has no statement, or is of version %q", whole.Version)
	}
	var p Policy
	for _, raw := range whole.Statement {
		s, err := raw.read()
		if err != nil {
			return Policy{}, err
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

// A list is what IAM lets be written as one value, too.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		return strictly(text, (*[]T)(l))
	}
	*l = make(list[T], 1)
	return strictly(text, &(*l)[0])
}

func strictly(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

type rawStatement struct {
	Sid              string
	Effect           string
	Action, Resource list[string]
	Condition        map[string]map[string]list[string]
}

func (raw rawStatement) read() (statement, error) {
	s := statement{deny: raw.Effect == "Deny", actions: raw.Action, resources: raw.Resource}
	if !s.deny && raw.Effect != "Allow" || len(s.actions) == 0 || len(s.resources) == 0 {
		return s, fmt.Errorf("a statement of effect %q has no effect, action or resource", raw.Effect)
	}
	for operator, keys := range raw.Condition {
		if operators[operator] == nil {
			return s, fmt.Errorf("the condition operator %q is not known here", operator)
		}
		for key, values := range keys {
			if len(values) == 0 {
				return s, fmt.Errorf("the condition on %s has no values", key)
			}
			s.condition = append(s.condition, test{operator, key, values})
		}
	}
	return s, nil
}

// Allowed reports whether the policies together allow a request: some statement
// allows it, and none denies it.
func Allowed(policies []Policy, r Request) bool {
	allowed := false
	for _, p := range policies {
		for _, s := range p.statements {
			if !s.applies(r) {
				continue
			}
			if s.deny {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

func (s statement) applies(r Request) bool {
	// Actions do not distinguish capitals, resources do.
	folded := make([]string, len(s.actions))
	for i, action := range s.actions {
		folded[i] = strings.ToLower(action)
	}
	if !matchesAny(folded, strings.ToLower(r.Action)) || !matchesAny(s.resources, r.Resource) {
		return false
	}
	for _, c := range s.condition {
		if !operators[c.operator](r.Keys[c.key], c.values) {
			return false
		}
	}
	return true
}

func matchesAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if matches(p, s) {
			return true
		}
	}
	return false
}

// matches reports whether s is the pattern, in which * stands for any text and
// ? for one character.
func matches(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return matches(pattern[1:], s) || s != "" && matches(pattern, s[1:])
	case s == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == s[0]) && matches(pattern[1:], s[1:])
}
