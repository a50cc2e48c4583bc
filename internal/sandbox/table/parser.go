package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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
		return p.in(first)
	case t.kind == tokenSymbol && slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, t.text):
		return p.comparison(first, t.text)
	}
	p.failNear(t)
	return nil
}

func (p *parser) in(first operand) *condition {
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
}

func (p *parser) comparison(left operand, op string) *condition {
	right := p.operand()
	c := &condition{op: op, operands: []operand{left, right}}
	if op != "=" && op != "<>" {
		p.checkOrdered(op, left, right)
	}
	if left.isPath() && right.isPath() && left.path.String() == right.path.String() {
		p.fail("The first operand must be distinct from the remaining operands for this operator or function; "+
			"operator: %s, first operand: %s", op, left.path)
	}
	return c
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
		p.fail("Incorrect number of operands for operator or function; "+
			"operator or function: %s, number of operands: %d", name, len(c.operands))
	}
	p.checkFunction(c)
	return c
}

func (p *parser) checkFunction(c *condition) {
	switch c.op {
	case "attribute_exists", "attribute_not_exists":
		if !c.operands[0].isPath() {
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
	p.fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s",
		operator, o.literal.Type)
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
		p.fail("The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: "+
			"AttributeValue: {%s:%s}, upper bound operand: AttributeValue: {%s:%s}", low.Type, low.Text,
			high.Type, high.Text)
	}
	if compareValues(*low, *high) > 0 {
		p.fail("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound "+
			"operand: AttributeValue: {%s:%s}, upper bound operand: AttributeValue: {%s:%s}", low.Type,
			low.Text, high.Type, high.Text)
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
