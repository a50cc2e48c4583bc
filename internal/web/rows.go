package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/logtable/logtable/internal/read"
)

const (
	// maxRows is how many rows the page takes: its memory is bounded.
	maxRows = 1_000_000
	// frameEach is how long a row waits for others to be sent with.
	frameEach = 100 * time.Millisecond
)

// rows sends the rows that are asked for, newest first.
func (s *Server) rows(w http.ResponseWriter, r *http.Request) error {
	o, err := s.options(r)
	if err != nil {
		return err
	}
	client, meter, err := s.reader(r)
	if err != nil {
		return err
	}
	o.NewestFirst = true
	if o.Limit == 0 || o.Limit > maxRows {
		o.Limit = maxRows
	}
	// Where a search goes on that has read as much as it might.
	if ms, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64); err == nil {
		o.To = time.UnixMilli(ms)
	}
	st := newStream(w)
	defer func() { s.spend(meter.Units()) }()
	if st.flush(head{From: o.From.UnixMilli(), To: o.To.UnixMilli()}) != nil {
		return nil
	}
	rows := func(yield func(read.TailedRow, error) bool) {
		for row, err := range client.Query(r.Context(), o) {
			if !yield(read.TailedRow{Row: row}, err) {
				return
			}
		}
	}
	err = st.send(r.Context(), rows, meter.Units)
	last := head{Units: meter.Units(), Spent: s.total(meter), Done: true, Full: st.sent == maxRows}
	if err != nil {
		f := s.failed(err)
		last.Failure = &f
	}
	_ = st.flush(last) // or nobody listens
	return nil
}

// total is what all requests have read, with this one.
func (s *Server) total(meter *read.Meter) float64 { return s.spend(0) + meter.Units() }

// tail sends new rows until nobody listens any more.
func (s *Server) tail(w http.ResponseWriter, r *http.Request) error {
	words, err := words(r.URL.Query())
	if err != nil {
		return err
	}
	st := newStream(w)
	troubles := make(chan string, 1)
	rows, err := s.Tables.Tail(r.Context(), words, func(text string) {
		select {
		case <-troubles: // it is old
		default:
		}
		troubles <- text
	})
	if err != nil {
		return err
	}
	st.troubles = troubles
	if st.flush(head{}) != nil {
		return nil
	}
	if err := st.send(r.Context(), rows, func() float64 { return 0 }); err != nil && r.Context().Err() == nil {
		f := s.failed(err)
		_ = st.flush(head{Done: true, Failure: &f}) // or nobody listens
	}
	return nil
}

// A stream is frames on their way to the page.
type stream struct {
	*framer
	http     *http.ResponseController
	troubles <-chan string
}

func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "application/octet-stream")
	return &stream{framer: newFramer(w), http: http.NewResponseController(w)}
}

func (st *stream) flush(h head) error {
	if err := st.framer.flush(h); err != nil {
		return err
	}
	return st.http.Flush()
}

// found is a row on its way, or the error that ends them.
type found struct {
	row read.TailedRow
	err error
}

// pass passes rows on until ctx is done; the channel is closed behind the last.
func pass(ctx context.Context, rows iter.Seq2[read.TailedRow, error], to chan<- found) {
	defer close(to)
	for row, err := range rows {
		select {
		case to <- found{row, err}:
		case <-ctx.Done():
			return
		}
	}
}

// send sends rows in frames that are full, or old enough to be seen. It returns
// the error that ends the rows, or that of writing; the last frame is left to
// the caller.
func (st *stream) send(ctx context.Context, rows iter.Seq2[read.TailedRow, error], units func() float64) error {
	ctx, cancel := context.WithCancel(ctx)
	passed := make(chan found, fullFrame)
	go pass(ctx, rows, passed)
	defer func() {
		cancel()
		for range passed { // until nothing is read any more
		}
	}()
	each := time.NewTicker(frameEach)
	defer each.Stop()
	for {
		ready, trouble, err := st.gather(ctx, passed, each.C)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !ready {
			continue
		}
		if err := st.flush(head{Units: units(), Trouble: trouble}); err != nil {
			return err
		}
	}
}

// gather takes what comes next, and reports whether it is time to send. The
// error is io.EOF behind the last row.
func (st *stream) gather(
	ctx context.Context, passed <-chan found, tick <-chan time.Time,
) (ready bool, trouble *string, err error) {
	select {
	case f, ok := <-passed:
		if !ok {
			return false, nil, io.EOF
		}
		if f.err != nil {
			return false, nil, f.err
		}
		st.add(&f.row.Row, f.row.Late)
		return st.framer.rows() >= fullFrame, nil, nil
	case <-tick:
		return st.framer.rows() > 0, nil, nil
	case text := <-st.troubles:
		return true, &text, nil
	case <-ctx.Done():
		return false, nil, ctx.Err()
	}
}

// row sends one row in full, as jsonl has it: that of a time and a key.
func (s *Server) row(w http.ResponseWriter, r *http.Request) error {
	values := r.URL.Query()
	ms, err := strconv.ParseInt(values.Get("t"), 10, 64)
	key, kerr := strconv.ParseUint(values.Get("k"), 10, 32)
	if errors.Join(err, kerr) != nil {
		fail(w, http.StatusBadRequest, Failure{Error: "this request is not valid: t and k name a row"})
		return nil
	}
	o, err := s.Tables.Options(nil)
	if err != nil {
		return err
	}
	client, meter, err := s.reader(r)
	if err != nil {
		return err
	}
	defer func() { s.spend(meter.Units()) }()
	o.From = time.UnixMilli(ms)
	o.To = o.From.Add(time.Millisecond)
	if values.Get("e") == "1" {
		o.InfoTable = ""
	}
	for row, err := range client.Query(r.Context(), o) {
		if err != nil {
			return err
		}
		if keyOf(&row) != uint32(key) {
			continue
		}
		text, err := s.jsonOf(row)
		if err != nil {
			return err
		}
		answer(w, struct {
			Row   json.RawMessage `json:"row"`
			Spent float64         `json:"spent"`
		}{text, s.total(meter)})
		return nil
	}
	fail(w, http.StatusNotFound, Failure{
		Error: "this row is not there any more: it has expired, or somebody deleted it",
	})
	return nil
}

// jsonOf is a row as jsonl has it.
func (s *Server) jsonOf(row read.Row) (json.RawMessage, error) {
	var b bytes.Buffer
	err := s.Tables.Print(&b, "jsonl", func(yield func(read.Row, error) bool) { yield(row, nil) })
	return bytes.TrimSpace(b.Bytes()), err
}

// export sends the rows of a search as the command prints them, oldest first.
// Behind the last NUL, which no form has, it says how it ended.
func (s *Server) export(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query().Get("form")
	if form != "jsonl" && form != "csv" {
		fail(w, http.StatusBadRequest, Failure{Error: "form is jsonl or csv", Usage: true})
		return nil
	}
	o, err := s.options(r)
	if err != nil {
		return err
	}
	client, meter, err := s.reader(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	err = s.Tables.Print(w, form, client.Query(r.Context(), o))
	last := head{Units: meter.Units(), Spent: s.spend(meter.Units()), Done: true}
	if err != nil {
		f := s.failed(err)
		last.Failure = &f
	}
	text, _ := json.Marshal(last) // which has nothing that cannot be
	_, _ = w.Write(append([]byte{0}, text...))
	return nil
}
