package configs

import "time"

// Listener is one service on one address, and the backend behind it.
type Listener struct {
	// The protocol. The ports are 25, 587, 465, 143, 993, 110, 995, 4190, and
	// for smarthost and smarthosts, which send mail out, 10025 and 10465 on
	// loopback. submissions, imaps, pop3s and smarthosts use implicit TLS.
	Service Service `yaml:"service" required:"true" words:"{services}" var:"SERVICES" flag:"services" usage:"<SERVICE,...> to run (default all)"`

	// host:port, where host is an address of this machine; without a host it is
	// every address, IPv4 and IPv6. With port 0 the kernel chooses the port.
	// Default: every address, on the service's own port.
	Listen string `yaml:"listen" example:"':25'" var:"LISTEN" flag:"listen" usage:"<ADDRESS> to listen on (default all)" each:"true"`

	// The port to which clients connect, if it is mapped to the one in listen
	// (by a container engine, a firewall, a load balancer): for the names of
	// TLSA records, and for autoconfig. Default: the port of listen.
	PublicPort int `yaml:"public_port" min:"1" max:"65535" services:"{inbound}" example:"25"`

	// The name that mail programs connect to, for autoconfig and SRV records. A
	// certificate of the listener must have it. Default: the hostname, or the
	// first name that acme has for the listener if the hostname is not among
	// them.
	PublicHost string `yaml:"public_host" services:"{login}" example:"imap.example.com"`

	// The mail server, which speaks the same protocol in plaintext: host:port,
	// [v6]:port or unix:/path. Without a port it is 25 for smtp, 587 for
	// submission and submissions, 143 for imap and imaps, 110 for pop3 and
	// pop3s, 4190 for sieve. Or the name of one of backends. Required, but
	// refused on smarthost and smarthosts.
	Backend string `yaml:"backend" example:"legacy.lan" var:"BACKEND" flag:"backend" usage:"the mail <HOST> behind the proxy, all services on their ports" each:"true"`

	// A built-in TLS policy or one of policies. A smarthost listener offers
	// STARTTLS only if it has a policy. Default: opportunistic for smtp, none for
	// smarthost, strict for all others.
	Policy string `yaml:"policy" suggest:"{policies}" example:"opportunistic" var:"POLICY" each:"true"`

	// Text in the greeting, after the hostname: one line of printable ASCII, up
	// to 200 characters. Default: none.
	Banner string `yaml:"banner" example:"ready"`

	// Certificates for this listener, instead of the top-level certificates and
	// those of acme.hosts. The certificate for a client is selected among these
	// only. Default: the top-level ones.
	Certificates []Certificate `yaml:"certificates"`

	// The names to get certificates for by ACME that only this listener serves.
	// Default: none.
	ACMEHosts []string `yaml:"acme_hosts" example:"[mx.example.com]"`

	// How clients are treated that request no server name (SNI) of a
	// certificate: default (they get the first certificate) or strict (they are
	// refused). Sending mail servers need not send one (RFC 8461, section 7.1).
	SNI string `yaml:"sni" default:"default" words:"default strict" services:"{login}"`

	// Whether clients can resume a TLS session. Default: true, but false on
	// smtp, where Microsoft's servers fail with tickets (golang/go#70232), and
	// with client_certificates other than none.
	SessionTickets *bool `yaml:"session_tickets" example:"false"`

	// Whether clients are asked for a certificate: none, request (the result is
	// only logged) or require (a client without a valid certificate is
	// refused). On smtp, certificates for servers are accepted too.
	ClientCertificates string `yaml:"client_certificates" default:"none" words:"none request require" services:"{inbound}" example:"request"`

	// The CAs that sign client certificates, a PEM file. Required for
	// client_certificates: require. The file is read again when it changes.
	// Default: the CAs that the system trusts.
	ClientCA string `yaml:"client_ca" services:"{inbound}" example:"/etc/letterlock/client-ca.pem"`

	// Networks with another TLS policy for a limited time; the first that
	// matches is used. Sessions that use an exception are logged and counted,
	// with whether they needed it. An exception that has ended is no longer
	// used, and a file with it is refused. Default: none.
	Exceptions []Exception `yaml:"exceptions"`

	// A file with more exceptions: a list like that of exceptions, which
	// `letterlock whatif --write-exceptions` writes. It is read at the start and
	// at each reload; exceptions in it that have ended are ignored. Default: none.
	ExceptionsFile string `yaml:"exceptions_file" services:"{inbound}" example:"/etc/letterlock/exceptions.yaml"`

	// Senders that may not send mail in plaintext: true for all (not on a
	// server that receives mail from the public, RFC 3207, section 4), or a
	// list of networks and sender domains, such as [partner.example,
	// 192.0.2.0/24].
	RequireTLS RequireTLS `yaml:"require_tls" default:"false" services:"smtp"`

	// Networks of servers whose TLS is broken and cannot be repaired: they are
	// not offered STARTTLS, so that their mail comes in plaintext. The log has
	// their failed handshakes. Default: none.
	HideSTARTTLS []Network `yaml:"hide_starttls" services:"smtp" example:"[198.51.100.7]"`

	// Offer a login to clients that have started TLS. All services but smtp
	// always do.
	Auth bool `yaml:"auth" default:"false" services:"smtp"`

	// The recipients that mail is accepted for: domains, .domain for its
	// subdomains, or whole addresses. They keep the listener from being an open
	// relay, because the backend sees the proxy's address instead of the
	// client's. Required, unless there is a handover or allow_open_relay.
	Recipients []string `yaml:"recipients" services:"smtp" example:"[example.com, .lists.example.com, info@example.net]" var:"RECIPIENTS" flag:"recipients" usage:"<DOMAIN,...> that port 25 accepts mail for (default the hostname and its parent)"`

	// A file with more recipients, one a line; # begins a comment. The file is
	// read again when it changes. Default: none.
	RecipientsFile string `yaml:"recipients_file" services:"smtp" example:"/etc/letterlock/recipients"`

	// Let the backend decide which recipients are accepted. It must not trust
	// the proxy's address. Cannot be combined with recipients.
	AllowOpenRelay bool `yaml:"allow_open_relay" default:"false" services:"smtp" var:"ALLOW_OPEN_RELAY"`

	// A pause before the greeting. A client that sends something during the
	// pause is rejected: only programs that do not wait for replies do so (RFC
	// 5321, section 4.3.1). Some seconds detect more of them; 0s turns it off.
	GreetDelay *time.Duration `yaml:"greet_delay" default:"5ms" min:"0s" max:"1m" services:"smtp"`

	// The treatment of a bare CR or LF in a message, with which mail could be
	// smuggled: normalize (it becomes CRLF) or reject. It applies to chunks
	// (BDAT) too. Text that is declared BODY=BINARYMIME passes unchanged if the
	// backend offers that; with reject no such text is accepted.
	BareNewline string `yaml:"bare_newline" default:"normalize" words:"normalize reject" services:"smtp submission submissions"`

	// Add a Received header with the client, its TLS and the session.
	Received *bool `yaml:"received" default:"true" services:"smtp submission submissions smarthost smarthosts"`

	// Leave the client's name and address out of the Received header.
	HideClient bool `yaml:"hide_client" default:"false" services:"submission submissions"`

	// Look up the name of each client in reverse DNS, and confirm it, for the
	// Received header, the log and handovers. Default: true on smtp, false on
	// all other services.
	ReverseDNS *bool `yaml:"reverse_dns" services:"{inbound}" example:"true"`

	// Refuse VRFY and EXPN, with which a client without a login could guess
	// names.
	DisableVRFY *bool `yaml:"disable_vrfy" default:"true" services:"smtp submission submissions"`

	// Networks of load balancers in front of the proxy. A connection from there
	// begins with a PROXY header (version 1 or 2) with the client's address; a
	// connection without one is closed. From other addresses no header is
	// accepted: it ends the session. Default: none.
	ProxyFrom []Network `yaml:"proxy_from" services:"{inbound}" example:"[10.0.0.8/30, '2001:db8::8']" var:"PROXY_FROM"`

	// How the backend learns the client's address. The backend must be set to
	// believe it, from the proxy's address alone; docs/handover.md shows how. If
	// the backend does not accept it, sessions end.
	//   none          not at all: it sees the proxy's address
	//   proxy-v1      a PROXY header (HAProxy's) as a line; all services
	//   proxy-v2      as bytes, with the client's TLS; all services
	//   xclient       SMTP and sieve: Postfix's and Dovecot's XCLIENT
	//   xforward      SMTP: Postfix's XFORWARD, for its log and filters alone
	//   imap-id       IMAP: the x- fields of ID, which Dovecot takes
	//   pop3-xclient  POP3: Dovecot's XCLIENT
	//   tproxy        all services, Linux: the connection comes from the
	//                 client's address; needs CAP_NET_ADMIN and routes
	Handover string `yaml:"handover" default:"none" words:"{handovers}" services:"{inbound}" var:"HANDOVER" each:"true"`

	// A file with the backend of each user, read again when it changes. A line
	// is a name, @domain, /regular expression/ or *, followed by the name of
	// one of backends, an address, or reject. Users that no line matches use
	// backend. Default: none.
	Routes string `yaml:"routes" services:"{login}" example:"users.routes"`

	// The name of one of lookups, which is asked for the backend of each user.
	// It cannot be combined with routes. A session begins at backend, and the
	// rules of backend (tls, ca, pin and so on) apply to the servers that the
	// lookup names by their addresses. Default: none.
	Lookup string `yaml:"lookup" services:"{login}" example:"users"`

	// The character between a user and the master user who logs in as that
	// user, as in joe@example.com*admin; the same as the backend's, such as
	// Dovecot's auth_master_user_separator. Routes use the user, and failed
	// logins count against the master user. Default: none.
	MasterSeparator string `yaml:"master_separator" services:"{login}" example:"'*'"`

	// How the proxy logs in at the backend with a client's name and password:
	// auto, with the client's method, and if the backend does not offer that,
	// with PLAIN, LOGIN or the protocol's own command (IMAP's LOGIN, POP3's
	// USER and PASS); same, only with the client's method; plain, login or
	// cram-md5, always with this SASL mechanism; or user, always with the
	// command. XOAUTH2 and OAUTHBEARER are forwarded unchanged.
	BackendLogin string `yaml:"backend_login" default:"auto" words:"auto same plain login cram-md5 user" services:"{login}"`

	// SASL mechanisms of the backend that are never offered, in addition to
	// those that cannot work through a proxy. Default: none.
	HideMechanisms []string `yaml:"hide_mechanisms" services:"{inbound}" example:"[CRAM-MD5, DIGEST-MD5]"`

	// SASL mechanisms of the backend that are offered although they hide the
	// user's name from the proxy, such as GSSAPI. The log has no user then, and
	// limits.login_failures_per_user does not count them. Default: none, they
	// are hidden.
	UnnamedMechanisms []string `yaml:"unnamed_mechanisms" services:"imap imaps pop3 pop3s sieve" example:"[GSSAPI]"`
}

// RequireTLS holds the senders that may not send mail in plaintext: all, or
// networks and sender domains.
type RequireTLS struct {
	All      bool
	Networks []Network
	Domains  []string
}
