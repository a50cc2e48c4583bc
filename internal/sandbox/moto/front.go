package moto

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Front stands before moto and does what AWS does and moto does not: Lambda's
// revisions, updates that take a while, pages, and whatever fault a test asks
// for. It polices its callers: who changes a function must name its revision.
type Front struct {
	URL string

	t    testing.TB
	moto string

	mu        sync.Mutex
	calls     []string
	faults    []fault
	before    map[string]func()
	revisions map[string]int // by function
	pending   map[string]int // reads that still see an update in progress
	extra     map[string]any // members of every function's configuration
}

// A fault is an answer that an action gets instead of moto's.
type fault struct {
	action string
	times  int
	status int
	code   string
	text   string
}

// StartFront starts moto with a Front before it.
func StartFront(t testing.TB) *Front {
	t.Helper()
	f := &Front{t: t, moto: Start(t), before: map[string]func(){}, revisions: map[string]int{},
		pending: map[string]int{}, extra: map[string]any{}}
	server := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(server.Close)
	f.URL = server.URL
	return f
}

// Fail has the next calls of an action, as "lambda:GetFunction", answered with
// an error.
func (f *Front) Fail(action string, times, status int, code, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, fault{action, times, status, code, text})
}

// Before calls do once, before the next call of an action reaches moto.
func (f *Front) Before(action string, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before[action] = do
}

// Configure adds a member to the configuration of every function, as moto does
// not keep it; nil takes it back.
func (f *Front) Configure(member string, value any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.extra[member] = value
}

// Touch gives a function another revision, as a change by somebody else does.
func (f *Front) Touch(function string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revisions[function]++
}

// Calls returns the actions that were called since the last time, each once and
// sorted.
func (f *Front) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	slices.Sort(calls)
	return slices.Compact(calls)
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	action, name := actionOf(r, body)
	if f.fails(w, action) {
		return
	}
	f.mu.Lock()
	do := f.before[action]
	delete(f.before, action)
	f.mu.Unlock()
	if do != nil {
		do()
	}
	if action == "lambda:UpdateFunctionConfiguration" && !f.admit(w, name, body) {
		return
	}
	status, header, answer := f.pass(r, body)
	if status < 300 {
		answer = f.changed(action, name, r.URL.Query(), answer)
	}
	for key := range header {
		if key != "Content-Length" {
			w.Header().Set(key, header.Get(key))
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// fails answers with a fault, if one is due.
func (f *Front) fails(w http.ResponseWriter, action string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, action)
	for i := range f.faults {
		if due := &f.faults[i]; due.action == action && due.times > 0 {
			due.times--
			refuse(w, action, due.status, due.code, due.text)
			return true
		}
	}
	return false
}

// admit reports whether an update of a function is one that Lambda would make.
func (f *Front) admit(w http.ResponseWriter, function string, body []byte) bool {
	var in struct{ RevisionId string }
	_ = json.Unmarshal(body, &in)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case in.RevisionId == "":
		f.t.Errorf("%s is changed whatever its revision", function)
	case in.RevisionId != f.revision(function):
		refuse(w, "lambda:", http.StatusPreconditionFailed, "PreconditionFailedException", "The RevisionId provided "+
			"does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest RevisionId")
		return false
	case f.pending[function] > 0:
		f.t.Errorf("%s is changed while an update is in progress", function)
	}
	return true
}

func (f *Front) revision(function string) string {
	return "revision-" + strconv.Itoa(f.revisions[function])
}

// pass asks moto.
func (f *Front) pass(r *http.Request, body []byte) (int, http.Header, []byte) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, f.moto+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return http.StatusBadGateway, nil, nil
	}
	out.Header = r.Header.Clone()
	out.Header.Del("Accept-Encoding")
	response, err := http.DefaultClient.Do(out)
	if err != nil {
		return http.StatusBadGateway, nil, nil // whoever asked has gone
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, answer
}

