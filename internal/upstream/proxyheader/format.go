package proxyheader

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Session is the information of a header about a client's session.
type Session struct {
	Client netip.AddrPort
	Local  netip.AddrPort       // the address that the client connected to
	TLS    *tls.ConnectionState // nil: plaintext
}

// maxLength is the maximum length of a header that old versions of Dovecot
// read, in bytes: 16, and the longest address.
const maxLength = 16 + 216

// Format returns the header of a session.
func Format(version byte, s Session) ([]byte, error) {
	h := proxyproto.HeaderProxyFromAddrs(version, tcpAddr(s.Client), tcpAddr(s.destination()))
	if version == 1 || s.TLS == nil {
		return h.Format()
	}
	tlvs, err := tlsFacts(s.TLS)
	for ; err == nil; tlvs = tlvs[:len(tlvs)-1] {
		if err = h.SetTLVs(tlvs); err != nil {
			break
		}
		header, err := h.Format()
		if err != nil || len(header) <= maxLength || len(tlvs) == 0 {
			return header, err
		}
	}
	return nil, err
}

// WriteLocal writes the header of a connection without a client, such as a
// health check. Version 0: no header.
func WriteLocal(w io.Writer, version byte) error {
	if version == 0 {
		return nil
	}
	h := proxyproto.Header{Version: version, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	_, err := h.WriteTo(w)
	return err
}

// destination returns the address that the client connected to, in the client's
// family: a header has only one family, but a load balancer in front of us may
// name two. The client's address must stay as it is, because Dovecot takes a
// mapped address for another client.
func (s Session) destination() netip.AddrPort {
	if s.Client.Addr().Unmap().Is4() && !s.Local.Addr().Unmap().Is4() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), s.Local.Port())
	}
	return s.Local
}

// tlsFacts describes the client's TLS session, the most important fact first:
// with it Dovecot treats the client as secured.
func tlsFacts(state *tls.ConnectionState) ([]proxyproto.TLV, error) {
	ssl, err := tlvparse.PP2SSL{
		Client: tlvparse.PP2_BITFIELD_CLIENT_SSL,
		Verify: 1, // nonzero: no client certificate was verified
		TLV: []proxyproto.TLV{
			{Type: proxyproto.PP2_SUBTYPE_SSL_VERSION, Value: []byte(tlspolicy.Version(state.Version).String())},
			{Type: proxyproto.PP2_SUBTYPE_SSL_CIPHER, Value: []byte(tlspolicy.Suite(state.CipherSuite).String())},
		},
	}.Marshal()
	tlvs := []proxyproto.TLV{ssl}
	if p := state.NegotiatedProtocol; p != "" {
		tlvs = append(tlvs, proxyproto.TLV{Type: proxyproto.PP2_TYPE_ALPN, Value: []byte(p)})
	}
	if name := state.ServerName; name != "" {
		tlvs = append(tlvs, proxyproto.TLV{Type: proxyproto.PP2_TYPE_AUTHORITY, Value: []byte(name)})
	}
	return tlvs, err
}

// tcpAddr removes the zone, which has no meaning for a receiver.
func tcpAddr(a netip.AddrPort) *net.TCPAddr {
	if !a.IsValid() {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port()))
}
