//go:build linux

package peers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience bounds each wait for a process. It is long, because the machine may
// be busy.
const patience = 30 * time.Second

// Instance is a running proxy: one process, or several.
type Instance struct {
	processes []*process
}

type process struct {
	cmd   *exec.Cmd
	log   string // the path of its log
	ended chan struct{}
}

// PIDs returns the roots of the instance's process trees.
func (i *Instance) PIDs() []int {
	var pids []int
	for _, p := range i.processes {
		pids = append(pids, p.cmd.Process.Pid)
	}
	return pids
}

// run starts a process in its own process group. The process ends with this
// program, however that ends.
func (i *Instance) run(name, dir string, cmd *exec.Cmd) error {
	log, err := os.CreateTemp(dir, name+"-*.log")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGTERM
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p := &process{cmd, log.Name(), make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // the log has the error
	}()
	i.processes = append(i.processes, p)
	return nil
}

var errEnded = errors.New("has ended")

// await waits until a port accepts connections.
func (i *Instance) await(port int) error {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		for _, p := range i.processes {
			if p.hasEnded() {
				return fmt.Errorf("%s %w\n%s", filepath.Base(p.cmd.Path), errEnded, p.lastWords())
			}
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) lastWords() []byte {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return nil
	}
	return log[max(0, len(log)-2000):]
}

// Stop asks the processes to end, and kills the groups of those that do not.
func (i *Instance) Stop() error {
	for _, p := range i.processes {
		if !p.hasEnded() {
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	var failed error
	for _, p := range i.processes {
		select {
		case <-p.ended:
		case <-time.After(patience):
			failed = errors.Join(failed, fmt.Errorf("%s does not end when asked", p.cmd.Path))
		}
		// Processes may be left over, such as workers that finish their
		// sessions.
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
	return failed
}
