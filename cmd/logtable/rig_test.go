package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/logtable/logtable/internal/testkit"
)

// The extension that docs/rig.md has, in place of Logtable: registered under
// the name of its file, and told of what the function has printed.
func TestTheExtensionOfTheDocument(t *testing.T) {
	testkit.Program(t, "python3")
	document, err := os.ReadFile("../../docs/rig.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(document)
	if code == nil {
		t.Fatal("docs/rig.md has no extension")
	}
	dir := files(t, map[string]string{
		"handler.py": "def handler(event, context):\n    print('hello')\n", "event.json": "{}",
		"watch": string(code[1]),
	})
	line := regexp.MustCompile(`(?m)^\$ logtable (local -e LISTEN.*)$`).FindSubmatch(document)
	if line == nil {
		t.Fatal("docs/rig.md does not say how it is attached")
	}
	args := append(strings.Fields(string(line[1])), "--once", "--port", "0", "--tables-port", "0", "--timeout", "30")
	cmd, stderr := toolCommand(t, nil, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
	out, err := cmd.Output()
	if code := exitCode(t, err); code != exitOK {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	inOrder := regexp.MustCompile(`(?s)next is INVOKE.*the function printed 'hello\\n'.*next is SHUTDOWN`)
	if !inOrder.Match(out) || strings.Contains(string(out), "Lambda does not allow") {
		t.Errorf("it said\n%s\nwant %s", out, inOrder)
	}
}
