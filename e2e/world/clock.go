package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Clock is the clock of the servers that are started with it. libfaketime adds its
// difference from this machine's clock to each time that they read.
type Clock struct {
	file string

	mu     sync.Mutex
	offset time.Duration
}

// NewClock creates a clock that begins at a time.
func (w *World) NewClock(name string, at time.Time) (*Clock, error) {
	c := &Clock{file: filepath.Join(w.Dir, name+".clock"), offset: -1 << 63}
	return c, c.Set(at)
}

// Set moves the clock forward to a time, from which it goes on. A clock that is ahead, as
// it is while a test with a clock of its own works, stays.
func (c *Clock) Set(to time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := realTime()
	if err != nil {
		return err
	}
	offset := to.Sub(now)
	if offset <= c.offset {
		return nil
	}
	c.offset = offset
	return errors.Join(os.WriteFile(c.file+".new", fmt.Appendf(nil, "%+.3f\n", offset.Seconds()), 0o644), os.Rename(c.file+".new", c.file))
}

// command returns a command that runs a program of a root with the clock; nil: that of
// this machine. Its waits are not changed, only the dates that it sees.
func (c *Clock) command(root *Root, folder, program string, args ...string) *exec.Cmd {
	if c == nil {
		return root.Command(folder, program, args...)
	}
	return root.Command(folder, "env", append([]string{
		"LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1", // the linker replaces $LIB
		"FAKETIME_TIMESTAMP_FILE=" + c.file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", program,
	}, args...)...)
}
