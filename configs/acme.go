package configs

import (
	"slices"
	"time"
)

// LetsEncrypt is the CA that is asked where no other is named.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// ACME gets certificates from a CA (RFC 8555), beside those from files.
type ACME struct {
	Hosts     []string `yaml:"hosts"`
	Email     string   `yaml:"email"`
	HTTP      string   `yaml:"http"`     // where HTTP-01 is answered; empty: nowhere
	TLSALPN   string   `yaml:"tls_alpn"` // where TLS-ALPN-01 is; empty: nowhere
	Directory string   `yaml:"directory"`
	EAB       *EAB     `yaml:"eab"`
	CARoots   string   `yaml:"ca_roots"` // empty: the system's
}

// EAB names an account that exists at the CA (RFC 8555 §7.3.4).
type EAB struct {
	KID     string `yaml:"kid"`
	KeyFile string `yaml:"key_file"`
}

// MTASTS is the policy that tells sending servers to insist on TLS (RFC 8461),
// and the domains that it is served for.
type MTASTS struct {
	Domains []string      `yaml:"domains"`
	Mode    string        `yaml:"mode"`
	MaxAge  time.Duration `yaml:"max_age"`
	MX      []string      `yaml:"mx"`
}

// completeACME fills in what most installations need: our own name, by HTTP-01
// at Let's Encrypt.
func (c *Config) completeACME(folder string) {
	a := c.ACME
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
	if a.Directory == "" {
		a.Directory = LetsEncrypt
	}
	a.CARoots = inFolder(folder, a.CARoots)
	if a.EAB != nil {
		a.EAB.KeyFile = inFolder(folder, a.EAB.KeyFile)
	}
}

// completeMTASTS begins with what breaks nothing.
func (c *Config) completeMTASTS() {
	m := c.MTASTS
	foldNames(m.Domains)
	if m.Mode == "" {
		m.Mode = "testing"
	}
	if m.MaxAge == 0 {
		m.MaxAge = 7 * 24 * time.Hour
	}
	if len(m.MX) == 0 && c.Hostname != "" {
		m.MX = []string{c.Hostname}
	}
	foldNames(m.MX)
}

// MailHosts are the names that the listeners get certificates for by ACME,
// those of all listeners first; none if there is no ACME.
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

// PolicyHosts are the names that the MTA-STS policy is served under (RFC 8461
// §3.3).
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

// ACMEHosts are all names that certificates are asked for, each once.
func (c *Config) ACMEHosts() []string {
	var hosts []string
	for _, host := range slices.Concat(c.MailHosts(), c.PolicyHosts()) {
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
