package world

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"syscall"
	"time"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// Patience bounds each wait for a process. It is long, because the machine may
// be busy.
const Patience = 90 * time.Second

// Process is a program that runs until it is stopped.
type Process struct {
	Name string
	Log  *Log

	// DiesOfSignal is set for programs whose proper end is the signal, not an
	// exit status of 0.
	DiesOfSignal bool

	killed bool // Kill was called
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // the error of its end; valid after exited is closed
}

// Run starts a program. Its output goes to its log. The program ends with the
// test program, however that ends.
func Run(name string, cmd *exec.Cmd) (*Process, error) { return run(name, newLog(), cmd) }

func run(name string, log *Log, cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: name, Log: log, cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	own(cmd)
	cmd.WaitDelay = Patience
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		return nil, fmt.Errorf("%s: %w: the tests need root with the right to create namespaces and to mount: in a container, CAP_SYS_ADMIN", name, err)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Wait waits for the end of the process, and returns an error unless the exit
// status is 0.
func (p *Process) Wait(timeout time.Duration) error {
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("%s: %w\n%s", p.Name, p.err, p.Log.Tail())
		}
		return nil
	case <-time.After(timeout):
		return fmt.Errorf("%s has not ended within %v", p.Name, timeout)
	}
}

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Stop asks the process to end, and kills its group if it does not. An exit
// status other than 0 is an error, unless DiesOfSignal is set and the process
// died of the signal.
func (p *Process) Stop() error {
	if p.killed {
		return nil
	}
	if p.Running() {
		if err := p.Signal(syscall.SIGTERM); err != nil && p.Running() {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	err := p.Wait(Patience)
	if p.Running() {
		return errors.Join(err, killGroup(p.cmd.Process.Pid))
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); p.DiesOfSignal && ok && diedOfTERM(status) {
		return nil
	}
	return err
}

// diedOfTERM also recognises the exit status by which a shell, as in e2e/enter,
// reports the signal.
func diedOfTERM(status syscall.WaitStatus) bool {
	return status.Signaled() && status.Signal() == syscall.SIGTERM || status.ExitStatus() == 128+int(syscall.SIGTERM)
}

// Kill kills the process and all its descendants at once, as in a power
// failure.
func (p *Process) Kill() error {
	p.killed = true
	err := killGroup(p.cmd.Process.Pid)
	<-p.exited
	return err
}

// ready waits until the process accepts connections on all ports of loopback.
func (p *Process) ready(ports ...int) error {
	var addresses []string
	for _, port := range ports {
		addresses = append(addresses, address(port))
	}
	return p.Ready(addresses...)
}

// Ready waits until the process accepts connections at all addresses.
func (p *Process) Ready(addresses ...string) error {
	deadline := time.Now().Add(Patience)
	for _, address := range addresses {
		for !accepts(address) {
			if !p.Running() {
				return fmt.Errorf("%s has ended: %w\n%s", p.Name, p.err, p.Log.Tail())
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s does not listen on %s\n%s", p.Name, address, p.Log.Tail())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

func accepts(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// freePorts finds free ports of loopback. They are held until the world stops, so
// that neither this process nor that of another group gets one of them again.
func (w *World) freePorts(into ...*int) error {
	for _, into := range into {
		port, hold, err := loopback.ReservePort()
		if err != nil {
			return err
		}
		w.held = append(w.held, hold)
		*into = port
	}
	return nil
}
