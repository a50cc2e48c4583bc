package parse

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/logtable/logtable/internal/jsonscan"
)

// each calls visit for the members of a valid object, or of none. quoted is the
// name as JSON; name is valid until the next call.
func (p *Parser) each(object jsontext.Value, visit func(name, quoted []byte, value jsontext.Value)) {
	jsonscan.Object(object).Members(func(quoted, value []byte) bool {
		visit(p.memberName(quoted), quoted, value)
		return true
	})
}

// memberName returns the contents of a name. They are valid until the next
// call.
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

// missing is the kind of a member that the object does not have.
const missing jsontext.Kind = 0

// kind returns the kind of a raw value, which has no blanks in front.
//
//go:noinline
func kind(value jsontext.Value) jsontext.Kind {
	if len(value) == 0 {
		return missing
	}
	if c := value[0]; c != '-' && (c < '0' || c > '9') {
		return jsontext.Kind(c)
	}
	return '0'
}

// isInteger reports whether a JSON number is written without fraction or
// exponent.
func isInteger(number []byte) bool {
	return !bytes.ContainsAny(number, ".eE")
}

// appendString appends the contents of a valid JSON string, or of none.
//
//go:noinline
func appendString(dst []byte, quoted jsontext.Value) []byte {
	if quoted == nil {
		return dst
	}
	dst, _ = jsontext.AppendUnquote(dst, quoted) // invalid UTF-8 is replaced
	return dst
}

// appendCompact appends a valid value without its white space. It keeps what
// functions print as it is.
//
//go:noinline
func appendCompact(dst []byte, value jsontext.Value) []byte {
	from := 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			n, _ := jsonscan.String(value[i:])
			i += max(n-1, 0)
		case c <= ' ':
			dst = append(dst, value[from:i]...)
			from = i + 1
		}
	}
	return append(dst, value[from:]...)
}
