package probe

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
)

// Stranger is the client's address that a handover tells the backend, and
// StrangersServer the address that this client has connected to (RFC 5737:
// nobody has either). They differ, as Dovecot trusts clients on its own
// address.
var (
	Stranger        = netip.MustParseAddrPort("192.0.2.1:25025")
	StrangersServer = netip.MustParseAddr("192.0.2.2")
)

// Target is a backend, and what depends on it. It is comparable.
type Target struct {
	Protocol string // smtp, imap, pop3 or sieve
	Hostname string // ours
	Port     uint16 // of the listener, for handovers that tell it
	Spoken   gate.Handover

	// Login says that clients log in there, and Means how we do it for them.
	Login bool
	Means gate.Means

	// The others concern SMTP. Unjudged says that the backend sees our address
	// and not the client's. The backend alone decides which recipients it takes
	// mail for, unless Guarded says that we know the recipients, Submission
	// that we require a login, or Allowed that an open relay is meant.
	Unjudged, Guarded, Submission, Allowed bool

	// Senders are the addresses to try as senders beside the null sender; those
	// that are empty are not used.
	Senders [MaxSenders]string
}

// MaxSenders bounds the senders that are tried: Postfix slows a client down
// after 10 errors and ends its session after 20.
const MaxSenders = 5

// Severity says what a finding calls for.
type Severity int

// From harmless to dangerous.
const (
	Note    Severity = iota // what the proxy makes of the backend, and no fault
	Unknown                 // the backend's replies leave a question open
	Warning                 // to be looked at
	Danger                  // no service should start
)

// Finding is something that the administrator should know.
type Finding struct {
	Severity
	Text, Remedy string
}

// Time bounds a whole visit.
const Time = 20 * time.Second

// maxRead bounds what is read from a backend during a visit, in bytes.
const maxRead = 256 << 10

// Visit asks a backend on a connection that is fresh but for a PROXY header,
// and closes it. A connection that is Clear gets TLS first. The error says that
// the visit was cut short; what was found until then is still true.
func Visit(ctx context.Context, conn net.Conn, t Target) ([]Finding, error) {
	deadline := time.Now().Add(Time)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	_ = conn.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	v := &visit{Target: t, Conn: textproto.NewConn(bounded(conn))}
	v.clear, _ = conn.(Clear)
	defer func() { _ = v.Close() }()
	err := v.ask()
	if err != nil && v.question != "" {
		err = fmt.Errorf("%s: %w", v.question, err)
	}
	return v.findings, err
}

// ask asks everything that the protocol has to ask.
func (v *visit) ask() error {
	switch v.Protocol {
	case "smtp":
		return v.smtp()
	case "imap":
		return v.imap()
	case "pop3":
		return v.pop3()
	case "sieve":
		return v.sieve()
	}
	return fmt.Errorf("there is no probe for %s", v.Protocol)
}

// bounded limits what is read from a backend to maxRead.
func bounded(conn net.Conn) io.ReadWriteCloser {
	return struct {
		io.Reader
		io.WriteCloser
	}{io.LimitReader(conn, maxRead), conn}
}

// visit is one connection to a backend.
type visit struct {
	Target
	*textproto.Conn
	clear    Clear  // nil: TLS is on, or not wanted
	question string // that is being asked; empty: none yet
	findings []Finding
}

// exchange sends a line and reads one.
func (v *visit) exchange(format string, args ...any) (string, error) {
	if err := v.PrintfLine(format, args...); err != nil {
		return "", err
	}
	return v.ReadLine()
}
