package parse

// Record is Lines for the first line of a record. The line owns its memory.
func (p *Parser) Record(record []byte) (line Line, ok bool) {
	const thisAndNext = 2
	p.read(record, thisAndNext)
	return p.firstLine()
}

// String returns the kind's name as the testdata has it.
func (k Kind) String() string {
	return [...]string{Ours: "ours", Invalid: "invalid", Plain: "plain"}[k]
}

// AppendCompact is appendCompact.
var AppendCompact = appendCompact
