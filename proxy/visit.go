package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// Visit connects to an address of the pool as a session of that description
// would, and sends what comes before the protocol: the PROXY header, if there is
// one, and TLS. Where TLS comes with a command, the connection has a method
// StartTLS. It always comes from our own address.
func (p *Pool) Visit(ctx context.Context, address string, h Handover, as *Info, patience time.Duration) (net.Conn, error) {
	deadline := time.Now().Add(patience)
	conn, err := dialAddress(ctx, p.dialer(deadline), address)
	if err != nil {
		return nil, err
	}
	if err := visitHeader(conn, h, as, deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	visitor := clearVisit{conn, p, address}
	switch {
	case p.TLS == nil:
		return conn, nil
	case p.StartTLS:
		return visitor, nil
	}
	_ = conn.SetDeadline(deadline)
	return visitor.StartTLS()
}

func visitHeader(conn net.Conn, h Handover, as *Info, deadline time.Time) error {
	if h.Header == 0 {
		return nil
	}
	header, err := proxyHeader(h.Header, as)
	if err == nil {
		_ = conn.SetWriteDeadline(deadline)
		_, err = conn.Write(header)
	}
	return err
}

// clearVisit is a visit before TLS.
type clearVisit struct {
	net.Conn
	pool    *Pool
	address string
}

// StartTLS turns TLS on, within the deadline of the connection.
func (v clearVisit) StartTLS() (net.Conn, error) {
	t := tls.Client(v.Conn, v.pool.TLS(hostOf(v.address)))
	if err := t.Handshake(); err != nil {
		_ = v.Conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return t, nil
}
