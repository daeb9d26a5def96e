// The demo runs without servers, without root and without settings: Python's
// clients send and read mail over every port. The test needs python3 only.

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// demoAddress is the demo's address in this test. It is on loopback, and not
// the demo's default, where a user's own demo may run.
const demoAddress = "127.20.26.11"

func TestDemo(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("LETTERLOCK_E2E") == "1" {
			t.Fatalf("%v: run e2e/install", err)
		}
		t.Skip("needs python3, whose clients it runs")
	}
	binary, err := program(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	demo, err := world.Run("demo", exec.Command(binary, "demo", "--listen", demoAddress))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := demo.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := demo.Log.Await(0, world.Patience, "Letterlock demo on "+demoAddress); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/demo.py")
	if err != nil {
		t.Fatal(err)
	}
	run(t, python, script, demoAddress)
	if err := demo.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := demo.Wait(world.Patience); err != nil {
		t.Error(err)
	}
}
