package timerslack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// asProgram makes the binary of the tests raise the slack and print that of its threads.
const asProgram = "RUN_AS_THE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	Raise()
	threads, _ := filepath.Glob("/proc/self/task/*")
	for _, thread := range append([]string{fmt.Sprint(os.Getpid())}, threads...) {
		if text, err := os.ReadFile("/proc/" + filepath.Base(thread) + "/timerslack_ns"); err == nil { // it may have ended
			fmt.Print(os.Args[1], " ", os.Getpid(), " ", string(text))
		}
	}
	os.Exit(0)
}

// threads returns the process that a program ends as, and the slacks of its threads. That
// of the main thread is the first.
func threads(t *testing.T) (started int, ended string, slacks []string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: needs root, which alone may read the slack of other threads: run `make as-root`")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), self, "argument")
	program.Env = append(os.Environ(), asProgram+"=1")
	output, err := program.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(output)) {
		var argument, slack string
		if _, err := fmt.Sscan(line, &argument, &ended, &slack); err != nil || argument != "argument" {
			t.Fatalf("%q: %v", output, err)
		}
		slacks = append(slacks, slack)
	}
	return program.Process.Pid, ended, slacks
}

// Sysmon has the raised slack, the main thread the usual one, and the process stays the
// same. On a busy machine early threads that have not slept yet may keep the raised one.
func TestRaise(t *testing.T) {
	started, ended, slacks := threads(t)
	if ended != fmt.Sprint(started) {
		t.Errorf("process %d became %s", started, ended)
	}
	if len(slacks) == 0 || slacks[0] != fmt.Sprint(usual) || !slices.Contains(slacks, fmt.Sprint(raised)) {
		t.Errorf("the slacks of the threads are %v", slacks)
	}
}

// A slack that the administrator has set (TimerSlackNSec= of systemd) is left alone.
func TestAdministratorsSlack(t *testing.T) {
	const theirs = 200_000
	runtime.LockOSThread() // the program gets the slack of the thread that starts it
	defer runtime.UnlockOSThread()
	setSlack(theirs)
	defer setSlack(usual)
	_, _, slacks := threads(t)
	if len(slacks) == 0 || slices.ContainsFunc(slacks, func(slack string) bool { return slack != fmt.Sprint(theirs) }) {
		t.Errorf("the slacks of the threads are %v", slacks)
	}
}
