package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// pagerCommand is what the output goes through on a terminal, as git has it; ""
// for nothing.
func pagerCommand(getenv func(string) string) string {
	for _, name := range []string{"LOGTABLE_PAGER", "PAGER"} {
		switch command := getenv(name); command {
		case "":
		case "cat":
			return ""
		default:
			return command
		}
	}
	if getenv("TERM") == "dumb" {
		return ""
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return "less"
}

// A pager is a program that shows the output. It is started by the first bytes,
// so that a command which only fails does not clear the screen.
type pager struct {
	sh      *shell
	command string

	cmd  *exec.Cmd
	in   io.WriteCloser
	left bool // it has ended, and whoever looked needs no more
}

func (p *pager) Write(b []byte) (int, error) {
	if p.cmd == nil {
		if err := p.start(); err != nil {
			return 0, err
		}
	}
	n, err := p.in.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		p.left = true
	}
	return n, err
}

func (p *pager) start() (err error) {
	p.cmd = exec.Command("sh", "-c", p.command)
	p.cmd.Env = os.Environ()
	if p.sh.getenv("LESS") == "" {
		// Colours as they are, and of what fits the screen just that.
		p.cmd.Env = append(p.cmd.Env, "LESS=FRX")
	}
	p.cmd.Stdout, p.cmd.Stderr = p.sh.stdout, p.sh.stderr
	if out, ok := p.sh.stdout.(*output); ok {
		p.cmd.Stdout = out.Writer // the terminal itself
	}
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return p.cannot(err)
	}
	return nil
}

func (p *pager) cannot(err error) error {
	return fmt.Errorf("cannot run the pager %q: %w; name another with LOGTABLE_PAGER, or use --no-pager",
		p.command, err)
}

// notRun is from which exit code of a shell on its command did not run.
const notRun = 126

// close waits until whoever looks has seen enough, after an error of what was
// to be shown. That they have left before the end is none.
func (p *pager) close(err error) error {
	if p.cmd == nil || p.cmd.Process == nil {
		return err
	}
	_ = p.in.Close()
	ended := p.cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(ended, &exit) && (exit.ExitCode() == notRun || exit.ExitCode() == notRun+1):
		return p.cannot(ended)
	case p.left:
		return nil
	}
	return err // how a pager ends is nobody's business
}
