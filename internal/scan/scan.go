package scan

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Target is a service to scan.
type Target struct {
	Service  string // its name, for the report
	Protocol string // smtp, imap, pop3 or sieve
	Address  string // host:port
	Host     string // what the certificate should be for
	Implicit bool   // TLS from the first byte

	// Public is set for services that receive mail from the public: even weak
	// TLS is better than none there, and few senders check the certificate.
	Public bool

	// Optional is set for services that need not exist.
	Optional bool
}

// Options configure a scan.
type Options struct {
	Roots   *x509.CertPool // nil: the system's CAs
	Timeout time.Duration  // of each step; 0: 10s
	Now     time.Time
	Groups  bool // scan the key exchange groups too

	// Dial connects to a target; nil: a net.Dialer does.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// withDefaults fills in the fields that are not set.
func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			d := net.Dialer{Timeout: o.Timeout}
			return d.DialContext(ctx, "tcp", address)
		}
	}
	return o
}

const (
	defaultTimeout = 10 * time.Second
	quietTime      = 2 * time.Second // how long to wait for an answer to an injected command
)

// Report is the result of a scan.
type Report struct {
	Service     string    `json:"service"`
	Address     string    `json:"address"`
	Host        string    `json:"host"`
	Reachable   bool      `json:"reachable"`
	TLS         bool      `json:"tls"`      // a handshake has succeeded
	Versions    []string  `json:"versions"` // accepted, lowest first
	Suites      []string  `json:"suites"`   // accepted, with any version
	Groups      []string  `json:"groups"`   // accepted; empty unless Options.Groups
	Keys        []Key     `json:"keys"`     // of the certificates, each once
	Names       []string  `json:"names"`    // of the certificate
	Expires     time.Time `json:"expires,omitzero"`
	LoginsClear []string  `json:"logins_in_clear"` // offered before TLS
	Findings    []Finding `json:"findings"`
}

// Severity grades a finding.
type Severity string

// The severities, from the worst to the mildest.
const (
	Bad  Severity = "bad"  // passwords or mail are in danger, or clients are refused
	Weak Severity = "weak" // out of date
	Note Severity = "note" // worth knowing
)

// Finding is something that an administrator should know.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
}

func (r *Report) find(s Severity, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{s, fmt.Sprintf(format, args...)})
}

// look is the state of the scan of a target.
type look struct {
	Target
	Options
	ctx     context.Context
	report  *Report
	started bool // a TLS handshake has begun
}

// Look scans a target, in at most a few dozen connections, one after the other.
func Look(ctx context.Context, t Target, o Options) Report {
	r := Report{Service: t.Service, Address: t.Address, Host: t.Host, Versions: []string{}, Suites: []string{}, Groups: []string{}, Keys: []Key{}, Names: []string{}, LoginsClear: []string{}, Findings: []Finding{}}
	v := &look{Target: t, Options: o.withDefaults(), ctx: ctx, report: &r}
	if v.clear() {
		v.offers()
		if o.Groups {
			v.groups()
		}
		v.judgeTLS()
		if r.TLS && !t.Implicit {
			v.inject()
		}
	}
	return r
}

// clear checks the session before TLS, and reports whether to go on.
func (v *look) clear() bool {
	c, err := v.dial()
	if err != nil {
		severity := Bad
		if v.Optional {
			severity = Note
		}
		v.report.find(severity, "not reachable: %v", err)
		return false
	}
	defer func() { _ = c.Close() }()
	v.report.Reachable = true
	if v.Implicit {
		return true
	}
	offered, logins, err := dialects[v.Protocol].hello(c)
	if err != nil {
		v.report.find(Bad, "it does not speak %s as it should: %v", v.Protocol, err)
		return false
	}
	v.report.LoginsClear = append(v.report.LoginsClear, logins...)
	if len(logins) > 0 {
		v.report.find(Bad, "logins are offered before TLS: %s", strings.Join(logins, " "))
	}
	if !offered.StartTLS {
		v.report.find(Bad, "%s is not offered: everything is sent in plaintext", dialects[v.Protocol].start)
	}
	return offered.StartTLS
}

// offers finds the versions and suites: each offer leaves out those that the
// server has chosen before, until no handshake succeeds.
func (v *look) offers() {
	seen := map[string]bool{}
	for version := uint16(tls.VersionTLS10); version <= tls.VersionTLS13; version++ {
		suites := suitesOf(version)
		for first := true; len(suites) > 0; first = false {
			state, err := v.handshake(version, suites)
			if err != nil {
				break
			}
			if first {
				v.report.Versions = append(v.report.Versions, tlspolicy.Version(version).String())
			}
			if !v.report.TLS {
				v.report.TLS = true
				v.certificate(state)
			}
			v.report.addKey(state.PeerCertificates[0])
			if name := tlspolicy.Suite(state.CipherSuite).String(); !seen[name] {
				seen[name] = true
				v.report.Suites = append(v.report.Suites, name)
			}
			if suites = without(suites, state.CipherSuite); version == tls.VersionTLS13 {
				break // Go does not let callers choose its suites
			}
		}
	}
}

func suitesOf(version uint16) []uint16 {
	var ids []uint16
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		for _, v := range suite.SupportedVersions {
			if v == version {
				ids = append(ids, suite.ID)
			}
		}
	}
	return ids
}

func without(suites []uint16, gone uint16) []uint16 {
	var left []uint16
	for _, s := range suites {
		if s != gone {
			left = append(left, s)
		}
	}
	if len(left) == len(suites) {
		return nil // the server chose a suite that was not offered
	}
	return left
}

// handshake performs a handshake on a new connection.
func (v *look) handshake(version uint16, suites []uint16) (state tls.ConnectionState, err error) {
	c, err := v.dial()
	if err != nil {
		return state, err
	}
	defer func() { _ = c.Close() }()
	return v.shake(c, &tls.Config{MinVersion: version, MaxVersion: version, CipherSuites: suites})
}

// shake performs a handshake on a connection that has sent nothing.
func (v *look) shake(c *mailclient.Conn, rules *tls.Config) (state tls.ConnectionState, err error) {
	shake := v.anyTLS(rules)
	if v.Implicit {
		c.Conn, err = shake(c.Conn)
	} else {
		if _, _, err := dialects[v.Protocol].hello(c); err != nil {
			return state, err
		}
		err = c.StartTLS(shake)
	}
	if t, ok := c.Conn.(*tls.Conn); ok && err == nil {
		state = t.ConnectionState()
	}
	return state, err
}

// anyTLS returns a function for a handshake that accepts every certificate:
// certificates are judged later, and a bad one does not end the scan. config
// gives its other settings; nil means Go's defaults.
func (v *look) anyTLS(rules *tls.Config) mailclient.Handshake {
	config := rules.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.ServerName, config.InsecureSkipVerify = v.Host, true
	return func(conn net.Conn) (net.Conn, error) {
		v.started = true
		t := tls.Client(conn, config)
		return t, t.HandshakeContext(v.ctx)
	}
}

func (v *look) dial() (*mailclient.Conn, error) {
	c, err := v.Dial(v.ctx, v.Address)
	if err != nil {
		return nil, err
	}
	return mailclient.New(c, v.Protocol, "scan.invalid", time.Now().Add(v.Timeout))
}
