package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// each calls visit for the members of a valid object, or of none. quoted is the
// name as JSON; name is valid until the next call.
func (p *Parser) each(object jsontext.Value, visit func(name, quoted []byte, value jsontext.Value)) {
	for quoted, value := range jsonscan.Object(object).Members {
		visit(p.memberName(quoted), quoted, value)
	}
}

// memberName returns the contents of a name. They are valid until the next call.
//
//go:noinline
func (p *Parser) memberName(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	// The reader has accepted the name; invalid UTF-8 is in none of ours.
	p.name, _ = jsontext.AppendUnquote(p.name[:0], quoted)
	return p.name
}
