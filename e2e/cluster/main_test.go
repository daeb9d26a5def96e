package cluster

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/e2e/world"
)

var seed = flag.Uint64("seed", 0, "of the order of the failures; 0: a random one")

// inside is the environment variable that marks the process with a network of
// its own. It holds the folder with the versions of Letterlock.
const inside = "LETTERLOCK_E2E_INSIDE"

// versions are the versions of Letterlock that the instances run: first the
// first one.
var versions = []string{"1.0.0", "1.1.0"}

// TestMain runs the tests in a copy of this program with a private network. It
// is the machine of the clients.
func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64N(1e6)
	}
	if os.Getenv("LETTERLOCK_E2E") != "1" || os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	if err := os.Chdir(".."); err != nil { // the folder of the scripts root and enter
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	err := runInside()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// runInside builds the programs, for which Go may need the machine's network,
// and runs the tests.
func runInside() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "letterlock-cluster-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := writeFastClock(dir)
	if err != nil {
		return err
	}
	for _, version := range versions {
		if err := build(program(dir, version, false), version, "-race"); err != nil {
			return err
		}
		if err := build(program(dir, version, true), version, "-overlay", overlay); err != nil {
			return err
		}
	}
	command := world.Private(exec.Command(self, os.Args[1:]...))
	command.Env = append(os.Environ(), inside+"="+dir)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	return command.Run()
}

func build(to, version string, more ...string) error {
	args := append([]string{"build", "-ldflags", "-X main.version=" + version, "-o", to}, more...)
	if out, err := exec.Command("go", append(args, "../cmd/letterlock")...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// program is the path of a version of Letterlock, perhaps with a fast clock.
func program(dir, version string, fast bool) string {
	name := "letterlock-" + version
	if fast {
		name += "-fast"
	}
	return filepath.Join(dir, name)
}

// fastClock is how far a fast clock is ahead of the machine's.
const fastClock = 7 * time.Minute

// writeFastClock writes an overlay for the compiler (go help build), which replaces the
// package time by one whose clock is fast. A program in Go reads the clock of the kernel
// without the C library, so that libfaketime has no effect on it.
func writeFastClock(dir string) (overlay string, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const now = "sec, nsec, mono := runtimeNow()"
	if strings.Count(string(text), now) != 1 {
		return "", fmt.Errorf("%s does not have once: %s", source, now)
	}
	changed := strings.Replace(string(text), now, fmt.Sprintf("%s\n\tsec += %d", now, int(fastClock.Seconds())), 1)
	replacement := filepath.Join(dir, "time.go")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {source: replacement}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, errors.Join(os.WriteFile(replacement, []byte(changed), 0o600), os.WriteFile(overlay, replace, 0o600))
}

// atEnd calls a function when the test ends, and fails the test on an error.
func atEnd(t *testing.T, stop func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
