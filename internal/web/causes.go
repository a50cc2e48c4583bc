package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/logtable/logtable/internal/cause"
	"github.com/logtable/logtable/internal/cause/causeitem"
	"github.com/logtable/logtable/internal/read"
)

// maxCauses is how many causes the page gets: more nobody reads.
const maxCauses = 1000

// A Causes says something of causes of errors, as the commands do.
type Causes interface {
	// Say says that a cause is w.State, if its state still has the revision.
	// Errors are a *causeitem.RacedError, a UsageError, and others that
	// Tables.Explain explains.
	Say(ctx context.Context, id cause.ID, rev int64, w Saying) error
}

// A Saying is what somebody says of a cause at the page.
type Saying struct {
	State string `json:"state"` // cause.Open, Resolved or Ignored
	Note  string `json:"note"`
	Until string `json:"until"` // how long it is to be ignored: 7d
}

// causeOut is a cause as the page gets it; times are in epoch milliseconds.
type causeOut struct {
	Module    string      `json:"module"`
	Locator   string      `json:"locator"`
	Standing  string      `json:"standing"`        // as logtable errors has it
	Still     string      `json:"still,omitempty"` // the version in which it is still seen
	Attention bool        `json:"attention"`       // somebody has something to do
	Count     int         `json:"count"`
	Requests  int         `json:"requests"`
	About     bool        `json:"about,omitempty"` // requests is estimated
	First     int64       `json:"first"`
	Last      int64       `json:"last"`
	Versions  []string    `json:"versions"` // the one seen last first
	Buckets   []uint32    `json:"buckets"`
	Texts     causeTexts  `json:"texts"`
	Said      changeOut   `json:"said"`
	History   []changeOut `json:"history,omitempty"`
}

// causeTexts are the beginnings of the last row's texts.
type causeTexts struct {
	Text      string `json:"text"`
	Exception string `json:"exception,omitempty"`
}

// changeOut is what somebody has said.
type changeOut struct {
	State string `json:"state,omitempty"`
	Words string `json:"words,omitempty"` // resolved by ada: fixed in 41
	At    int64  `json:"at,omitempty"`
	Rev   int64  `json:"rev"`
}

func changeOf(c *cause.Change) changeOut {
	out := changeOut{State: c.State, Rev: c.Rev}
	if c.Rev > 0 {
		out.Words, out.At = c.Words(), epoch(c.At)
	}
	return out
}

// epoch is a time in milliseconds; 0 for none.
func epoch(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func causeOf(c *read.Cause) causeOut {
	out := causeOut{
		Module: c.Module, Locator: c.Locator, Standing: c.Standing.String(), Still: c.StillSeenIn(),
		Attention: c.Standing.NeedsAttention(),
		Count:     c.Count, Requests: c.Requests.N, About: c.Requests.About, First: epoch(c.First), Last: epoch(c.Last),
		Versions: []string{}, Buckets: c.Buckets, Texts: causeTexts{c.Text, c.Exception},
		Said: changeOf(&c.Said.Change),
	}
	if c.New {
		out.Standing = "new"
	}
	for _, v := range c.Versions {
		out.Versions = append(out.Versions, v.Version)
	}
	for i := range c.Said.History {
		out.History = append(out.History, changeOf(&c.Said.History[i]))
	}
	return out
}

// causes sends the causes of a span, what needs attention first.
func (s *Server) causes(w http.ResponseWriter, r *http.Request) error {
	o, err := s.options(r)
	if err != nil {
		return err
	}
	client, meter, err := s.reader(r)
	if err != nil {
		return err
	}
	found, err := client.Causes(r.Context(), read.CauseOptions{Options: o})
	spent := s.spend(meter.Units())
	if err != nil {
		return err
	}
	out := struct {
		Causes []causeOut `json:"causes"`
		Others int        `json:"others,omitempty"` // errors of further causes
		Unsaid bool       `json:"unsaid,omitempty"`
		Units  float64    `json:"units"`
		Spent  float64    `json:"spent"`
	}{[]causeOut{}, found.Others, found.Unsaid, meter.Units(), spent}
	for i := range found.All {
		if i < maxCauses {
			out.Causes = append(out.Causes, causeOf(&found.All[i]))
		} else {
			out.Others += found.All[i].Count
		}
	}
	answer(w, out)
	return nil
}

// cause sends one cause, with its history and its last row.
func (s *Server) cause(w http.ResponseWriter, r *http.Request) error {
	values := r.URL.Query()
	o, err := s.options(r)
	if err != nil {
		return err
	}
	only := cause.Named(values.Get("module"), values.Get("locator"))
	client, meter, err := s.reader(r)
	if err != nil {
		return err
	}
	found, err := client.Causes(r.Context(), read.CauseOptions{Options: o, Only: only})
	spent := s.spend(meter.Units())
	if err != nil {
		return err
	}
	if len(found.All) == 0 {
		fail(w, http.StatusNotFound, Failure{Error: "no error of this cause in that time: choose a longer span"})
		return nil
	}
	out := struct {
		Cause causeOut        `json:"cause"`
		Row   json.RawMessage `json:"row,omitempty"`
		Spent float64         `json:"spent"`
	}{Cause: causeOf(&found.All[0]), Spent: spent}
	if last := found.All[0].LastRow; last != nil {
		if out.Row, err = s.jsonOf(*last); err != nil {
			return err
		}
	}
	answer(w, out)
	return nil
}

// judge says something of a cause.
func (s *Server) judge(w http.ResponseWriter, r *http.Request) {
	if !s.About.Resolve || s.Causes == nil {
		fail(w, http.StatusForbidden, Failure{Error: "this page is read-only: start logtable web with --allow-resolve"})
		return
	}
	var in struct {
		Module, Locator string
		Rev             int64
		Saying
	}
	if !body(w, r, &in) {
		return
	}
	switch in.State {
	case cause.Open, cause.Resolved, cause.Ignored:
	default:
		fail(w, http.StatusBadRequest, Failure{Error: "state is open, resolved or ignored", Usage: true})
		return
	}
	err := s.Causes.Say(r.Context(), cause.Named(in.Module, in.Locator), in.Rev, in.Saying)
	var raced *causeitem.RacedError
	switch {
	case errors.As(err, &raced):
		fail(w, http.StatusConflict, Failure{Error: err.Error()})
	case err != nil:
		s.refuse(w, err)
	default:
		answer(w, struct{}{})
	}
}
