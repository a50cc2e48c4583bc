package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A webTab is a tab at the page, without a browser.
type webTab struct {
	t        *testing.T
	own, key string
}

func openTab(t *testing.T, link string) *webTab {
	t.Helper()
	own, token, _ := strings.Cut(link, "/#token=")
	tab := &webTab{t: t, own: own}
	var out struct{ Key string }
	if code, body := tab.post("key", map[string]any{"token": token}); code != 200 || json.Unmarshal(body, &out) != nil {
		t.Fatalf("the token is not good: %d %s", code, body)
	}
	tab.key = out.Key
	return tab
}

func (b *webTab) do(r *http.Request, err error) (int, []byte) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("X-Logtable-Key", b.key)
	r.Header.Set("Content-Type", "application/json")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return w.StatusCode, body
}

func (b *webTab) get(path string, query ...string) (int, []byte) {
	b.t.Helper()
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	return b.do(http.NewRequest("GET", b.own+"/api/"+path+"?"+values.Encode(), nil))
}

func (b *webTab) post(path string, value any) (int, []byte) {
	b.t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(http.NewRequest("POST", b.own+"/api/"+path, bytes.NewReader(text)))
}

// What the page gets is what the commands print, with the same words.
func TestWebReadsAsTheCommandsDo(t *testing.T) {
	s := newRowStore(t)
	fillPage(s)
	s.under("ReadPolicy")
	link, _ := startWeb(t, s)
	tab := openTab(t, link)
	for _, words := range [][]string{
		{}, {"--level", "WARN+"}, {"--module", "ord*,bill", "--not", "received"}, {"--grep", "no carrier"},
		{"--match", "^line$|مرحبا"}, {"--request", "7f3a9c12", "--errors"},
	} {
		q := ""
		for _, word := range words {
			q += " '" + word + "'"
		}
		for _, form := range []string{"jsonl", "csv"} {
			code, body := tab.get("export", "form", form, "since", "3h", "q", q)
			rows, end, _ := strings.Cut(string(body), "\x00")
			want := s.run(append([]string{"query", "--since", "3h", "-o", form}, words...)...).stdout
			if code != 200 || rows != want || !strings.Contains(end, `"done":true`) {
				t.Errorf("%v: %d, %d bytes, want %d: %s", words, code, len(rows), len(want), end)
			}
		}
	}
	for path, want := range map[string]string{
		"rows?since=1h&q=no+carrier": "no carrier", "rows?since=1h&errors=1": "no carrier", "causes?since=1h": `"new":`,
		"cause?since=7d&module=bill&locator=9": `"text":"no carrier"`, "story?id=7f3a9c12": `"module":"bill"`,
	} {
		path, query, _ := strings.Cut(path, "?")
		values, _ := url.ParseQuery(query)
		var list []string
		for name := range values {
			list = append(list, name, values.Get(name))
		}
		if want == `"new":` {
			want = `"standing":"open"` // an hour is too short for what is new
		}
		if code, body := tab.get(path, list...); code != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s?%s: %d %.300s", path, query, code, body)
		}
	}
	for q, want := range map[string]string{
		"--levle WARN": "unknown flag: --levle", "--limit 7": "unknown flag: --limit", "--info-table x": "unknown flag",
		"--grep=": "--grep is empty", "--level": "needs an argument", "a --grep b": "is no flag",
		"--field x":  "--field",
		"--since 1y": "--since", "--help": "help requested", "--max-read-units 0": "unknown flag",
	} {
		if code, body := tab.get("rows", "since", "1h", "q", q); code != 400 || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", q, code, body)
		}
	}
	if code, body := tab.get("story", "id", "7f3"); code != 400 || !strings.Contains(string(body), "too short") {
		t.Errorf("a short ID: %d %s", code, body)
	}
	resolve := map[string]any{"module": "bill", "locator": "9", "state": "resolved"}
	if code, _ := tab.post("cause", resolve); code != 403 {
		t.Errorf("a page that is read-only resolves: %d", code)
	}
}

func TestWebResolvesAsTheCommandsDo(t *testing.T) {
	s := newRowStore(t)
	s.putAgo("errors", time.Minute, "bill", "ERROR", "9", "no carrier", "version", "41")
	link, _ := startWeb(t, s, "--allow-resolve")
	tab := openTab(t, link)
	say := func(rev int, state, until string) (int, []byte) {
		return tab.post("cause", map[string]any{"module": "bill", "locator": "9", "state": state, "rev": rev,
			"note": "fixed in\n42", "until": until})
	}
	if code, body := say(0, "resolved", ""); code != 200 {
		t.Fatalf("resolve: %d %s", code, body)
	}
	got := s.run("errors", "bill", "9")
	if !strings.Contains(got.stdout, "resolved by") || !strings.Contains(got.stdout, ": fixed in 42") {
		t.Errorf("the command says %+v", got)
	}
	if code, body := say(0, "ignored", "7d"); code != 409 || !strings.Contains(string(body), "fixed in 42") {
		t.Errorf("somebody else was faster: %d %s", code, body)
	}
	if code, body := say(1, "ignored", "soon"); code != 400 || !strings.Contains(string(body), "--until") {
		t.Errorf("no length of time: %d %s", code, body)
	}
	if code, body := say(1, "forgotten", ""); code != 400 {
		t.Errorf("no state: %d %s", code, body)
	}
	if code, body := say(1, "ignored", "7d"); code != 200 {
		t.Errorf("ignore: %d %s", code, body)
	}
	if code, body := say(2, "open", ""); code != 200 {
		t.Errorf("reopen: %d %s", code, body)
	}
	if _, body := tab.get("cause", "since", "7d", "module", "bill", "locator", "9"); !strings.Contains(string(body),
		`"standing":"open"`) || strings.Count(string(body), `"words":`) != 3 {
		t.Errorf("then the page has %s", body)
	}
}

func TestWebSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	s := newRowStore(t)
	for args, want := range map[string]string{
		"--port 70000": "--port 70000", "--port " + port: "port " + port + " is in use", "--timezone Nope": "time zone",
		"--max-read-units=-1": "--max-read-units -1", "--shards 0x": "invalid argument", "x": "unknown command",
	} {
		got := s.run(append([]string{"web"}, strings.Fields(args)...)...)
		if got.code == exitOK || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", args, got)
		}
	}
}
