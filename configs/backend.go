package configs

import (
	"net"
	"reflect"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Backend is a named group of mail servers that hold the same mail, and the
// way to reach them. A listener that needs no more than an address needs none.
type Backend struct {
	// The name by which listeners refer to it, in place of an address.
	Name string `yaml:"name" required:"true" example:"cyrus"`

	// The servers, as in a listener's backend. Without a port it is the
	// service's, with tls: tls 465, 993 or 995.
	//
	// A session goes to one of them, and to the next if it cannot be reached or
	// does not send its greeting within timeouts.dial. After the greeting no
	// session moves. A server that has failed comes last until it answers again.
	Addresses []string `yaml:"addresses" required:"true" min:"1" example:"[10.0.0.5, '10.0.0.6:1143']"`

	// The server that a session goes to: least-connections, or client for the
	// same one for the same client address.
	Balance string `yaml:"balance" default:"least-connections" words:"least-connections client"`

	// The time between two checks of a server, by a greeting and a goodbye; each
	// is a line in the backend's log. A server that a session has just reached is
	// not checked, nor is one that is alone.
	Health time.Duration `yaml:"health" default:"30s" min:"5s" max:"1h"`

	// TLS on the way to the servers: none, starttls, or tls for TLS from the
	// first byte.
	TLS string `yaml:"tls" default:"none" words:"none starttls tls" example:"starttls"`

	// Whether the servers must prove their identity, by a certificate or a pin.
	// With false an attacker between the proxy and them can read everything.
	Verify *bool `yaml:"verify" default:"true"`

	// The name in their certificates. Default: the host in the address.
	ServerName string `yaml:"server_name" example:"legacy.lan"`

	// The CAs that sign their certificates, a PEM file. Default: the CAs that the
	// system trusts, and none if there is a pin.
	CA string `yaml:"ca" example:"/etc/letterlock/backend-ca.pem"`

	// The public keys that they may have, by their SHA-256 in base64. With a pin
	// and no ca, neither name nor date of a certificate matters. Default: none.
	Pin []tlspolicy.Pin `yaml:"pin" min:"1" example:"[AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]"`

	// The lowest TLS version. Below 1.2, suites for old servers are offered as
	// well.
	MinVersion tlspolicy.Version `yaml:"min_version" default:"1.2" words:"{versions}"`
}

// ByClient reports whether a client comes to the same address again.
func (b Backend) ByClient() bool { return b.Balance == "client" }

// StartTLS reports whether TLS begins with a command of the protocol.
func (b Backend) StartTLS() bool { return b.TLS == "starttls" }

// Encrypted reports whether there is TLS at all.
func (b Backend) Encrypted() bool { return b.TLS == "starttls" || b.TLS == "tls" }

// Verified reports whether the backend has to prove who it is.
func (b Backend) Verified() bool { return b.Encrypted() && (b.Verify == nil || *b.Verify) }

// HealthInterval is the time between two checks of an address.
func (b Backend) HealthInterval() time.Duration {
	setDefaults(reflect.ValueOf(&b).Elem())
	return b.Health
}

// floor is the lowest version of TLS in force.
func (b Backend) floor() tlspolicy.Version {
	setDefaults(reflect.ValueOf(&b).Elem())
	return b.MinVersion
}

// TLSRules returns the rules for TLS towards a backend. It reads no file: the
// caller loads the authorities of CA.
func (b Backend) TLSRules() tlspolicy.BackendTLS {
	return tlspolicy.BackendTLS{Min: b.floor(), ServerName: b.ServerName, Pins: b.Pin, Unverified: !b.Verified()}
}

// port is where a backend speaks a service if its address does not say.
func (b Backend) port(s Service) int {
	if b.TLS == "tls" {
		return s.tlsPort()
	}
	return s.BackendPort()
}

// backendNamed finds one of the backends by its name.
func (c *Config) backendNamed(name string) (Backend, bool) {
	for _, b := range c.Backends {
		if b.Name == name && name != "" {
			return b, true
		}
	}
	return Backend{}, false
}

// BackendOf is what a listener's backend stands for: one of the backends, by
// its name, or one address in plaintext. Its addresses have their ports.
func (c *Config) BackendOf(l Listener) Backend { return c.Reach(l.Backend, l.Service) }

// Reach is BackendOf for a name or an address from elsewhere.
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

// BackendAddresses lists the addresses of all backends that the configuration
// names, used or not. Those of routes stand in files of their own.
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

// hostOf is the host of a backend's address, empty for a socket.
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

// tlsPort is where a backend speaks a service with TLS from the first byte.
// Two have no such port (RFC 8314 §7.3); theirs is what it is without TLS.
func (s Service) tlsPort() int {
	for _, f := range services {
		if f.implicit && f.protocol == s.Protocol() && s != SMTP {
			return f.port
		}
	}
	return s.BackendPort()
}