// changed is an answer of moto's as AWS gives it.
func (f *Front) changed(action, name string, query url.Values, answer []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch action {
	case "lambda:UpdateFunctionConfiguration":
		f.revisions[name]++
		f.pending[name] = 1
	case "lambda:TagResource", "lambda:UntagResource":
		f.revisions[name]++
	case "lambda:GetFunction":
		return edit(answer, func(m map[string]any) {
			configuration, _ := m["Configuration"].(map[string]any)
			configuration["RevisionId"] = f.revision(name)
			for member, value := range f.extra {
				if value != nil {
					configuration[member] = value
				}
			}
			if f.pending[name] > 0 {
				f.pending[name]--
				configuration["LastUpdateStatus"] = "InProgress"
			}
		})
	case "lambda:ListLayerVersions":
		return edit(answer, func(m map[string]any) { page(m, "LayerVersions", query.Get("Marker")) })
	case "lambda:ListAliases":
		return edit(answer, func(m map[string]any) { page(m, "Aliases", query.Get("Marker")) })
	}
	return answer
}

func edit(answer []byte, change func(m map[string]any)) []byte {
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(answer))
	dec.UseNumber()
	if dec.Decode(&m) != nil {
		return answer
	}
	change(m)
	text, _ := json.Marshal(m)
	return text
}

// page leaves one item of a list, and a marker for the next.
func page(m map[string]any, list, marker string) {
	items, _ := m[list].([]any)
	at, _ := strconv.Atoi(marker)
	if at >= len(items) {
		return
	}
	m[list] = items[at : at+1]
	if at+1 < len(items) {
		m["NextMarker"] = strconv.Itoa(at + 1)
	}
}

// refuse answers as the action's service does.
func refuse(w http.ResponseWriter, action string, status int, code, text string) {
	service, _, _ := strings.Cut(action, ":")
	if service == "iam" || service == "sts" {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<ErrorResponse><Error><Code>"+code+"</Code><Message>"+text+
			"</Message></Error></ErrorResponse>")
		return
	}
	w.Header().Set("X-Amzn-ErrorType", code)
	w.WriteHeader(status)
	answer, _ := json.Marshal(map[string]string{"__type": code, "message": text})
	_, _ = w.Write(answer)
}

// lambdaPaths are Lambda's actions by method and path. What is captured names
// the function.
var lambdaPaths = []struct {
	method string
	path   *regexp.Regexp
	action string
}{
	{"GET", regexp.MustCompile(`^/[-\d]+/functions/([^/]+)$`), "GetFunction"},
	{"PUT", regexp.MustCompile(`^/[-\d]+/functions/([^/]+)/configuration$`), "UpdateFunctionConfiguration"},
	{"GET", regexp.MustCompile(`^/[-\d]+/functions/([^/]+)/aliases$`), "ListAliases"},
	{"POST", regexp.MustCompile(`^/[-\d]+/tags/.*:([^:/]+)$`), "TagResource"},
	{"DELETE", regexp.MustCompile(`^/[-\d]+/tags/.*:([^:/]+)$`), "UntagResource"},
	{"GET", regexp.MustCompile(`^/[-\d]+/layers/([^/]+)/versions$`), "ListLayerVersions"},
	{"POST", regexp.MustCompile(`^/[-\d]+/layers/([^/]+)/versions$`), "PublishLayerVersion"},
	{"GET", regexp.MustCompile(`^/[-\d]+/layers/([^/]+)/versions/\d+$`), "GetLayerVersion"},
}

// actionOf is the action that a request asks for, as policies write it, and the
// function or layer it is about.
func actionOf(r *http.Request, body []byte) (action, name string) {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, operation, _ := strings.Cut(target, ".")
		return "dynamodb:" + operation, ""
	}
	for _, p := range lambdaPaths {
		if m := p.path.FindStringSubmatch(r.URL.Path); m != nil && p.method == r.Method {
			return "lambda:" + p.action, m[1]
		}
	}
	form, _ := url.ParseQuery(string(body))
	service := "iam:"
	if form.Get("Version") == "2011-06-15" {
		service = "sts:"
	}
	return service + form.Get("Action"), ""
}
