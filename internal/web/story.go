package web

import (
	"errors"
	"net/http"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/row"
	"github.com/logtable/logtable/internal/traceid"
)

// storyText is how much of a text a story has, in bytes. All of it is in the
// row.
const storyText = 4 << 10

// storyRow is a row of a story.
type storyRow struct {
	Time      int64  `json:"t"` // epoch milliseconds
	Key       uint32 `json:"k"`
	Error     bool   `json:"error,omitempty"`
	Level     string `json:"level"`
	Module    string `json:"module"`
	Locator   string `json:"locator"`
	Text      string `json:"text"`
	Fields    string `json:"fields,omitempty"`    // as the command shows them
	Exception string `json:"exception,omitempty"` // the line that says what went wrong
	Of        int    `json:"of"`                  // whose it is, an index of invocations
	Ends      bool   `json:"ends,omitempty"`      // it says how the invocation ended
}

// storyInvocation is an invocation of a story.
type storyInvocation struct {
	Module  string `json:"module"`
	Request string `json:"request"`
	First   int    `json:"first"` // index of its first row, and of its last
	Last    int    `json:"last"`
	Failed  bool   `json:"failed,omitempty"`
	Cold    string `json:"cold,omitempty"` // how long its initialization took
}

// story sends what became of a request, a trace or an execution.
func (s *Server) story(w http.ResponseWriter, r *http.Request) error {
	values := r.URL.Query()
	var words []string
	if values.Get("only") == "1" {
		words = append(words, "--only-request")
	}
	if since := values.Get("since"); since != "" {
		words = append(words, "--since="+since)
	}
	o, err := s.Tables.StoryOptions(values.Get("id"), words)
	if err != nil {
		return err
	}
	client, meter, err := s.reader(r)
	if err != nil {
		return err
	}
	defer func() { s.spend(meter.Units()) }()
	story, err := client.Story(r.Context(), o)
	var ambiguous *read.AmbiguousError
	if errors.As(err, &ambiguous) {
		err = Usage(ambiguous)
	}
	if err != nil {
		return err
	}
	all, of := read.Invocations(story.Rows)
	out := struct {
		Request     string            `json:"request,omitempty"`
		Traces      []string          `json:"traces"` // as X-Ray writes them
		Rows        []storyRow        `json:"rows"`
		Invocations []storyInvocation `json:"invocations"`
		More        bool              `json:"more,omitempty"`
		From        int64             `json:"from"`
		To          int64             `json:"to"`
		Spent       float64           `json:"spent"`
	}{Request: story.RequestID, Rows: []storyRow{}, Traces: []string{}, More: story.More,
		From: story.From.UnixMilli(), To: story.To.UnixMilli(), Spent: s.total(meter)}
	for _, id := range story.Traces {
		out.Traces = append(out.Traces, traceid.XRay(id))
	}
	for i := range story.Rows {
		out.Rows = append(out.Rows, storyRowOf(&story.Rows[i], of[i], i))
	}
	for _, v := range all {
		out.Invocations = append(out.Invocations, storyInvocation{
			Module: v.Module, Request: v.Request, First: v.First, Last: v.Last,
			Failed: v.Death >= 0, Cold: v.ColdStart(story.Rows),
		})
	}
	answer(w, out)
	return nil
}

func storyRowOf(r *read.Row, v *read.Invocation, i int) storyRow {
	return storyRow{
		Time: r.Time.UnixMilli(), Key: keyOf(r), Error: r.Error,
		Level: r.Level, Module: r.Module, Locator: r.Locator,
		Text: row.Cut(r.Text, storyText), Fields: row.Cut(read.FieldsText(r.Fields), storyText),
		Exception: row.Cut(cause.Headline(r.Exception), storyText),
		Of:        v.Number, Ends: v.TellsEnd(i),
	}
}
