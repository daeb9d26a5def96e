package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/routes"
)

// LoginMethod returns how the proxy logs in at the backend: the name of a SASL
// mechanism, USER for the protocol's own command, or AUTO; empty for the
// client's method.
func (l Listener) LoginMethod() string {
	switch l.BackendLogin {
	case "same":
		return ""
	case "":
		return "AUTO"
	}
	return strings.ToUpper(l.BackendLogin)
}

// checkBackendLogin: SMTP and ManageSieve have no login commands such as POP3's
// USER and PASS or IMAP's LOGIN.
func checkBackendLogin(_ *Config, l Listener, r report) {
	if p := l.Service.Protocol(); l.BackendLogin == "user" && p != "imap" && p != "pop3" {
		r.in("backend_login").wrong("write plain, login or cram-md5", "%s has no command of its own for a name and a password", l.Service)
	}
}

// checkMasterSeparator permits one character that is not part of ordinary
// names.
func checkMasterSeparator(_ *Config, l Listener, r report) {
	at, s := r.in("master_separator"), l.MasterSeparator
	ordinary := func(c byte) bool {
		return c <= ' ' || c > '~' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '@' || c == '.' || c == '-' || c == '_'
	}
	if at.given() && (len(s) != 1 || ordinary(s[0])) {
		at.wrong(`write "*", as Dovecot's auth_master_user_separator has it; without the key there are no master users`, "master_separator cannot be %q", s)
	}
}

// checkRoutes reads the file as it is now. If the file later becomes invalid,
// the proxy keeps the old content.
func checkRoutes(c *Config, m Machine, r report) {
	for i, l := range c.Listeners {
		at := r.in("listeners", i).in("routes")
		switch {
		case !at.given() || !slices.Contains(loginServices, l.Service):
			continue
		case l.Routes == "":
			at.wrong("write the file that maps users to servers", "routes names no file")
			continue
		case m.Readable == nil:
			continue
		}
		_, err := routes.Load(l.Routes, func(target string) error { return c.CheckTarget(target, l.Service) })
		var all routes.Errors
		switch {
		case errors.As(err, &all):
			for _, one := range all {
				at.wrong("", "%v", one)
			}
		case err != nil:
			at.wrong("correct the path, or let the user that runs the program read the file", "%q %v", l.Routes, cause(err))
		}
	}
}

// CheckTarget returns an error for an invalid target of routes. A name without
// a dot and without a port must be a backend's name, and cannot be a host: it
// may be a misspelt backend.
func (c *Config) CheckTarget(target string, s Service) error {
	if _, named := c.backendNamed(target); named {
		return nil
	}
	if !strings.ContainsAny(target, ".:") {
		if near := nearest(target, c.backendNames()); near != "" {
			return fmt.Errorf("there is no backend named %s; perhaps %s", target, near)
		}
		return fmt.Errorf("there is no backend named %s; a host needs its port, such as %s:%d", target, target, s.BackendPort())
	}
	full, err := completeBackend(target, s.BackendPort())
	if err != nil {
		return fmt.Errorf("%s %w", target, err)
	}
	if host := hostOf(full); PublicHost(host) && !c.PublicPlaintextBackend {
		return fmt.Errorf("%s is a public address, and mail and passwords would go there in plaintext", host)
	}
	return c.checkOwn(full)
}

// checkOwn returns an error for an address that leads back to the proxy.
func (c *Config) checkOwn(address string) error {
	if own, ok := c.reaches(address); ok {
		return fmt.Errorf("%s is this proxy's own %s listener", address, own.Service)
	}
	return nil
}

func (c *Config) backendNames() []string {
	names := []string{routes.Reject}
	for _, b := range c.Backends {
		names = append(names, b.Name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}
