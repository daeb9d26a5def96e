package configs

import (
	"cmp"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/idn"
)

// Quick has the settings that put the proxy in front of one mail server: every
// service on its own port, for the backend's plaintext ports. Each changes that
// for single services. The tag of a field is the key that it stands for; a
// variable of that key sets it.
type Quick struct {
	Backend         string    `key:"listeners[].backend"`    // a name or an address, no port
	Hostname        string    `key:"hostname"`               // empty: the machine's
	Listen          string    `key:"listeners[].listen"`     // an address, no port; empty: every address
	Services        []Service `key:"listeners[].service"`    // empty: all
	Policy          string    `key:"listeners[].policy"`     // empty: the service's default
	Handover        string    `key:"listeners[].handover"`   // empty: the default
	ProxyFrom       []Network `key:"listeners[].proxy_from"` // empty: none
	Recipients      []string  `key:"listeners[].recipients"` // empty: the hostname's own domain and its parent
	Cert            string    `key:"certificates[].cert"`
	Key             string    `key:"certificates[].key"`
	ACME            *ACME     `key:"acme"`             // nil: none
	Cluster         *Cluster  `key:"cluster"`          // nil: none
	StateDir        string    `key:"state_dir"`        // empty: the default
	Status          string    `key:"status.listen"`    // empty: no status page
	StatusPasswords string    `key:"status.passwords"` // empty: none
	StatusPublic    []string  `key:"status.public"`    // empty: the default
	LogFormat       string    `key:"log.format"`       // empty: the default
	LogHeader       string    `key:"log.header"`       // empty: the default
	LogLevel        string    `key:"log.level"`        // empty: the default

	// AllowOpenRelay lets the backend decide which recipients are accepted.
	AllowOpenRelay bool `key:"listeners[].allow_open_relay"`

	// Each has the settings of single services, which replace those above. If
	// there is no Backend and no Services, the services with a backend here run.
	Each map[Service]QuickListener
}

// QuickListener has the settings of one service. Empty fields are as in Quick.
type QuickListener struct {
	Backend  string `key:"listeners[].backend"` // as in a file: with a port if it is not the service's
	Listen   string `key:"listeners[].listen"`  // as in a file: with a port
	Policy   string `key:"listeners[].policy"`
	Handover string `key:"listeners[].handover"`
}

// quickHas reports whether Quick has a field for the key of a path.
func quickHas(path string) bool {
	t := reflect.TypeFor[Quick]()
	for i := range t.NumField() {
		if at := t.Field(i).Tag.Get("key"); at != "" && within(path, at) {
			return true
		}
	}
	return false
}

// Simple returns the complete configuration for a Quick, completed and checked
// like a file. Errors are returned as Errors, whose keys are the names of the
// flags and variables.
func Simple(q Quick) (*Config, error) {
	return Here().Simple(q)
}

// Simple is the function Simple, for the machine m.
func (m Machine) Simple(q Quick) (*Config, error) {
	c := Default()
	c.Hostname = q.Hostname
	if q.Cert != "" || q.Key != "" {
		c.Certificates = []Certificate{{Cert: q.Cert, Key: q.Key}}
	}
	if q.ACME != nil {
		acme := *q.ACME // complete changes the copy
		c.ACME = &acme
	}
	if q.Cluster != nil {
		cluster := *q.Cluster
		cluster.Addresses = slices.Clone(cluster.Addresses) // complete changes the copy
		setDefaults(reflect.ValueOf(&cluster).Elem())
		c.Cluster = &cluster
	}
	override(&c.StateDir, q.StateDir)
	override(&c.Status.Listen, q.Status)
	override(&c.Status.Passwords, q.StatusPasswords)
	c.Status.Public = q.StatusPublic
	override(&c.Log.Format, q.LogFormat)
	override(&c.Log.Header, q.LogHeader)
	override(&c.Log.Level, q.LogLevel)
	c.complete(m, ".") // the recipients follow from the hostname

	r := report{findings: newFindings("", nil)}
	r.names, r.quick = q.variableOf, true
	if q.Hostname != "" {
		r.places["hostname"] = place{} // present, but not in a text
	}
	checkHostname(&c, m, r)
	q.check(r)
	if len(r.errors) == 0 {
		c.Listeners = q.listeners(c.Hostname)
		c.complete(m, ".")
		c.check(m, r)
	}
	if len(r.errors) > 0 {
		return nil, r.errors.distinct()
	}
	c.origin = origin{r.findings, m}
	return &c, nil
}

// override sets the values of q instead of the defaults.
func override(value *string, with string) {
	if with != "" {
		*value = with
	}
}

// check reports errors that a file cannot have.
func (q Quick) check(r report) {
	q.checkBackend(r.in("listeners[].backend"))
	for i, service := range q.Services {
		if slices.Contains(q.Services[:i], service) {
			r.in("listeners[].service").wrong("name each service once", "%s is named twice", service)
		}
	}
	if _, err := netip.ParseAddr(q.Listen); err != nil && q.Listen != "" {
		r.in("listeners[].listen").wrong("give an address such as 192.0.2.1 or 2001:db8::1; the port of one service is in a variable such as LETTERLOCK_IMAP_LISTEN",
			"%q is not an address", q.Listen)
	}
	for _, v := range Variables() {
		if q.sets(v.Service, v.Key) && !slices.Contains(q.services(), v.Service) {
			r.findings.add(nil, v.Name, string(v.Service)+" does not run, so this means nothing", "name the service in LETTERLOCK_SERVICES, or remove the variable")
		}
	}
}

