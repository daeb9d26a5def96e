package world

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// deliver is Dovecot's program that files a message, and runs Sieve scripts.
const deliver = "/usr/lib/dovecot/dovecot-lda"

func (w *World) preparePostfix() error {
	if err := w.folders("postfix/queue", "postfix/data"); err != nil {
		return err
	}
	if err := give(filepath.Join(w.Dir, "postfix/data"), "postfix"); err != nil {
		return err
	}
	if err := w.fill("main.cf", "postfix/main.cf", w); err != nil {
		return err
	}
	return w.fill("master.cf", "postfix/master.cf", struct {
		*World
		Deliver string
	}{w, deliver})
}

// StartPostfix starts it, or starts it again.
func (w *World) StartPostfix() error {
	var err error
	if w.Postfix, err = startMaster("postfix", filepath.Join(w.Dir, "postfix")); err != nil {
		return err
	}
	return w.Postfix.ready(w.Ports.SMTP, w.Ports.Submission)
}

// startMaster starts a Postfix by its configuration, in the foreground.
func startMaster(name, dir string) (*Process, error) {
	if out, err := exec.Command("postfix", "-c", dir, "check").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("postfix check: %w\n%s", err, out)
	}
	return runMaster(name, dir)
}

// runMaster is startMaster for one that has been started before. After a crash
// `postfix check` tells what it throws away, and cannot say so to our log.
func runMaster(name, dir string) (*Process, error) {
	daemons, err := exec.Command("postconf", "-c", dir, "-h", "daemon_directory").Output()
	if err != nil {
		return nil, fmt.Errorf("postconf: %w", err)
	}
	master := filepath.Join(strings.TrimSpace(string(daemons)), "master")
	p, err := Run(name, exec.Command(master, "-c", dir, "-s"))
	if err != nil {
		return nil, err
	}
	p.DiesOfSignal = true
	return p, nil
}

// give makes somebody the owner of a file.
func give(path, owner string) error {
	u, err := user.Lookup(owner)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	return os.Chown(path, uid, -1)
}
