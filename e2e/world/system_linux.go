package world

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// own starts a process in its own session, so that killGroup reaches its
// descendants, and makes it end with the test program, however that ends.
func own(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	}
	cmd.SysProcAttr.Setsid = true
}

// contained starts a command as the first process of new namespaces: its
// mounts, its processes and its host name end with it. It ends with the test
// program.
func contained(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	return cmd
}

// Private moves a command to a network of its own, which has no other machine.
func Private(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	return cmd
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

// realTime returns the time of this machine, even where time.Now is the clock of a test
// (testing/synctest).
func realTime() (time.Time, error) {
	var now syscall.Timeval
	err := syscall.Gettimeofday(&now)
	return time.Unix(now.Unix()), err
}

// adoptOrphans makes this process the parent of all its descendants that lose
// theirs, so that it finds them all (prctl(2), PR_SET_CHILD_SUBREAPER).
func adoptOrphans() error {
	const setChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	return nil
}

// leftovers kills this process's running descendants, and returns their names.
// It waits for all children, so no other goroutine may be waiting for a
// process.
func leftovers() []string {
	var left map[int]string
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
		if left = children(os.Getpid()); len(left) == 0 {
			return nil
		}
	}
	var names []string
	for pid, name := range left {
		names = append(names, name)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return names
}

// children returns the children of a process, with their names.
func children(of int) map[int]string {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	found := make(map[int]string)
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// The format is: pid (name) state ppid ...; a name may contain any
		// character.
		end := bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[end+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(of) {
			found[pid] = string(stat[:end+1])
		}
	}
	return found
}
