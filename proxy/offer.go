package proxy

import (
	"crypto/tls"

	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Offer is what a client has offered in its ClientHello.
type Offer struct {
	ServerName string
	Versions   []uint16
	Suites     []uint16
	Groups     []tls.CurveID
	Protocols  []string
}

// Sum is the offer as far as policies can choose from it.
func (o Offer) Sum() tlspolicy.Offer { return tlspolicy.OfferOf(o.Versions, o.Suites, o.Groups) }

// heardConn is a connection under a handshake, and what goes with that. It
// stays under the session.
type heardConn struct {
	*wire.Records
	turn  *turn  // nil: the handshake is over
	offer *Offer // nil: none yet, or the handshake is over
	tail  *tail  // nil: the client has sent nothing, or the handshake is over
}

// Read gives up the handshake's turn while it waits.
func (c *heardConn) Read(p []byte) (int, error) {
	if c.turn == nil {
		return c.Records.Read(p)
	}
	c.turn.give()
	n, err := c.read(p)
	if n > 0 {
		if c.tail == nil {
			c.tail = &tail{}
		}
		c.tail.add(p[:n])
		if late := c.turn.take(); late != nil {
			return 0, late
		}
	}
	return n, err
}

// end lets the connection be used without turns, and returns what was heard.
func (c *heardConn) end() (offer Offer) {
	c.turn.give()
	if c.offer != nil {
		offer = *c.offer
	}
	c.turn, c.offer, c.tail = nil, nil, nil
	return offer
}

// hearing returns a configuration that hears what a client offers and then
// leaves the handshake to the one given, as far as that fits the client. That
// one is the caller's: it has ticket keys that change, other listeners may use
// it, and it is not written to.
func hearing(config *tls.Config) *tls.Config {
	return &tls.Config{
		MinVersion: config.MinVersion, MaxVersion: config.MaxVersion, CipherSuites: config.CipherSuites, CurvePreferences: config.CurvePreferences,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			hearOffer(hello)
			return tlspolicy.Fit(hello, config), nil
		},
	}
}

// hearOffer keeps the client's offer until the handshake is decided.
func hearOffer(hello *tls.ClientHelloInfo) {
	if c, ok := hello.Conn.(*heardConn); ok {
		c.offer = &Offer{hello.ServerName, hello.SupportedVersions, hello.CipherSuites, hello.SupportedCurves, hello.SupportedProtos}
	}
}