// checkBackend checks the backend of all services.
func (q Quick) checkBackend(r report) {
	host := q.host()
	_, err := netip.ParseAddr(host)
	switch _, socket := unixPath(q.Backend); {
	case q.Backend == "":
		q.checkEachBackend(r)
	case socket:
		r.wrong("give a host, or each service its own socket, as in LETTERLOCK_IMAP_BACKEND=unix:/run/mail/imap", "sockets are one per service, and this is one backend for all")
	case bracketsLost(q.Backend):
		r.wrong("give the host alone, in brackets if it is an IPv6 address; "+eachBackend, "%q %v", q.Backend, errAmbiguous)
	case err != nil && strings.Contains(host, ":"):
		r.wrong("give the host alone; "+eachBackend, "%q is not a host", q.Backend)
	case q.itself():
		r.wrong("give the mail server its own address, or its own ports; "+eachBackend,
			"%s is this proxy itself, whose listeners take the mail server's ports", q.Backend)
	}
}

// eachBackend says how a mail server with its own ports is named.
const eachBackend = "name a port for each service with a variable, as in LETTERLOCK_IMAP_BACKEND=127.0.0.1:1143, or write a configuration file"

// checkEachBackend checks that each service has a backend of its own, if no
// backend is given for all services.
func (q Quick) checkEachBackend(r report) {
	all := q.services()
	for _, service := range all {
		if q.Each[service].Backend == "" && len(q.Each) > 0 {
			r.wrong("set "+prefix+strings.ToUpper(string(service))+"_BACKEND, or LETTERLOCK_BACKEND for all services", "%s has no backend", service)
		}
	}
	if len(q.Each) == 0 {
		r.wrong("give the mail server's name or address", "there is no backend")
	}
}

// host returns the backend without the brackets that an IPv6 address may have.
func (q Quick) host() string {
	if inner, ok := strings.CutPrefix(q.Backend, "["); ok && strings.HasSuffix(inner, "]") {
		return strings.TrimSuffix(inner, "]")
	}
	return q.Backend
}

// itself reports whether the backend's ports would be the proxy's own. A service
// with a backend or an address of its own has other ports.
func (q Quick) itself() bool {
	same := func(s Service) bool { return q.Each[s].Backend == "" && q.Each[s].Listen == "" }
	if !slices.ContainsFunc(q.services(), same) {
		return false
	}
	const anyPort = 1 // the services' ports are the same on both sides
	own, _ := netip.ParseAddr(q.Listen)
	if own.IsUnspecified() {
		own = netip.Addr{}
	}
	return listenAddress{host: own, port: anyPort}.reaches(q.host(), anyPort)
}

// services returns the services, in the order given.
func (q Quick) services() []Service {
	switch {
	case len(q.Services) > 0:
		return q.Services
	case q.Backend == "" && len(q.Each) > 0:
		return slices.DeleteFunc(Inbound(), func(s Service) bool { return q.Each[s].Backend == "" })
	}
	return Inbound()
}

// listeners returns one listener per service, as a file would have them.
func (q Quick) listeners(hostname string) []Listener {
	var listeners []Listener
	for _, service := range q.services() {
		own := q.Each[service]
		l := Listener{
			Service: service, Backend: cmp.Or(own.Backend, q.Backend), Listen: own.Listen,
			Policy: cmp.Or(own.Policy, q.Policy), Handover: cmp.Or(own.Handover, q.Handover), ProxyFrom: q.ProxyFrom,
		}
		setDefaults(reflect.ValueOf(&l).Elem())
		if q.Listen != "" && own.Listen == "" {
			l.Listen = net.JoinHostPort(q.Listen, portText(service))
		}
		if service == SMTP {
			l.Recipients, l.AllowOpenRelay = q.Recipients, q.AllowOpenRelay
			if len(l.Recipients) == 0 && !l.AllowOpenRelay {
				l.Recipients = OwnDomains(hostname)
			}
		}
		listeners = append(listeners, l)
	}
	return listeners
}

// OwnDomains returns the domains that a server of that name probably receives
// mail for: mail.example.com and example.com, but never a public suffix.
func OwnDomains(hostname string) []string {
	domains := []string{hostname}
	if parent := idn.Parent(hostname); parent != "" {
		domains = append(domains, parent)
	}
	return domains
}

// distinct removes errors with the same text about the same variable: an error
// about the backend occurs in every listener.
func (e Errors) distinct() Errors {
	var kept Errors
	seen := map[[2]string]bool{}
	for _, one := range e {
		said := [2]string{one.Key, one.Problem}
		if !seen[said] {
			seen[said] = true
			kept = append(kept, one)
		}
	}
	return kept
}
