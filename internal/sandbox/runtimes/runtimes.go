// Package runtimes runs functions written for Lambda's Python and Node.js
// runtimes on a machine that has only the languages: it brings, for each, a
// small loop between the Runtime API and the handler.
//
// A loop prints what AWS's runtime clients print in a container image, in both
// log formats: there, line feeds within one log entry become carriage returns,
// so that an entry stays one line. Errors have the types that AWS's clients
// give them. What it leaves out is what a function that logs does not need:
// streamed responses, X-Ray, the Cognito context, and waiting for Node.js's
// event loop after a callback.
package runtimes

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed bootstrap.py
var python []byte

//go:embed bootstrap.mjs
var node []byte

// Python writes the Python loop into dir and returns the command that runs it.
// It needs python3 (3.8 or later) on the PATH, and in its environment, as in
// Lambda, AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT (the handler's directory)
// and _HANDLER (module.function).
func Python(dir string) (command []string, err error) {
	path, err := write(dir, "bootstrap.py", python)
	return []string{"python3", "-u", path}, err // -u: what was printed before a crash is out, as in Lambda
}

// Node is Python for Node.js: it needs node (18 or later) on the PATH.
func Node(dir string) (command []string, err error) {
	path, err := write(dir, "bootstrap.mjs", node)
	return []string{"node", path}, err
}

func write(dir, name string, content []byte) (string, error) {
	dir, err := filepath.Abs(dir) // functions run in directories of their own
	if err != nil {
		return "", fmt.Errorf("cannot place the runtime: %w", err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return "", fmt.Errorf("cannot place the runtime: %w", err)
	}
	return path, nil
}
