package world

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/template"
)

// World is a mail server and the instances of Letterlock in front of it.
type World struct {
	Dir     string // all files; every user may enter it
	Ports   Ports
	Postfix *Process
	Dovecot *Process

	// Users are the mailboxes, with their passwords, which may be followed by
	// more fields of Dovecot's passwd-file. It must be set before Start.
	Users map[string]string

	// Release is the Debian release whose servers are started. It must be set
	// before Start.
	Release string

	roots        map[string]*Root // by their set of packages
	started      map[string]bool  // the folders of backends
	sites        int              // that were made
	binary       string           // the program under test
	certificates []Pair
	letterlocks  []*Letterlock
	held         []io.Closer // the ports
}

// Ports are the ports of the servers.
type Ports struct {
	SMTP, Submission  int // Postfix
	IMAP, POP3, Sieve int // Dovecot
	DovecotSubmission int
}

// Pair is the paths of a certificate and its key.
type Pair struct{ Cert, Key string }

// New creates the folder of a world in which no server runs yet.
func New() (*World, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can start the servers")
	}
	if err := adoptOrphans(); err != nil {
		return nil, err
	}
	// The folder is not under $TMPDIR, which other users might not be able to
	// enter, and its path is short, because it contains unix sockets.
	dir, err := os.MkdirTemp("/tmp", "letterlock-e2e-")
	if err != nil {
		return nil, err
	}
	return &World{Dir: dir, Release: defaultRelease, roots: make(map[string]*Root), started: make(map[string]bool)}, os.Chmod(dir, 0o755)
}

// SetRelease changes the Debian whose servers are started from now on.
func (w *World) SetRelease(name string) {
	w.Release, w.roots = name, make(map[string]*Root)
}

// Use sets the program that is tested, and its certificates.
func (w *World) Use(binary string, certificates ...Pair) {
	w.binary, w.certificates = binary, certificates
}

// Start starts the servers.
func (w *World) Start() error {
	p := &w.Ports
	if err := w.freePorts(&p.SMTP, &p.Submission, &p.IMAP, &p.POP3, &p.Sieve, &p.DovecotSubmission); err != nil {
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

// Stop ends all processes and removes the folder. It returns an error for each
// program that ended with an error, and for each process that was left.
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
		errs = append(errs, fmt.Errorf("a process is left over: %s", name))
	}
	for _, port := range w.held {
		errs = append(errs, port.Close())
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

// fill writes one of the embedded configurations to a file in the world.
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

// folders creates folders in the world.
func (w *World) folders(names ...string) error {
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(w.Dir, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}
