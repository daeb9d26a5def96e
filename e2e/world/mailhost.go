package world

import (
	"errors"
	"path/filepath"
	"strings"
)

// MailHost is a machine with a Dovecot and a Postfix. All MailHosts have the
// same mailboxes, as if on a network file system. Postfix keeps every message
// (see Keeper), also those that clients submit through Dovecot.
type MailHost struct {
	Node     *Node
	Dir      string
	Home     string // the mailboxes
	Network  string
	Password string // of every user
	Keeper   *Keeper
	Dovecot  *Process

	w *World
}

// StartMailHost starts the servers of a machine. Their Stop ends them.
func (w *World) StartMailHost(m *Node) (*MailHost, error) {
	h := &MailHost{
		Node: m, Dir: filepath.Join(w.Dir, m.Name), Home: filepath.Join(w.Dir, "home"),
		Network: lanNetwork, Password: BelieverPassword, w: w,
	}
	root, err := w.Root(postfixDovecot)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		w.folders(m.Name, "home"), root.give(h.Home, "nobody"),
		w.fill("cluster-dovecot.conf", m.Name+"/dovecot.conf", h),
	)
	if err != nil {
		return nil, err
	}
	if h.Keeper, err = w.StartKeeperOn(m); err != nil {
		return h, err
	}
	return h, h.startDovecot()
}

func (h *MailHost) startDovecot() error {
	root, err := h.w.Root(postfixDovecot)
	if err != nil {
		return err
	}
	command := root.Command(h.w.Dir, "dovecot", "-F", "-c", filepath.Join(h.Dir, "dovecot.conf"))
	log := newLog()
	if h.Dovecot != nil {
		log = h.Dovecot.Log
	}
	if h.Dovecot, err = run("dovecot of "+h.Node.Name, log, h.Node.Move(command)); err != nil {
		return err
	}
	return h.Dovecot.Ready(h.Node.At(143), h.Node.At(110), h.Node.At(587), h.Node.At(4190))
}

// Kill kills both servers, as in a power failure.
func (h *MailHost) Kill() error { return errors.Join(h.Dovecot.Kill(), h.Keeper.Postfix.Kill()) }

// Restart starts both servers after Kill.
func (h *MailHost) Restart() error {
	return errors.Join(h.Keeper.start(h.w.runMaster), h.startDovecot())
}

// WrongPasswords counts the logins that Dovecot refused, of users whose names
// have a prefix.
func (h *MailHost) WrongPasswords(prefix string) (n int) {
	for _, line := range h.Dovecot.Log.Since(0) {
		if strings.Contains(line, "static("+prefix) && strings.Contains(line, "assword mismatch") {
			n++
		}
	}
	return n
}

// Stop ends both servers.
func (h *MailHost) Stop() error {
	var errs []error
	if h.Keeper != nil && h.Keeper.Postfix != nil {
		errs = append(errs, h.Keeper.Postfix.Stop())
	}
	if h.Dovecot != nil {
		errs = append(errs, h.Dovecot.Stop())
	}
	return errors.Join(errs...)
}
