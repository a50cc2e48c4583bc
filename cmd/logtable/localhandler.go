package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logtable/logtable/internal/sandbox/runtimes"
)

// maxEvent is Lambda's limit on an event, in bytes.
const maxEvent = 6 << 20

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// localHandler says how a function is run.
type localHandler struct {
	python, node string // FILE.FUNCTION
	custom       []string
	dir          string
}

// arguments takes the arguments apart: [DIR] [-- COMMAND…].
func (h *localHandler) arguments(cmd *cobra.Command, args []string) (err error) {
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		args, h.custom = args[:at], args[at:]
	}
	if err := arguments(0, 1, "one DIR at most, and the function's own command after --")(cmd, args); err != nil {
		return err
	}
	dir := "."
	if len(args) > 0 {
		dir = args[0]
	}
	if h.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if info, err := os.Stat(h.dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s is not a directory: write the DIR that has the function", dir)
	}
	given := 0
	for _, is := range []bool{h.python != "", h.node != "", len(h.custom) > 0} {
		if is {
			given++
		}
	}
	switch given {
	case 1:
		return nil
	case 0:
		return fmt.Errorf("how is the function run? %s", h.propose(args))
	}
	return fmt.Errorf("--python, --node and a command exclude each other: use one of them")
}

// handlers are where functions usually are.
var handlers = []struct{ file, flag string }{
	{"lambda_function.py", "--python lambda_function.lambda_handler"},
	{"app.py", "--python app.lambda_handler"},
	{"handler.py", "--python handler.handler"},
	{"main.py", "--python main.handler"},
	{"index.py", "--python index.handler"},
	{"index.mjs", "--node index.handler"},
	{"index.js", "--node index.handler"},
	{"index.cjs", "--node index.handler"},
	{"handler.js", "--node handler.handler"},
	{"handler.mjs", "--node handler.handler"},
	{"app.mjs", "--node app.lambdaHandler"},
	{"app.js", "--node app.lambdaHandler"},
	{"bootstrap", "-- ./bootstrap"},
}

// propose says what to write, by the files that there are.
func (h *localHandler) propose(args []string) string {
	where := strings.Join(args, " ")
	for _, known := range handlers {
		if _, err := os.Stat(filepath.Join(h.dir, known.file)); err != nil {
			continue
		}
		words := []string{"logtable local", known.flag, where}
		if known.file == "bootstrap" {
			words = []string{"logtable local", where, known.flag}
		}
		command := strings.Join(strings.Fields(strings.Join(words, " ")), " ")
		return fmt.Sprintf("There is %s: write %s", known.file, command)
	}
	return "Write --python FILE.FUNCTION, --node FILE.FUNCTION or -- COMMAND"
}

// command makes the command that runs the function, and what Lambda calls its
// handler.
func (h *localHandler) command(work string) (command []string, handler string, err error) {
	switch {
	case h.python != "":
		if err := installed("python3", "--python"); err != nil {
			return nil, "", err
		}
		command, err = runtimes.Python(work)
		return command, h.python, err
	case h.node != "":
		if err := installed("node", "--node"); err != nil {
			return nil, "", err
		}
		command, err = runtimes.Node(work)
		return command, h.node, err
	}
	program := h.custom[0]
	if !strings.Contains(program, "/") {
		if program, err = exec.LookPath(program); err != nil {
			return nil, "", fmt.Errorf("cannot find the function's command: %w; a file in DIR is ./%s",
				err, h.custom[0])
		}
	} else if !filepath.IsAbs(program) {
		program = filepath.Join(h.dir, program)
	}
	info, err := os.Stat(program)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("cannot find the function's command: %w", err)
	case info.Mode()&0o111 == 0:
		return nil, "", fmt.Errorf("%s is not executable: chmod +x %s", h.custom[0], program)
	}
	return append([]string{program}, h.custom[1:]...), "function.handler", nil
}

func installed(program, flag string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s needs %s, which is not on the PATH: install it", flag, program)
	}
	return nil
}

// checkEvent holds an event to what Lambda takes. An empty one is {}.
func checkEvent(event []byte, file string) ([]byte, error) {
	switch {
	case len(strings.TrimSpace(string(event))) == 0:
		return []byte("{}"), nil
	case len(event) > maxEvent:
		return nil, fmt.Errorf("the event %s has %d bytes: Lambda takes 6 MB at most", file, len(event))
	case !json.Valid(event):
		return nil, fmt.Errorf("the event %s is not valid JSON", file)
	}
	return event, nil
}
