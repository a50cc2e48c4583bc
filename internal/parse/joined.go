package parse

import "bytes"

// A Joined is what has been put together of the texts of records that follow
// one another, and what they have shown. It is used again after Reset.
type Joined struct {
	Around  Unwrapped // what is around the first, without its text
	Text    []byte
	Trace   Trace
	Opening Opening
}

// Reset forgets what was put together, and keeps the memory.
func (j *Joined) Reset() { *j = Joined{Text: j.Text[:0]} }

// Take takes the text of the first record.
func (j *Joined) Take(p *Parser, record []byte) {
	u, ok := p.Unwrap(record)
	if !ok {
		u = Unwrapped{Text: record} // an object as it is
	}
	j.Text = append(j.Text[:0], u.Text...)
	u.Text = nil // the rest is the record's
	j.Around = u
}

// Add adds a record's text, if it belongs to what is waited for, and reports
// whether it does.
func (j *Joined) Add(what Tail, text []byte) bool {
	switch what {
	case Traceable:
		trace := j.Trace
		if !trace.Add(text) {
			return false
		}
		j.Trace = trace
		j.endLine()
	case Open:
		opening := j.Opening
		if !opening.Add(text) {
			return false
		}
		j.Opening = opening
		j.endLine()
	case CutOff:
		if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] == '{' {
			return false
		}
	}
	j.Text = append(j.Text, text...)
	return true
}

// Wrap is a record of what has been put together.
func (j *Joined) Wrap() []byte {
	u := j.Around
	u.Text = j.Text
	return u.Wrap(nil)
}

// endLine has the text so far end with one line feed.
func (j *Joined) endLine() {
	j.Text = append(bytes.TrimSuffix(bytes.TrimSuffix(j.Text, []byte("\n")), []byte("\r")), '\n')
}
