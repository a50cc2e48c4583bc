package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/logtable/logtable/internal/agent"
	"github.com/logtable/logtable/internal/explain"
)

// A checkReport prints what becomes of lines.
type checkReport interface {
	// line prints a result. file is the file's name, "" for the only one.
	line(file string, r *explain.Result) error
	flush() error
	end() error
	// summary is where the summary goes, and how it looks.
	summary() (io.Writer, textStyle)
}

func newCheckReport(sh *shell, f *checkFlags) checkReport {
	out := bufio.NewWriter(sh.stdout)
	if f.output == formText {
		return &checkText{w: out, style: styleFor(sh.stdout, f.color, sh.getenv)}
	}
	return &checkJSON{w: out, array: f.output == formJSON, stderr: sh.stderr}
}

// checkText prints for people: the number of a line, its level, and the rest.
type checkText struct {
	w     *bufio.Writer
	style textStyle
	file  string
	any   bool
}

const (
	checkNumber = 5        // columns
	noRow       = "no row" // in place of a level, the longest
	checkIndent = 5 + 2 + 6 + 2
	// maxShown is how much of a line that is not a row is shown, in columns.
	maxShown = 200
)

func (p *checkText) line(file string, r *explain.Result) error {
	if p.any = true; file != p.file {
		p.file = file
		fmt.Fprintln(p.w, p.style.paint(sgrBold, visible(file)))
	}
	at := linePlace("", r)
	for i := range r.Rows {
		p.row(at, &r.Rows[i])
		at = ""
	}
	if len(r.Rows) > 0 {
		return nil
	}
	printed, _, _ := strings.Cut(r.Text, "\n")
	printed = cutColumns(visible(printed), maxShown)
	if r.Why.Log {
		p.text(p.head(at, sgrYellow, noRow), "", r.Why.String())
		p.text("", sgrDim, printed)
		return nil
	}
	if r.Why.Seen != "" && printed != "" {
		printed += "  (" + r.Why.String() + ")"
	}
	p.text(p.head(at, "", ""), sgrDim, printed)
	return nil
}

// row prints a row much as query will.
func (p *checkText) row(at string, row *agent.Preview) {
	look := &shown{}
	look.Level, look.Error = row.Level, row.Error
	origin := "(" + visible(row.Locator) + ")"
	if row.Module != "" {
		origin = visible(row.Module) + " " + origin
	}
	lines := visibleLines(row.Text)
	lines[0] = strings.TrimSpace(origin + " " + lines[0])
	head, fields := p.head(at, levelColor(look), visible(row.Level)), fieldsText(row.Fields)
	for i, line := range lines {
		beside := ""
		if i == len(lines)-1 && (p.room() == 0 || columns(line)+2+columns(fields) <= p.room()) {
			beside, fields = fields, ""
		}
		p.text(head, textColor(look), line, beside)
		head = ""
	}
	p.text("", sgrDim, fields)
	if exception := visibleLines(row.Exception); row.Exception != "" {
		more := ""
		if n := len(exception) - 1; n > 0 {
			more = " … and " + counted(n, "more line")
		}
		p.text("", exceptionColor(look), exception[0]+more)
	}
	if row.Issues != "" {
		p.text("", sgrYellow, visible("issue: "+row.Issues))
	}
}

// head is what precedes a text.
func (p *checkText) head(at, sgr, level string) string {
	pad := max(len(noRow)-columns(level), 0)
	return fmt.Sprintf("%*s  ", checkNumber, at) + p.style.paint(sgr, level) + strings.Repeat(" ", pad+2)
}

// text prints a text behind its head, or below one if there is none, within the
// terminal's width. beside is what stands behind it, of which it is known that
// there is room.
func (p *checkText) text(head, sgr, text string, beside ...string) {
	if text == "" && head == "" {
		return
	}
	below := strings.Repeat(" ", checkIndent)
	if head == "" {
		head = below
	}
	for _, piece := range wrap(text, p.room()) {
		piece = p.style.paint(sgr, piece)
		for _, more := range beside {
			piece += "  " + p.style.paint(sgrDim, more)
		}
		fmt.Fprintln(p.w, strings.TrimRight(head+piece, " "))
		head = below
	}
}

// room is how wide a text may be; 0 is no limit.
func (p *checkText) room() int {
	if p.style.width <= 0 {
		return 0
	}
	return max(p.style.width-checkIndent, 8)
}

func (p *checkText) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	return nil
}

func (p *checkText) end() error {
	if p.any {
		fmt.Fprintln(p.w)
	}
	return p.flush()
}

func (p *checkText) summary() (io.Writer, textStyle) { return p.w, p.style }

// checkJSON prints for programs: an object for each result.
type checkJSON struct {
	w      *bufio.Writer
	array  bool
	any    bool
	stderr io.Writer
}

// A checkedLine is a result as -o jsonl prints it.
type checkedLine struct {
	File     string       `json:"file,omitempty"`
	Line     int          `json:"line"`
	LastLine int          `json:"last_line,omitempty"` // where there are several
	Missing  bool         `json:"missing"`             // it looks like a log line and becomes no row
	Why      string       `json:"why,omitempty"`
	Do       string       `json:"do,omitempty"`
	Printed  string       `json:"printed,omitempty"` // of what becomes no row
	Rows     []checkedRow `json:"rows,omitempty"`
}

// A checkedRow is what a line becomes.
type checkedRow struct {
	Category string `json:"category"`
	jsonLine
}

func (p *checkJSON) line(file string, r *explain.Result) error {
	l := checkedLine{File: file, Line: r.First, Missing: r.Why.Log, Why: r.Why.Seen, Do: r.Why.Do}
	if r.Last > r.First {
		l.LastLine = r.Last
	}
	if len(r.Rows) == 0 {
		l.Printed = r.Text
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		one := checkedRow{categoryInfo, jsonLine{
			Level: row.Level, Module: row.Module, Locator: row.Locator, Text: row.Text, Exception: row.Exception,
			RequestID: row.RequestID, Fields: fieldsJSON(row.Fields), Issues: row.Issues,
		}}
		if row.Error {
			one.Category = categoryErrors
		}
		if row.Links != nil {
			one.jsonLinks = jsonLinks(*row.Links)
		}
		l.Rows = append(l.Rows, one)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		return fmt.Errorf("cannot print line %d: %w", r.First, err)
	}
	text := escapeJSON(b.Bytes())
	if p.array {
		p.w.WriteString(map[bool]string{false: "[\n", true: ",\n"}[p.any])
		text = bytes.TrimSuffix(text, []byte("\n"))
	}
	p.any = true
	p.w.Write(text)
	return nil
}

func (p *checkJSON) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	return nil
}

func (p *checkJSON) end() error {
	if p.array {
		p.w.WriteString(map[bool]string{false: "[]\n", true: "\n]\n"}[p.any])
	}
	return p.flush()
}

// The summary is for people.
func (p *checkJSON) summary() (io.Writer, textStyle) { return p.stderr, textStyle{} }
