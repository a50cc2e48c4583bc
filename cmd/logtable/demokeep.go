package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/logtable/logtable/internal/sandbox/lambda"
	"github.com/logtable/logtable/internal/sandbox/wire"
)

// serve keeps the environments for invocations by hand, until the command is
// interrupted.
func (d *demonstration) serve(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen for invocations: %w", err)
	}
	byHand := wire.OwnMachine(http.HandlerFunc(d.invokeByHand))
	srv := &http.Server{Handler: byHand, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		srv.Close()
	}()
	if err := d.startStory(ctx); err != nil {
		return err
	}
	d.say("\nStill running. Invoke the functions from another terminal:\n")
	for _, o := range d.all() {
		event := `{"name":"you"}`
		if isStory(o.sample.name) {
			event = `{"order":18}`
		}
		if o.running != nil && (o == d.story.outcomes[0] || !isStory(o.sample.name)) {
			d.say("  curl -d '%s' http://%s/%s\n", event, ln.Addr(), o.sample.name)
		}
	}
	d.say("and read the tables:\n  %s query --endpoint-url %s\nPress Ctrl-C to stop.\n", os.Args[0], d.table.URL())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot take invocations: %w", err)
	}
	return nil
}

// invokeByHand invokes the function that the path names.
func (d *demonstration) invokeByHand(w http.ResponseWriter, r *http.Request) {
	name := strings.Trim(r.URL.Path, "/")
	all := d.all()
	i := slices.IndexFunc(all, func(o *demoOutcome) bool { return o.sample.name == name && o.running != nil })
	if i < 0 {
		http.Error(w, "there is no such function", http.StatusNotFound)
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 6<<20))
	if err == nil && len(payload) == 0 {
		payload = []byte("{}")
	}
	if err != nil || !json.Valid(payload) {
		http.Error(w, "the event must be JSON of at most 6 MB", http.StatusBadRequest)
		return
	}
	caller := lambda.Caller{Trace: r.Header.Get("X-Amzn-Trace-Id"), Tenant: r.Header.Get("X-Amz-Tenant-Id")}
	result, err := all[i].running.InvokeAs(r.Context(), caller, payload)
	if err == nil && isStory(name) {
		_, err = d.story.deliver(r.Context())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintf(w, "%s\n%s in %.0f ms, and %.0f ms more after the response; request %s\n",
		result.Payload, cmp.Or(result.FunctionError, result.Status),
		milliseconds(result.Duration), milliseconds(result.Held), result.RequestID)
}
