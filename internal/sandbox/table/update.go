package table

import (
	"slices"
)

// An action is one clause of an update expression: set (of a term), remove,
// add or delete (of a literal).
type action struct {
	section string // SET, REMOVE, ADD or DELETE
	path    path
	term    *term
	literal *Value
}

// A term is the right side of SET: an operand, a function of terms, or a sum.
type term struct {
	op       string // "", if_not_exists, list_append, + or -
	operand  operand
	children []*term
}

// parseUpdate reads an update expression; an absent one gives nil.
func parseUpdate(text *string, given *placeholders) ([]action, error) {
	if text == nil {
		return nil, nil
	}
	return parse("UpdateExpression", *text, given, (*parser).update)
}

func (p *parser) update() []action {
	var actions []action
	seen := map[string]bool{}
	for p.peek().kind != tokenEnd {
		section := p.section()
		if seen[section] {
			p.fail("The %q section can only be used once in an update expression;", section)
		}
		seen[section] = true
		actions = append(actions, p.action(section))
		for p.accept(",") {
			actions = append(actions, p.action(section))
		}
	}
	paths := make([]path, len(actions))
	for i, a := range actions {
		paths[i] = a.path
	}
	p.checkOverlap(paths)
	return actions
}

func (p *parser) section() string {
	for _, section := range []string{"SET", "REMOVE", "ADD", "DELETE"} {
		if p.accept(section) {
			return section
		}
	}
	p.failNear(p.peek())
	return ""
}

func (p *parser) action(section string) action {
	a := action{section: section, path: p.path()}
	switch section {
	case "SET":
		p.expect("=")
		a.term = p.sum()
	case "ADD", "DELETE":
		t := p.next()
		if t.kind != tokenValue {
			p.failNear(t)
		}
		a.literal = p.literal(t)
		isSet := slices.Contains([]string{typeStringSet, typeNumberSet, typeBinarySet}, a.literal.Type)
		if !isSet && (section == "DELETE" || a.literal.Type != typeNumber) {
			p.failOperand(section, operand{literal: a.literal})
		}
	}
	return a
}

func (p *parser) sum() *term {
	first := p.term()
	for _, op := range []string{"+", "-"} {
		if p.accept(op) {
			return &term{op: op, children: []*term{first, p.term()}}
		}
	}
	return first
}

func (p *parser) term() *term {
	word := p.peek()
	if word.kind != tokenWord || !p.tokens[p.at+1].is("(") {
		return &term{operand: p.operand()}
	}
	if word.text != "if_not_exists" && word.text != "list_append" {
		p.fail("Invalid function name; function: %s", word.text)
	}
	p.at += 2
	t := &term{op: word.text, children: []*term{p.term()}}
	p.expect(",")
	t.children = append(t.children, p.term())
	p.expect(")")
	if t.op == "if_not_exists" && t.children[0].operand.path == nil {
		p.fail("Operator or function requires a document path; operator or function: if_not_exists")
	}
	return t
}

// value computes the term over the item as it was before the update.
func (t *term) value(it Item) (Value, error) {
	if t.op == "" {
		v, ok := t.operand.value(it)
		if !ok {
			return v, invalid("The provided expression refers to an attribute that does not exist in the item")
		}
		return v, nil
	}
	if t.op == "if_not_exists" {
		if v, ok := t.children[0].operand.value(it); ok {
			return v, nil
		}
		return t.children[1].value(it)
	}
	a, err := t.children[0].value(it)
	if err != nil {
		return a, err
	}
	b, err := t.children[1].value(it)
	if err != nil {
		return b, err
	}
	wrong := invalid("An operand in the update expression has an incorrect data type")
	if t.op == "list_append" {
		if a.Type != typeList || b.Type != typeList {
			return a, wrong
		}
		return Value{Type: typeList, List: slices.Concat(a.List, b.List)}, nil
	}
	if a.Type != typeNumber || b.Type != typeNumber {
		return a, wrong
	}
	return sumOf(a, b, t.op == "-")
}

func sumOf(a, b Value, minus bool) (Value, error) {
	text, err := addNumbers(a.Text, b.Text, minus)
	if err != nil {
		return Value{}, invalid("%s", err)
	}
	return Value{Type: typeNumber, Text: text}, nil
}

// applyUpdate returns the item after the actions; before is left as it is.
func applyUpdate(before Item, actions []action) (Item, error) {
	after := before.clone()
	for _, a := range actions {
		if err := a.apply(before, after); err != nil {
			return nil, err
		}
	}
	return after, nil
}

func (a action) apply(before, after Item) error {
	switch a.section {
	case "SET":
		v, err := a.term.value(before)
		if err != nil {
			return err
		}
		return setPath(after, a.path, v.clone())
	case "REMOVE":
		return removePath(after, a.path)
	}
	old, exists := a.path.lookUp(before)
	if !exists {
		if a.section == "DELETE" {
			return nil
		}
		return setPath(after, a.path, a.literal.clone())
	}
	if old.Type != a.literal.Type {
		return invalid("An operand in the update expression has an incorrect data type")
	}
	if old.Type == typeNumber {
		sum, err := sumOf(old, *a.literal, false)
		if err != nil {
			return err
		}
		return setPath(after, a.path, sum)
	}
	changed := Value{Type: old.Type, List: slices.DeleteFunc(slices.Clone(old.List), func(v Value) bool {
		return slices.ContainsFunc(a.literal.List, v.equal)
	})}
	if a.section == "ADD" {
		changed.List = append(changed.List, a.literal.List...)
	}
	if len(changed.List) == 0 {
		return removePath(after, a.path)
	}
	return setPath(after, a.path, changed)
}

var errInvalidPath = invalid("The document path provided in the update expression is invalid for update")

func setPath(it Item, p path, v Value) error {
	if len(p) == 1 {
		it[p.top()] = v
		return nil
	}
	changed, ok := setSteps(it[p.top()], p[1:], v)
	if !ok {
		return errInvalidPath
	}
	it[p.top()] = changed
	return nil
}

func setSteps(parent Value, steps []step, v Value) (Value, bool) {
	s, last := steps[0], len(steps) == 1
	switch {
	case s.isIndex && parent.Type == typeList:
		if s.index >= len(parent.List) {
			parent.List = append(parent.List, v)
			return parent, last
		}
		if last {
			parent.List[s.index] = v
			return parent, true
		}
		child, ok := setSteps(parent.List[s.index], steps[1:], v)
		parent.List[s.index] = child
		return parent, ok
	case !s.isIndex && parent.Type == typeMap:
		if last {
			parent.Map[s.name] = v
			return parent, true
		}
		child, ok := setSteps(parent.Map[s.name], steps[1:], v)
		parent.Map[s.name] = child
		return parent, ok
	}
	return parent, false
}

func removePath(it Item, p path) error {
	if len(p) == 1 {
		delete(it, p.top())
		return nil
	}
	parent, ok := p[:len(p)-1].lookUp(it)
	last := p[len(p)-1]
	switch {
	case !ok:
		return errInvalidPath
	case last.isIndex && parent.Type == typeList:
		if last.index >= len(parent.List) {
			return nil
		}
		parent.List = slices.Delete(parent.List, last.index, last.index+1)
		return setPath(it, p[:len(p)-1], parent)
	case !last.isIndex && parent.Type == typeMap:
		delete(parent.Map, last.name)
		return nil
	}
	return errInvalidPath
}
