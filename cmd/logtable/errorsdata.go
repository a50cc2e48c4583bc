package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/read"
)

// jsonCause is a cause as -o jsonl prints it.
type jsonCause struct {
	Kind        string `json:"kind"` // cause
	Module      string `json:"module"`
	Locator     string `json:"locator"`
	State       string `json:"state"` // open, resolved, ignored, came_back or still_seen
	StillSeenIn string `json:"still_seen_in,omitempty"`
	New         bool   `json:"new,omitempty"`
	jsonSeen
	Versions  []jsonVersion   `json:"versions,omitempty"`
	Text      string          `json:"text"`
	Exception string          `json:"exception,omitempty"`
	Said      *jsonChange     `json:"said,omitempty"`
	History   []jsonChange    `json:"history,omitempty"`
	LastRow   json.RawMessage `json:"last_row,omitempty"`
}

// jsonSeen is how often and when a cause was seen.
type jsonSeen struct {
	Count         int    `json:"count"`
	Requests      int    `json:"requests"`
	RequestsAbout bool   `json:"requests_about,omitempty"` // estimated
	First         string `json:"first,omitempty"`
	Last          string `json:"last,omitempty"`
	// Counts are those of spans of time, each of so many seconds, the first of
	// which begins at From.
	From   string   `json:"from"`
	Each   int      `json:"each_s"`
	Counts []uint32 `json:"counts"`
}

type jsonVersion struct {
	Version string `json:"version"`
	Count   int    `json:"count"`
	First   string `json:"first"`
	Last    string `json:"last"`
}

type jsonChange struct {
	State string `json:"state"`
	Rev   int64  `json:"rev"`
	By    string `json:"by,omitempty"`
	At    string `json:"at"`
	Until string `json:"until,omitempty"`
	Note  string `json:"note,omitempty"`
}

// jsonOthers are the errors that have no cause of their own.
type jsonOthers struct {
	Kind  string `json:"kind"` // others
	Count int    `json:"count"`
}

func (r *causeReport) jsonChange(c *cause.Change) jsonChange {
	return jsonChange{
		State: c.State, Rev: c.Rev, By: c.By, At: jsonTime(c.At, r.style.zone), Until: jsonTime(c.Until, r.style.zone),
		Note: c.Note,
	}
}

// stateWord is how a cause stands, for programs.
func stateWord(c *read.Cause) string { return strings.ReplaceAll(c.Standing.String(), " ", "_") }

func (r *causeReport) jsonCause(c *read.Cause) (jsonCause, error) {
	zone := r.style.zone
	j := jsonCause{
		Kind: "cause", Module: c.Module, Locator: c.Locator,
		State: stateWord(c), StillSeenIn: c.StillSeenIn(), New: c.New,
		jsonSeen: jsonSeen{
			Count: c.Count, Requests: c.Requests.N, RequestsAbout: c.Requests.About,
			First: jsonTime(c.First, zone), Last: jsonTime(c.Last, zone),
			From: jsonTime(r.From, zone), Each: int(r.Bucket / time.Second), Counts: c.Buckets,
		},
		Text: c.Text, Exception: c.Exception,
	}
	for _, v := range c.Versions {
		seen := jsonVersion{v.Version, v.Count, jsonTime(v.First, zone), jsonTime(v.Last, zone)}
		j.Versions = append(j.Versions, seen)
	}
	if c.Said.Rev > 0 {
		said := r.jsonChange(&c.Said.Change)
		j.Said = &said
	}
	for i := range c.Said.History {
		j.History = append(j.History, r.jsonChange(&c.Said.History[i]))
	}
	var err error
	if c.LastRow != nil {
		j.LastRow, err = marshalRow(&shown{Row: *c.LastRow}, zone)
	}
	return j, err
}

// printJSON prints an object for each cause, one a line, or as one array.
func (r *causeReport) printJSON(w io.Writer, array bool) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	before, last := "", ""
	if array {
		before, last = "[\n", "[]\n"
	}
	add := func(v any) error {
		text.WriteString(before)
		if err := e.Encode(v); err != nil {
			return err
		}
		if array {
			before, last = ",\n", "]\n"
		}
		return nil
	}
	for i := range r.All {
		j, err := r.jsonCause(&r.All[i])
		if err == nil {
			err = add(j)
		}
		if err != nil {
			return err
		}
	}
	if r.Others > 0 {
		if err := add(jsonOthers{"others", r.Others}); err != nil {
			return err
		}
	}
	text.WriteString(last)
	_, err := w.Write(escapeJSON(text.Bytes()))
	return err
}

// printCSV prints a line for each cause.
func (r *causeReport) printCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	// What is wrong with any of these, Error says.
	_ = out.Write([]string{"state", "count", "requests", "first", "last", "versions", "module", "locator", "text",
		"exception", "said", "by", "at", "until", "note"})
	for i := range r.All {
		c := &r.All[i]
		said := r.jsonChange(&c.Said.Change)
		cells := []string{stateWord(c), strconv.Itoa(c.Count), strconv.Itoa(c.Requests.N),
			jsonTime(c.First, r.style.zone), jsonTime(c.Last, r.style.zone)}
		for _, text := range []string{versionsText(c), c.Module, c.Locator, c.Text, c.Exception, said.State, said.By,
			said.At, said.Until, said.Note} {
			cells = append(cells, csvCell(text))
		}
		_ = out.Write(cells)
	}
	out.Flush()
	return out.Error()
}
