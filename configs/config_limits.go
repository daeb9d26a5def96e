package configs

import "time"

// Limits bound the resources that clients can occupy. The defaults fit a server
// with ten thousand users. Zero is an error, except where it turns a limit off.
type Limits struct {
	// Open sessions in all.
	Connections int `yaml:"connections" default:"10000" min:"1" max:"1000000"`

	// Open sessions of one address, or of one IPv6 /64. A large office or a
	// webmail server may be one address.
	ConnectionsPerClient int `yaml:"connections_per_client" default:"3000" min:"1" max:"1000000"`

	// Open sessions of one network, an IPv4 /24 or an IPv6 /48.
	ConnectionsPerNetwork int `yaml:"connections_per_network" default:"7000" min:"1" max:"1000000"`

	// Open sessions in all without a login, or on smtp without an accepted
	// recipient. Above it, the oldest are closed, beginning with those of
	// clients that have more than their share. After a restart all users log in
	// at once; a login takes the proxy about 10 ms.
	Unauthenticated int `yaml:"unauthenticated" default:"4000" min:"1" max:"1000000"`

	// The share of one client in unauthenticated. Above it, a new session of
	// the client closes its oldest one that is older than
	// timeouts.unauthenticated.
	UnauthenticatedPerClient int `yaml:"unauthenticated_per_client" default:"100" min:"1" max:"1000000"`

	// Failed logins of one address until its logins are refused. From the third
	// on each login has to wait longer. Users who have logged in from the
	// address within a week are exempt. 0 turns it off.
	LoginFailuresPerClient int `yaml:"login_failures_per_client" default:"50" min:"0" max:"1000000"`

	// Failed logins of one user, from all addresses. From addresses where the
	// user has logged in lately, only failures from there count. 0 turns it
	// off.
	LoginFailuresPerUser int `yaml:"login_failures_per_user" default:"50" min:"0" max:"1000000"`

	// TLS handshakes that are computed at the same time.
	Handshakes int `yaml:"handshakes" default:"64" min:"1" max:"100000"`

	// Percent of connections, connections_per_client, connections_per_network,
	// unauthenticated and handshakes that is divided equally among the services
	// that have listeners. No other service can use a service's part: a flood
	// on port 25 leaves room for IMAP. The rest is shared by all services.
	Reserved int `yaml:"reserved" default:"50" min:"0" max:"100"`

	// Open connections to each of acme.http, acme.tls_alpn (which also serves
	// the policy of mta_sts) and status.listen. Above it, the one that has been
	// idle the longest is closed.
	WebConnections int `yaml:"web_connections" default:"128" min:"1" max:"10000"`

	// The share of one address, or of one IPv6 /64, in web_connections. A
	// browser opens six.
	WebConnectionsPerClient int `yaml:"web_connections_per_client" default:"16" min:"1" max:"10000"`

	// Bytes of a command line, including CRLF. SMTP needs 512 and those of its
	// extensions, IMAP 8192 (RFC 7162, section 4).
	Line int `yaml:"line" default:"8192" min:"1024" max:"1048576"`

	// Bytes of a token within a SASL login. RFC 4954, section 4, needs 12288;
	// Kerberos tickets with many groups need more.
	Token int `yaml:"token" default:"32768" min:"12288" max:"1048576"`

	// Bytes of all literals in an IMAP command before login.
	Literal int `yaml:"literal" default:"65536" min:"1024" max:"16777216"`

	// Bytes of a message with bare_newline: reject, which keeps a message that
	// arrives by DATA in a file until it is complete.
	Message int `yaml:"message" default:"134217728" min:"65536" max:"2147483647"`

	// Bytes of all messages in such files. Above it, a message gets the reply
	// 452.
	Spool int `yaml:"spool" default:"1073741824" min:"65536" max:"2147483647"`

	// Wrong commands until a session is ended; a delivered message resets the
	// count. Also refused recipients until no further message may begin.
	Errors int `yaml:"errors" default:"10" min:"1" max:"1000"`
}

// Timeouts bound every wait: a wait without a bound would keep its connection
// open for ever.
type Timeouts struct {
	// The PROXY header of a load balancer in proxy_from, which sends it
	// immediately.
	ProxyHeader time.Duration `yaml:"proxy_header" default:"5s" min:"1s" max:"1m"`

	// Looking up the name of a client in reverse DNS; a session may wait for
	// it.
	ReverseDNS time.Duration `yaml:"reverse_dns" default:"3s" min:"1s" max:"1m"`

	// The TLS handshake.
	Handshake time.Duration `yaml:"handshake" default:"30s" min:"1s" max:"10m"`

	// Connecting to a backend.
	Dial time.Duration `yaml:"dial" default:"10s" min:"1s" max:"10m"`

	// A backend's greeting, and each complete reply of a backend. Some SMTP
	// servers delay the greeting on purpose.
	Greeting time.Duration `yaml:"greeting" default:"2m" min:"1s" max:"1h"`

	// A client's next command before login, and each SMTP command. RFC 5321,
	// section 4.5.3.2.7, asks for 5m.
	Command time.Duration `yaml:"command" default:"5m" min:"1s" max:"1h"`

	// From the connection to the login; on smtp to an accepted recipient, and
	// from one message to the next. The time that the backend takes for its
	// greeting is added.
	Login time.Duration `yaml:"login" default:"2m" min:"1s" max:"1h"`

	// How long an unauthenticated session is safe from being closed to make
	// room for others: long enough for a login over a slow connection. A
	// session with an accepted recipient that makes no progress is safe six
	// times as long.
	Unauthenticated time.Duration `yaml:"unauthenticated" default:"5s" min:"0s" max:"1h"`

	// The maximum delay of a login after failed ones. Clients wait for 30s and
	// longer. 0s turns the delay off.
	LoginDelay time.Duration `yaml:"login_delay" default:"15s" min:"0s" max:"5m"`

	// The time in which as many failed logins are forgotten as limits allows.
	LoginForget time.Duration `yaml:"login_forget" default:"1h" min:"1s" max:"720h"`

	// Silence after login. IMAP clients rely on 30m (RFC 9051, section 5.4).
	Idle time.Duration `yaml:"idle" default:"35m" min:"1s" max:"24h"`

	// Silence within a message. RFC 5321, section 4.5.3.2.5, asks for 3m.
	Data time.Duration `yaml:"data" default:"5m" min:"1s" max:"1h"`

	// A whole message, from MAIL to its end. The default permits 50 MB at 120
	// kbit/s.
	Message time.Duration `yaml:"message" default:"1h" min:"1s" max:"24h"`

	// A backend's reply to a complete message. RFC 5321, section 4.5.3.2.6,
	// asks for 10m.
	EndOfData time.Duration `yaml:"end_of_data" default:"10m" min:"1s" max:"1h"`

	// How long the process that an upgrade has replaced lets its sessions continue.
	// Then the remaining sessions end as after SIGTERM.
	Upgrade time.Duration `yaml:"upgrade" default:"1h" min:"1s" max:"168h"`

	// How long sessions may continue after SIGTERM.
	Shutdown time.Duration `yaml:"shutdown" default:"30s" min:"1s" max:"1h"`
}
