package packaging

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The unit gives the service no right that it does not need: systemd rates its
// exposure with 1.5 of 10 at most.
func TestUnitIsHardened(t *testing.T) {
	needs(t, "systemd-analyze")
	out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", "systemd/letterlock.service").CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// systemd knows every key of the units. A version before 253 does not know
// notify-reload, and no unit names a program that is not installed here.
func TestUnitsAreUnderstood(t *testing.T) {
	needs(t, "systemd-analyze")
	out, _ := exec.Command("systemd-analyze", "verify", "systemd/letterlock.service", "systemd/letterlock.socket").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		expected := strings.Contains(line, "ignoring: notify-reload") || strings.Contains(line, "/usr/bin/letterlock is not executable") ||
			strings.Contains(line, "man ") || strings.Contains(line, "man:")
		if !expected && strings.Contains(line, "letterlock") {
			t.Error(line)
		}
	}
}

// needs skips a test if a program is missing. packaging/check, which runs the tests
// where all are installed, sets LETTERLOCK_CHECKERS: then the test fails.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("LETTERLOCK_CHECKERS") != "" {
			t.Fatal(err)
		}
		t.Skipf("not checked: %s is not installed", program)
	}
}
