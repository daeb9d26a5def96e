package world

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// adoptOrphans makes us the parent of all descendants that lose theirs, so
// that none can get out of sight (prctl(2), PR_SET_CHILD_SUBREAPER).
func adoptOrphans() error {
	const setChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	return nil
}

// leftovers names our descendants that still run. It must not be called while
// something that is waited for runs: it reaps.
func leftovers() []string {
	var names []string
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
		if names = children(os.Getpid()); len(names) == 0 {
			return nil
		}
	}
	return names
}

func children(of int) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var names []string
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state ppid ...; a name may hold anything
		end := bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[end+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(of) {
			names = append(names, string(stat[:end+1]))
		}
	}
	return names
}
