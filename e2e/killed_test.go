package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
	"github.com/letterlock/letterlock/internal/test/wait"
)

// TestServersEndWithAKilledTest kills a test program, and checks that its
// servers and their mounts end too. While the test program runs, its mounts are
// invisible outside of its namespaces.
func TestServersEndWithAKilledTest(t *testing.T) {
	if os.Getenv(part) == "killed" {
		w, err := world.New()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.StartKeeper(); err != nil {
			t.Fatal(err)
		}
		fmt.Println("the servers are in " + w.Dir)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	needsServers(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, "-test.run=^TestServersEndWithAKilledTest$")
	command.Env = append(os.Environ(), part+"=killed")
	if _, err := command.StdinPipe(); err != nil { // stays open until this test ends
		t.Fatal(err)
	}
	p, err := world.Run("a test", command)
	if err != nil {
		t.Fatal(err)
	}
	_, dir, _ := strings.Cut(awaitIn(t, p, 0, "the servers are in"), "are in ")
	defer func() { _ = os.RemoveAll(dir) }()
	if len(processesWith(t, dir)) == 0 {
		t.Fatal("the servers are not found, so their end would not be noticed")
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || bytes.Contains(mounts, []byte(dir)) {
		t.Errorf("%v: the servers' mounts are visible outside:\n%s", err, mounts)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	var left []string
	if !wait.Happens(func() bool { left = processesWith(t, dir); return len(left) == 0 }) {
		t.Fatalf("processes are left: %q", left)
	}
}

// processesWith returns the processes that have a folder in their mounts or in
// their arguments.
func processesWith(t *testing.T, dir string) (found []string) {
	t.Helper()
	for _, file := range []string{"mountinfo", "cmdline"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(dir)) {
				found = append(found, path)
			}
		}
	}
	return found
}
