package configs

import (
	"fmt"
	"path/filepath"

	"github.com/letterlock/letterlock/internal/filemode"
	"github.com/letterlock/letterlock/internal/lookup"
)

// FileKind says what other users of the machine must not be able to do with a
// file.
type FileKind int

// The kinds of files. A user who can change a public file decides which peers
// the proxy trusts, or where mail and passwords go.
const (
	PublicFile FileKind = iota // may be read
	SecretFile
	SocketFile    // no other user may create files in its folder
	PrivateFolder // with all its content
)

// modes checks files of the machine that the program runs on.
func modes(kind FileKind, path string) []filemode.Finding {
	switch kind {
	case SecretFile:
		return filemode.Secret(path)
	case SocketFile:
		return filemode.Socket(path)
	case PrivateFolder:
		return filemode.Private(path)
	}
	return filemode.Trusted(path)
}

// file is a file that a configuration names.
type file struct {
	key  string // such as listeners[0].routes; empty: the configuration file itself
	path string
	kind FileKind
}

// files lists all files that a configuration names, and the configuration file
// itself.
func (c *Config) files() []file {
	all := []file{{"", c.file(), PublicFile}, {"state_dir", c.StateDir, PrivateFolder}, {"ticket_secret", c.TicketSecret, SecretFile}}
	all = append(all, file{"admin.socket", c.Admin.Socket, SocketFile})
	all = append(all, file{"status.passwords", c.Status.Passwords, SecretFile}, file{"status.client_ca", c.Status.ClientCA, PublicFile})
	all = append(all, pairFiles("certificates", c.Certificates)...)
	if a := c.ACME; a != nil {
		all = append(all, file{"acme.ca_roots", a.CARoots, PublicFile})
		if a.EAB != nil {
			all = append(all, file{"acme.eab.key_file", a.EAB.KeyFile, SecretFile})
		}
		all = append(all, a.DNS.files()...)
	}
	if s := c.Cluster; s != nil {
		all = append(all, file{"cluster.ca", s.CA, PublicFile}, file{"cluster.password_file", s.PasswordFile, SecretFile}, file{"cluster.key_file", s.KeyFile, SecretFile})
	}
	all = append(all, c.Smarthost.files()...)
	for i, b := range c.Backends {
		key := fmt.Sprintf("backends[%d].", i)
		all = append(all, file{key + "ca", b.CA, PublicFile})
		for j, address := range b.Addresses {
			all = append(all, socketFile(fmt.Sprintf("%saddresses[%d]", key, j), address)...)
		}
	}
	for i, k := range c.Lookups {
		all = append(all, k.files(fmt.Sprintf("lookups[%d].", i))...)
	}
	for i, l := range c.Listeners {
		key := fmt.Sprintf("listeners[%d].", i)
		all = append(all, pairFiles(key+"certificates", l.Certificates)...)
		all = append(all, socketFile(key+"backend", l.Backend)...)
		all = append(all,
			file{key + "client_ca", l.ClientCA, PublicFile}, file{key + "routes", l.Routes, PublicFile},
			file{key + "recipients_file", l.RecipientsFile, PublicFile}, file{key + "exceptions_file", l.ExceptionsFile, PublicFile})
	}
	return all
}

// KeyOf returns the first key that names a file, such as
// listeners[2].client_ca. A key that names it as a file of the given kind is
// preferred: one file may hold a certificate and its key.
func (c *Config) KeyOf(path string, kind FileKind) (key string, ok bool) {
	for _, f := range c.files() {
		switch {
		case f.path != path || f.key == "":
		case f.kind == kind:
			return f.key, true
		case !ok:
			key, ok = f.key, true
		}
	}
	return key, ok
}

// files lists the secret, and the program, which runs with the proxy's rights.
func (d *ACMEDNS) files() []file {
	if d == nil {
		return nil
	}
	all := []file{{"acme.dns.credentials", d.Credentials, SecretFile}}
	if len(d.Command) > 0 && filepath.IsAbs(d.Command[0]) {
		all = append(all, file{"acme.dns.command[0]", d.Command[0], PublicFile})
	}
	return all
}

func (s *SmarthostRules) files() []file {
	if s == nil {
		return nil
	}
	all := []file{{"smarthost.ca", s.CA, PublicFile}, {"smarthost.token_key_file", s.TokenKeyFile, SecretFile}, {"smarthost.device_passwords", s.DevicePasswords, SecretFile}}
	all = append(all, s.TLSRPT.files("smarthost.tlsrpt.")...)
	if own := s.ClientCertificate; own != nil {
		all = append(all, file{"smarthost.client_certificate.cert", own.Cert, PublicFile}, file{"smarthost.client_certificate.key", own.Key, SecretFile})
	}
	for i, d := range s.Destinations {
		at := fmt.Sprintf("smarthost.destinations[%d].", i)
		all = append(all, file{at + "ca", d.CA, PublicFile})
		all = append(all, d.Login.files(at+"login.")...)
	}
	return all
}

// files lists the files of a lookup, and its socket: a program that replaces the socket
// reads the names of users.
func (k Lookup) files(at string) []file {
	all := []file{{at + "ca", k.CA, PublicFile}}
	if _, socket, err := lookup.ParseURL(k.URL); err == nil && socket != "" {
		all = append(all, file{at + "url", socket, SocketFile})
	}
	if own := k.ClientCertificate; own != nil {
		all = append(all, file{at + "client_certificate.cert", own.Cert, PublicFile}, file{at + "client_certificate.key", own.Key, SecretFile})
	}
	for i, h := range k.Headers {
		all = append(all, file{fmt.Sprintf("%sheaders[%d].value_file", at, i), h.ValueFile, SecretFile})
	}
	return all
}

func pairFiles(key string, pairs []Certificate) []file {
	var all []file
	for i, p := range pairs {
		at := fmt.Sprintf("%s[%d].", key, i)
		all = append(all, file{at + "cert", p.Cert, PublicFile}, file{at + "key", p.Key, SecretFile})
	}
	return all
}

func socketFile(key, backend string) []file {
	if path, ok := unixPath(backend); ok {
		return []file{{key, path, SocketFile}}
	}
	return nil
}

// file returns the path of the configuration file; empty for flags and
// variables.
func (c *Config) file() string {
	if c.origin.findings == nil {
		return ""
	}
	return c.origin.findings.file
}

// warnStateDir warns of a folder that cannot be written: the program runs
// without it, and loses its data with each restart.
func (c *Config) warnStateDir(warn func(key, remedy, text string)) {
	writable := c.origin.machine.Writable
	if writable == nil {
		return
	}
	if err := writable(c.StateDir); err != nil {
		warn("state_dir", "let the user that runs the program own it: install -d -m 0700 -o USER "+c.StateDir,
			fmt.Sprintf("the keys of certificates, the ACME account and the inventory are lost with each restart: %v", err))
	}
}

// warnModes warns of files that other users may read or change, each finding
// once: several files may be in one folder.
func (c *Config) warnModes(warn func(key, remedy, text string)) {
	if c.origin.machine.Modes == nil {
		return
	}
	reported := map[string]bool{}
	for _, f := range c.files() {
		if f.path == "" {
			continue
		}
		for _, found := range c.origin.machine.Modes(f.kind, f.path) {
			if !reported[found.Text] {
				reported[found.Text] = true
				warn(f.key, found.Remedy, found.Text)
			}
		}
	}
}
