package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
)

func TestVersion(t *testing.T) {
	isolate(t)
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if got := logtable(t, nil, args...); got.code != exitOK || !strings.HasPrefix(got.stdout, "logtable ") ||
			!strings.Contains(got.stdout, " go1.") {
			t.Errorf("logtable %v: %+v", args, got)
		}
	}
}

// What a release's linker says is tested in layer/release.
func TestVersionOfWhatIsNoRelease(t *testing.T) {
	for want, info := range map[string]debug.BuildInfo{
		"devel":  {Main: debug.Module{Version: "(devel)"}},
		"v1.2.3": {Main: debug.Module{Version: "v1.2.3"}}, // go install
		"v0.0.0+dirty (commit 0123456789ab, 2026-11-26)": {
			Main: debug.Module{Version: "v0.0.0+dirty"}, Settings: []debug.BuildSetting{
				{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-26T10:00:00Z"}}},
	} {
		if got := describe(&info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestRequestsNameTheVersion(t *testing.T) {
	isolate(t)
	var requests, named atomic.Int32 // pages are asked for in parallel
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1); strings.Contains(r.Header.Get("User-Agent"), " logtable/devel") {
			named.Add(1)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, `{"Items":[],"Count":0,"ScannedCount":0}`)
	}))
	defer server.Close()
	if got := logtable(t, nil, "query", "--endpoint-url", server.URL); got.code != exitOK {
		t.Errorf("%+v", got)
	}
	if n := requests.Load(); n == 0 || named.Load() != n {
		t.Errorf("%d of %d requests name the version", named.Load(), n)
	}
}
