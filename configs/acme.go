package configs

import (
	"reflect"
	"slices"
	"time"
)

// ACME gets certificates from a CA (RFC 8555), in addition to those from files.
type ACME struct {
	// The names to get certificates for. A client that sends no server name
	// gets the first. No wildcards. Default: the hostname, unless certificates
	// is set.
	Hosts []string `yaml:"hosts" example:"[imap.example.com, smtp.example.com]" var:"ACME_HOSTS" flag:"acme-hosts" usage:"certificates by ACME for <NAME,...> (default the hostname)"`

	// The address that the CA may write to. Default: none.
	Email string `yaml:"email" example:"postmaster@example.com" var:"ACME_EMAIL" flag:"acme-email" usage:"certificates by ACME, and the <ADDRESS> that the CA may write to"`

	// host:port where HTTP-01 is answered, and no other request; CAs use port
	// 80. Default: ":80", unless tls_alpn is set.
	HTTP string `yaml:"http" example:"':80'" var:"ACME_HTTP" flag:"acme-http" usage:"<ADDRESS> where HTTP-01 is answered (default :80)"`

	// host:port where TLS-ALPN-01 is answered, and the policy of mta_sts
	// served; CAs and mail servers use port 443. Default: none; with mta_sts,
	// ":443".
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
	foldNames(a.Hosts)
	a.Email = foldEntry(a.Email)
	if a.HTTP == "" && a.TLSALPN == "" {
		a.HTTP = ":80"
	}
	if c.MTASTS != nil && a.TLSALPN == "" {
		a.TLSALPN = ":443" // the policy is served there
	}
	a.CARoots = inFolder(folder, a.CARoots)
	if a.EAB != nil {
		a.EAB.KeyFile = inFolder(folder, a.EAB.KeyFile)
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
	var hosts []string
	for _, host := range slices.Concat(c.MailHosts(), c.PolicyHosts()) {
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
