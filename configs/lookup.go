package configs

import (
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// Lookup is an HTTP server that knows the backend of each user. It is asked as nginx asks
// the server of its auth_http; docs/lookup.md has the headers.
type Lookup struct {
	// The name by which listeners refer to it.
	Name string `yaml:"name" required:"true" example:"users"`

	// Where it is asked: http://, https://, or unix:PATH:URI for a Unix socket.
	URL string `yaml:"url" required:"true" example:"https://auth.lan/mail"`

	// How long an answer may take. Without one the login fails temporarily.
	Timeout time.Duration `yaml:"timeout" default:"5s" min:"100ms" max:"1m"`

	// Whether the client's password is sent (Auth-Pass), so that the server can
	// check it. The backend checks it in any case.
	SendPassword bool `yaml:"send_password" default:"false"`

	// Whether the client's certificate itself is sent (Auth-SSL-Cert), beside
	// its names, for listeners with client_certificates.
	SendCertificate bool `yaml:"send_certificate" default:"false"`

	// The networks of the servers that an answer may name: a broken or hostile
	// server cannot send logins elsewhere. Servers that backends lists need not
	// be in them if the answer has the backend's name. Default: the loopback,
	// private, shared and link-local ones.
	Networks []Network `yaml:"networks" min:"1" example:"[10.0.0.0/24]"`

	// How long a backend is used for equal requests without asking again. 0s is
	// not at all. An answer with Auth-Pass is never kept.
	Cache *time.Duration `yaml:"cache" default:"30s" min:"0s" max:"1h"`

	// The same for a refusal.
	CacheRefusals *time.Duration `yaml:"cache_refusals" default:"5s" min:"0s" max:"1h"`

	// The maximum number of backends that are kept, and of refusals.
	CacheEntries int `yaml:"cache_entries" default:"10000" min:"1" max:"1000000"`

	// Headers that are added to each request, such as a shared secret. Default:
	// none.
	Headers []LookupHeader `yaml:"headers"`

	// The CAs that sign the server's certificate, a PEM file. Default: the CAs
	// that the system trusts.
	CA string `yaml:"ca" example:"/etc/letterlock/lookup-ca.pem"`

	// A certificate for a server that asks for one. Default: none.
	ClientCertificate *Certificate `yaml:"client_certificate"`
}

// LookupHeader is a header of the requests to a lookup.
type LookupHeader struct {
	// The name of the header.
	Name string `yaml:"name" required:"true" example:"X-Mail-Front | X-Auth-Key"`

	// Its value. Required, unless there is a value_file.
	Value string `yaml:"value" example:"mx1 | "`

	// A file with its value, if that is secret. It is read again when it
	// changes. Default: none.
	ValueFile string `yaml:"value_file" example:" | /etc/letterlock/lookup-key"`
}

// LookupOf returns the lookup of a listener; false if it has none.
func (c *Config) LookupOf(l Listener) (Lookup, bool) {
	i := slices.IndexFunc(c.Lookups, func(k Lookup) bool { return k.Name == l.Lookup && l.Lookup != "" })
	if i < 0 {
		return Lookup{}, false
	}
	k := c.Lookups[i]
	setDefaults(reflect.ValueOf(&k).Elem())
	return k, true
}

// Prefixes returns the networks of the servers that an answer may name.
func (k Lookup) Prefixes() []netip.Prefix {
	if len(k.Networks) == 0 {
		return private
	}
	all := make([]netip.Prefix, len(k.Networks))
	for i, n := range k.Networks {
		all[i] = n.Prefix
	}
	return all
}

// KeepTimes returns how long backends and refusals are kept.
func (k Lookup) KeepTimes() (found, refused time.Duration) {
	found, refused = defaultDuration("lookups[].cache"), defaultDuration("lookups[].cache_refusals")
	if k.Cache != nil {
		found = *k.Cache
	}
	if k.CacheRefusals != nil {
		refused = *k.CacheRefusals
	}
	return found, refused
}

// IsBackend reports whether a name is that of one of the backends.
func (c *Config) IsBackend(name string) bool {
	_, named := c.backendNamed(name)
	return named
}

// ReachAddress returns the backend at an address that is not in the configuration. It is
// reached by the rules of the listener's backend, and is not checked.
func (c *Config) ReachAddress(l Listener, address string) Backend {
	b := c.Reach(l.Backend, l.Service)
	b.Name, b.Addresses = "", []string{address}
	return b
}

// lookupWords describes what a lookup is sent, and what it may answer.
func lookupWords(k Lookup) string {
	text := k.URL + " names the server of each user"
	if k.SendPassword {
		text += ", and receives the passwords"
	}
	networks := "private networks"
	if len(k.Networks) > 0 {
		networks = joined(k.Networks)
	}
	return text + "; servers in " + networks
}

func (k *Lookup) complete(folder string) {
	k.CA = inFolder(folder, k.CA)
	if own := k.ClientCertificate; own != nil {
		own.Cert, own.Key = inFolder(folder, own.Cert), inFolder(folder, own.Key)
	}
	for i := range k.Headers {
		k.Headers[i].ValueFile = inFolder(folder, k.Headers[i].ValueFile)
	}
}
