package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/wait"
)

// After an upgrade the sessions of the old process are listed and ended with those of
// the new one.
func TestSessionsOfAReplacedProcess(t *testing.T) {
	t.Parallel()
	f, s := newFolder(t), newServices(t)
	u := newUpgradable(f, s.configuration("127.0.0.1:9", ""))
	idle := u.idle(s.imaps)
	u.upgrade(false)
	socket := filepath.Join(f.path, "state", "admin.sock")
	wait.Until(t, "the old process has no socket", func() bool { found, _ := filepath.Glob(socket + ".*"); return len(found) == 1 })
	next := u.idle(s.imaps)
	sessions := func(args ...string) string {
		status, out, said := words(append(args, "--config", f.file())...)
		if status != exitOK {
			t.Errorf("%s: %d %s", args, status, said)
		}
		return out
	}
	wait.Until(t, "the sessions are not listed", func() bool {
		return strings.HasSuffix(sessions("sessions", "--user", "demo"), "\n2 sessions\n")
	})
	if out := sessions("kick", "--user", "demo"); !strings.HasPrefix(out, "2 sessions asked to end") {
		t.Error(out)
	}
	for _, c := range []*conversation{idle, next} {
		if err := c.read("* BYE"); err != nil {
			t.Error(err)
		}
	}
	wait.Until(t, "the old process leaves its socket", func() bool { found, _ := filepath.Glob(socket + ".*"); return len(found) == 0 })
	if _, err := os.Stat(socket); err != nil {
		t.Error(err)
	}
}
