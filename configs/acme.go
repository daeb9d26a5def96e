package configs

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// ACME gets certificates from a CA (RFC 8555), in addition to those from files.
type ACME struct {
	// The names to get certificates for: names of hosts; wildcards such as
	// "*.example.com", which need dns; IP addresses, which need http or
	// tls_alpn. A client that sends no server name gets the first. Default: the
	// hostname, unless certificates is set.
	Hosts []string `yaml:"hosts" example:"[imap.example.com, smtp.example.com]" var:"ACME_HOSTS" flag:"acme-hosts" usage:"certificates by ACME for <NAME,...> (default the hostname)"`

	// The address that the CA may write to. Default: none.
	Email string `yaml:"email" example:"postmaster@example.com" var:"ACME_EMAIL" flag:"acme-email" usage:"certificates by ACME, and the <ADDRESS> that the CA may write to"`

	// Whether all names of hosts are in one certificate, and those of each
	// listener's acme_hosts in one. CAs limit how many certificates a domain
	// gets a week. If one name cannot be proved, none is renewed.
	OneCertificate bool `yaml:"one_certificate" default:"false"`

	// The types of keys: p256 or p384 for ECDSA, rsa2048, rsa3072 or rsa4096
	// for old clients. There is a certificate for each. Another type means a
	// new key, which TLSA records must have first. Default: [p256, rsa2048].
	Keys []string `yaml:"keys" min:"1" example:"[p256, rsa2048]"`

	// The kind of certificates, by the CA's name for it. Let's Encrypt has
	// classic, tlsserver and shortlived (6 days; IP addresses need it).
	// Default: the CA's.
	Profile string `yaml:"profile" example:"tlsserver"`

	// The common name of an issuer in the chain that is preferred if the CA
	// offers several. Default: the CA's first chain.
	PreferredChain string `yaml:"preferred_chain" example:"ISRG Root X1"`

	// Proof by DNS, for wildcards and for machines that the CA cannot reach.
	// Default: none.
	DNS *ACMEDNS `yaml:"dns"`

	// New keys at renewals, with TLSA records (DANE) that are published in
	// time. Default: none; a renewal keeps the key.
	DANE *ACMEDANE `yaml:"dane"`

	// host:port where HTTP-01 is answered, and no other request; CAs use port
	// 80. Default: ":80", unless tls_alpn or dns is set.
	HTTP string `yaml:"http" example:"':80'" var:"ACME_HTTP" flag:"acme-http" usage:"<ADDRESS> where HTTP-01 is answered (default :80)"`

	// host:port where TLS-ALPN-01 is answered, and the policy of mta_sts and the
	// settings of autoconfig are served; CAs, mail servers and mail programs use
	// port 443. Default: none; with mta_sts or autoconfig, ":443".
	TLSALPN string `yaml:"tls_alpn" example:"':443'" var:"ACME_TLS_ALPN" flag:"acme-tls-alpn" usage:"<ADDRESS> where TLS-ALPN-01 is answered (default none)"`

	// The URL of the CA's directory; the default is Let's Encrypt's.
	Directory string `yaml:"directory" default:"https://acme-v02.api.letsencrypt.org/directory" var:"ACME_DIRECTORY" flag:"acme-directory" usage:"<URL> of the CA (default Let's Encrypt's)"`

	// An account that the CA has created for you beforehand. Default: none;
	// most CAs need none.
	EAB *EAB `yaml:"eab"`

	// A PEM file with the CAs to trust for the connection to the CA, if it is
	// your own. Default: those that the system trusts.
	CARoots string `yaml:"ca_roots" example:"/etc/letterlock/ca.pem" var:"ACME_CA_ROOTS" flag:"acme-ca-roots" usage:"<FILE> with the roots to trust when the CA is called (default the system's)"`
}

// ACMEDNS says how the records that prove a name to the CA get into DNS.
type ACMEDNS struct {
	// How records are set:
	//   rfc2136     by DNS UPDATE with a TSIG key (BIND, Knot, PowerDNS, ...)
	//   exec        by a program of yours
	//   cloudflare, desec, hetzner, ovh, powerdns, route53
	//               by the API of the DNS host, or of the PowerDNS server
	//   persist     not at all: by dns-persist-01, with one record for each
	//               name that you set once. The log and the status page have
	//               the record. Few CAs know it yet.
	Method string `yaml:"method" required:"true" words:"rfc2136 exec cloudflare desec hetzner ovh powerdns route53 persist" example:"rfc2136"`

	// rfc2136: host:port of the primary server; powerdns: the URL of the API;
	// ovh: the region, such as ovh-eu. Default: none; ovh-eu for ovh.
	Server string `yaml:"server" example:"192.0.2.53:53"`

	// A file with the secret. rfc2136: the TSIG key as tsig-keygen writes it,
	// or hmac-sha256:NAME:SECRET; ovh: lines with application_key=,
	// application_secret= and consumer_key=; route53: lines with access_key_id=,
	// secret_access_key= and perhaps session_token=; else the token of the API.
	// Default: none.
	Credentials string `yaml:"credentials" example:"/etc/letterlock/dns.key"`

	// exec: the program and its first arguments. It is run as PROGRAM
	// add|remove NAME TEXT; docs/certificates.md has the details. Default: none.
	Command []string `yaml:"command" example:"[]"`

	// A DNS server that finds the zone, its servers, and aliases of
	// _acme-challenge. Default: the first of /etc/resolv.conf.
	Resolver string `yaml:"resolver" example:"127.0.0.1"`

	// The longest wait until all servers of the zone have a record.
	Timeout time.Duration `yaml:"timeout" default:"2m" min:"1s" max:"20m"`
}

