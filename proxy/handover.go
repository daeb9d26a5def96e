package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Handover is how the backend learns who the client is. The zero value is not
// at all.
type Handover struct {
	Header      byte          // the version of the PROXY header that is sent; 0 is none
	Transparent bool          // connect from the client's own address
	Spoken      gate.Handover // in the protocol's words
}

// Words is what a gate has to know of it.
func (h Handover) Words() gate.Handover {
	if h.Header > 0 {
		return gate.PROXYHeader
	}
	return h.Spoken
}

// seen reports whether the backend knows the client's address from the first byte
// on.
func (h Handover) seen() bool { return h.Header > 0 || h.Transparent }

// sendHeader writes the PROXY header, which comes before anything else on a
// connection.
func (ses *session) sendHeader(conn net.Conn) error {
	version := ses.listener.Handover.Header
	if version == 0 {
		return nil
	}
	header, err := proxyHeader(version, &ses.info)
	if err != nil {
		return fmt.Errorf("PROXY header: %w", err)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(ses.rules().Timeouts.Dial))
	defer func() { _ = conn.SetWriteDeadline(time.Time{}) }()
	// In one piece: receivers may give up on half a header.
	if _, err := conn.Write(header); err != nil {
		return fmt.Errorf("PROXY header: %w", err)
	}
	return nil
}

// maxHeader is what old versions of Dovecot read of a header, in bytes: its 16
// and the longest address.
const maxHeader = 16 + 216

// proxyHeader is the header for a session (haproxy's proxy-protocol.txt).
func proxyHeader(version byte, info *Info) ([]byte, error) {
	h := proxyproto.HeaderProxyFromAddrs(version, tcpAddr(info.Client), tcpAddr(destination(info)))
	if version == 1 || info.TLS == nil {
		return h.Format()
	}
	tlvs, err := tlsFacts(info)
	for ; err == nil; tlvs = tlvs[:len(tlvs)-1] {
		if err = h.SetTLVs(tlvs); err != nil {
			break
		}
		header, err := h.Format()
		if err != nil || len(header) <= maxHeader || len(tlvs) == 0 {
			return header, err
		}
	}
	return nil, err
}

// destination is where the client connected to, in the client's family, as a
// header has only one. A balancer in front of us may name two. The client's
// address is not the one to give way: for Dovecot a mapped one is another client.
func destination(info *Info) netip.AddrPort {
	if info.Client.Addr().Unmap().Is4() && !info.Local.Addr().Unmap().Is4() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), info.Local.Port())
	}
	return info.Local
}

// tlsFacts are the TLS session of the client, the most telling one first:
// with it Dovecot takes the client for secured.
func tlsFacts(info *Info) ([]proxyproto.TLV, error) {
	ssl, err := tlvparse.PP2SSL{
		Client: tlvparse.PP2_BITFIELD_CLIENT_SSL,
		Verify: 1, // no client certificate
		TLV: []proxyproto.TLV{
			{Type: proxyproto.PP2_SUBTYPE_SSL_VERSION, Value: []byte(tlspolicy.Version(info.TLS.Version).String())},
			{Type: proxyproto.PP2_SUBTYPE_SSL_CIPHER, Value: []byte(tlspolicy.Suite(info.TLS.CipherSuite).String())},
		},
	}.Marshal()
	tlvs := []proxyproto.TLV{ssl}
	if p := info.TLS.NegotiatedProtocol; p != "" {
		tlvs = append(tlvs, proxyproto.TLV{Type: proxyproto.PP2_TYPE_ALPN, Value: []byte(p)})
	}
	if name := info.TLS.ServerName; name != "" {
		tlvs = append(tlvs, proxyproto.TLV{Type: proxyproto.PP2_TYPE_AUTHORITY, Value: []byte(name)})
	}
	return tlvs, err
}

// tcpAddr keeps no zone: none of the receivers would know it.
func tcpAddr(a netip.AddrPort) *net.TCPAddr {
	if !a.IsValid() {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()))
}
