package upstream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/letterlock/letterlock/internal/upstream/proxyheader"
)

// Connect connects to an address of the pool like the session of a client, and
// sends what precedes the protocol: the PROXY header, if there is one, and TLS.
// If TLS begins with a command, the connection has a method StartTLS. Connect
// always uses the proxy's own address.
func (p *Pool) Connect(ctx context.Context, address string, h Handover, client proxyheader.Session, patience time.Duration) (net.Conn, error) {
	deadline := time.Now().Add(patience)
	conn, err := dialAddress(ctx, p.dialer(deadline), address)
	if err != nil {
		return nil, err
	}
	if err := sendHeader(conn, h, client, deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	plaintext := plaintextConn{conn, p, address}
	switch {
	case p.TLS == nil:
		return conn, nil
	case p.StartTLS:
		return plaintext, nil
	}
	_ = conn.SetDeadline(deadline)
	return plaintext.StartTLS()
}

// plaintextConn is a connection before TLS.
type plaintextConn struct {
	net.Conn
	pool    *Pool
	address string
}

// StartTLS starts TLS, within the deadline of the connection.
func (c plaintextConn) StartTLS() (net.Conn, error) {
	t := tls.Client(c.Conn, c.pool.TLS(hostOf(c.address)))
	if err := t.Handshake(); err != nil {
		_ = c.Conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return t, nil
}