// EAB identifies an account that exists at the CA (RFC 8555 §7.3.4).
type EAB struct {
	// The identifier of its key.
	KID string `yaml:"kid" required:"true" example:"kid-1" var:"ACME_EAB_KID" flag:"acme-eab-kid" usage:"<KEY> name of an account that the CA has given beforehand"`

	// A file with the key in base64url, as the CA provides it.
	KeyFile string `yaml:"key_file" required:"true" example:"/etc/letterlock/eab.key" var:"ACME_EAB_KEY_FILE" flag:"acme-eab-key-file" usage:"<FILE> with its key"`
}

// MTASTS is the policy that makes sending servers require TLS (RFC 8461), and
// the domains that it is served for.
type MTASTS struct {
	// The domains that mail is received for.
	Domains []string `yaml:"domains" required:"true" example:"[example.com]"`

	// testing (failures are reported), enforce (mail is not sent without TLS),
	// none (the policy is withdrawn).
	Mode string `yaml:"mode" default:"testing" words:"testing enforce none"`

	// How long senders remember the policy (RFC 8461, section 3.2).
	MaxAge time.Duration `yaml:"max_age" default:"168h" min:"1h" max:"8766h"`

	// The MX hosts; *. stands for all names of one label. Default: the
	// hostname.
	MX []string `yaml:"mx" example:"[mail.example.com]"`
}

// completeACME sets the values that most installations need: a certificate for
// the hostname, by HTTP-01 from Let's Encrypt.
func (c *Config) completeACME(folder string) {
	a := c.ACME
	setDefaults(reflect.ValueOf(a).Elem())
	general := slices.ContainsFunc(c.Listeners, func(l Listener) bool { return !l.servesOwn() })
	if len(a.Hosts) == 0 && len(c.Certificates) == 0 && c.Hostname != "" && (general || len(c.Listeners) == 0) {
		a.Hosts = []string{c.Hostname}
	}
	foldCertified(a.Hosts)
	a.Email = foldEntry(a.Email)
	if a.HTTP == "" && a.TLSALPN == "" && a.DNS == nil {
		a.HTTP = ":80"
	}
	if len(a.Keys) == 0 {
		a.Keys = []string{"p256", "rsa2048"}
	}
	a.DNS.complete(folder)
	if (c.MTASTS != nil || c.Autoconfig != nil) && a.TLSALPN == "" {
		a.TLSALPN = ":443" // the policy and the settings are served there
	}
	a.CARoots = inFolder(folder, a.CARoots)
	if a.EAB != nil {
		a.EAB.KeyFile = inFolder(folder, a.EAB.KeyFile)
	}
}

// complete sets the defaults, and completes the paths of files.
func (d *ACMEDNS) complete(folder string) {
	if d == nil {
		return
	}
	setDefaults(reflect.ValueOf(d).Elem())
	d.Credentials = inFolder(folder, d.Credentials)
	if len(d.Command) > 0 && strings.Contains(d.Command[0], "/") {
		d.Command[0] = inFolder(folder, d.Command[0])
	}
	if d.Resolver != "" {
		d.Resolver = CompleteResolver(d.Resolver)
	}
}

// foldCertified folds names, and writes IP addresses in the form that
// certificates are compared in.
func foldCertified(names []string) {
	for i, name := range names {
		if ip, err := netip.ParseAddr(name); err == nil {
			names[i] = ip.Unmap().String()
		} else {
			names[i] = foldName(name)
		}
	}
}

// completeMTASTS sets the hostname as the MX.
func (c *Config) completeMTASTS() {
	m := c.MTASTS
	foldNames(m.Domains)
	if len(m.MX) == 0 && c.Hostname != "" {
		m.MX = []string{c.Hostname}
	}
	foldNames(m.MX)
}

// MailHosts returns the names that the listeners get certificates for by ACME,
// those of all listeners first; none without ACME.
func (c *Config) MailHosts() []string {
	if c.ACME == nil {
		return nil
	}
	hosts := slices.Clone(c.ACME.Hosts)
	for _, l := range c.Listeners {
		hosts = append(hosts, l.ACMEHosts...)
	}
	return hosts
}

// ACMECertificates returns the sets of names that certificates are requested
// for, each set for one certificate. No set is there twice.
func (c *Config) ACMECertificates() [][]string {
	var sets [][]string
	add := func(names []string) {
		if len(names) > 0 && !slices.ContainsFunc(sets, func(s []string) bool { return slices.Equal(s, names) }) {
			sets = append(sets, names)
		}
	}
	if c.ACME != nil && c.ACME.OneCertificate {
		add(distinct(c.ACME.Hosts))
		for _, l := range c.Listeners {
			add(distinct(l.ACMEHosts))
		}
	} else {
		for _, host := range c.MailHosts() {
			add([]string{host})
		}
	}
	for _, host := range c.SiteHosts() {
		add([]string{host})
	}
	return sets
}

// distinct returns the names without repetitions.
func distinct(names []string) []string {
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// PolicyHosts returns the names that the MTA-STS policy is served under (RFC
// 8461 §3.3).
func (c *Config) PolicyHosts() []string {
	if c.MTASTS == nil {
		return nil
	}
	hosts := make([]string, len(c.MTASTS.Domains))
	for i, domain := range c.MTASTS.Domains {
		hosts[i] = "mta-sts." + domain
	}
	return hosts
}

// ACMEHosts returns all names that certificates are requested for, each once.
func (c *Config) ACMEHosts() []string {
	return distinct(slices.Concat(c.MailHosts(), c.SiteHosts()))
}
