package world

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func (w *World) prepareDovecot() error {
	if err := w.folders("dovecot", "home"); err != nil {
		return err
	}
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return err
	}
	if err := root.give(filepath.Join(w.Dir, "home"), "nobody"); err != nil {
		return err
	}
	if err := w.addUsers(w.Users); err != nil {
		return err
	}
	return w.fill("dovecot.conf", "dovecot/dovecot.conf", w)
}

// StartDovecot starts Dovecot, or starts it again.
func (w *World) StartDovecot() error {
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return err
	}
	w.Dovecot, err = Run("dovecot", root.Command(w.Dir, "dovecot", "-F", "-c", filepath.Join(w.Dir, "dovecot/dovecot.conf")))
	if err != nil {
		return err
	}
	return w.Dovecot.ready(w.Ports.IMAP, w.Ports.POP3, w.Ports.Sieve, w.Ports.DovecotSubmission)
}

// addUsers creates the mailboxes before Dovecot starts, because Dovecot rereads
// its file at most once a second.
func (w *World) addUsers(passwords map[string]string) error {
	var lines strings.Builder
	for name, password := range passwords {
		fmt.Fprintf(&lines, "%s:%s\n", name, password)
	}
	return os.WriteFile(filepath.Join(w.Dir, "dovecot/users"), []byte(lines.String()), 0o644)
}

// Delivered waits for a message in a user's folder that has a line which is in
// no other message, and returns the message as it was stored. The folder is
// named as on disk: "" is the inbox, other names begin with a dot.
func (w *World) Delivered(user, folder, line string) ([]byte, error) {
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(w.Dir, "home", user, "Maildir", folder, "[nc]*/*"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err == nil && bytes.Contains(text, []byte(line)) {
				return text, nil
			}
		}
	}
	return nil, fmt.Errorf("no message with %q has arrived for %s", line, user)
}
