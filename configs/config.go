package configs

import (
	"path/filepath"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Config is a complete configuration: the file or the environment, and the
// defaults.
//
// The fields with a yaml tag are the keys of the file, here and in the types
// below. A field's comment is the description of its key in reference.yaml, and
// its tags contain all other facts about the key; see Key.
type Config struct {
	// The name of the proxy in greetings and Received headers, and in the
	// self-signed certificate. Default: the machine's own name.
	Hostname string `yaml:"hostname" example:"mail.example.com" var:"HOSTNAME" flag:"hostname" usage:"the proxy's <NAME> (default the machine's)"`

	// A directory that the program may write to, for data that must outlive the
	// process: the self-signed certificate, the ACME account, the keys of
	// certificates, the inventory. Like every path in this file, a path that
	// does not begin with / is relative to the directory of this file.
	StateDir string `yaml:"state_dir" default:"/var/lib/letterlock" var:"STATE_DIR"`

	// The system user that the program becomes at its start if root starts it,
	// for machines without systemd, whose unit sets User=. It keeps root's
	// right to open ports below 1024, and with handover: tproxy CAP_NET_ADMIN.
	// It creates state_dir for the user. Linux only. Default: none; a program
	// that root starts runs as root.
	User string `yaml:"user" example:"letterlock"`

	// Allows plaintext to a backend with a public IP address. Without it
	// only loopback, private (RFC 1918, RFC 4193), shared (RFC 6598) and
	// link-local addresses, names and unix sockets may be backends.
	PublicPlaintextBackend bool `yaml:"allow_public_plaintext_backend" default:"false"`

	// Whether each backend is probed at the start and with each SIGHUP. The
	// probe tests what any client could do through the proxy: does the backend
	// relay, does it accept a made-up password? The log has the results, and
	// the tests without a clear result. An open relay behind a listener with
	// allow_open_relay or a handover stops the start, or keeps the new
	// configuration from taking effect; a backend that is down does not. Each
	// probe leaves a failed login in the backend's log.
	Probe *bool `yaml:"probe" default:"true"`

	// A sender address that the backends accept, to test whether they relay; no
	// mail is sent from it. Default: the null sender, and postmaster@ the
	// listener's recipients, the hostname and the domain above it.
	ProbeSender string `yaml:"probe_sender" example:"postmaster@example.com"`

	// Certificates from files: with an RSA certificate beside an ECDSA one, old
	// clients can connect too. The files are read again when they change.
	// Default: a self-signed certificate, which is created and kept.
	Certificates []Certificate `yaml:"certificates"`

	// Certificates from a CA by ACME, such as Let's Encrypt: an ECDSA and an
	// RSA one for each name, renewed when a third of their lifetime is left. By
	// setting this you accept the CA's terms of service. Certificates from
	// files may be used at the same time, and are preferred to equally good
	// ones from the CA. Default: none.
	ACME *ACME `yaml:"acme"`

	// The MTA-STS policy (RFC 8461), by which sending servers require TLS. It
	// is served at https://mta-sts.DOMAIN/.well-known/mta-sts.txt with a
	// certificate by acme; letterlock mta-sts prints the DNS records. Default:
	// none.
	MTASTS *MTASTS `yaml:"mta_sts"`

	// The settings for mail programs, so that users need only their address and
	// password: for Thunderbird (autoconfig), Outlook (Autodiscover) and Apple's
	// devices (a profile). They are served by HTTPS like the policy of mta_sts.
	// Default: none.
	Autoconfig *Autoconfig `yaml:"autoconfig"`

	// Whether Letterlock connects to its own listeners, as clients do, after the
	// start, each reload and each change of a certificate, and every hour. With
	// verify, a new certificate that clients would refuse is not used as long as
	// the one before it is valid: its chain must lead to an authority of this
	// machine (or of SSL_CERT_FILE), and it must be valid now and for its names.
	// With untrusted the chain is not verified, for a private or a staging CA.
	// Self-signed certificates that Letterlock makes are never refused.
	ServedCheck string `yaml:"served_check" default:"verify" words:"verify untrusted off"`

	// A file with a secret of at least 32 bytes, from which, with the time, the
	// keys of session tickets are derived: instances that share it resume each
	// other's sessions. Create one with: openssl rand -base64 48. Keys change
	// every 8 hours, a ticket is valid for up to 24. The file is read again
	// when it changes. Default: none; a session can be resumed while the
	// process runs.
	TicketSecret string `yaml:"ticket_secret" example:"/etc/letterlock/ticket-secret"`

	// A Valkey or Redis server through which several instances share the keys of
	// session tickets, failed logins and the addresses that users log in from,
	// the certificates by acme, the connections of clients, and the inventory.
	// While it is away each instance goes on by itself. Default: none; the
	// instance is alone.
	Cluster *Cluster `yaml:"cluster"`

	// TLS policies of your own, beside the built-in ones:
	//   modern              TLS 1.3 only
	//   strict              TLS 1.2 and 1.3 with ECDHE and AEAD
	//   compat              as strict, with CBC suites
	//   opportunistic       TLS 1.0 to 1.3, static RSA too
	//   opportunistic-wide  as opportunistic, with 3DES and CBC-SHA256
	// Under every policy a login needs TLS 1.2 with ECDHE and AEAD (with compat
	// as its base, ECDHE). Default: none.
	Policies []Policy `yaml:"policies"`

	// How the log is written, to standard error. docs/log.md describes its
	// lines.
	Log Log `yaml:"log"`

	// A web page with the state of the proxy, the same as JSON (/status.json),
	// and metrics for Prometheus (/metrics). It shows names and addresses:
	// outside of loopback it needs passwords, client_ca or public. With a
	// password or a certificate an administrator can also end sessions, drain
	// backends and forget failed logins. docs/status.md describes it.
	Status Status `yaml:"status"`

	// The Unix socket on which the running proxy answers `letterlock sessions`,
	// `kick`, `backends`, `failures`, `explain`, `log-level` and `profile`.
	// docs/admin.md describes its requests.
	Admin Admin `yaml:"admin"`

	// A record of which clients used which TLS, so that `letterlock whatif` can
	// list the clients that a stricter policy would refuse: users, networks (the
	// /24 or /48) and the last address. It is the file inventory.db in
	// state_dir.
	Inventory Inventory `yaml:"inventory"`

	// A notice in the mail program of users whose TLS a stricter policy would
	// refuse, before the policy is in force. Only services of IMAP send it.
	Notify Notify `yaml:"notify"`

	// Bounds on the resources that clients can occupy.
	Limits Limits `yaml:"limits"`

	// Bounds on every wait.
	Timeouts Timeouts `yaml:"timeouts"`

	// Groups of mail servers with the same mailboxes, and TLS to them. A
	// backend that is one server in plaintext needs no entry here. Default:
	// none.
	Backends []Backend `yaml:"backends"`

	// HTTP servers that know the backend of each user, for listeners with
	// lookup. Default: none.
	Lookups []Lookup `yaml:"lookups"`

	// Rules for outbound mail of the legacy server; they need a listener of
	// service smarthost. The legacy server sends all its mail there (Postfix:
	// relayhost) by SMTP in plaintext, and the proxy delivers each message
	// while it receives it. The proxy has no queue: a message that cannot be
	// delivered stays in the legacy server's queue. Default: the default of
	// each key.
	Smarthost *SmarthostRules `yaml:"smarthost"`

	// The services, and the mail servers behind them.
	Listeners []Listener `yaml:"listeners" required:"true" min:"1"`

	origin origin // the last field: see keys
}

// Certificate holds the paths of a certificate chain in PEM form, leaf first,
// and its key.
type Certificate struct {
	// The certificate chain in PEM form, leaf first.
	Cert string `yaml:"cert" required:"true" example:"/etc/letterlock/ecdsa.pem | /etc/letterlock/rsa.pem" var:"CERT"`

	// Its private key in PEM form.
	Key string `yaml:"key" required:"true" example:"/etc/letterlock/ecdsa.key | /etc/letterlock/rsa.key" var:"KEY"`
}

// Policy is an administrator's own TLS policy: a built-in one with some of its
// rules replaced.
type Policy struct {
	// The name by which listeners refer to it; not a built-in name.
	Name string `yaml:"name" required:"true" example:"scanners"`

	// The built-in policy that it is based on.
	Base string `yaml:"base" required:"true" words:"{policies}" example:"compat"`

	// The lowest version. Default: that of the base.
	MinVersion tlspolicy.Version `yaml:"min_version" words:"{versions}" example:"1.0"`

	// The highest version. Default: that of the base.
	MaxVersion tlspolicy.Version `yaml:"max_version" words:"{versions}" example:"1.3"`

	// The suites for TLS 1.2 and below, by their OpenSSL or IANA names; those
	// of TLS 1.3 are always on. Default: those of the base.
	Suites []tlspolicy.Suite `yaml:"suites" min:"1" example:"[ECDHE-RSA-AES128-GCM-SHA256, ECDHE-RSA-AES128-SHA]"`

	// The key exchange groups: X25519MLKEM768, SecP256r1MLKEM768,
	// SecP384r1MLKEM1024, X25519, P-256, P-384, P-521. Default: those of the
	// base.
	Groups []tlspolicy.Group `yaml:"groups" min:"1" example:"[X25519MLKEM768, X25519, P-256]"`
}

// Log holds the format and the limits of the log. The rates are bytes a minute.
type Log struct {
	// The format of a line: text, json, or postfix (lines as Postfix writes
	// them, for scripts that read its log).
	Format string `yaml:"format" default:"text" words:"text json postfix" var:"LOG_FORMAT"`

	// The least important level that is written.
	Level string `yaml:"level" default:"info" words:"debug info warn error" var:"LOG_LEVEL"`

	// Whether lines of format postfix begin with the time, the host and the
	// program, as in a syslog file: always; never, if the program that reads
	// standard error adds them; or auto, which is never under systemd's journal
	// and always elsewhere.
	Header string `yaml:"header" default:"auto" words:"auto always never" var:"LOG_HEADER"`

	// The maximum length in bytes of one value that comes from outside, as
	// written. A server's reply may have four times as many.
	MaxValue int `yaml:"max_value" default:"256" min:"64" max:"16384"`

	// Bytes a minute that one client (an IPv4 address or an IPv6 /64) can write
	// to the log before it has logged in or delivered a message. Omitted lines
	// are counted. Clients in a network from which a user has logged in lately
	// may write eight times as many.
	RatePerClient int `yaml:"rate_per_client" default:"16384" min:"4096" max:"1073741824"`

	// The same for a network, an IPv4 /24 or an IPv6 /48.
	RatePerNetwork int `yaml:"rate_per_network" default:"32768" min:"4096" max:"1073741824"`

	// The same for all networks together.
	Rate int `yaml:"rate" default:"1048576" min:"65536" max:"1073741824"`
}

// Admin holds the settings of the administrator's socket.
type Admin struct {
	// The path of the socket. Only the user that runs the proxy, and root, can
	// connect to it. Default: /run/letterlock/admin.sock, or if the program cannot
	// create that or state_dir is set, admin.sock in state_dir.
	Socket string `yaml:"socket" example:"/run/letterlock/admin.sock"`

	// Whether `letterlock profile` may measure the process. A profile has no
	// secrets, but measuring costs CPU time.
	Profile bool `yaml:"profile" default:"false"`

	// Whether `letterlock record` may write what is sent in sessions to files:
	// without passwords, and without the texts of messages unless it is asked for.
	Record bool `yaml:"record" default:"true"`
}

// runtimeSocket is the administrator's socket of a service. systemd creates its
// folder (RuntimeDirectory=).
const runtimeSocket = "/run/letterlock/admin.sock"

// AdminSockets returns the possible paths of the administrator's socket: the process
// opens the first that it can open. A process with a state_dir of its own is not the
// service of the machine.
func (c *Config) AdminSockets() []string {
	inState := filepath.Join(c.StateDir, "admin.sock")
	switch {
	case c.Admin.Socket != "":
		return []string{c.Admin.Socket}
	case c.StateDir != Default().StateDir:
		return []string{inState}
	}
	return []string{runtimeSocket, inState}
}

// Inventory bounds the record of clients and their TLS.
type Inventory struct {
	// Whether to keep it.
	Keep bool `yaml:"keep" default:"true"`

	// The maximum number of entries. A user has one for each service, network
	// and kind of device: a few each. A full file has about 40 MiB.
	Entries int `yaml:"entries" default:"100000" min:"1000" max:"10000000"`

	// How long to keep an entry after the last session.
	Age time.Duration `yaml:"age" default:"2160h" min:"24h" max:"87840h"`
}

// InventoryFile returns the path of the inventory.
func (c *Config) InventoryFile() string { return filepath.Join(c.StateDir, "inventory.db") }
