// Package records lists the DNS records that a domain needs so that mail servers and
// mail programs find this server, and compares them with the published ones.
package records

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/tlspolicy/mtasts"
)

// Record is a record to publish.
type Record struct {
	Name string // with a final dot
	Type string
	Data string // as in a zone file
	Why  string // the use of the record

	Optional bool // mail arrives without it
}

// String returns the line of a zone file.
func (r Record) String() string { return fmt.Sprintf("%s IN %s %s", r.Name, r.Type, r.Data) }

// Of lists the records of a domain for the listeners of a configuration. TLSA records
// are not among them: they depend on the keys.
func Of(c *configs.Config, domain string) []Record {
	all := slices.Concat(mx(c, domain), srv(c, domain), sts(c, domain), autoconfig(c, domain))
	return append(all, caa(c, domain)...)
}

func mx(c *configs.Config, domain string) (all []Record) {
	if !slices.ContainsFunc(c.Listeners, func(l configs.Listener) bool { return l.Service == configs.SMTP }) {
		return nil
	}
	hosts := []string{c.Hostname}
	if c.MTASTS != nil && slices.Contains(c.MTASTS.Domains, domain) {
		hosts = c.MTASTS.MX
	}
	for _, host := range hosts {
		if !strings.HasPrefix(host, "*.") {
			all = append(all, Record{Name: domain + ".", Type: "MX", Data: "10 " + host + ".", Why: "the server that mail for " + domain + " is sent to"})
		}
	}
	return all
}

// labels are the services that mail programs look up (RFC 6186, RFC 8314 §5.1, RFC 5804
// §1.8), those with implicit TLS first.
var labels = []struct {
	service configs.Service
	label   string
}{
	{configs.Submissions, "_submissions"}, {configs.IMAPS, "_imaps"}, {configs.POP3S, "_pop3s"},
	{configs.Submission, "_submission"}, {configs.IMAP, "_imap"}, {configs.POP3, "_pop3"}, {configs.Sieve, "_sieve"},
}

// srv lists the services of the listeners. Programs prefer those with implicit TLS (RFC
// 8314 §5.1).
func srv(c *configs.Config, domain string) (all []Record) {
	services := c.ClientServices()
	for _, l := range labels {
		i := slices.IndexFunc(services, func(s configs.ClientService) bool { return s.Service == l.service })
		if i < 0 {
			continue
		}
		priority := 10
		if l.service.Implicit() {
			priority = 0
		}
		all = append(all, Record{
			Name: l.label + "._tcp." + domain + ".", Type: "SRV", Data: fmt.Sprintf("%d 1 %d %s.", priority, services[i].Port, services[i].Host),
			Why: "mail programs that set themselves up find " + string(l.service), Optional: true,
		})
	}
	return all
}

func sts(c *configs.Config, domain string) []Record {
	if c.MTASTS == nil || !slices.Contains(c.MTASTS.Domains, domain) {
		return nil
	}
	m := c.MTASTS
	policy := mtasts.Policy{Mode: m.Mode, MaxAge: m.MaxAge, MX: m.MX}
	all := []Record{{Name: "mta-sts." + domain + ".", Type: "CNAME", Data: c.Hostname + ".", Why: "the web server of the MTA-STS policy; A and AAAA records do as well"}}
	all = append(all, txt(policy.Record(domain), "senders look for the MTA-STS policy, and read it again when the id changes", false))
	return append(all, txt(mtasts.ReportRecord(domain, "tls-reports@"+domain), "senders report failures of TLS there; another address does as well", true))
}

// autoconfig lists the names of the web server for mail programs. A name that is the
// domain itself has its own addresses, and can be no alias.
func autoconfig(c *configs.Config, domain string) (all []Record) {
	if c.Autoconfig == nil || !slices.Contains(c.Autoconfig.Domains, domain) {
		return nil
	}
	for _, host := range c.AutoconfigHosts() {
		if strings.HasSuffix(host, "."+domain) {
			all = append(all, Record{Name: host + ".", Type: "CNAME", Data: c.Hostname + ".", Why: "mail programs fetch their settings there; A and AAAA records do as well", Optional: true})
		}
	}
	return all
}

// txt returns the record of a line of a zone file.
func txt(line, why string, optional bool) Record {
	name, data, _ := strings.Cut(line, " IN TXT ")
	return Record{Name: name, Type: "TXT", Data: data, Why: why, Optional: optional}
}

// authorities are the names in CAA records of CAs whose directories are known.
var authorities = map[string]string{
	"acme-v02.api.letsencrypt.org": "letsencrypt.org", "acme-staging-v02.api.letsencrypt.org": "letsencrypt.org",
	"acme.zerossl.com": "sectigo.com", "dv.acme-v02.api.pki.goog": "pki.goog",
}

// caa allows only the configured CA to issue certificates (RFC 8659).
func caa(c *configs.Config, domain string) []Record {
	if c.ACME == nil {
		return nil
	}
	u, err := url.Parse(c.ACME.Directory)
	if err != nil || authorities[u.Host] == "" {
		return nil
	}
	return []Record{{
		Name: domain + ".", Type: "CAA", Data: fmt.Sprintf("0 issue %q", authorities[u.Host]),
		Why: "no other CA may issue certificates for names of the domain; add the CAs of your other servers", Optional: true,
	}}
}

// maxText bounds a character-string of a TXT record, in bytes (RFC 1035 §3.3.14).
const maxText = 255

// ReportKey returns the record of the key that signs reports about TLS (RFC 6376 §3.6.1).
// Its service types are those of reports (RFC 8460 §3) and of mail, because mail servers
// that check all signatures ignore a key without the latter.
func ReportKey(t *configs.TLSRPT, key crypto.PublicKey) (Record, error) {
	kind := "ed25519"
	data, ok := key.(ed25519.PublicKey)
	if !ok {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return Record{}, err
		}
		kind, data = "rsa", der
	}
	text := []byte("v=DKIM1; k=" + kind + "; s=email:tlsrpt; p=" + base64.StdEncoding.EncodeToString(data))
	var parts []string
	for part := range slices.Chunk(text, maxText) {
		parts = append(parts, `"`+string(part)+`"`)
	}
	return Record{
		Name: t.DKIM.Selector + "._domainkey." + t.DKIM.Domain + ".", Type: "TXT", Data: strings.Join(parts, " "),
		Why: "receivers ignore the reports about TLS from " + t.From + " without it", Optional: true,
	}, nil
}
