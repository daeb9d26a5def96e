package world

import (
	"fmt"
	"path/filepath"
)

// deliver is Dovecot's program that stores a message, and runs Sieve scripts.
const deliver = "/usr/lib/dovecot/dovecot-lda"

func (w *World) preparePostfix() error {
	if err := w.folders("postfix/queue", "postfix/data"); err != nil {
		return err
	}
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return err
	}
	if err := root.give(filepath.Join(w.Dir, "postfix/data"), "postfix"); err != nil {
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

// StartPostfix starts Postfix, or starts it again.
func (w *World) StartPostfix() error {
	var err error
	if w.Postfix, err = w.startMaster("postfix", filepath.Join(w.Dir, "postfix"), nil); err != nil {
		return err
	}
	return w.Postfix.ready(w.Ports.SMTP, w.Ports.Submission)
}

// startMaster starts a Postfix with its configuration, in the foreground. A
// machine of nil is this one.
func (w *World) startMaster(name, dir string, on *Node) (*Process, error) {
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return nil, err
	}
	return root.startMaster(w.Dir, name, dir, on)
}

func (r *Root) startMaster(folder, name, dir string, on *Node) (*Process, error) {
	if out, err := on.Move(r.Command(folder, "postfix", "-c", dir, "check")).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("postfix check: %w\n%s", err, out)
	}
	return r.runMaster(folder, name, dir, on)
}

// runMaster is startMaster for a Postfix that has run before. It skips `postfix
// check`, which after a crash reports the files that it discards, and cannot
// write to our log.
func (w *World) runMaster(name, dir string, on *Node) (*Process, error) {
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return nil, err
	}
	return root.runMaster(w.Dir, name, dir, on)
}

func (r *Root) runMaster(folder, name, dir string, on *Node) (*Process, error) {
	p, err := Run(name, on.Move(r.Command(folder, "/usr/lib/postfix/sbin/master", "-c", dir, "-s")))
	if err != nil {
		return nil, err
	}
	p.DiesOfSignal = true
	return p, nil
}
