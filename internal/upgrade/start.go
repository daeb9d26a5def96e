package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Start says what the new process is started with.
type Start struct {
	Program string // the file to execute; see Program
	Args    []string
	Sockets []Socket // that stay open in this process, too

	// State returns what is passed on, as JSON of at most MaxState bytes. It is
	// called when the new process is about to accept connections.
	State func() ([]byte, error)

	Deadline time.Duration // for being prepared; 0: StartTime
}

const (
	// StartTime bounds the time in which a new process reads its configuration and
	// probes its backends.
	StartTime = 2 * time.Minute

	// acceptTime bounds the time after that until it accepts connections.
	acceptTime = 30 * time.Second
)

// marker is the environment variable that a new process is recognised by. It is
// no LETTERLOCK_ variable, since those are keys of the configuration.
const marker = "_LETTERLOCK_UPGRADE"

// The descriptors of a new process.
const (
	fromOld = 3 + iota
	toOld
	firstSocket
)

// Successor is the new process that has taken over.
type Successor struct {
	Version string
	PID     int

	process *os.Process
	pipes   *pipes
}

// Run starts the new process and returns when it accepts connections. After an
// error that process has ended, or is being ended.
func (s Start) Run(ctx context.Context) (*Successor, error) {
	command, pipes, rest, err := s.start()
	if err != nil {
		return nil, err
	}
	go func() { _ = command.Wait() }() // fails if systemd is its parent, and waits for it
	version, err := s.converse(ctx, pipes, rest)
	if err != nil {
		_ = command.Process.Kill()
		pipes.close()
		return nil, fmt.Errorf("%s (process %d): %w", s.Program, command.Process.Pid, err)
	}
	return &Successor{version, command.Process.Pid, command.Process, pipes}, nil
}

// start executes the program. The process outlives every context: Run ends it if the
// upgrade fails. The list of sockets is in its pipe before it exists, so that it can
// serve even if this process is killed now; rest holds the part that does not fit into the pipe.
func (s Start) start() (_ *exec.Cmd, _ *pipes, rest []byte, err error) {
	p, theirs, err := newPipes()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("starting the new process: %w", err)
	}
	defer theirs.close()
	if rest, err = p.fill(s.list()); err != nil {
		p.close()
		return nil, nil, nil, fmt.Errorf("starting the new process: %w", err)
	}
	command := exec.CommandContext(context.Background(), s.Program, s.Args...) //nolint:gosec // G204: this program, with its own arguments
	command.Env = append(environment(os.Environ()), marker+"=1")
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.ExtraFiles = []*os.File{theirs.in, theirs.out}
	for _, socket := range s.Sockets {
		command.ExtraFiles = append(command.ExtraFiles, socket.File)
	}
	if os.Getenv("NOTIFY_SOCKET") != "" {
		command.SysProcAttr = childOfSystemd()
	}
	if err := command.Start(); err != nil {
		p.close()
		return nil, nil, nil, fmt.Errorf("starting the new process: %w", err)
	}
	return command, p, rest, nil
}

// list describes the sockets, in the order of their descriptors.
func (s Start) list() message {
	m := message{Step: sockets}
	for _, socket := range s.Sockets {
		m.Sockets = append(m.Sockets, description{socket.Name, socket.Address, socket.Systemd})
	}
	return m
}

// environment leaves out the variables that systemd has set for this process alone.
func environment(all []string) []string {
	return slices.DeleteFunc(all, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains([]string{"WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", marker}, name)
	})
}

// The reasons for which the old process continues.
var (
	errEnded  = errors.New("it ended before it was ready, or it is another program: see its own messages")
	errSilent = errors.New("it was not ready in time and was ended; perhaps it is another program")
)

// converse leads the new process to the point where it accepts connections. rest is
// the part of the first message that is not in the pipe yet.
func (s Start) converse(ctx context.Context, p *pipes, rest []byte) (version string, err error) {
	defer context.AfterFunc(ctx, p.expire)()
	deadline := s.Deadline
	if deadline == 0 {
		deadline = StartTime
	}
	p.deadline(ctx, deadline)
	if _, err := p.out.Write(rest); err != nil {
		return "", reason(ctx, err)
	}
	if _, err := expect(ctx, p.in, prepared); err != nil {
		return "", err
	}
	p.deadline(ctx, acceptTime)
	if err := send(p.out, message{Step: state, State: s.state()}); err != nil {
		return "", reason(ctx, err)
	}
	m, err := expect(ctx, p.in, ready)
	return m.Version, err
}

// state returns the state to pass on; none if that fails: an upgrade without it is
// better than none.
func (s Start) state() json.RawMessage {
	if s.State == nil {
		return nil
	}
	text, err := s.State()
	if err != nil || len(text) > MaxState {
		return nil
	}
	return text
}

// expect reads a message of a step.
func expect(ctx context.Context, in io.Reader, want step) (message, error) {
	m, err := receive(in)
	switch {
	case err != nil:
		return m, reason(ctx, err)
	case m.Step == failed:
		return m, fmt.Errorf("it cannot start: %s", m.Error)
	case m.Step != want:
		return m, fmt.Errorf("it sent %q instead of %q", m.Step, want)
	}
	return m, nil
}

// reason returns why the conversation has ended.
func reason(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return errEnded
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSilent
	}
	return err
}

// Release lets the new process know that it is the service's main process.
func (s *Successor) Release() { s.pipes.close() }

// Signal sends a signal to the new process.
func (s *Successor) Signal(signal os.Signal) error { return s.process.Signal(signal) }
