package configs

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// Autoconfig is the settings that mail programs get when their users set them up. The
// servers and ports are those of the listeners.
type Autoconfig struct {
	// The domains of the users' addresses.
	Domains []string `yaml:"domains" required:"true" example:"[example.com]"`

	// The name of the service that mail programs show. Default: the domain.
	Name string `yaml:"name" example:"Example Mail"`

	// The user name for logins: address, or local_part, which is the part of
	// the address before the @.
	Username string `yaml:"username" default:"address" words:"address local_part"`

	// The names of the web server, which must lead to this machine. Add the
	// domain itself if no other web server has it. Default: autoconfig. and
	// autodiscover. of each domain.
	Hosts []string `yaml:"hosts" example:"[autoconfig.example.com, autodiscover.example.com]"`
}

// completeAutoconfig sets the names of the web server.
func (c *Config) completeAutoconfig() {
	a := c.Autoconfig
	setDefaults(reflect.ValueOf(a).Elem())
	foldNames(a.Domains)
	foldNames(a.Hosts)
	if len(a.Hosts) > 0 {
		return
	}
	for _, domain := range a.Domains {
		a.Hosts = append(a.Hosts, "autoconfig."+domain, "autodiscover."+domain)
	}
}

// AutoconfigHosts returns the names that the settings of mail programs are served
// under.
func (c *Config) AutoconfigHosts() []string {
	if c.Autoconfig == nil {
		return nil
	}
	return distinct(c.Autoconfig.Hosts)
}

// SiteHosts returns the names that HTTPS is served under, each once.
func (c *Config) SiteHosts() []string {
	return distinct(slices.Concat(c.PolicyHosts(), c.AutoconfigHosts()))
}

// ClientService is a service of a listener as mail programs see it.
type ClientService struct {
	Listener
	Host string
	Port int
}

// clientServices are the services of mail programs. Those with implicit TLS come first,
// because programs should prefer them (RFC 8314 §3).
var clientServices = []Service{Submissions, IMAPS, POP3S, Submission, IMAP, POP3, Sieve}

// ClientServices lists what mail programs can log in at, each once. It omits listeners
// whose port the kernel chooses, and those that require a certificate of the client.
func (c *Config) ClientServices() []ClientService {
	var all []ClientService
	for _, service := range clientServices {
		for _, l := range c.Listeners {
			s := ClientService{Listener: l, Host: c.SeenHost(l), Port: l.SeenPort()}
			known := slices.ContainsFunc(all, func(other ClientService) bool {
				return other.Service == s.Service && other.Host == s.Host && other.Port == s.Port
			})
			if l.Service == service && s.Port != 0 && l.ClientCertificates != "require" && !known {
				all = append(all, s)
			}
		}
	}
	return all
}

// SeenHost returns the name that clients connect to: the hostname, or if the CA
// certifies only other names for the listener, the first of these.
func (c *Config) SeenHost(l Listener) string {
	served := c.ServedBy(l)
	switch {
	case l.PublicHost != "":
		return l.PublicHost
	case len(served.Files) > 0 || served.Certified(c.Hostname):
		return c.Hostname
	}
	for _, name := range served.Hosts {
		if _, err := netip.ParseAddr(name); err != nil && !strings.HasPrefix(name, "*.") {
			return name
		}
	}
	return c.Hostname
}
