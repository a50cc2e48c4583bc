package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"

	"github.com/logtable/logtable/internal/read"
)

// Failure is what is said of a request that was not answered, or not to its
// end.
type Failure struct {
	Error string     `json:"error"`
	Price *priceStop `json:"price,omitempty"`
	Usage bool       `json:"usage,omitempty"` // what was asked for is not valid
}

// priceStop is that a request has read as much as it may, in read units.
type priceStop struct {
	Read     float64 `json:"read"`
	Estimate float64 `json:"estimate"`
}

func fail(w http.ResponseWriter, status int, f Failure) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(f) // or nobody listens
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // or nobody listens
}

// failed says what went wrong, in the words of the command.
func (s *Server) failed(err error) Failure {
	var price *read.PriceError
	if errors.As(err, &price) {
		return Failure{Error: s.Tables.Explain(err).Error(), Price: &priceStop{price.Read, price.Estimate}}
	}
	var usage UsageError
	if errors.As(err, &usage) {
		return Failure{Error: err.Error(), Usage: true}
	}
	return Failure{Error: s.Tables.Explain(err).Error()}
}

// reads makes a handler of what returns an error instead of an answer.
func (s *Server) reads(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			s.refuse(w, err)
		}
	}
}

// options are those of a search that the page's words ask for.
func (s *Server) options(r *http.Request) (read.Options, error) {
	words, err := words(r.URL.Query())
	if err != nil {
		return read.Options{}, err
	}
	return s.Tables.Options(words)
}

// refuse answers an error.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	f, status := s.failed(err), http.StatusBadGateway
	if f.Usage {
		status = http.StatusBadRequest
	}
	fail(w, status, f)
}

// body reads a request's JSON, and reports whether it was that.
func body(w http.ResponseWriter, r *http.Request, into any) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == "application/json" {
		err = json.NewDecoder(r.Body).Decode(into)
	} else {
		err = errors.New("it is not application/json")
	}
	if err != nil {
		fail(w, http.StatusBadRequest, Failure{Error: "this request is not valid: " + err.Error()})
	}
	return err == nil
}

// trade gives the key for a token.
func (s *Server) trade(w http.ResponseWriter, r *http.Request) {
	var in struct{ Token string }
	if !body(w, r, &in) {
		return
	}
	if !s.guard.trade(in.Token) {
		fail(w, http.StatusUnauthorized, Failure{Error: "this link has been used, or is too old: " +
			"press Enter where logtable web runs, and it prints a new one"})
		return
	}
	answer(w, struct {
		Key string `json:"key"`
	}{s.guard.key})
}

func (s *Server) about(w http.ResponseWriter, _ *http.Request) { answer(w, s.About) }

// link makes a token for another tab.
func (s *Server) link(w http.ResponseWriter, _ *http.Request) {
	answer(w, struct {
		Token string `json:"token"`
	}{s.guard.token()})
}
