package configs

import "strings"

// TLSRPT configures the reports to other domains about TLS with their servers (RFC
// 8460).
type TLSRPT struct {
	// The socket of tlsrpt-collectd (tlsrpt-reporter), which receives the result of
	// TLS with each server of a recipient's domain, and sends the reports. Default:
	// none.
	Socket string `yaml:"socket" example:"/run/tlsrpt/tlsrpt-collectd.sock"`

	// The sender of the reports, if the proxy itself sends them. Receivers see it as
	// the contact. Required without socket; with both, domains get two reports.
	From string `yaml:"from" example:"tls-reports@example.com"`

	// The name of the sender in the reports. Default: the domain of from.
	Organization string `yaml:"organization" example:"Example Ltd"`

	// The DKIM signature of reports by mail. Required with from.
	DKIM *DKIM `yaml:"dkim"`
}

// DKIM is a key that signs messages (RFC 6376).
type DKIM struct {
	// The selector: the key's record is at SELECTOR._domainkey.DOMAIN.
	Selector string `yaml:"selector" required:"true" example:"tlsrpt"`

	// A PEM file with the private key: RSA, or Ed25519 (PKCS #8). It is read for
	// each message.
	KeyFile string `yaml:"key_file" required:"true" example:"/etc/letterlock/dkim.pem"`

	// The domain of the signature. Default: the domain of from.
	Domain string `yaml:"domain" example:"example.com"`
}

// Sends reports whether the proxy itself sends reports.
func (t *TLSRPT) Sends() bool { return t != nil && t.From != "" }

// complete sets the values that follow from the sender.
func (t *TLSRPT) complete(folder string) {
	if t == nil {
		return
	}
	t.Socket, t.From = inFolder(folder, t.Socket), foldEntry(t.From)
	_, domain, _ := strings.Cut(t.From, "@")
	if t.Organization == "" {
		t.Organization = domain
	}
	if t.DKIM != nil {
		t.DKIM.KeyFile, t.DKIM.Domain = inFolder(folder, t.DKIM.KeyFile), foldName(t.DKIM.Domain)
		if t.DKIM.Domain == "" {
			t.DKIM.Domain = domain
		}
	}
}

// checkTLSRPT checks where reports go, and their sender and key.
func checkTLSRPT(c *Config, m Machine, at report) {
	t, at := c.Smarthost.TLSRPT, at.in("tlsrpt")
	if t == nil {
		return
	}
	notASCII := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	switch {
	case t.From == "" && t.Socket == "":
		at.wrong("write from: and the sender of reports, or socket: and that of tlsrpt-collectd", "reports have neither a sender nor a socket")
	case t.From != "" && (legalRecipient(t.From) != nil || !strings.Contains(t.From, "@") || strings.ContainsFunc(t.From, notASCII)):
		at.in("from").wrong("write an address, such as tls-reports@example.com", "%q is not a mail address in ASCII", t.From)
	case t.From != "" && t.DKIM == nil:
		at.wrong("write dkim: {selector: tlsrpt, key_file: FILE}", "reports by mail need a DKIM signature (RFC 8460 section 3)")
	}
	if t.From == "" && t.DKIM != nil {
		at.in("dkim").misplaced("write from: and the sender of reports, or remove it", "dkim means nothing without from")
	}
	if strings.ContainsFunc(t.Organization, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		at.in("organization").wrong("write the name without control characters", "the name contains a control character")
	}
	t.DKIM.check(m, at.in("dkim"))
}

func (d *DKIM) check(m Machine, at report) {
	if d == nil {
		return
	}
	checkReadable(m, d.KeyFile, at.in("key_file"))
	for _, name := range []struct{ key, value string }{{"selector", d.Selector}, {"domain", d.Domain}} {
		if key := at.in(name.key); key.given() && legalDomain(name.value) != nil {
			key.wrong("write a name in DNS", "%q is not a name in DNS", name.value)
		}
	}
}

// words describes where the results of TLS go.
func (t *TLSRPT) words() string {
	var all []string
	if t.Socket != "" {
		all = append(all, "the results of TLS go to tlsrpt-collectd at "+t.Socket)
	}
	if t.Sends() {
		text := "reports about TLS are sent each day from " + t.From
		if t.DKIM != nil {
			text += ", signed by " + t.DKIM.Selector + "._domainkey." + t.DKIM.Domain
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// files lists the socket and the key.
func (t *TLSRPT) files(at string) []file {
	if t == nil {
		return nil
	}
	all := []file{{at + "socket", t.Socket, SocketFile}}
	if t.DKIM != nil {
		all = append(all, file{at + "dkim.key_file", t.DKIM.KeyFile, SecretFile})
	}
	return all
}
