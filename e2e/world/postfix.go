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
	dir := filepath.Join(w.Dir, "postfix")
	if out, err := exec.Command("postfix", "-c", dir, "check").CombinedOutput(); err != nil {
		return fmt.Errorf("postfix check: %w\n%s", err, out)
	}
	daemons, err := exec.Command("postconf", "-c", dir, "-h", "daemon_directory").Output()
	if err != nil {
		return fmt.Errorf("postconf: %w", err)
	}
	master := filepath.Join(strings.TrimSpace(string(daemons)), "master")
	w.Postfix, err = Run("postfix", exec.Command(master, "-c", dir, "-s"))
	if err != nil {
		return err
	}
	w.Postfix.DiesOfSignal = true
	return w.Postfix.ready(w.Ports.SMTP, w.Ports.Submission)
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
