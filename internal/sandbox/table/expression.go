package table

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// placeholders are a request's ExpressionAttributeNames and -Values. They
// remember which of them the request's expressions used, since DynamoDB
// refuses a request with superfluous ones.
type placeholders struct {
	names      map[string]string
	values     map[string]Value
	usedNames  map[string]bool
	usedValues map[string]bool
}

func newPlaceholders(names map[string]string, values map[string]Value) *placeholders {
	return &placeholders{names, values, map[string]bool{}, map[string]bool{}}
}

// unused returns the ValidationException for placeholders that no expression
// mentions. expressions says whether the request has any, and missing names
// the absent parameter that could have used values.
func (p *placeholders) unused(expressions bool, missing string) error {
	if !expressions {
		if p.names != nil {
			return invalid("ExpressionAttributeNames can only be specified when using expressions")
		}
		if p.values != nil {
			return invalid("ExpressionAttributeValues can only be specified when using expressions: %s is null", missing)
		}
		return nil
	}
	for _, c := range []struct {
		parameter string
		given     []string
		used      map[string]bool
		present   bool
	}{
		{"ExpressionAttributeNames", slices.Sorted(maps.Keys(p.names)), p.usedNames, p.names != nil},
		{"ExpressionAttributeValues", slices.Sorted(maps.Keys(p.values)), p.usedValues, p.values != nil},
	} {
		if c.present && len(c.given) == 0 {
			return invalid("%s must not be empty", c.parameter)
		}
		left := slices.DeleteFunc(c.given, func(name string) bool { return c.used[name] })
		if len(left) > 0 {
			return invalid("Value provided in %s unused in expressions: keys: {%s}", c.parameter, strings.Join(left, ", "))
		}
	}
	return nil
}

// A step is one element of a document path: an attribute's name, or an index
// into a list.
type step struct {
	name    string
	index   int
	isIndex bool
}

type path []step

