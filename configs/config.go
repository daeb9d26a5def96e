package configs

import (
	"path/filepath"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Config is the whole configuration, as the file or the environment gave it
// and the defaults completed it.
type Config struct {
	Hostname     string          `yaml:"hostname"`
	StateDir     string          `yaml:"state_dir"`
	User         string          `yaml:"user"` // that root becomes; empty: stays root
	Certificates []Certificate   `yaml:"certificates"`
	ACME         *ACME           `yaml:"acme"`          // nil: none
	MTASTS       *MTASTS         `yaml:"mta_sts"`       // nil: none
	TicketSecret string          `yaml:"ticket_secret"` // file; empty: a secret of this process alone
	Policies     []Policy        `yaml:"policies"`
	Log          Log             `yaml:"log"`
	Status       Status          `yaml:"status"`
	Inventory    Inventory       `yaml:"inventory"`
	Limits       Limits          `yaml:"limits"`
	Timeouts     Timeouts        `yaml:"timeouts"`
	Backends     []Backend       `yaml:"backends"`
	Smarthost    *SmarthostRules `yaml:"smarthost"` // nil: no listener is one
	Listeners    []Listener      `yaml:"listeners"`

	// Probe asks each backend whether it relays or takes a wrong password.
	// ProbeSender is a sender whom backends accept; empty: those that are likely
	// to be are tried.
	Probe       *bool  `yaml:"probe"` // nil: on
	ProbeSender string `yaml:"probe_sender"`

	// PublicPlaintextBackend allows a plaintext leg to a backend that is
	// neither on loopback, nor a unix socket, nor in private address space.
	PublicPlaintextBackend bool `yaml:"allow_public_plaintext_backend"`

	origin origin // the last field: see keys
}

// Certificate names a PEM chain, leaf first, and its key.
type Certificate struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Policy is a TLS policy of the administrator's own: a built-in one with some
// of its rules replaced.
type Policy struct {
	Name       string            `yaml:"name"`
	Base       string            `yaml:"base"`
	MinVersion tlspolicy.Version `yaml:"min_version"`
	MaxVersion tlspolicy.Version `yaml:"max_version"`
	Suites     []tlspolicy.Suite `yaml:"suites"`
	Groups     []tlspolicy.Group `yaml:"groups"`
}

// Log says how the log is written.
type Log struct {
	Format string `yaml:"format"` // text, json or postfix
	Level  string `yaml:"level"`  // debug, info, warn or error
	Header string `yaml:"header"` // of format postfix: auto, always or never

	// Bytes of a value that comes from outside; and bytes a minute that
	// clients can cause before they have logged in.
	MaxValue       int `yaml:"max_value"`
	RatePerClient  int `yaml:"rate_per_client"`
	RatePerNetwork int `yaml:"rate_per_network"`
	Rate           int `yaml:"rate"`
}

// Status says where the status page, its JSON and the metrics are served.
type Status struct {
	Listen string `yaml:"listen"` // host:port; empty: nowhere
}

// Inventory says what is remembered of clients and their TLS.
type Inventory struct {
	Keep    bool          `yaml:"keep"`
	Entries int           `yaml:"entries"`
	Age     time.Duration `yaml:"age"` // since the last session
}

// InventoryFile is where it is kept.
func (c *Config) InventoryFile() string { return filepath.Join(c.StateDir, "inventory.db") }

// Listener is one service on one address, and the backend behind it.
type Listener struct {
	Service Service `yaml:"service"`
	Listen  string  `yaml:"listen"`  // host:port; an empty host is every address
	Backend string  `yaml:"backend"` // host:port, [v6]:port, unix:/path or the name of one of Backends
	Policy  string  `yaml:"policy"`  // empty: the service's own, see Service.DefaultPolicy
	Banner  string  `yaml:"banner"`  // words of the greeting, behind the hostname

	// PublicPort is where clients find the listener, if its port is mapped to
	// another; 0: it is not.
	PublicPort int `yaml:"public_port"`

	// In the place of the certificates and hosts of all, if one is given
	Certificates []Certificate `yaml:"certificates"`
	ACMEHosts    []string      `yaml:"acme_hosts"`

	// TLS beside the policy
	SNI                string      `yaml:"sni"`                 // default, or strict
	SessionTickets     *bool       `yaml:"session_tickets"`     // nil: see TicketsOn
	ClientCertificates string      `yaml:"client_certificates"` // none, request or require
	ClientCA           string      `yaml:"client_ca"`           // file; empty: the authorities that the machine trusts
	Exceptions         []Exception `yaml:"exceptions"`

	// smtp only
	RequireTLS     RequireTLS `yaml:"require_tls"`
	HideSTARTTLS   []Network  `yaml:"hide_starttls"`   // peers that fail with it
	Auth           bool       `yaml:"auth"`            // offer AUTH after TLS
	Recipients     []string   `yaml:"recipients"`      // domains or addresses that may be written to
	RecipientsFile string     `yaml:"recipients_file"` // a file of such, one a line
	AllowOpenRelay bool       `yaml:"allow_open_relay"`

	// GreetDelay is the pause before the greeting for those who do not wait
	// for it; nil: the default.
	GreetDelay *time.Duration `yaml:"greet_delay"`

	// smtp, submission, submissions
	BareNewline string `yaml:"bare_newline"` // normalize or reject
	Received    *bool  `yaml:"received"`     // nil: on
	DisableVRFY *bool  `yaml:"disable_vrfy"` // nil: on
	HideClient  bool   `yaml:"hide_client"`  // the Received header does not tell who the client is

	ReverseDNS *bool `yaml:"reverse_dns"` // look the names of clients up; nil: on smtp

	ProxyFrom       []Network `yaml:"proxy_from"`       // load balancers, who say with a PROXY header who the client is
	Routes          string    `yaml:"routes"`           // file that says which backend a user's mail is at
	MasterSeparator string    `yaml:"master_separator"` // between a user and the master user who logs in as that one; empty: none
	BackendLogin    string    `yaml:"backend_login"`    // auto, same, plain, login, cram-md5 or user; empty: auto
	Handover        string    `yaml:"handover"`         // how the backend learns who the client is
	HideMechanisms  []string  `yaml:"hide_mechanisms"`  // SASL mechanisms never shown, beside those that cannot pass a proxy

	// UnnamedMechanisms are SASL mechanisms that are shown although the proxy
	// cannot read from them who logs in.
	UnnamedMechanisms []string `yaml:"unnamed_mechanisms"`
}

// RequireTLS says who may not send mail in clear: everybody, nobody, or the
// named networks and sender domains.
type RequireTLS struct {
	All      bool
	Networks []Network
	Domains  []string
}

// Limits bound what clients may make the proxy hold.
type Limits struct {
	Connections              int `yaml:"connections"`                // open sessions in all
	ConnectionsPerClient     int `yaml:"connections_per_client"`     // open sessions of one address (IPv6: one /64)
	ConnectionsPerNetwork    int `yaml:"connections_per_network"`    // open sessions of one /24 (IPv6: one /48)
	Unauthenticated          int `yaml:"unauthenticated"`            // open sessions in all that have not logged in
	UnauthenticatedPerClient int `yaml:"unauthenticated_per_client"` // above it, a client's oldest make room
	LoginFailuresPerClient   int `yaml:"login_failures_per_client"`  // failed logins until others are refused; 0 is off
	LoginFailuresPerUser     int `yaml:"login_failures_per_user"`
	Handshakes               int `yaml:"handshakes"`                 // TLS handshakes that compute at once
	Reserved                 int `yaml:"reserved"`                   // percent of the limits above that is divided among the services
	WebConnections           int `yaml:"web_connections"`            // open to each of acme.http, acme.tls_alpn and status.listen
	WebConnectionsPerClient  int `yaml:"web_connections_per_client"` // of one address (IPv6: one /64)
	Line                     int `yaml:"line"`                       // bytes of a command line, CRLF included
	Token                    int `yaml:"token"`                      // bytes of a SASL token
	Literal                  int `yaml:"literal"`                    // bytes of the literals of one command before login
	Message                  int `yaml:"message"`                    // bytes of a message that bare_newline: reject must hold
	Spool                    int `yaml:"spool"`                      // bytes of all messages that are held
	Errors                   int `yaml:"errors"`                     // wrong commands before the session is ended
}

// Timeouts bound every wait.
type Timeouts struct {
	ProxyHeader     time.Duration `yaml:"proxy_header"`    // a load balancer's PROXY header
	ReverseDNS      time.Duration `yaml:"reverse_dns"`     // the name of a client
	Handshake       time.Duration `yaml:"handshake"`       // the TLS handshake
	Dial            time.Duration `yaml:"dial"`            // reaching a backend
	Greeting        time.Duration `yaml:"greeting"`        // a backend's greeting, and each reply to a command
	Command         time.Duration `yaml:"command"`         // a client's next command before login; each SMTP command
	Login           time.Duration `yaml:"login"`           // from accept to login
	Unauthenticated time.Duration `yaml:"unauthenticated"` // from accept until a session may have to make room
	LoginDelay      time.Duration `yaml:"login_delay"`     // the longest wait after failed logins
	LoginForget     time.Duration `yaml:"login_forget"`    // until as many failures as are allowed are forgotten
	Idle            time.Duration `yaml:"idle"`            // silence after login
	Data            time.Duration `yaml:"data"`            // silence within a message
	Message         time.Duration `yaml:"message"`         // a message, from MAIL to its end
	EndOfData       time.Duration `yaml:"end_of_data"`     // a backend's verdict on a message
	Shutdown        time.Duration `yaml:"shutdown"`        // sessions that end by themselves after SIGTERM
}
