package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/logtable/logtable/internal/config"
	"github.com/logtable/logtable/internal/read"
	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/wire"
)

// storySamples are the functions of the demo that serve one request together:
// the first invokes the second, and that queues a message for the third.
var storySamples = []demoSample{
	{name: "story-node", in: []language{inNode}},
	{name: "story-python", in: []language{inPython}},
	{name: "story-go", in: []language{inGo}},
}

// isStory reports whether a module is one of storySamples.
func isStory(module string) bool {
	return slices.ContainsFunc(storySamples, func(s demoSample) bool { return s.name == module })
}

// A demoStory is a request through three functions.
type demoStory struct {
	outcomes  []*demoOutcome
	over      chan struct{} // closed when what follows is known
	requestID string        // of the first invocation; "" where the story was not played
	text      string        // what is said of it
	url       string        // of the services; "" before they are started
	stop      func() error  // ends them
	mu        sync.Mutex
	queued    []string // messages for the third function; guarded by mu
}

// playStory invokes the first function, and the last one with what is queued
// then.
func (d *demonstration) playStory(ctx context.Context) error {
	s := d.story
	for _, o := range s.outcomes {
		if o.command == nil {
			s.text = d.skipped(o.lacks)
			return nil
		}
	}
	if err := d.startStory(ctx); err != nil {
		return err
	}
	began := time.Now()
	first, err := s.outcomes[0].running.Invoke(ctx, []byte(`{"order":17}`))
	if err != nil {
		return fmt.Errorf("cannot invoke the sample %s: %w", s.outcomes[0].sample.name, err)
	}
	s.requestID = first.RequestID
	results, err := s.deliver(ctx)
	if err != nil {
		return err
	}
	results = append(results, first)
	s.text = fmt.Sprintf("%.0f ms", milliseconds(time.Since(began)))
	for _, r := range results {
		if r.Status != lambda.StatusSuccess {
			s.outcomes[0].failed = append(s.outcomes[0].failed, "the story ended with "+r.Status+" "+r.FunctionError)
		}
	}
	for _, o := range s.outcomes { // their reports come with SHUTDOWN
		env := o.running
		o.running = nil
		if err := o.shutDown(ctx, env); err != nil {
			return err
		}
		o.failed = append(o.failed, env.Violations()...)
	}
	return nil
}

// startStory starts the functions, with services between them, if this machine
// can run them all.
func (d *demonstration) startStory(ctx context.Context) error {
	s := d.story
	if slices.ContainsFunc(s.outcomes, func(o *demoOutcome) bool { return o.command == nil }) {
		return nil
	}
	if s.url == "" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("cannot listen for the functions of the story: %w", err)
		}
		services := &http.Server{Handler: wire.OwnMachine(s.services()), ReadHeaderTimeout: 10 * time.Second}
		go services.Serve(ln)
		s.url, s.stop = "http://"+ln.Addr().String(), services.Close
	}
	for _, o := range s.outcomes {
		var err error
		if o.running, err = d.start(ctx, o, map[string]string{
			"LOGTABLE_PLATFORM": "all", "AWS_ENDPOINT_URL_LAMBDA": s.url, "AWS_ENDPOINT_URL_SQS": s.url,
			"QUEUE_URL": s.url + "/parcels",
		}); err != nil {
			return fmt.Errorf("cannot start the sample %s: %w", o.sample.name, err)
		}
	}
	return nil
}

// close ends the services.
func (s *demoStory) close() {
	if s.stop != nil {
		s.stop()
	}
}

// deliver invokes the last function with each message that is queued.
func (s *demoStory) deliver(ctx context.Context) (results []lambda.Result, err error) {
	s.mu.Lock()
	queued := s.queued
	s.queued = nil
	s.mu.Unlock()
	for _, message := range queued {
		event, err := json.Marshal(sqsEvent{Records: []sqsRecord{{EventSource: "aws:sqs", Body: message}}})
		if err != nil {
			return nil, err
		}
		r, err := s.outcomes[2].running.Invoke(ctx, event)
		if err != nil {
			return nil, fmt.Errorf("cannot invoke the sample %s: %w", s.outcomes[2].sample.name, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// tellStory prints the story as `logtable show` does.
func (d *demonstration) tellStory(ctx context.Context) error {
	if d.story.requestID == "" {
		return nil
	}
	o := read.StoryOptions{
		RequestID: d.story.requestID, Now: time.Now(),
		InfoTable: config.DefaultInfoTable, ErrorsTable: config.DefaultErrorsTable,
	}
	story, err := read.New(d.table.Client()).Story(ctx, o)
	if err != nil {
		return err
	}
	d.say("\n%s\n", d.style.paint(sgrBold,
		"A request through three functions (logtable show "+o.RequestID[:shortRequest]+")"))
	return printStory(d.sh.stdout, &story, storyTitle(&o, &story), d.style)
}

// An sqsEvent is what a function that reads from a queue is invoked with: as
// much of it as the sample reads.
type sqsEvent struct {
	Records []sqsRecord `json:"Records"`
}

type sqsRecord struct {
	EventSource string `json:"eventSource"`
	Body        string `json:"body"`
}

// services answers Lambda's Invoke and SQS's SendMessage.
func (s *demoStory) services() http.Handler {
	invoke := lambda.InvokeAPI(func(function string) *lambda.Environment {
		for _, o := range s.outcomes {
			if o.sample.name == function {
				return o.running
			}
		}
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".SendMessage") {
			invoke.ServeHTTP(w, r)
			return
		}
		var message struct{ MessageBody string }
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&message); err != nil {
			http.Error(w, "the message is not valid JSON", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.queued = append(s.queued, message.MessageBody)
		io.WriteString(w, `{"MessageId":"1"}`)
	})
}