func (p path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.name
		if s.isIndex {
			parts[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// top is the name of the attribute that the path begins with.
func (p path) top() string { return p[0].name }

func (p path) lookUp(it Item) (Value, bool) {
	v, ok := it[p.top()]
	for _, s := range p[1:] {
		if !ok {
			return Value{}, false
		}
		if s.isIndex {
			if v.Type != typeList || s.index >= len(v.List) {
				return Value{}, false
			}
			v = v.List[s.index]
			continue
		}
		if v.Type != typeMap {
			return Value{}, false
		}
		v, ok = v.Map[s.name]
	}
	return v, ok
}

// An operand is what a condition compares: a path, a placeholder's value, or
// the size of a path's value.
type operand struct {
	path    path
	literal *Value
	size    bool
}

func (o operand) value(it Item) (Value, bool) {
	if o.literal != nil {
		return *o.literal, true
	}
	v, ok := o.path.lookUp(it)
	if !ok || !o.size {
		return v, ok
	}
	switch v.Type {
	case typeList, typeStringSet, typeNumberSet, typeBinarySet:
		return Value{Type: typeNumber, Text: strconv.Itoa(len(v.List))}, true
	case typeMap:
		return Value{Type: typeNumber, Text: strconv.Itoa(len(v.Map))}, true
	case typeString, typeBinary:
		return Value{Type: typeNumber, Text: strconv.Itoa(len(v.Text))}, true
	}
	return Value{}, false
}

// A condition is a node of a condition, filter or key condition expression.
// op is AND, OR, NOT, a comparison, BETWEEN, IN, or a function's name.
type condition struct {
	op       string
	children []*condition
	operands []operand
}

// holds says whether the item meets the condition; a nil condition always is.
// A comparison with an absent attribute, or across types, does not hold,
// except <>.
func (c *condition) holds(it Item) bool {
	if c == nil {
		return true
	}
	switch c.op {
	case "AND":
		return c.children[0].holds(it) && c.children[1].holds(it)
	case "OR":
		return c.children[0].holds(it) || c.children[1].holds(it)
	case "NOT":
		return !c.children[0].holds(it)
	case "attribute_exists", "attribute_not_exists":
		_, ok := c.operands[0].value(it)
		return ok == (c.op == "attribute_exists")
	}
	first, ok := c.operands[0].value(it)
	if !ok && c.op != "<>" {
		return false
	}
	rest := make([]Value, 0, 2)
	for _, o := range c.operands[1:] {
		v, ok := o.value(it)
		if !ok && c.op != "IN" && c.op != "<>" {
			return false
		}
		rest = append(rest, v)
	}
	return c.compare(first, rest)
}

func (c *condition) compare(v Value, rest []Value) bool {
	w := rest[0]
	switch c.op {
	case "=":
		return v.equal(w)
	case "<>":
		return !v.equal(w)
	case "IN":
		return slices.ContainsFunc(rest, v.equal)
	case "begins_with":
		return v.Type == w.Type && (v.Type == typeString || v.Type == typeBinary) && strings.HasPrefix(v.Text, w.Text)
	case "contains":
		return contains(v, w)
	case "attribute_type":
		return v.Type == w.Text
	}
	if v.Type != w.Type || !ordered(v.Type) {
		return false
	}
	order := compareValues(v, w)
	switch c.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "BETWEEN":
		return order >= 0 && v.Type == rest[1].Type && compareValues(v, rest[1]) <= 0
	}
	panic("unknown condition " + c.op)
}

func contains(v, w Value) bool {
	switch v.Type {
	case typeString, typeBinary:
		return v.Type == w.Type && strings.Contains(v.Text, w.Text)
	case typeList, typeStringSet, typeNumberSet, typeBinarySet:
		return slices.ContainsFunc(v.List, w.equal)
	}
	return false
}

// tops are the names of the attributes that the condition looks at.
func (c *condition) tops() []string {
	if c == nil {
		return nil
	}
	var names []string
	for _, child := range c.children {
		names = append(names, child.tops()...)
	}
	for _, o := range c.operands {
		if o.path != nil {
			names = append(names, o.path.top())
		}
	}
	return names
}

// parser reads one expression. Its methods panic with an *Error, which parse
// catches: the grammar reads plainer without an error after each token.
type parser struct {
	parameter string // "FilterExpression" and so on, for messages
	tokens    []token
	text      string
	at        int
	given     *placeholders
}

// parse runs read over the whole of the expression text.
func parse[T any](parameter, text string, given *placeholders, read func(*parser) T) (result T, err error) {
	defer func() {
		if r := recover(); r != nil {
			refused, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			err = refused
		}
	}()
	p := &parser{parameter: parameter, text: text, given: given}
	if strings.TrimSpace(text) == "" {
		p.fail("The expression can not be empty;")
	}
	tokens, badAt := lex(text)
	if badAt >= 0 {
		p.failNear(token{text: text[badAt : badAt+1], pos: badAt})
	}
	p.tokens = tokens
	result = read(p)
	if p.peek().kind != tokenEnd {
		p.failNear(p.peek())
	}
	return result, nil
}

// parseCondition reads a condition, filter or key condition expression; an
// absent one (nil) gives a nil condition.
func parseCondition(parameter string, text *string, given *placeholders) (*condition, error) {
	if text == nil {
		return nil, nil
	}
	return parse(parameter, *text, given, (*parser).or)
}

func (p *parser) fail(format string, args ...any) {
	panic(invalid("Invalid %s: %s", p.parameter, fmt.Sprintf(format, args...)))
}

// failNear reports a syntax error at t and shows what is around it.
func (p *parser) failNear(t token) {
	from, to := max(0, t.pos-8), min(len(p.text), t.pos+len(t.text)+8)
	if i := slices.Index(p.tokens, t); i >= 0 {
		before, after := p.tokens[max(0, i-1)], p.tokens[min(i+1, len(p.tokens)-1)]
		from, to = before.pos, min(len(p.text), after.pos+len(after.text))
	}
	p.fail("Syntax error; token: %q, near: %q", t.text, p.text[from:to])
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) accept(text string) bool {
	if !p.peek().is(text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.failNear(p.peek())
	}
}

func (p *parser) or() *condition {
	c := p.and()
	for p.accept("OR") {
		c = &condition{op: "OR", children: []*condition{c, p.and()}}
	}
	return c
}

func (p *parser) and() *condition {
	c := p.not()
	for p.accept("AND") {
		c = &condition{op: "AND", children: []*condition{c, p.not()}}
	}
	return c
}

func (p *parser) not() *condition {
	if p.accept("NOT") {
		return &condition{op: "NOT", children: []*condition{p.not()}}
	}
	return p.predicate()
}

func (p *parser) predicate() *condition {
	if p.peek().is("(") {
		return p.group()
	}
	if word := p.peek(); word.kind == tokenWord && p.tokens[p.at+1].is("(") && word.text != "size" {
		return p.function()
	}
	first := p.operand()
	t := p.next()
	switch {
	case t.is("BETWEEN"):
		low := p.operand()
		p.expect("AND")
		c := &condition{op: "BETWEEN", operands: []operand{first, low, p.operand()}}
		p.checkBounds(c)
		return c
	case t.is("IN"):
		p.expect("(")
		c := &condition{op: "IN", operands: []operand{first, p.operand()}}
		for p.accept(",") {
			c.operands = append(c.operands, p.operand())
		}
		p.expect(")")
		if len(c.operands) > 101 {
			p.fail("The IN operator is provided with too many operands; number of operands: %d", len(c.operands)-1)
		}
		return c
	case t.kind == tokenSymbol && slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, t.text):
		c := &condition{op: t.text, operands: []operand{first, p.operand()}}
		if t.text != "=" && t.text != "<>" {
			p.checkOrdered(c.op, c.operands...)
		}
		if first.path != nil && c.operands[1].path != nil && !first.size && !c.operands[1].size &&
			first.path.String() == c.operands[1].path.String() {
			p.fail("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", t.text, first.path)
		}
		return c
	}
	p.failNear(t)
	return nil
}

func (p *parser) group() *condition {
	p.expect("(")
	nested := p.peek().is("(")
	start := p.at
	c := p.or()
	// ((a = :b)) is refused by DynamoDB; ((a = :b) AND …) is not.
	if nested && p.closes(start) == p.at-1 {
		p.fail("The expression has redundant parentheses;")
	}
	p.expect(")")
	return c
}

// closes returns the position of the bracket that closes the one at open.
func (p *parser) closes(open int) int {
	depth := 0
	for i := open; i < len(p.tokens); i++ {
		switch {
		case p.tokens[i].is("("):
			depth++
		case p.tokens[i].is(")"):
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// functionOperands is how many operands each function of a condition takes.
var functionOperands = map[string]int{
	"attribute_exists":     1,
	"attribute_not_exists": 1,
	"attribute_type":       2,
	"begins_with":          2,
	"contains":             2,
}

func (p *parser) function() *condition {
	name := p.next().text
	wanted, ok := functionOperands[name]
	if !ok {
		p.fail("Invalid function name; function: %s", name)
	}
	p.expect("(")
	c := &condition{op: name, operands: []operand{p.operand()}}
	for p.accept(",") {
		c.operands = append(c.operands, p.operand())
	}
	p.expect(")")
	if len(c.operands) != wanted {
		p.fail("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", name, len(c.operands))
	}
	p.checkFunction(c)
	return c
}

func (p *parser) checkFunction(c *condition) {
	switch c.op {
	case "attribute_exists", "attribute_not_exists":
		if c.operands[0].path == nil || c.operands[0].size {
			p.fail("Operator or function requires a document path; operator or function: %s", c.op)
		}
	case "begins_with":
		for _, o := range c.operands {
			if o.literal != nil && o.literal.Type != typeString && o.literal.Type != typeBinary {
				p.failOperand(c.op, o)
			}
		}
	case "attribute_type":
		if o := c.operands[1]; o.literal == nil || o.literal.Type != typeString {
			p.fail("Incorrect operand type for operator or function; operator or function: attribute_type")
		}
	}
}

func (p *parser) failOperand(operator string, o operand) {
	p.fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", operator, o.literal.Type)
}

func (p *parser) checkOrdered(operator string, operands ...operand) {
	for _, o := range operands {
		if o.literal != nil && !ordered(o.literal.Type) {
			p.failOperand(operator, o)
		}
	}
}

func (p *parser) checkBounds(c *condition) {
	p.checkOrdered(c.op, c.operands...)
	low, high := c.operands[1].literal, c.operands[2].literal
	if low == nil || high == nil {
		return
	}
	if low.Type != high.Type {
		p.fail("The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {%s:%s}, upper bound operand: AttributeValue: {%s:%s}", low.Type, low.Text, high.Type, high.Text)
	}
	if compareValues(*low, *high) > 0 {
		p.fail("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {%s:%s}, upper bound operand: AttributeValue: {%s:%s}", low.Type, low.Text, high.Type, high.Text)
	}
}

func (p *parser) operand() operand {
	t := p.peek()
	if t.kind == tokenValue {
		p.next()
		return operand{literal: p.literal(t)}
	}
	if t.kind == tokenWord && t.text == "size" && p.tokens[p.at+1].is("(") {
		p.at += 2
		o := operand{path: p.path(), size: true}
		p.expect(")")
		return o
	}
	return operand{path: p.path()}
}

func (p *parser) literal(t token) *Value {
	v, ok := p.given.values[t.text]
	if !ok {
		p.fail("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	p.given.usedValues[t.text] = true
	return &v
}

func (p *parser) path() path {
	steps := path{{name: p.name()}}
	for {
		switch {
		case p.accept("."):
			steps = append(steps, step{name: p.name()})
		case p.accept("["):
			t := p.next()
			i, err := strconv.Atoi(t.text)
			if t.kind != tokenIndex || err != nil {
				p.failNear(t)
			}
			p.expect("]")
			steps = append(steps, step{index: i, isIndex: true})
		default:
			return steps
		}
	}
}

// name reads one attribute name: bare, if it is not reserved, or by a
// placeholder.
func (p *parser) name() string {
	t := p.next()
	switch t.kind {
	case tokenName:
		name, ok := p.given.names[t.text]
		if !ok {
			p.fail("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
		}
		p.given.usedNames[t.text] = true
		return name
	case tokenWord:
		if t.text[0] == '_' {
			p.failNear(t)
		}
		if isReserved(t.text) {
			p.fail("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
		}
		return t.text
	}
	p.failNear(t)
	return ""
}

// parseProjection reads a projection expression; an absent one gives nil.
func parseProjection(text *string, given *placeholders) ([]path, error) {
	if text == nil {
		return nil, nil
	}
	return parse("ProjectionExpression", *text, given, func(p *parser) []path {
		paths := []path{p.path()}
		for p.accept(",") {
			paths = append(paths, p.path())
		}
		p.checkOverlap(paths)
		return paths
	})
}

// checkOverlap refuses paths of which one is the beginning of another.
func (p *parser) checkOverlap(paths []path) {
	for i, a := range paths {
		for _, b := range paths[i+1:] {
			n := min(len(a), len(b))
			if slices.Equal(a[:n], b[:n]) {
				p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", a, b)
			}
		}
	}
}

// project returns the parts of the item at the paths; all of it if there are
// none.
func project(it Item, paths []path) Item {
	if paths == nil {
		return it
	}
	part := Item{}
	for _, p := range paths {
		v, ok := p.lookUp(it)
		if !ok {
			continue
		}
		part[p.top()] = graft(part[p.top()], p[1:], v)
	}
	return part
}

// graft puts v into parent at the steps. Indexes of a projected list close up,
// as in DynamoDB.
func graft(parent Value, steps []step, v Value) Value {
	if len(steps) == 0 {
		return v
	}
	if steps[0].isIndex {
		parent.Type = typeList
		parent.List = append(slices.Clone(parent.List), graft(Value{}, steps[1:], v))
		return parent
	}
	parent.Type = typeMap
	if parent.Map = maps.Clone(parent.Map); parent.Map == nil {
		parent.Map = map[string]Value{}
	}
	parent.Map[steps[0].name] = graft(parent.Map[steps[0].name], steps[1:], v)
	return parent
}
