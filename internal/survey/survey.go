// Package survey examines a mail server from the proxy's machine, before there is a
// configuration. It finds the services that answer, their capabilities in
// plaintext, and their TLS if they offer no login in plaintext.
//
// It sends no login and no mail. internal/probe asks further once there is a
// configuration.
package survey

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/letterlock/letterlock/internal/mailclient"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Service is a service to look for.
type Service struct {
	Name     string // smtp, submission, imap, pop3 or sieve
	Protocol string // as mailclient names it
	Port     int    // in plaintext
	TLSPort  int    // with TLS from the first byte; 0: there is none
	Login    bool   // clients log in
}

// Services lists the services that are looked for.
func Services() []Service {
	return []Service{
		{"smtp", "smtp", 25, 0, false},
		{"submission", "smtp", 587, 465, true},
		{"imap", "imap", 143, 993, true},
		{"pop3", "pop3", 110, 995, true},
		{"sieve", "sieve", 4190, 0, true},
	}
}

// Timeout bounds the look at one port.
const Timeout = 10 * time.Second

// Seen holds the answers of a service.
type Seen struct {
	Service
	Address  string // host:port that answered
	Err      error  // why the service cannot be used; nil: it can
	Greeting string
	Offered  mailclient.Capabilities // before TLS; with TLS "tls", within it

	// TLS is the way to reach the server with TLS: "", "starttls" or "tls".
	// Version and Pin describe that TLS. Verified reports that the
	// certificate is for the host, by an authority that the system trusts.
	TLS      string
	Version  tlspolicy.Version
	Pin      tlspolicy.Pin
	Verified bool
}

// PlaintextLogin reports whether the service accepts a login without TLS.
func (s Seen) PlaintextLogin() bool {
	return s.TLS != "tls" && (s.Offered.Command || len(s.Offered.Mechanisms) > 0)
}

// Look looks at services of a host at the same time. Ports replace those of the
// services, by name. Step is called after each.
func Look(ctx context.Context, host, hostname string, services []Service, step func(done int)) []Seen {
	all := make([]Seen, len(services))
	var done atomic.Int64
	var running sync.WaitGroup
	for i, s := range services {
		running.Go(func() {
			all[i] = look(ctx, host, hostname, s)
			step(int(done.Add(1)))
		})
	}
	running.Wait()
	return all
}

// look looks at the port in plaintext. If that offers no login, it looks for TLS.
func look(ctx context.Context, host, hostname string, s Service) Seen {
	seen := Seen{Service: s, Address: joined(host, s.Port)}
	seen.plaintext(ctx, hostname)
	if seen.Err == nil && (!s.Login || seen.PlaintextLogin()) {
		return seen
	}
	if seen.Err == nil && seen.Offered.StartTLS && seen.starttls(ctx, host, hostname) == nil {
		return seen
	}
	if s.TLSPort != 0 {
		other := Seen{Service: s, Address: joined(host, s.TLSPort), TLS: "tls"}
		if other.implicit(ctx, host, hostname); other.Err == nil {
			return other
		}
	}
	return seen
}

func joined(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// connect calls a function with a connection, and with the deadline that both have.
// The connection is closed when the function returns or the context ends.
func (s *Seen) connect(ctx context.Context, use func(conn net.Conn, deadline time.Time) error) error {
	deadline := time.Now().Add(Timeout)
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return use(conn, deadline)
}

// plaintext reads the greeting and what is offered.
func (s *Seen) plaintext(ctx context.Context, hostname string) {
	s.Err = s.connect(ctx, func(conn net.Conn, deadline time.Time) error {
		_, err := s.hello(conn, hostname, deadline)
		return err
	})
}

func (s *Seen) hello(conn net.Conn, hostname string, deadline time.Time) (*mailclient.Conn, error) {
	c, err := mailclient.New(conn, s.Protocol, hostname, deadline)
	if err == nil {
		s.Greeting, err = c.Greeting()
	}
	if err == nil {
		s.Offered, err = c.Capabilities()
	}
	return c, err
}

// starttls starts TLS by the protocol's command, to learn what the server has.
func (s *Seen) starttls(ctx context.Context, host, hostname string) error {
	err := s.connect(ctx, func(conn net.Conn, deadline time.Time) error {
		plain := Seen{Service: s.Service}
		c, err := plain.hello(conn, hostname, deadline)
		if err != nil {
			return err
		}
		return c.StartTLS(func(conn net.Conn) (net.Conn, error) { return s.shake(ctx, conn, host) })
	})
	if err == nil {
		s.TLS = "starttls"
	}
	return err
}

// implicit starts TLS at once, and reads what is offered within it.
func (s *Seen) implicit(ctx context.Context, host, hostname string) {
	s.Err = s.connect(ctx, func(conn net.Conn, deadline time.Time) error {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
		secured, err := s.shake(ctx, conn, host)
		if err == nil {
			_, err = s.hello(secured, hostname, deadline)
		}
		return err
	})
}

// shake does a handshake with any version and any certificate, and notes both.
func (s *Seen) shake(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	client := tls.Client(conn, tlspolicy.BackendTLS{Min: tlspolicy.VersionTLS10, Unverified: true}.Config(host))
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := client.ConnectionState()
	leaf := state.PeerCertificates[0]
	s.Version, s.Pin = tlspolicy.Version(state.Version), tlspolicy.PinOf(leaf)
	intermediates := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Intermediates: intermediates})
	s.Verified = err == nil
	return client, nil
}
