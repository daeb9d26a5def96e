package configs

import (
	"net"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Backend is a named group of mail servers that hold the same mail, and the
// way to reach them. A listener that needs no more than an address needs none.
type Backend struct {
	Name      string        `yaml:"name"`
	Addresses []string      `yaml:"addresses"` // as Listener.Backend
	Balance   string        `yaml:"balance"`   // least-connections or client
	Health    time.Duration `yaml:"health"`    // between two checks of an address

	TLS        string            `yaml:"tls"`    // none, starttls or tls
	Verify     *bool             `yaml:"verify"` // nil: on
	ServerName string            `yaml:"server_name"`
	CA         string            `yaml:"ca"`
	Pin        []tlspolicy.Pin   `yaml:"pin"`
	MinVersion tlspolicy.Version `yaml:"min_version"`
}

// defaultHealth is modest: each check is a line in the backend's log.
const defaultHealth = 30 * time.Second

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
	if b.Health == 0 {
		return defaultHealth
	}
	return b.Health
}

// floor is the lowest version of TLS in force.
func (b Backend) floor() tlspolicy.Version {
	if b.MinVersion == 0 {
		return tlspolicy.VersionTLS12
	}
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
		full[i], _ = completeBackend(address, b.port(s)) // what is wrong with it was told by the checks
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
