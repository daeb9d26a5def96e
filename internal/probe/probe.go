package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/mailclient"
)

// Client is the made-up client's address that a handover passes to the backend, and
// Local the address that this client has connected to (RFC 5737 reserves both).
// They differ, because Dovecot trusts clients on its own address.
var (
	Client = netip.MustParseAddrPort("192.0.2.1:25025")
	Local  = netip.MustParseAddr("192.0.2.2")
)

// Target is a backend, and what the proxy does with it. It is comparable.
type Target struct {
	Protocol string // smtp, imap, pop3 or sieve
	Hostname string // the proxy's
	Port     uint16 // of the listener, for handovers that pass it
	Handover gate.Handover

	// Login reports that clients log in at this backend, and Method how the
	// proxy logs them in.
	Login  bool
	Method gate.LoginMethod

	// The others concern SMTP. OwnAddress reports that the backend sees the
	// proxy's address instead of the client's. The backend alone decides which
	// recipients it accepts mail for, unless the proxy knows the recipients
	// (KnownRecipients) or requires a login (Submission), or an open relay is
	// configured (AllowOpenRelay).
	OwnAddress, KnownRecipients, Submission, AllowOpenRelay bool

	// Senders are the addresses to try as senders, besides the null sender.
	// Empty ones are not used.
	Senders [MaxSenders]string
}

// MaxSenders bounds the senders that are tried: Postfix slows a client down
// after 10 errors and ends its session after 20.
const MaxSenders = 5

// Severity grades a finding.
type Severity int

// The severities, from harmless to dangerous.
const (
	Note    Severity = iota // how the proxy adapts to the backend; not a fault
	Unknown                 // the backend's replies leave a question open
	Warning                 // the administrator should look at it
	Danger                  // the service must not start
)

// Finding is a fact about the backend for the administrator.
type Finding struct {
	Severity
	Text, Remedy string
}

// Time bounds a whole probe.
const Time = 20 * time.Second

// ErrSlow means that a backend has greeted, but did not answer all questions within
// Time, as servers that delay each refusal do (Courier's tarpit).
var ErrSlow = errors.New("it answers too slowly")

// Run probes a backend on a connection on which nothing but a PROXY header was
// sent, and closes the connection. If it is a Plaintext, Run starts TLS first.
// The error reports that the probe was cut short; the findings until then are
// valid.
func Run(ctx context.Context, conn net.Conn, t Target) ([]Finding, error) {
	defer func() { _ = conn.Close() }()
	deadline := time.Now().Add(Time)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	c, err := mailclient.New(conn, t.Protocol, t.Hostname, deadline)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	p := &prober{Target: t, Conn: c}
	p.plaintext, _ = conn.(Plaintext)
	defer func() { _ = p.Close() }()
	err = p.ask()
	switch {
	case err == nil || p.question == "":
		return p.findings, err
	case errors.Is(err, os.ErrDeadlineExceeded), ctx.Err() != nil:
		return p.findings, fmt.Errorf("%s: %w: %w", p.question, ErrSlow, err)
	}
	return p.findings, fmt.Errorf("%s: %w", p.question, err)
}

// prober probes one backend on one connection.
type prober struct {
	Target
	*mailclient.Conn
	plaintext Plaintext // nil: TLS is on, or not configured
	question  string    // the question that is being asked; empty: none yet
	findings  []Finding
}

// ask reads the greeting, starts TLS if it is configured, and asks all
// questions of the protocol.
func (p *prober) ask() error {
	greeting, err := p.Greeting()
	if err != nil {
		return err
	}
	switch p.Protocol {
	case "smtp":
		return p.smtp()
	case "imap":
		return p.imap()
	case "pop3":
		return p.pop3(greeting)
	}
	return p.sieve()
}
