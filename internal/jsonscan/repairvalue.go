package jsonscan

import "github.com/go-json-experiment/json/jsontext"

// value reads a value.
func (r *Repairer) value() bool {
	if !r.space() {
		r.keep(r.i)
		r.out = append(r.out, "null"...)
		return false
	}
	switch c := r.b[r.i]; c {
	case '"':
		return r.str(false)
	case '{', '[':
		if k := r.i + 1; k < len(r.b) && r.b[k] == c+2 && r.depth < r.MaxDepth {
			r.i += len("{}")
			return true
		}
		if r.depth >= r.MaxDepth {
			end := r.i + bracketed(r.b[r.i:])
			r.quote(r.i, end, Deep)
			r.i = end
			return true
		}
		if r.strictly() {
			return true
		}
		r.push(c)
		r.opened = true
		return true
	case ',', '}', ']', ':': // a value that is missing
		r.replace(r.i, r.i, "null", Word)
		return c != ':'
	}
	n := scalar(r.b[r.i:])
	if end := r.i + n; n > 0 && (end == len(r.b) || delimits(r.b[end:])) {
		r.i = end
		return true
	}
	return r.word()
}

// strictly leaves a bracket to the strict reader, if that takes it. What it
// reads in vain is at most one and a half times the text.
func (r *Repairer) strictly() bool {
	if r.i < r.stopped && r.vain > len(r.b)/2 || r.depth+maxDepth > r.MaxDepth {
		return false
	}
	n, stop := value(r.b[r.i:])
	if n > 0 && (r.pretty || r.NewLine == nil || !hasBreak(r.b[r.i:r.i+n])) {
		r.i += n
		return true
	}
	r.stopped = r.i + max(stop, n)
	r.vain += max(stop, n)
	return false
}

// delimits reports whether a number or a word ends before b.
func delimits(b []byte) bool {
	switch c := b[0]; c {
	case ',', '}', ']', '"', ' ':
		return true
	default:
		return blank(b) > 0
	}
}

// word reads what is not a value as a string, up to what may end a value.
func (r *Repairer) word() bool {
	end := r.i
	for end < len(r.b) && (r.b[end] >= ' ' || r.b[end] == '\t') &&
		r.b[end] != ',' && r.b[end] != '}' && r.b[end] != ']' {
		end++
	}
	to := end
	for to > r.i && (r.b[to-1] == ' ' || r.b[to-1] == '\t') {
		to--
	}
	switch string(r.b[r.i:to]) {
	case "None", "undefined", "nil", "NULL", "Null", "":
		r.replace(r.i, to, "null", Word)
	case "True", "TRUE":
		r.replace(r.i, to, "true", Word)
	case "False", "FALSE":
		r.replace(r.i, to, "false", Word)
	default:
		r.quote(r.i, to, Word)
	}
	r.i = end
	return true
}

// quote replaces a part of the text by a string of it.
func (r *Repairer) quote(from, to int, why Faults) {
	r.keep(from)
	r.out, _ = jsontext.AppendQuote(r.out, r.b[from:to]) // invalid UTF-8 is replaced
	r.copied = to
	r.faults |= why
}

// bracketed returns the length of what b's first bracket encloses.
func bracketed(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = ClosingQuote(b, i)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b)
}
