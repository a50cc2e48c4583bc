package lambda

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Schema versions of the Telemetry API.
const (
	schema2022July     = "2022-07-01"
	schema2022December = "2022-12-13"
	schema2025         = "2025-01-29"
)

// reservedPort is the platform's own.
const reservedPort = 9001

type subscription struct {
	SchemaVersion string   `json:"schemaVersion"`
	Types         []string `json:"types"`
	Buffering     struct {
		MaxItems  *int `json:"maxItems"`
		MaxBytes  *int `json:"maxBytes"`
		TimeoutMs *int `json:"timeoutMs"`
	} `json:"buffering"`
	Destination struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     *int   `json:"port"`
		Method   string `json:"method"`
		Encoding string `json:"encoding"`
	} `json:"destination"`
}

// buffering is a subscription's rules: a batch is due with maxItems events,
// with maxBytes of them, or timeoutMs after its first.
type buffering struct{ maxItems, maxBytes, timeoutMs int }

// bound is the documented range of a buffering rule.
type bound struct {
	name          string
	min, max, def int
}

var (
	boundItems   = bound{"maxItems", 1000, 10000, 10000}
	boundBytes   = bound{"maxBytes", 262144, 1048576, 262144}
	boundTimeout = bound{"timeoutMs", 25, 30000, 1000}
)

func (b bound) value(v *int) (int, error) {
	if v == nil {
		return b.def, nil
	}
	if *v < b.min || *v > b.max {
		return 0, fmt.Errorf("buffering.%s %d is not within %d and %d", b.name, *v, b.min, b.max)
	}
	return *v, nil
}

func (in *instance) subscribe(c *call) answer {
	x, refusal := in.identify(c)
	if refusal != nil {
		return *refusal
	}
	if a, hooked := in.hook(c, "subscribe", in.env.cfg.Hooks.Subscribe); hooked {
		return a
	}
	if in.env.cfg.Telemetry.Unsupported {
		return errorAnswer(http.StatusAccepted, "Telemetry.NotSupported", "Telemetry API is not supported")
	}
	s, types, err := in.parseSubscription(c)
	if err != nil {
		a := in.refuse(c, http.StatusBadRequest, "ValidationError", "%v", err)
		a.header = map[string]string{"Content-Type": "text/plain; charset=utf-8"}
		return a
	}
	closed, again := false, false
	in.update(func() {
		closed, again = in.initDone, x.subscribed
		if !closed && !again {
			x.subscribed = true
		}
	})
	if closed {
		return in.refuse(c, http.StatusForbidden, "Telemetry.SubscriptionClosed", "subscriptions are closed after init")
	}
	if again {
		return in.refuse(c, http.StatusInternalServerError, "Telemetry.ServiceError",
			"%s has subscribed already", x.name)
	}
	s.name = x.name
	in.relay.subscribe(s)
	in.relay.emit(typeSubscription, subscriptionRecord{x.name, "Subscribed", types})
	return ok("OK")
}

func (in *instance) parseSubscription(c *call) (*subscriber, []string, error) {
	if ct := c.Header.Get("Content-Type"); ct != "application/json" && !strings.HasPrefix(ct, "application/json;") {
		return nil, nil, fmt.Errorf("Content-Type is %q, not application/json", ct)
	}
	var sub subscription
	if err := c.decode(&sub); err != nil {
		return nil, nil, fmt.Errorf("body is no subscription: %v", err)
	}
	if !slices.Contains([]string{schema2022July, schema2022December, schema2025}, sub.SchemaVersion) {
		return nil, nil, fmt.Errorf("schemaVersion %q is unknown", sub.SchemaVersion)
	}
	if in.env.cfg.managed() && sub.SchemaVersion != schema2025 {
		return nil, nil, fmt.Errorf("schemaVersion %q is not for managed instances", sub.SchemaVersion)
	}
	s := &subscriber{schema: sub.SchemaVersion, types: map[string]bool{}}
	for _, t := range sub.Types {
		if !slices.Contains([]string{"platform", "function", "extension"}, t) {
			return nil, nil, fmt.Errorf("types: %q is unknown", t)
		}
		s.types[t] = true
	}
	if len(s.types) == 0 || len(s.types) != len(sub.Types) {
		return nil, nil, fmt.Errorf("types needs at least one type and each once")
	}
	if err := s.setBuffering(sub); err != nil {
		return nil, nil, err
	}
	uri, err := in.destination(sub)
	s.url = uri
	return s, sub.Types, err
}

func (s *subscriber) setBuffering(sub subscription) (err error) {
	if s.rules.maxItems, err = boundItems.value(sub.Buffering.MaxItems); err != nil {
		return err
	}
	if s.rules.maxBytes, err = boundBytes.value(sub.Buffering.MaxBytes); err != nil {
		return err
	}
	s.rules.timeoutMs, err = boundTimeout.value(sub.Buffering.TimeoutMs)
	return err
}

// destination is where to post. Lambda takes only the sandbox's own host
// names, so that telemetry cannot leave the environment this way.
func (in *instance) destination(sub subscription) (string, error) {
	d := sub.Destination
	if d.Protocol != "HTTP" {
		return "", fmt.Errorf("destination.protocol is %q; this sandbox delivers by HTTP only", d.Protocol)
	}
	u, err := url.Parse(d.URI)
	if err != nil || u.Scheme != "http" {
		return "", fmt.Errorf("destination.URI %q is no http URI", d.URI)
	}
	if host := u.Hostname(); host != "sandbox.localdomain" && host != "sandbox" {
		return "", fmt.Errorf("destination.URI host must be sandbox.localdomain")
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil || port < 1 || port > 65535 || port == reservedPort {
		return "", fmt.Errorf("destination.URI needs a port from 1 to 65535 other than %d", reservedPort)
	}
	if in.env.cfg.Telemetry.DropsPath {
		u.Path, u.RawPath, u.RawQuery = "/", "", ""
	}
	return u.String(), nil
}
