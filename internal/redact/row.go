package redact

// A Text is one of the texts that are stored together.
type Text struct {
	S string
	// JSON says that S is a JSON object, which it then stays.
	JSON bool
	// Parts are parts of S, in order, if not all of it is to be looked at:
	// texts of their own that are also read as one. What is between them
	// stays. Parts behind the first may be empty.
	Parts [maxParts]Part
}

// maxParts is how many parts a text has: a row's message has these.
const maxParts = 3

// A Part is a part of a text, in bytes.
type Part struct{ From, To int }

// Row masks in the texts of a row, in place, what String and JSON would mask in
// each, and credentials whose name is in another one. It reports whether it has
// changed anything.
func (r *Redactor) Row(texts []Text) bool {
	if r.Off() || !r.suspects(texts) {
		return false
	}
	return r.row(texts)
}

// suspects is the price of every line: it reports whether there may be anything
// to be masked.
func (r *Redactor) suspects(texts []Text) bool {
	for i := range texts {
		t := &texts[i]
		s := t.S
		if p := t.Parts[0]; p != (Part{}) {
			s = s[p.From:t.end()]
		}
		if s == "" {
			continue
		}
		if mentioned(s, r.kinds) != 0 || r.mayHide(s, false) {
			return true
		}
		for _, e := range r.expressions {
			// Without an anchor it matches in all of a text if it matches
			// in a part.
			if e.anchored || e.MatchString(s) {
				return true
			}
		}
	}
	return false
}

// row is Row where there may be something.
func (r *Redactor) row(texts []Text) (masked bool) {
	var few [12][]span // a row's texts
	found := few[:min(len(texts), len(few))]
	if len(texts) > len(few) {
		found = make([][]span, len(texts))
	}
	for pass := range maxPasses {
		whole := pass == maxPasses-1
		for i := range texts {
			found[i] = r.findText(&texts[i], whole)
		}
		if r.kinds&credential != 0 && len(texts) > 1 {
			findAcross(texts, found)
		}
		changed := false
		for i := range texts {
			if len(found[i]) > 0 {
				texts[i].mask(found[i])
				changed = true
			}
		}
		if !changed {
			break
		}
		masked = true
	}
	return masked
}

// end is where the last part of a text ends.
func (t *Text) end() int {
	end := 0
	for _, p := range t.Parts {
		end = max(end, p.To)
	}
	return end
}

// parts returns the n parts of a text that are not empty.
//
//go:noinline
func (t *Text) parts() (all [maxParts]Part, n int) {
	if t.Parts[0] == (Part{}) {
		return [maxParts]Part{{0, len(t.S)}}, 1
	}
	for _, p := range t.Parts {
		if p.From < p.To {
			all[n] = p
			n++
		}
	}
	return all, n
}

// findText returns what is to be masked in a text by itself, in order and
// without overlaps. whole is as for findJSON.
func (r *Redactor) findText(t *Text, whole bool) []span {
	if t.JSON && valid(t.S) {
		return r.findJSON(t.S, whole)
	}
	all, n := t.parts()
	parts := all[:n]
	var spans []span
	if len(parts) > 1 {
		spans = r.appendIn(spans, t.S, Part{parts[0].From, parts[len(parts)-1].To}, parts)
	}
	for _, p := range parts {
		spans = r.appendIn(spans, t.S, p, parts)
	}
	for i := range spans {
		for _, p := range parts {
			if s := &spans[i]; whole && p.From <= s.start && s.end <= p.To {
				*s = span{p.From, p.To, markAny}
			}
		}
	}
	return merge(spans)
}

// appendIn adds what is found in a part of s, cut at the borders of parts.
func (r *Redactor) appendIn(spans []span, s string, in Part, parts []Part) []span {
	for _, found := range r.find(s[in.From:in.To], noContext) {
		for _, p := range parts {
			if from, to := max(found.start+in.From, p.From), min(found.end+in.From, p.To); from < to {
				spans = add(spans, from, to, found.mark)
			}
		}
	}
	return spans
}

// mask replaces the spans by their marks and moves the parts.
func (t *Text) mask(spans []span) {
	var parts [maxParts]Part
	for i, p := range t.Parts {
		parts[i] = p
		for _, s := range spans {
			by := len(s.mark.String()) - (s.end - s.start)
			if s.end <= p.From {
				parts[i].From += by
			}
			if s.end <= p.To {
				parts[i].To += by
			}
		}
	}
	t.S, t.Parts = mask(t.S, spans), parts
}

// findAcross adds the credentials that a name in another text tells of: at the
// end of a text, or a value among the fields. A credential may be anywhere
// then, if it looks like one.
func findAcross(texts []Text, found [][]span) {
	var loose [tokenContext + 1]bool
	var relations []*relation
	for i := range texts {
		t := &texts[i]
		parts, n := t.parts()
		for _, p := range parts[:n] {
			r := &relation{object: t.JSON, opens: -1, view: &view{text: t.S[p.From:p.To]}, text: i, from: p.From}
			for range maxViews {
				if next := r.view.decoded(false); next != nil {
					r.view = next
				}
			}
			r.s = r.view.text
			r.read()
			for c := range loose {
				loose[c] = loose[c] || r.loose[c]
			}
			relations = append(relations, r)
		}
	}
	for _, r := range relations {
		spans := found[r.text]
		for _, v := range r.values {
			if loose[v.as] {
				start, end := r.view.place(v.start, v.end)
				spans = add(spans, start+r.from, end+r.from, v.mark())
			}
		}
		found[r.text] = merge(spans)
	}
}
