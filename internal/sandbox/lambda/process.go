package lambda

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

// process is a started program in a process group of its own. Signals go to
// the whole group, as in Lambda, where nothing of the environment survives.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	streams []*stream
	exited  chan struct{} // closed when the program has exited
}

// startProcess starts argv. onLine gets every line of stdout and stderr, from
// a goroutine per stream; with logFrames, also every message of the framed log
// channel, which the program then has.
func startProcess(
	argv []string, dir string, env []string, maxLine int, logFrames bool, onLine func([]byte),
) (*process, error) {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, env
	ownProcessGroup(p.cmd)
	stdout, err := newStream(maxLine, false, onLine)
	if err != nil {
		return nil, err
	}
	stderr, err := newStream(maxLine, false, onLine)
	if err != nil {
		stdout.close()
		return nil, err
	}
	p.streams = []*stream{stdout, stderr}
	p.cmd.Stdout, p.cmd.Stderr = stdout.w, stderr.w
	if logFrames {
		frames, err := newStream(maxLine, true, onLine)
		if err != nil {
			p.closeStreams()
			return nil, err
		}
		p.streams = append(p.streams, frames)
		p.cmd.ExtraFiles = []*os.File{frames.w}
		p.cmd.Env = append(slices.Clip(env), logFrameVariable)
	}
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		p.closeStreams()
		return nil, fmt.Errorf("cannot start %s: %w", argv[0], err)
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// state is how the program ended; only after exited.
func (p *process) state() *os.ProcessState { return p.cmd.ProcessState }

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// awaitExit waits until the program has exited, at most d.
func (p *process) awaitExit(d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-p.exited:
		return true
	case <-t.C:
		return p.hasExited()
	}
}

// kill ends the whole group and waits for the program.
func (p *process) kill() {
	p.signal(sigKill)
	<-p.exited
}

// signal reaches what is left of the group even after the program's own exit.
func (p *process) signal(sig signal) { signalGroup(p.cmd.Process.Pid, sig) }

// drain returns when every line the program had written before the call has
// been handed on.
func (p *process) drain() {
	for _, s := range p.streams {
		s.drain()
	}
}

// closeStreams hands on what is left, an unfinished line included. It waits
// only briefly for the end of the streams, which a grandchild that left the
// group could keep open.
func (p *process) closeStreams() {
	for _, s := range p.streams {
		s.close()
	}
}
