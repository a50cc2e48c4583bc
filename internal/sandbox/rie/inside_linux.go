package rie

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/logtable/logtable/internal/sandbox/daemon"
	"github.com/logtable/logtable/internal/sandbox/table"
)

const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET

// The emulator's default addresses; nobody else is in its network.
const (
	invokeURL = "http://127.0.0.1:8080/2015-03-31/functions/function/invocations"
	// pollEvery is how often an emulator that is not ready is asked again.
	pollEvery = 20 * time.Millisecond
	// readyTimeout bounds its start and the function's.
	readyTimeout = 20 * time.Second
)

// apart has the command run as the first process of its own namespaces. They
// and everything in them end with it, and it with us.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
}

// possible reports why there can be no namespaces here.
func possible() error {
	cmd := exec.Command("true")
	apart(cmd)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot make namespaces (run the tests as root): %w", err)
	}
	return nil
}

// inside plays a scenario; it runs in the namespaces.
func inside(j job) (Result, error) {
	if err := furnish(j); err != nil {
		return Result{}, err
	}
	server, err := table.Listen("127.0.0.1:0")
	if err != nil {
		return Result{}, err
	}
	defer server.Close()
	if err := server.CreateLogTables(context.Background(), "logtable-info", "logtable-errors"); err != nil {
		return Result{}, err
	}
	e, err := launch(j.Scenario, server.URL())
	if err != nil {
		return Result{}, err
	}
	var r Result
	for _, round := range j.Scenario.Rounds {
		var answers []Answer
		if answers, err = e.round(round); err != nil {
			break
		}
		r.Answers = append(r.Answers, answers)
	}
	r.Exit, r.Ending = e.end()
	r.Output = e.output.String()
	r.Info, r.Errors = rows(server, "logtable-info"), rows(server, "logtable-errors")
	return r, err
}

// furnish lays out the file system as the emulator wants it and brings the
// network up. Its processes run as a user of its choice: what they read must be
// readable by all.
func furnish(j job) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot make the mounts private: %w", err)
	}
	for _, dir := range []string{"/opt", "/var"} {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("cannot mount %s: %w", dir, err)
		}
	}
	for _, dir := range []string{"/opt/extensions", "/var/runtime", "/var/task", "/var/extension"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot furnish the namespace: %w", err)
		}
	}
	name := filepath.Base(j.Scenario.Extension)
	for to, from := range map[string]string{
		"/var/extension/" + name: j.Scenario.Extension,
		"/var/runtime/bootstrap": j.Scenario.Function, emulator: j.Emulator,
	} {
		if err := copyProgram(to, from); err != nil {
			return fmt.Errorf("cannot furnish the namespace: %w", err)
		}
	}
	starter := "#!/bin/sh\nunset " + j.Scenario.Hide + "\nexec /var/extension/" + name + "\n"
	if err := os.WriteFile("/opt/extensions/"+name, []byte(starter), 0o755); err != nil {
		return fmt.Errorf("cannot furnish the namespace: %w", err)
	}
	// Only now: what was copied may have been there.
	if err := syscall.Mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777"); err != nil {
		return fmt.Errorf("cannot mount /tmp: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("cannot mount /proc: %w", err)
	}
	return loopback()
}

const emulator = "/var/aws-lambda-rie" // its place in the namespace

func copyProgram(to, from string) error {
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, program, 0o755)
}

// loopback brings the only interface of a new network namespace up
// (netdevice(7)).
func loopback() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return fmt.Errorf("cannot bring the network up: %w", err)
	}
	defer syscall.Close(fd)
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte // struct ifreq has 40 bytes
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	_, _, errno := syscall.Syscall(
		syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("cannot bring the network up: %w", errno)
	}
	return nil
}

// running is an emulator at work.
type running struct {
	cmd    *exec.Cmd
	output daemon.Buffer
	exited chan struct{}
}

func launch(s Scenario, dynamodb string) (*running, error) {
	e := &running{cmd: exec.Command(emulator, "--log-level", "info"), exited: make(chan struct{})}
	e.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "AWS_REGION=eu-central-1", "AWS_LAMBDA_FUNCTION_NAME=orders",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_ACCESS_KEY_ID=SANDBOXACCESSKEY0000", "AWS_SECRET_ACCESS_KEY=sandbox-secret-key-not-a-real-one-000000",
		"AWS_SESSION_TOKEN=sandbox-session-token",
		"AWS_ENDPOINT_URL_DYNAMODB=" + dynamodb,
	}
	if s.Concurrency > 0 {
		e.cmd.Env = append(e.cmd.Env, "AWS_LAMBDA_MAX_CONCURRENCY="+strconv.Itoa(s.Concurrency))
	}
	for name, value := range s.Env {
		e.cmd.Env = append(e.cmd.Env, name+"="+value)
	}
	e.cmd.Dir = "/var/task"
	e.cmd.Stdout, e.cmd.Stderr = &e.output, &e.output
	if err := e.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the emulator: %w", err)
	}
	go func() {
		_ = e.cmd.Wait() // the exit code is looked at later
		close(e.exited)
	}()
	return e, nil
}

// round invokes all at once and returns when all are answered.
func (e *running) round(all []Invocation) ([]Answer, error) {
	answers, errs := make([]Answer, len(all)), make([]error, len(all))
	var wait sync.WaitGroup
	for i, inv := range all {
		wait.Go(func() { answers[i], errs[i] = e.invoke(inv) })
	}
	wait.Wait()
	return answers, errors.Join(errs...)
}

// invoke asks again while the emulator, or in managed mode a worker, is not
// ready.
func (e *running) invoke(inv Invocation) (Answer, error) {
	deadline := time.Now().Add(readyTimeout)
	for {
		began := time.Now()
		a, errorType, err := post(inv)
		a.Took = time.Since(began)
		if err == nil && errorType != "Runtime.Unavailable" {
			return a, nil
		}
		if time.Now().After(deadline) {
			return a, fmt.Errorf("the emulator does not take an invocation within %v: %s %w", readyTimeout,
				errorType, err)
		}
		select {
		case <-e.exited:
			return a, fmt.Errorf("the emulator has exited: %w",
				errors.Join(err, errors.New(e.cmd.ProcessState.String())))
		case <-time.After(pollEvery):
		}
	}
}

func post(inv Invocation) (a Answer, errorType string, err error) {
	req, err := http.NewRequest(http.MethodPost, invokeURL, bytes.NewReader(inv.Payload))
	if err != nil {
		return a, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	if inv.ID != "" {
		req.Header.Set("X-Amzn-RequestId", inv.ID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Body: string(body)}, resp.Header.Get("Error-Type"), err
}

// end has the emulator shut the environment down.
func (e *running) end() (exit int, took time.Duration) {
	began := time.Now()
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.exited:
	case <-time.After(readyTimeout):
		_ = e.cmd.Process.Kill()
		<-e.exited
	}
	return e.cmd.ProcessState.ExitCode(), time.Since(began)
}

func rows(server *table.Server, name string) (all []map[string]string) {
	for _, item := range server.Items(name) {
		row := map[string]string{}
		for attribute := range item {
			row[attribute] = strings.Join([]string{item.Str(attribute), item.Num(attribute)}, "")
		}
		all = append(all, row)
	}
	return all
}
