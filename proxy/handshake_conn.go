package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/letterlock/letterlock/internal/clienthello"
	"github.com/letterlock/letterlock/internal/limit"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy"
)

// handshakeConn is the connection under a client's TLS session. It stays there
// until the session ends; pending holds what only the handshake needs.
type handshakeConn struct {
	*wire.Records
	pending *pendingHandshake // nil: the handshake is over
}

// pendingHandshake is the state of a handshake that is not over.
type pendingHandshake struct {
	turn     *limit.Turn
	implicit bool           // the connection must begin with TLS, and no byte has been read
	received bool           // the client has sent a byte
	offer    *observe.Offer // nil: crypto/tls has not read the ClientHello
	hello    clienthello.Collector
	last     tail
}

// Read gives the handshake's turn back while it waits for the client.
func (c *handshakeConn) Read(p []byte) (int, error) {
	h := c.pending
	if h == nil {
		return c.Records.Read(p)
	}
	h.turn.Release()
	n, err := c.readTLS(p)
	if n > 0 {
		h.received = true
		h.last.add(p[:n])
		h.hello.Add(p[:n])
		if late := h.turn.Acquire(); late != nil {
			return 0, late
		}
	}
	return n, err
}

// readTLS reads the bytes of a handshake. On a connection that must begin with
// TLS, it fails with a wire.Foreign error as soon as the first bytes are those of
// another protocol. Such a client gets no reply: it would not understand an alert,
// and nothing is sent in plaintext on a port for TLS.
func (c *handshakeConn) readTLS(p []byte) (n int, err error) {
	if !c.pending.implicit {
		return c.Records.Read(p)
	}
	c.pending.implicit = false
	for n < len(p) {
		more, err := c.Records.Read(p[n:])
		n += more
		if n == 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		protocol, decided := wire.Recognise(p[:n])
		switch {
		case protocol == wire.TLS || protocol == wire.SSLv2: // crypto/tls refuses SSLv2 itself
			return n, nil
		case protocol != wire.Unrecognised:
			return 0, wire.Foreign{Protocol: protocol}
		case decided && p[0] < 0x80:
			return 0, wire.Foreign{Protocol: wire.Plaintext}
		case decided || err != nil:
			return n, nil
		}
	}
	return n, nil
}

// finish gives the turn back and returns the client's offer. If crypto/tls has not
// read the ClientHello, or does not know its version, the offer is read from the
// bytes of the ClientHello.
func (c *handshakeConn) finish() (offer observe.Offer) {
	h := c.pending
	c.pending = nil
	h.turn.Release()
	if h.offer != nil {
		offer = *h.offer
	}
	if len(offer.Versions) == 0 {
		if hello, ok := h.hello.Hello(); ok {
			offer = offerOf(hello)
		}
	}
	return offer
}

// offerOf returns the offer of a client whose ClientHello crypto/tls has refused.
func offerOf(h clienthello.Hello) observe.Offer {
	o := observe.Offer{ServerName: h.ServerName, Versions: h.Versions, Suites: h.Suites, Protocols: h.Protocols, Flaw: h.Flaw}
	for _, group := range h.Groups {
		o.Groups = append(o.Groups, tls.CurveID(group))
	}
	for _, scheme := range h.Signatures {
		o.Signatures = append(o.Signatures, tls.SignatureScheme(scheme))
	}
	return o
}

// keepingOffers returns a configuration under which the handshakeConn keeps the
// client's offer. The handshake then follows the given configuration, as far as
// that fits the client. The given configuration is not written to: it belongs to
// the caller, its ticket keys change, and other listeners may use it.
func keepingOffers(config *tls.Config) *tls.Config {
	faster := withoutX25519(config)
	return &tls.Config{
		MinVersion: config.MinVersion, MaxVersion: config.MaxVersion, CipherSuites: config.CipherSuites, CurvePreferences: config.CurvePreferences,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			keepOffer(hello)
			if faster != nil && prefersP256(hello, config) {
				return tlspolicy.Fit(hello, faster), nil
			}
			return tlspolicy.Fit(hello, config), nil
		},
	}
}

func keepOffer(hello *tls.ClientHelloInfo) {
	if c, ok := hello.Conn.(*handshakeConn); ok && c.pending != nil {
		c.pending.offer = &observe.Offer{
			ServerName: hello.ServerName, Versions: hello.SupportedVersions, Suites: hello.CipherSuites,
			Groups: hello.SupportedCurves, Signatures: hello.SignatureSchemes, Protocols: hello.SupportedProtos,
		}
	}
}

// tail holds the last bytes of a client's handshake, as many as an alert has: the
// record's header, the level and the code (RFC 8446 §6).
type tail [7]byte

func (t *tail) add(p []byte) {
	if len(p) >= len(t) {
		copy(t[:], p[len(p)-len(t):])
		return
	}
	copy(t[:], t[len(p):])
	copy(t[len(t)-len(p):], p)
}

// explain returns the client's alert instead of the error that crypto/tls makes of
// it. When OpenSSL rejects a certificate in TLS 1.3, it sends its alert in plaintext,
// because it has not switched to its keys yet; crypto/tls expects encrypted records
// and reports a bad one.
func (t tail) explain(err error) error {
	local, ok := errors.AsType[*net.OpError](err)
	if !ok || local.Op != "local error" {
		return err
	}
	const alert, fatal = 21, 2
	if t[0] != alert || t[1] != 3 || t[3] != 0 || t[4] != 2 || t[5] != fatal {
		return err
	}
	return &net.OpError{Op: "remote error", Err: tls.AlertError(t[6])}
}
