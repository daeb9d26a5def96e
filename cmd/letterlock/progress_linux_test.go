package main

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo terminal. Bytes that are written to side can be read from
// screen.
func terminal(t *testing.T) (screen, side *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there is no pseudo terminal: %v", err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skipf("there is no pseudo terminal: %v", err)
	}
	if side, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skipf("there is no pseudo terminal: %v", err)
	}
	t.Cleanup(func() { _, _ = screen.Close(), side.Close() })
	return screen, side
}

// On a terminal a command shows its progress from its second second on, and leaves
// no line behind.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	screen, side := terminal(t)
	synctest.Test(t, func(t *testing.T) {
		p := newUI(nil, side).progress("looking at services")
		time.Sleep(900 * time.Millisecond)
		if p.shown {
			t.Error("a line is shown within the first second")
		}
		p.step(2, 9)
		time.Sleep(2 * time.Second)
		p.done()
	})
	var text string
	var err error
	for shown := make([]byte, 4096); err == nil && !strings.HasSuffix(text, "\r\x1b[K"); { // it may arrive in parts
		var n int
		n, err = screen.Read(shown)
		text += string(shown[:n])
	}
	if err != nil || !strings.HasPrefix(text, "\rlooking at services: 2 of 9, 1s\x1b[K") || strings.Contains(text, "\n") {
		t.Errorf("%q, %v", text, err)
	}
}

// A command that is over at once shows nothing.
func TestShortProgressOnATerminal(t *testing.T) {
	t.Parallel()
	screen, side := terminal(t)
	p := newUI(nil, side).progress("looking at services")
	p.step(9, 9)
	p.done()
	_, _ = side.WriteString("end")
	shown := make([]byte, 4096)
	if n, err := screen.Read(shown); err != nil || string(shown[:n]) != "end" {
		t.Errorf("%q, %v", shown[:n], err)
	}
}

// Where standard error is no terminal there is no line.
func TestProgressElsewhere(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	synctest.Test(t, func(*testing.T) {
		p := newUI(nil, &out).progress("looking at services")
		p.step(2, 9)
		time.Sleep(5 * time.Second)
		p.done()
	})
	if out.Len() > 0 {
		t.Errorf("%q", &out)
	}
}

// An interrupt while init asks leaves no file.
func TestInterruptOfInit(t *testing.T) {
	t.Parallel()
	screen, side := terminal(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := exec.CommandContext(t.Context(), self, "init")
	program.Dir, program.Env = dir, append(os.Environ(), asProgram+"=1")
	program.Stdin, program.Stderr = side, side
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	shown := make([]byte, 4096)
	if n, err := screen.Read(shown); err != nil || string(shown[:n]) != "Host of the mail server: " {
		t.Errorf("%q, %v", shown[:n], err)
	}
	if err := program.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err == nil {
		t.Error("init ends as if it had succeeded")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// init asks on a terminal.
func TestInitOnATerminal(t *testing.T) {
	t.Parallel()
	screen, side := terminal(t)
	u := newUI(nil, side)
	u.in, u.interactive = side, isTerminal(side)
	if !u.interactive {
		t.Fatal("a terminal is not taken for one")
	}
	if _, err := screen.WriteString("10.0.0.5\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := u.ask("Host of the mail server", ""); err != nil || answer != "10.0.0.5" {
		t.Errorf("%q, %v", answer, err)
	}
}
