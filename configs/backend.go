package configs

import (
	"net"
	"reflect"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Backend is a named group of mail servers with the same mailboxes, and how to
// reach them. A listener whose backend is a single address needs no Backend.
type Backend struct {
	// The name by which listeners refer to it, instead of an address.
	Name string `yaml:"name" required:"true" example:"cyrus"`

	// The servers, as in a listener's backend. Without a port it is the
	// service's, with tls: tls 465, 993 or 995.
	//
	// A session uses one of them, or the next if it cannot be reached or does
	// not send its greeting within timeouts.dial. After the greeting no session
	// changes its server. A server that has failed is tried last until it
	// answers again.
	Addresses []string `yaml:"addresses" required:"true" min:"1" example:"[10.0.0.5, '10.0.0.6:1143']"`

	// How the server for a session is chosen: least-connections, or client for
	// the same server for the same client address.
	Balance string `yaml:"balance" default:"least-connections" words:"least-connections client"`

	// The time between two checks of a server, by a greeting and a goodbye;
	// each check is a line in the backend's log. A server that a session has
	// just reached is not checked. The only server of a backend is checked only
	// while it is down.
	Health time.Duration `yaml:"health" default:"30s" min:"5s" max:"1h"`

	// TLS to the servers: none, starttls, or tls for implicit TLS.
	TLS string `yaml:"tls" default:"none" words:"none starttls tls" example:"starttls"`

	// Whether the servers must prove their identity, by a certificate or a pin.
	// With false an attacker between the proxy and the servers can read
	// everything.
	Verify *bool `yaml:"verify" default:"true"`

	// The name in their certificates. Default: the host in the address.
	ServerName string `yaml:"server_name" example:"legacy.lan"`

	// The CAs that sign their certificates, a PEM file. Default: the CAs that
	// the system trusts, and none if there is a pin.
	CA string `yaml:"ca" example:"/etc/letterlock/backend-ca.pem"`

	// The public keys that they may have, by their SHA-256 in base64. With a
	// pin and no ca, neither name nor date of a certificate matters. Default:
	// none.
	Pin []tlspolicy.Pin `yaml:"pin" min:"1" example:"[AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]"`

	// The lowest TLS version. Below 1.2, suites for old servers are offered as
	// well.
	MinVersion tlspolicy.Version `yaml:"min_version" default:"1.2" words:"{versions}"`
}

// ByClient reports whether a client always gets the same server.
func (b Backend) ByClient() bool { return b.Balance == "client" }

// StartTLS reports whether TLS to the backend starts by STARTTLS.
func (b Backend) StartTLS() bool { return b.TLS == "starttls" }

// Encrypted reports whether the connection to the backend uses TLS.
func (b Backend) Encrypted() bool { return b.TLS == "starttls" || b.TLS == "tls" }

// Verified reports whether the backend must prove its identity.
func (b Backend) Verified() bool { return b.Encrypted() && (b.Verify == nil || *b.Verify) }

// HealthInterval is the time between two checks of an address.
func (b Backend) HealthInterval() time.Duration {
	setDefaults(reflect.ValueOf(&b).Elem())
	return b.Health
}

// floor returns the lowest permitted TLS version.
func (b Backend) floor() tlspolicy.Version {
	setDefaults(reflect.ValueOf(&b).Elem())
	return b.MinVersion
}

// TLSRules returns the rules for TLS towards a backend. It reads no file: the
// caller loads the authorities of CA.
func (b Backend) TLSRules() tlspolicy.BackendTLS {
	return tlspolicy.BackendTLS{Min: b.floor(), ServerName: b.ServerName, Pins: b.Pin, Unverified: !b.Verified()}
}

// port returns a backend's port for a service, if its address has none.
func (b Backend) port(s Service) int {
	if b.TLS == "tls" {
		return s.tlsPort()
	}
	return s.BackendPort()
}

// backendNamed returns the backend of a name.
func (c *Config) backendNamed(name string) (Backend, bool) {
	for _, b := range c.Backends {
		if b.Name == name && name != "" {
			return b, true
		}
	}
	return Backend{}, false
}

// BackendOf returns the backend of a listener: a named one, or a single address
// in plaintext. Its addresses have their ports.
func (c *Config) BackendOf(l Listener) Backend { return c.Reach(l.Backend, l.Service) }

// Reach is BackendOf for a name or an address that is not in the configuration,
// as in a file of routes.
func (c *Config) Reach(target string, s Service) Backend {
	b, ok := c.backendNamed(target)
	if !ok {
		b = Backend{Addresses: []string{target}, TLS: "none"}
	}
	full := make([]string, len(b.Addresses))
	for i, address := range b.Addresses {
		full[i], _ = completeBackend(address, b.port(s)) // the checks have reported its errors
	}
	b.Addresses = full
	return b
}

// BackendAddresses returns the addresses of all backends in the configuration,
// used or not. The addresses in files of routes are not included.
func (c *Config) BackendAddresses() (all []string) {
	for _, b := range c.Backends {
		for _, address := range b.Addresses {
			full, _ := completeBackend(address, 1) // its port does not matter
			all = append(all, full)
		}
	}
	for _, l := range c.Listeners {
		if l.Backend != "" {
			all = append(all, c.BackendOf(l).Addresses...)
		}
	}
	return all
}

// hostOf returns the host of a backend's address; empty for a socket.
func hostOf(address string) string {
	if _, socket := unixPath(address); socket {
		return ""
	}
	if full, err := completeBackend(address, 1); err == nil {
		host, _, _ := net.SplitHostPort(full)
		return host
	}
	return ""
}

// tlsPort returns a backend's port for a service with implicit TLS. Two
// services have no such port (RFC 8314 §7.3), and use the port without TLS.
func (s Service) tlsPort() int {
	for _, f := range services {
		if f.implicit && f.protocol == s.Protocol() && s != SMTP {
			return f.port
		}
	}
	return s.BackendPort()
}
