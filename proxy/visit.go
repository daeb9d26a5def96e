package proxy

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Visit reaches an address of the pool as a session of that client would, and
// says what comes before the protocol: the PROXY header, if there is one to
// say. It always comes from our own address.
func (p *Pool) Visit(ctx context.Context, address string, h Handover, client netip.AddrPort, patience time.Duration) (net.Conn, error) {
	conn, err := dialAddress(ctx, p.dialer(time.Now().Add(patience)), address)
	if err != nil || h.Header == 0 {
		return conn, err
	}
	header, err := proxyHeader(h.Header, &Info{Client: client, Local: client})
	if err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(patience))
		_, err = conn.Write(header)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
