package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Exim is one that was unpacked beside the tests, as its package and that of
// Postfix exclude each other. It believes PROXY headers from the proxy, and
// lets its neighbours relay.
type Exim struct {
	Dir, Program           string
	SMTP, SMTPBehindHeader int    // the latter takes nothing without a header
	Neighbours             string // as Exim writes networks
	*Process                      // the daemon
	Mail                   *Log   // its main log
	reader                 *Process
}

// eximUser is whom the package would have made. Exim insists on the name.
const (
	eximUser = "Debian-exim"
	eximID   = 64999
)

// StartExim starts it, with a passwd file of its own in a mount namespace. It
// ends with its Stop.
func (w *World) StartExim(neighbours string) (*Exim, error) {
	e := &Exim{Dir: filepath.Join(w.Dir, "exim"), Neighbours: neighbours}
	e.Program = filepath.Join(e.Dir, "exim4") // anybody may enter there
	program, err := os.ReadFile(".peers/exim4-daemon-heavy/usr/sbin/exim4")
	if err != nil {
		return nil, fmt.Errorf("%w: run e2e/install", err)
	}
	err = errors.Join(freePorts(&e.SMTP, &e.SMTPBehindHeader), w.folders("exim/spool", "exim/log"), os.WriteFile(e.Program, program, 0o755),
		withLine("/etc/passwd", filepath.Join(e.Dir, "passwd"), fmt.Sprintf("%s:x:%d:%[2]d::/nonexistent:/bin/false", eximUser, eximID)),
		withLine("/etc/group", filepath.Join(e.Dir, "group"), fmt.Sprintf("%s:x:%d:", eximUser, eximID)))
	if err != nil {
		return nil, err
	}
	for _, folder := range []string{"spool", "log"} {
		if err := os.Chown(filepath.Join(e.Dir, folder), eximID, eximID); err != nil {
			return nil, err
		}
	}
	if err := w.fill("exim.conf", "exim/exim.conf", e); err != nil {
		return nil, err
	}
	e.Process, err = Run("exim", exec.Command("unshare", "--mount", "sh", "-c",
		`mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group && exec "$2" -C "$1/exim.conf" -bdf`,
		"sh", e.Dir, e.Program))
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

// withLine copies a file and adds a line.
func withLine(from, to, line string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(text, line+"\n"...), 0o644)
}

// Stop ends it.
func (e *Exim) Stop() error {
	err := e.Process.Stop()
	if e.reader != nil {
		err = errors.Join(err, e.reader.Stop())
	}
	return err
}
