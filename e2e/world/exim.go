package world

import (
	"errors"
	"os/exec"
	"path/filepath"
)

// Exim is a backend that accepts PROXY headers from the proxy, and lets clients
// in its network relay.
type Exim struct {
	Dir                    string
	SMTP, SMTPBehindHeader int    // the latter accepts only connections with a header
	Neighbours             string // the network that may relay, in Exim's syntax
	Smarthost              int    // the port of a smarthost for all mail to others; 0: such mail goes nowhere
	*Process                      // Exim's daemon
	Mail                   *Log   // Exim's main log
	reader                 *Process
}

// StartExim starts Exim. Its Stop ends it.
func (w *World) StartExim(neighbours string) (*Exim, error) {
	return w.startExim("exim", &Exim{Neighbours: neighbours})
}

// StartEximClient starts an Exim that sends mail to a smarthost.
func (w *World) StartEximClient(smarthost int) (*Exim, error) {
	return w.startExim("exim-client", &Exim{Neighbours: "127.0.0.1", Smarthost: smarthost})
}

func (w *World) startExim(folder string, e *Exim) (*Exim, error) {
	e.Dir = filepath.Join(w.Dir, folder)
	root, err := w.Root(eximCyrus)
	if err != nil {
		return nil, err
	}
	err = errors.Join(w.freePorts(&e.SMTP, &e.SMTPBehindHeader), w.folders(folder+"/spool", folder+"/log"),
		root.give(filepath.Join(e.Dir, "spool"), "Debian-exim"), root.give(filepath.Join(e.Dir, "log"), "Debian-exim"),
		w.fill("exim.conf", folder+"/exim.conf", e))
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

// Stop ends Exim.
func (e *Exim) Stop() error {
	err := e.Process.Stop()
	if e.reader != nil {
		err = errors.Join(err, e.reader.Stop())
	}
	return err
}
