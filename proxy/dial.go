package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/letterlock/letterlock/internal/wire"
)

// Backend is the legacy server behind a listener.
type Backend struct {
	Address string // host:port, [v6]:port or unix:/path
	Public  bool   // a plaintext leg through public address space is accepted
}

// The backend's lines: its longest reply line, generous because some put
// everything on one, and its patience with us.
const backendLine = 64 << 10

// dial reaches the backend. From here on the session can be aborted on both
// sides.
func (ses *session) dial() (*wire.Conn, error) {
	b, t := ses.listener.Backend, ses.server.Timeouts
	network, address := "tcp", b.Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	dialer := net.Dialer{Timeout: t.Dial, KeepAliveConfig: keepAlive}
	if !b.Public {
		dialer.Control = privateOnly
	}
	if ses.listener.Handover.Transparent {
		transparent(&dialer, ses.info.Client)
	}
	conn, err := dialer.DialContext(ses.server.dialling, network, address)
	if err != nil {
		return nil, err
	}
	if err := ses.sendHeader(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	back := wire.New(conn, wire.Limits{
		Line: backendLine, Wait: t.Greeting, Text: t.Greeting, Verdict: t.EndOfData, Write: t.Greeting, Lenient: true,
	})
	ses.mu.Lock()
	ses.back = back
	ses.mu.Unlock()
	return back, nil
}

// privateOnly refuses to carry plaintext through public address space, once
// the name is resolved and before a packet is sent.
func privateOnly(network, address string, _ syscall.RawConn) error {
	if strings.HasPrefix(network, "unix") {
		return nil
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if a := ap.Addr().Unmap(); a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return nil
	}
	return fmt.Errorf("%s is a public address and the leg to it is plaintext; set allow_public_plaintext_backend if it is protected by other means", address)
}
