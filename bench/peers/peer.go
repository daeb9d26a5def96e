//go:build linux

package peers

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"text/template"

	"github.com/letterlock/letterlock/bench/backend"
)

// Services are the measured services, with Letterlock's names.
var Services = []string{"imap", "imaps", "pop3", "pop3s", "submission", "submissions"}

// Peer is a proxy that can be measured.
type Peer struct {
	Name     string
	Services []string

	// Group is the key exchange that the proxy uses if it does not support
	// X25519.
	Group string

	// Fragile is set for proxies that lose sessions, at times or whenever a TLS
	// record arrives in pieces. Lost sessions are a remark for them, and not a
	// failure.
	Fragile bool

	// Most is the maximum number of sessions for the proxy, and the reason; 0:
	// no limit.
	Most    int
	MostWhy string

	// Reloads reports that Reload reads the configuration anew and keeps the sessions.
	Reloads bool

	// Floor is set for the floor of package bench/floor, which is not compared.
	Floor bool

	pkg      string // Debian's package; empty for Letterlock
	release  Release
	commands func(s *Setting) ([]*exec.Cmd, error)
}

// All returns the proxies: Letterlock first, and then those of each release.
// path is Letterlock's binary.
func All(letterlock string, releases []Release) []*Peer {
	all := []*Peer{newLetterlock(letterlock)}
	for _, r := range releases {
		peers := []*Peer{newNginx(), newHAProxy(), newStunnel(r), newDovecot(r)}
		if r.codename == "bookworm" { // later releases have the same version of Perdition
			peers = append(peers, newPerdition())
		}
		for _, p := range peers {
			p.release, p.Name = r, p.Name+", "+r.Name
		}
		all = append(all, peers...)
	}
	return all
}

// Setting is the environment of a proxy.
type Setting struct {
	Dir     string // the proxy's folder
	Ports   map[string]int
	Backend backend.Ports
	Workers int
	Pair    Pair
	Groups  string     // for TLS, in OpenSSL's syntax; empty: the default
	Reloads bool       // the proxy will be asked to reload
	More    []Listener // further imaps listeners, for Letterlock only
}

// Listener is a listener with its own name, certificate and policy.
type Listener struct {
	Number, Port int
	Pair         Pair
}

// Serves reports whether the proxy can offer the service.
func (p *Peer) Serves(service string) bool { return slices.Contains(p.Services, service) }

// Version returns the version of the proxy's package. It fails if the package
// is not installed.
func (p *Peer) Version() (string, error) {
	if p.pkg == "" {
		return "of this tree", nil
	}
	return p.release.version(p.pkg)
}

var errNotInstalled = errors.New("is not installed")

// Start starts the proxy, and returns when it accepts connections.
func (p *Peer) Start(s *Setting) (*Instance, error) {
	commands, err := p.commands(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	i := &Instance{}
	for _, cmd := range commands {
		if p.pkg != "" {
			cmd = p.release.inside(filepath.Dir(s.Dir), cmd) // the parent folder has the certificates
		}
		if err := i.run(p.Name, s.Dir, cmd); err != nil {
			_ = i.Stop()
			return nil, err
		}
	}
	for _, service := range p.Services {
		if err := i.await(s.Ports[service]); err != nil {
			_ = i.Stop()
			return nil, fmt.Errorf("%s, %s: %w", p.Name, service, err)
		}
	}
	return i, nil
}

// Reload makes the proxy read its configuration anew.
func (p *Peer) Reload(i *Instance) error {
	return i.processes[0].cmd.Process.Signal(syscall.SIGHUP)
}

//go:embed *.tmpl
var templates embed.FS

// fill writes a configuration into the proxy's folder.
func (s *Setting) fill(name string) (path string, err error) {
	t, err := template.ParseFS(templates, name+".tmpl")
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, s); err != nil {
		return "", err
	}
	path = filepath.Join(s.Dir, name)
	return path, os.WriteFile(path, text.Bytes(), 0o644)
}

// fillFor is fill for a program that takes the file as its last argument.
func fillFor(name string, arguments ...string) func(*Setting) ([]*exec.Cmd, error) {
	return func(s *Setting) ([]*exec.Cmd, error) {
		path, err := s.fill(name)
		if err != nil {
			return nil, err
		}
		return []*exec.Cmd{exec.Command(arguments[0], append(arguments[1:], path)...)}, nil
	}
}
