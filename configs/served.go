package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Served is a set of certificates that some listeners share: those from files,
// and those that the CA issues for hosts. If it is empty, they use a
// self-signed certificate.
type Served struct {
	Files     []Certificate
	Hosts     []string
	Path      string     // the path of Files in the configuration, such as listeners[2].certificates
	General   bool       // the set of listeners without their own set
	Listeners []Listener // the listeners that use it
}

// general returns the set of listeners without their own set.
func (c *Config) general() Served {
	s := Served{Files: c.Certificates, Path: "certificates", General: true}
	if c.ACME != nil {
		s.Hosts = c.ACME.Hosts
	}
	return s
}

// ServedBy returns the set that a listener uses.
func (c *Config) ServedBy(l Listener) Served {
	if !l.servesOwn() {
		return c.general()
	}
	return Served{Files: l.Certificates, Hosts: l.ACMEHosts}
}

func (l Listener) servesOwn() bool { return len(l.Certificates)+len(l.ACMEHosts) > 0 }

// Served lists all sets that listeners use, each once, the general one first. If none
// uses TLS but the status page does, that has the general one.
func (c *Config) Served() []Served {
	var all []Served
	known := map[string]int{}
	for n, l := range c.Listeners {
		if !l.OffersTLS() {
			continue
		}
		s := c.ServedBy(l)
		i, there := known[s.Key()]
		if !there {
			if !s.General {
				s.Path = fmt.Sprintf("listeners[%d].certificates", n)
			}
			i = len(all)
			known[s.Key()] = i
			all = append(all, s)
		}
		all[i].Listeners = append(all[i].Listeners, l)
	}
	if len(all) == 0 && c.Status.TLS() {
		return []Served{c.general()}
	}
	slices.SortStableFunc(all, func(a, b Served) int {
		switch {
		case a.General == b.General:
			return 0
		case a.General:
			return -1
		}
		return 1
	})
	return all
}

// Key identifies a set.
func (s Served) Key() string {
	if s.General {
		return "general" // shorter than its names, which may be thousands for thousands of listeners
	}
	return fmt.Sprintf("%q", []any{s.Files, s.Hosts})
}

// Certified reports whether the CA certifies a name, itself or by a wildcard.
func (s Served) Certified(name string) bool { return certified(s.Hosts, name) }

func certified(hosts []string, name string) bool {
	_, parent, _ := strings.Cut(name, ".")
	return slices.Contains(hosts, name) || slices.Contains(hosts, "*."+parent)
}

// SelfSigned reports whether the set has no certificates.
func (s Served) SelfSigned() bool { return len(s.Files)+len(s.Hosts) == 0 }

// words describes the set in sentences.
func (s Served) words() string {
	var parts []string
	for _, f := range s.Files {
		parts = append(parts, f.Cert)
	}
	if len(s.Hosts) > 0 {
		parts = append(parts, "by ACME for "+strings.Join(s.Hosts, ", "))
	}
	return strings.Join(parts, "; ")
}

// checkServed: without acme, hosts get no certificates.
func checkServed(c *Config, m Machine, r report) {
	for i, l := range c.Listeners {
		at := r.in("listeners", i)
		checkPairs(l.Certificates, m, at)
		if len(l.ACMEHosts) > 0 && c.ACME == nil {
			at.in("acme_hosts").misplaced("write acme: beside listeners:, such as {email: postmaster@example.com}", "acme_hosts needs acme, which says where the certificates come from")
		}
		for j, host := range l.ACMEHosts {
			if c.ACME != nil {
				checkCertified(c.ACME, host, at.in("acme_hosts", j))
			}
		}
	}
}
