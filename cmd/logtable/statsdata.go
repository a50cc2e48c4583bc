package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"time"
)

// jsonCounts are counts as -o jsonl prints them.
type jsonCounts struct {
	Rows      int     `json:"rows"`
	Errors    int     `json:"errors"`
	ErrorRate float64 `json:"error_rate"`
	First     string  `json:"first,omitempty"`
	Last      string  `json:"last,omitempty"`
}

// jsonGroup is a group, or the groups that are counted together.
type jsonGroup struct {
	Kind   string             `json:"kind"` // group, others or more
	By     map[string]*string `json:"by,omitempty"`
	Groups int                `json:"groups,omitempty"` // of more
	jsonCounts
}

// jsonFunction is what the platform's rows say of a function.
type jsonFunction struct {
	Kind        string   `json:"kind"` // function
	Module      string   `json:"module"`
	Invocations int      `json:"invocations"`
	ColdStarts  int      `json:"cold_starts"`
	P50         *float64 `json:"duration_p50_ms,omitempty"`
	P95         *float64 `json:"duration_p95_ms,omitempty"`
	Max         *float64 `json:"duration_max_ms,omitempty"`
	Used        float64  `json:"memory_used_mb,omitempty"`
	Memory      float64  `json:"memory_mb,omitempty"`
}

// jsonTotal is the last line.
type jsonTotal struct {
	Kind string `json:"kind"` // total
	From string `json:"from"`
	To   string `json:"to"`
	jsonCounts
	WriteUnits int     `json:"write_units"`
	ReadUnits  float64 `json:"read_units"`
}

func (r *report) jsonCounts(c *counts) jsonCounts {
	const digits = 1e6
	return jsonCounts{
		Rows: c.rows, Errors: c.errors, ErrorRate: math.Round(c.rate()*digits) / digits,
		First: jsonTime(c.first, r.zone), Last: jsonTime(c.last, r.zone),
	}
}

// printJSON prints an object for each group, each function, and the total.
func (r *report) printJSON(w io.Writer) error {
	var lines []any
	for _, g := range r.groups {
		by := map[string]*string{}
		for i, d := range r.by {
			if i < len(g.values) && g.values[i].has {
				text := r.data(&g.values[i])
				by[d.name] = &text
			} else {
				by[d.name] = nil
			}
		}
		lines = append(lines, jsonGroup{Kind: "group", By: by, jsonCounts: r.jsonCounts(&g.counts)})
	}
	if r.more > 0 {
		lines = append(lines, jsonGroup{Kind: "more", Groups: r.more, jsonCounts: r.jsonCounts(&r.rest)})
	}
	if r.others.rows > 0 {
		lines = append(lines, jsonGroup{Kind: "others", jsonCounts: r.jsonCounts(&r.others)})
	}
	for _, f := range r.sortedFunctions() {
		lines = append(lines, f.json())
	}
	lines = append(lines, jsonTotal{
		Kind: "total", From: jsonTime(r.from, r.zone), To: jsonTime(r.to, r.zone),
		jsonCounts: r.jsonCounts(&r.total), WriteUnits: r.writeUnits, ReadUnits: r.meter.Units(),
	})
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	for _, line := range lines {
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	_, err := w.Write(escapeJSON(text.Bytes()))
	return err
}

func (f *functionStats) json() jsonFunction {
	j := jsonFunction{
		Kind: "function", Module: f.module, Invocations: f.invocations, ColdStarts: f.coldStarts(),
		Used: f.used, Memory: f.memory,
	}
	if f.durations.n > 0 {
		const digits = 1e3
		p50, p95 := math.Round(f.quantile(0.5)*digits)/digits, math.Round(f.quantile(0.95)*digits)/digits
		j.P50, j.P95, j.Max = &p50, &p95, &f.durations.max
	}
	return j
}

// data is a value as programs read it.
func (r *report) data(v *value) string {
	if !v.at.IsZero() {
		return v.at.In(r.zone).Format(time.RFC3339)
	}
	return v.text
}

// printCSV prints a line for each group.
func (r *report) printCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	var names []string
	for _, name := range r.names() {
		names = append(names, csvCell(name))
	}
	// What is wrong with any of these, Error says.
	_ = out.Write(append(append([]string{"kind"}, names...), "rows", "errors", "error_rate", "first", "last"))
	line := func(kind string, values []value, c *counts) {
		cells := make([]string, 1+len(r.by))
		cells[0] = kind
		for i := range values {
			cells[1+i] = csvCell(r.data(&values[i]))
		}
		j := r.jsonCounts(c)
		_ = out.Write(append(cells, strconv.Itoa(j.Rows), strconv.Itoa(j.Errors),
			strconv.FormatFloat(j.ErrorRate, 'f', -1, 64), j.First, j.Last))
	}
	for _, g := range r.groups {
		line("group", g.values, &g.counts)
	}
	if r.more > 0 {
		line("more", nil, &r.rest)
	}
	if r.others.rows > 0 {
		line("others", nil, &r.others)
	}
	out.Flush()
	return out.Error()
}
