// Package web serves the page of `logtable web`: the tables' rows, requests
// and causes of errors, to one person on one machine.
//
// It listens on the loopback address only. Whoever has a key may read; a key is
// given for a token that works once and stands in the fragment of a link, which
// no browser sends to anybody. See guard for who else is kept out.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/read"
)

// Tables are where rows are read from, with the words of the command's flags
// and its texts. It is used by several requests at once.
type Tables interface {
	// Reader is for one request, and the Meter counts what that reads.
	Reader(ctx context.Context) (*read.Client, *read.Meter, error)
	// Options turns words of the flags of `logtable query` into what to read.
	Options(words []string) (read.Options, error)
	// StoryOptions does so with what `logtable show` takes.
	StoryOptions(id string, words []string) (read.StoryOptions, error)
	// Tail follows rows until ctx is done, as read.Tail does. trouble is told
	// of what keeps it from reading for a while, and of "" afterwards.
	Tail(ctx context.Context, words []string, trouble func(string)) (iter.Seq2[read.TailedRow, error], error)
	// Print writes rows as `logtable query -o FORM` does.
	Print(w io.Writer, form string, rows iter.Seq2[read.Row, error]) error
	// Explain says in one line what to do about an error of reading.
	Explain(err error) error
}

// A UsageError is an error in what was asked for. Its text says what to write.
type UsageError struct{ error }

// Usage makes a UsageError.
func Usage(err error) error { return UsageError{err} }

// Unwrap returns what it was made of.
func (e UsageError) Unwrap() error { return e.error }

// About is what the page shows of where it is.
type About struct {
	Zone    string `json:"zone"` // that times are shown in; an IANA name, UTC+02:00 or Local
	Where   string `json:"where"`
	Info    string `json:"info"` // the tables' names
	Errors  string `json:"errors"`
	Version string `json:"version"`
	// Resolve is that the state of causes can be changed.
	Resolve bool `json:"resolve"`
	// Units is what a request reads at most without having been asked, in read
	// units; 0 is no bound.
	Units int `json:"units"`
	// Dollars is what a read unit costs.
	Dollars float64 `json:"dollars"`
}

// Config is what a Server is made from.
type Config struct {
	Tables Tables
	Causes Causes // nil if there is no inbox
	About  About
	Now    func() time.Time
}

// A Server serves the page. It is safe for concurrent use.
type Server struct {
	Config
	guard *guard
	mux   *http.ServeMux

	spentMu sync.Mutex // guards spent
	spent   float64    // read units of all requests
}

//go:embed page
var page embed.FS

// New makes the Server of an address on which it will be asked, such as
// 127.0.0.1:9002.
func New(address string, c Config) *Server {
	s := &Server{Config: c, guard: newGuard(address, c.Now), mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /api/key", s.trade)
	s.mux.HandleFunc("GET /api/about", s.about)
	s.mux.HandleFunc("POST /api/link", s.link)
	s.mux.HandleFunc("GET /api/rows", s.reads(s.rows))
	s.mux.HandleFunc("GET /api/tail", s.reads(s.tail))
	s.mux.HandleFunc("GET /api/row", s.reads(s.row))
	s.mux.HandleFunc("GET /api/story", s.reads(s.story))
	s.mux.HandleFunc("GET /api/export", s.reads(s.export))
	s.mux.HandleFunc("GET /api/causes", s.reads(s.causes))
	s.mux.HandleFunc("GET /api/cause", s.reads(s.cause))
	s.mux.HandleFunc("POST /api/cause", s.judge)
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // it is embedded
	}
	s.mux.Handle("GET /", http.FileServerFS(files))
	return s
}

// Link is an address of the page with a token that works once, within an hour.
func (s *Server) Link() string { return "http://" + s.guard.address + "/#token=" + s.guard.token() }

// Handler answers requests.
func (s *Server) Handler() http.Handler { return s.guard.check(s.mux) }

// maxBody bounds what a request may send, and maxHeader its address and
// headers, in bytes.
const (
	maxBody   = 16 << 10
	maxHeader = 64 << 10
)

// Serve answers until ctx is done. What is being answered then is broken off.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot serve the page: %w", err)
	}
	return nil
}

// spend adds up what requests have read.
func (s *Server) spend(units float64) float64 {
	s.spentMu.Lock()
	defer s.spentMu.Unlock()
	s.spent += units
	return s.spent
}
