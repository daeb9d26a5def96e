package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/sockopt"
	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
	"github.com/letterlock/letterlock/internal/wire"
)

// Timeouts bound the waits for a backend. All are set.
type Timeouts struct {
	Dial      time.Duration
	Reply     time.Duration // for the greeting, and for each reply
	Verdict   time.Duration // for the reply to a message
	Handshake time.Duration
}

// maxLine is the maximum length of a line of a reply, in bytes. It is generous,
// because some backends send very long lines.
const maxLine = 64 << 10

// Dial connects to a member for a client, and sends the PROXY header if there is
// one.
func (p *Pool) Dial(ctx context.Context, m *Member, h Handover, client proxyheader.Session, deadline time.Time, t Timeouts) (net.Conn, error) {
	dialer := p.dialer(deadline)
	if h.Transparent {
		transparent(&dialer, client.Client)
	}
	conn, err := dialAddress(ctx, dialer, m.address)
	if err != nil {
		return nil, err
	}
	if err := sendHeader(conn, h, client, time.Now().Add(t.Dial)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// sendHeader writes the PROXY header, which comes before anything else on a
// connection.
func sendHeader(conn net.Conn, h Handover, client proxyheader.Session, deadline time.Time) error {
	if h.Header == 0 {
		return nil
	}
	header, err := proxyheader.Format(h.Header, client)
	if err != nil {
		return fmt.Errorf("PROXY header: %w", err)
	}
	_ = conn.SetWriteDeadline(deadline)
	defer func() { _ = conn.SetWriteDeadline(time.Time{}) }()
	// The header is written in one piece: receivers may not wait for the rest
	// of it.
	if _, err := conn.Write(header); err != nil {
		return fmt.Errorf("PROXY header: %w", err)
	}
	return nil
}

func (p *Pool) dialer(deadline time.Time) net.Dialer {
	dialer := net.Dialer{Deadline: deadline, KeepAliveConfig: sockopt.KeepAlive()}
	if !p.Public {
		dialer.Control = PrivateOnly
	}
	return dialer
}

func dialAddress(ctx context.Context, dialer net.Dialer, address string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(sockopt.Unread)
	}
	return conn, err
}

// NewConn returns a connection to a backend, which must send its greeting
// before the deadline, if there is one. config is for TLS; nil: plaintext.
func NewConn(ctx context.Context, t Timeouts, conn net.Conn, config *tls.Config, deadline time.Time) *wire.Conn {
	back := wire.New(conn, wire.Limits{
		Line: maxLine, Wait: t.Reply, Text: t.Reply, Verdict: t.Verdict, Write: t.Reply, Backend: true,
	})
	back.Deadline(deadline)
	if config != nil {
		back.Handshake = func(conn net.Conn) (*tls.Conn, error) { return handshake(ctx, conn, config, deadline, t.Handshake) }
	}
	return back
}

// StartImplicitTLS starts TLS if the pool uses implicit TLS. With StartTLS the
// gate sends the command.
func (p *Pool) StartImplicitTLS(back *wire.Conn) error {
	if p.StartTLS || !back.WantsTLS() {
		return nil
	}
	return back.Start()
}

// handshake starts TLS to a backend. It takes at most patience, and ends at the
// deadline if there is one.
func handshake(ctx context.Context, conn net.Conn, config *tls.Config, deadline time.Time, patience time.Duration) (*tls.Conn, error) {
	t := tls.Client(wire.NewRecords(conn), config)
	latest := time.Now().Add(patience)
	if deadline.IsZero() || deadline.After(latest) {
		deadline = latest
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	_ = conn.SetDeadline(time.Time{}) // the last read has set one
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, gate.Because(gate.BackendTLS, err)
	}
	return t, nil
}

// shared is the address space that carriers and private overlays use internally
// (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// PrivateOnly is a Control of net.Dialer that refuses plaintext connections to public
// addresses. It runs after the name is resolved and before a packet is sent.
func PrivateOnly(network, address string, _ syscall.RawConn) error {
	if strings.HasPrefix(network, "unix") {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if a := ap.Addr().Unmap(); a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || shared.Contains(a) {
		return nil
	}
	return fmt.Errorf("%s is a public address, and the connection to it has no TLS; set allow_public_plaintext_backend if it is protected by other means", address)
}
