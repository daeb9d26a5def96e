package e2e

import "maps"

// product is a server of the matrix.
type product struct {
	name    string
	pkg     string            // the package whose version is shown
	backend string            // the name for world.StartBackend
	ports   map[string]string // its plaintext ports, by protocol
	hands   []handed
	finds   string // the fault that the probe must report on smtp, with recipients set

	// unclear is a reply to the probe that is neither a yes nor a no. The probe
	// reports it.
	unclear string

	// loginNeedsTLS is set for a server that cannot be configured to accept a
	// password in plaintext: Letterlock connects to it with TLS.
	loginNeedsTLS bool

	// noLogin is the reason why a Debian's version of the server accepts no
	// login, by Debian.
	noLogin map[string]string

	// lacks is the reason why a column does not apply, by column.
	lacks map[string]string
}

// handed is a way in which a server accepts a client's address.
type handed struct {
	way, service string
	port         string // of the backend; for PROXY headers, the port that expects them
	since        string // the first Debian whose version supports it; empty: all
}

const (
	relaying  = "it relays for the proxy"
	smtpAlone = "it speaks SMTP alone"
	noSMTP    = "it does not speak SMTP"
)

var (
	onlySMTP = map[string]string{imapColumn: smtpAlone, pop3Column: smtpAlone, sieveColumn: smtpAlone, pushColumn: smtpAlone}
	onlyMTA  = map[string]string{"smtp": "smtp", "submission": "submission"}
)

// products are tested in this order.
var products = []product{
	{
		name: "Dovecot", pkg: "dovecot-core", backend: "postfix-dovecot",
		ports: map[string]string{"imap": "imap", "pop3": "pop3", "sieve": "sieve", "submission": "dovecot-submission"},
		lacks: map[string]string{mailColumn: "its SMTP is for its users"},
		hands: []handed{
			{way: "imap-id", service: "imaps", port: "imap"}, {way: "pop3-xclient", service: "pop3s", port: "pop3"},
			{way: "xclient", service: "sieve", port: "sieve"}, {way: "xclient", service: "submissions", port: "dovecot-submission"},
			{way: "proxy-v1", service: "imaps", port: "imap"}, {way: "proxy-v2", service: "pop3s", port: "pop3"},
		},
	},
	{
		name: "Cyrus", pkg: "cyrus-imapd", backend: "cyrus",
		ports: map[string]string{"imap": "imap", "pop3": "pop3", "sieve": "sieve"},
		lacks: map[string]string{mailColumn: noSMTP, submissionColumn: noSMTP, handoverColumn: "before 3.12 it accepts no client address"},
	},
	{
		name: "Courier", pkg: "courier-imap", backend: "courier", finds: relaying, unclear: "500 Invalid address",
		ports: map[string]string{"imap": "imap", "pop3": "pop3", "smtp": "smtp", "submission": "submission"},
		lacks: map[string]string{sieveColumn: "its filters are not Sieve's", handoverColumn: "its couriertcpd knows no -haproxy before 1.4"},
		hands: []handed{
			{way: "proxy-v1", service: "smtp", port: "smtp", since: "trixie"}, {way: "proxy-v1", service: "imaps", port: "imap", since: "trixie"},
			{way: "proxy-v1", service: "pop3s", port: "pop3", since: "trixie"},
		},
	},
	{
		name: "Postfix", pkg: "postfix", backend: "postfix-dovecot", ports: onlyMTA, lacks: onlySMTP, finds: relaying,
		hands: []handed{
			{way: "xclient", service: "smtp", port: "smtp"}, {way: "xforward", service: "smtp", port: "smtp"},
			{way: "proxy-v1", service: "smtp", port: "smtp"}, {way: "proxy-v2", service: "smtp", port: "smtp"},
		},
	},
	{
		name: "Exim", pkg: "exim4-daemon-heavy", backend: "exim", ports: onlyMTA, lacks: onlySMTP, finds: relaying,
		hands: []handed{{way: "proxy-v1", service: "smtp", port: "smtp"}, {way: "proxy-v2", service: "smtp", port: "smtp"}},
	},
	{
		name: "Sendmail", pkg: "sendmail-bin", backend: "sendmail", ports: onlyMTA, finds: relaying,
		lacks: with(onlySMTP, handoverColumn, "it accepts no client address"),
	},
	{
		name: "OpenSMTPD", pkg: "opensmtpd", backend: "opensmtpd", ports: onlyMTA, lacks: onlySMTP, finds: relaying, loginNeedsTLS: true,
		noLogin: map[string]string{"bookworm": "its TLS does not work with OpenSSL 3 (OpenSMTPD's issue 1171)"},
		hands:   []handed{{way: "proxy-v2", service: "smtp", port: "smtp"}},
	},
}

// on returns the product as packaged in a Debian.
func (p product) on(release string) product {
	if reason := p.noLogin[release]; reason != "" {
		p.ports = maps.Clone(p.ports)
		delete(p.ports, "submission")
		p.lacks = with(with(p.lacks, submissionColumn, reason), wrongColumn, reason)
	}
	return p
}

func with(reasons map[string]string, column, reason string) map[string]string {
	all := maps.Clone(reasons)
	all[column] = reason
	return all
}
