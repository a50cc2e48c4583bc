package redact

// A Text is one of the texts that are stored together.
type Text struct {
	S string
	// JSON says that S is a JSON object, which it then stays.
	JSON bool
	// Parts are parts of S, in order, if not all of it is to be looked at:
	// texts of their own that are also read as one. What is between them
	// stays. Parts behind the first may be empty.
	Parts [3]Part
}

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
		if r.kinds != 0 && mentioned(s, r.kinds) != 0 || r.mayHide(s, false) {
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
	var few [8][]span
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

// parts returns the parts of a text that are not empty.
func (t *Text) parts() []Part {
	if t.Parts[0] == (Part{}) {
		return []Part{{0, len(t.S)}}
	}
	all := make([]Part, 0, len(t.Parts))
	for _, p := range t.Parts {
		if p.From < p.To {
			all = append(all, p)
		}
	}
	return all
}

// findText returns what is to be masked in a text by itself, in order and
// without overlaps. whole is as for findJSON.
func (r *Redactor) findText(t *Text, whole bool) []span {
	if t.JSON && valid(t.S) {
		return r.findJSON(t.S, whole)
	}
	parts := t.parts()
	if len(parts) == 0 {
		return nil
	}
	first, end := parts[0].From, parts[len(parts)-1].To
	spans := clip(shift(r.find(t.S[first:end], noContext), first), parts)
	if len(parts) > 1 {
		for _, p := range parts {
			spans = append(spans, shift(r.find(t.S[p.From:p.To], noContext), p.From)...)
		}
	}
	if len(spans) == 0 {
		return nil
	}
	spans = merge(spans)
	if !whole {
		return spans
	}
	var all []span
	for _, p := range parts {
		for _, s := range spans {
			if p.From <= s.start && s.end <= p.To {
				all = append(all, span{p.From, p.To, markAny})
				break
			}
		}
	}
	return all
}

// shift moves spans by so many bytes, in place.
func shift(spans []span, by int) []span {
	for i := range spans {
		spans[i].start += by
		spans[i].end += by
	}
	return spans
}

// clip cuts spans at the borders of parts. Both are in order.
func clip(spans []span, parts []Part) []span {
	if len(parts) < 2 {
		return spans
	}
	var all []span
	for _, s := range spans {
		for _, p := range parts {
			if from, to := max(s.start, p.From), min(s.end, p.To); from < to {
				all = append(all, span{from, to, s.mark})
			}
		}
	}
	return all
}

// mask replaces the spans by their marks and moves the parts.
func (t *Text) mask(spans []span) {
	var parts [len(t.Parts)]Part
	for i, p := range t.Parts {
		parts[i] = p
		for _, s := range spans {
			by := len(s.mark) - (s.end - s.start)
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

// A piece is a part of a text, with all its escapes decoded.
type piece struct {
	text, from int
	view       *view
	relation
}

// findAcross adds the credentials that a name in another text tells of: at the
// end of a text, or a value among the fields. A credential may be anywhere
// then, if it looks like one.
func findAcross(texts []Text, found [][]span) {
	var pieces []piece
	var loose [tokenContext + 1]bool
	for i := range texts {
		t := &texts[i]
		for _, p := range t.parts() {
			v := &view{text: t.S[p.From:p.To]}
			for range maxViews {
				next := v.decoded()
				if next == nil {
					break
				}
				v = next
			}
			piece := piece{i, p.From, v, relation{s: v.text, object: t.JSON, opens: -1}}
			piece.read()
			for c, is := range piece.loose {
				loose[c] = loose[c] || is
			}
			if len(piece.values) > 0 {
				pieces = append(pieces, piece)
			}
		}
	}
	for _, p := range pieces {
		for _, v := range p.values {
			if !loose[v.as] {
				continue
			}
			s := v.span()
			s.start, s.end = p.view.place(s.start, s.end)
			found[p.text] = append(found[p.text], span{s.start + p.from, s.end + p.from, s.mark})
		}
		if len(found[p.text]) > 1 {
			found[p.text] = merge(found[p.text])
		}
	}
}
