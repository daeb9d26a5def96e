package e2e

import "maps"

// product is a server of the matrix.
type product struct {
	name    string
	pkg     string            // the package that has its version
	backend string            // what world.StartBackend starts
	ports   map[string]string // where it takes plaintext, by protocol
	hands   []handed
	finds   string // what the probe has to find on smtp, behind recipients

	// unclear is a reply to the probe that is neither yes nor no, which the probe
	// says too.
	unclear string

	// loginNeedsTLS is set for a server that cannot be configured to accept a
	// password in plaintext: Letterlock uses TLS to it.
	loginNeedsTLS bool

	// noLogin says why the version of a Debian takes no login.
	noLogin map[string]string

	// lacks says why a column does not apply.
	lacks map[string]string
}

// handed is a way in which a server takes a client's address.
type handed struct {
	way, service string
	port         string // of the backend; that for PROXY headers where the way is one
	since        string // the first Debian that has such a version, if not all have
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

// products are tried in this order.
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

// on is the product as the version of a Debian is.
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
