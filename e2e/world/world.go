package world

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// World is the mail server and what stands in front of it.
type World struct {
	Dir     string // everything is here; anybody may enter
	Ports   Ports
	Postfix *Process
	Dovecot *Process

	// Users are the mailboxes, with their passwords, behind which more fields
	// of Dovecot's passwd-file may stand. To be set before Start.
	Users map[string]string

	// Release is the Debian whose servers are started. To be set before Start.
	Release string

	roots        map[string]*Root // by their packages
	started      map[string]bool  // the folders of backends
	binary       string           // the program under test
	certificates []Pair
	letterlocks  []*Letterlock
}

// Ports are where the servers listen.
type Ports struct {
	SMTP, Submission  int // Postfix
	IMAP, POP3, Sieve int // Dovecot
	DovecotSubmission int
}

// Pair is a certificate's files.
type Pair struct{ Cert, Key string }

// New makes the folder of a world in which nothing runs yet.
func New() (*World, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can start the servers")
	}
	if err := adoptOrphans(); err != nil {
		return nil, err
	}
	// Not under $TMPDIR, which others might not enter, and short, because unix
	// sockets are in it.
	dir, err := os.MkdirTemp("/tmp", "letterlock-e2e-")
	if err != nil {
		return nil, err
	}
	return &World{Dir: dir, Release: defaultRelease, roots: make(map[string]*Root), started: make(map[string]bool)}, os.Chmod(dir, 0o755)
}

// Use says what program is tested, and with which certificates.
func (w *World) Use(binary string, certificates ...Pair) {
	w.binary, w.certificates = binary, certificates
}

// Start starts the servers.
func (w *World) Start() error {
	p := &w.Ports
	if err := freePorts(&p.SMTP, &p.Submission, &p.IMAP, &p.POP3, &p.Sieve, &p.DovecotSubmission); err != nil {
		return err
	}
	if err := w.prepareDovecot(); err != nil {
		return err
	}
	if err := w.preparePostfix(); err != nil {
		return err
	}
	return errors.Join(w.StartDovecot(), w.StartPostfix())
}

// Stop ends everything and removes it. It returns what went wrong: a program
// that ended badly, a process that was left.
func (w *World) Stop() []error {
	var errs []error
	for _, l := range w.letterlocks {
		errs = append(errs, l.Stop())
	}
	for _, p := range []*Process{w.Postfix, w.Dovecot} {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	for _, name := range leftovers() {
		errs = append(errs, fmt.Errorf("a process is left: %s", name))
	}
	errs = append(errs, os.RemoveAll(w.Dir))
	return present(errs)
}

func present(errs []error) []error {
	var left []error
	for _, err := range errs {
		if err != nil {
			left = append(left, err)
		}
	}
	return left
}

//go:embed testdata
var testdata embed.FS

// fill writes one of the configurations to a file in the world.
func (w *World) fill(name, to string, data any) error {
	t, err := template.ParseFS(testdata, "testdata/"+name)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(w.Dir, to))
	if err != nil {
		return err
	}
	return errors.Join(t.Execute(f, data), f.Close())
}

// folders makes folders in the world.
func (w *World) folders(names ...string) error {
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(w.Dir, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}
