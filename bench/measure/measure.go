package measure

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the resolution of CPU times in /proc (USER_HZ, which is 100 on every
// architecture of Debian's Linux).
const tick = 10 * time.Millisecond

// process holds the fields of /proc/PID/stat that this package needs (proc(5)).
type process struct {
	pid, parent int
	cpu         time.Duration // of the process and of its children that have ended
}

var errStat = errors.New("unexpected format")

func parseStat(pid int, stat []byte) (process, error) {
	// The format is: pid (name) state ppid ...; a name may contain any
	// character.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 15 {
		return process{}, fmt.Errorf("/proc/%d/stat: %w", pid, errStat)
	}
	p := process{pid: pid}
	var err error
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return process{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return process{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		p.cpu += time.Duration(ticks) * tick
	}
	return p, nil
}

// tree returns the processes and all their descendants.
func tree(roots []int) ([]process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]process)
	var found []process
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // the process has just ended
		}
		p, err := parseStat(pid, stat)
		if err != nil {
			return nil, err
		}
		children[p.parent] = append(children[p.parent], p)
		for _, root := range roots {
			if root == pid {
				found = append(found, p)
			}
		}
	}
	if len(found) != len(roots) {
		return nil, fmt.Errorf("of the processes %v only %d run", roots, len(found))
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found, nil
}

// CPU returns the time that the processes and their descendants have used, in
// user and kernel mode, including descendants that have ended.
func CPU(roots []int) (time.Duration, error) {
	all, err := tree(roots)
	var sum time.Duration
	for _, p := range all {
		sum += p.cpu
	}
	return sum, err
}

// Settled waits until CPU stops growing, and returns it: some work continues
// for a moment after the clients have their replies.
func Settled(roots []int) (time.Duration, error) {
	const (
		pause = 100 * time.Millisecond
		tries = 20
	)
	last, err := CPU(roots)
	for range tries {
		if err != nil {
			break
		}
		time.Sleep(pause)
		before := last
		if last, err = CPU(roots); last == before {
			break
		}
	}
	return last, err
}

// Memory returns the proportional set size of the processes and their
// descendants, in bytes: memory that they share counts once.
func Memory(roots []int) (int64, error) {
	all, err := tree(roots)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range all {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid))
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH):
			continue // the process has just ended
		case err != nil:
			return 0, err
		case len(rollup) == 0:
			continue // a zombie
		}
		pss, err := parsePSS(rollup)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/smaps_rollup: %w", p.pid, err)
		}
		sum += pss
	}
	return sum, nil
}

func parsePSS(rollup []byte) (int64, error) {
	for line := range strings.Lines(string(rollup)) {
		if value, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errStat
}
