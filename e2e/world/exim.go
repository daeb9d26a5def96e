package world

import (
	"errors"
	"os/exec"
	"path/filepath"
)

// Exim is a backend that believes PROXY headers from the proxy, and lets its
// neighbours relay.
type Exim struct {
	Dir                    string
	SMTP, SMTPBehindHeader int    // the latter takes nothing without a header
	Neighbours             string // as Exim writes networks
	*Process                      // the daemon
	Mail                   *Log   // its main log
	reader                 *Process
}

// StartExim starts it. It ends with its Stop.
func (w *World) StartExim(neighbours string) (*Exim, error) {
	e := &Exim{Dir: filepath.Join(w.Dir, "exim"), Neighbours: neighbours}
	root, err := w.Root(eximCyrus)
	if err != nil {
		return nil, err
	}
	err = errors.Join(freePorts(&e.SMTP, &e.SMTPBehindHeader), w.folders("exim/spool", "exim/log"),
		root.give(filepath.Join(e.Dir, "spool"), "Debian-exim"), root.give(filepath.Join(e.Dir, "log"), "Debian-exim"),
		w.fill("exim.conf", "exim/exim.conf", e))
	if err != nil {
		return nil, err
	}
	e.Process, err = Run("exim", root.Command(w.Dir, "exim4", "-C", filepath.Join(e.Dir, "exim.conf"), "-bdf"))
	if err != nil {
		return nil, err
	}
	e.reader, err = Run("exim's log", exec.Command("tail", "--lines=+1", "--follow=name", "--retry", filepath.Join(e.Dir, "log/main")))
	if err != nil {
		return e, err
	}
	e.reader.DiesOfSignal = true
	e.Mail = e.reader.Log
	return e, e.ready(e.SMTP, e.SMTPBehindHeader)
}

// Stop ends it.
func (e *Exim) Stop() error {
	err := e.Process.Stop()
	if e.reader != nil {
		err = errors.Join(err, e.reader.Stop())
	}
	return err
}
