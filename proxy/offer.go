package proxy

import (
	"crypto/tls"
	"log/slog"

	"github.com/letterlock/letterlock/internal/clienthello"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/wire"
	"github.com/letterlock/letterlock/tlspolicy"
)

// Offer is what a client has offered in its ClientHello.
type Offer struct {
	ServerName string
	Versions   []uint16
	Suites     []uint16
	Groups     []tls.CurveID
	Signatures []tls.SignatureScheme
	Protocols  []string

	// Flaw is why crypto/tls could not read the ClientHello; empty: it could.
	Flaw string
}

// offerOf returns the offer of a client whose ClientHello crypto/tls has
// refused.
func offerOf(h clienthello.Hello) Offer {
	o := Offer{ServerName: h.ServerName, Versions: h.Versions, Suites: h.Suites, Protocols: h.Protocols, Flaw: h.Flaw}
	for _, group := range h.Groups {
		o.Groups = append(o.Groups, tls.CurveID(group))
	}
	for _, scheme := range h.Signatures {
		o.Signatures = append(o.Signatures, tls.SignatureScheme(scheme))
	}
	return o
}

// fields are for the log. Names of numbers are our own words, of which there
// are few.
func (o Offer) fields() []slog.Attr {
	fields := []slog.Attr{
		slog.String("sni", o.ServerName), slog.String("versions", observe.List(o.Versions, versionName)),
		slog.Any("suites", observe.Whole(observe.List(o.Suites, suiteName))), slog.Any("groups", observe.Whole(observe.List(o.Groups, groupName))),
		slog.Any("signatures", observe.Whole(observe.List(o.Signatures, tls.SignatureScheme.String))),
		slog.String("alpn", observe.List(o.Protocols, observe.Itself)),
	}
	if o.Flaw != "" {
		fields = append(fields, slog.String("flaw", o.Flaw))
	}
	return fields
}

// versionName names a version of TLS, or of what was before it.
func versionName(v uint16) string {
	switch v {
	case 0x0002:
		return "SSLv2"
	case tls.VersionTLS10 - 1:
		return "SSLv3"
	}
	return tlspolicy.Version(v).String()
}

func suiteName(s uint16) string { return tlspolicy.Suite(s).String() }

func groupName(g tls.CurveID) string { return tlspolicy.Group(g).String() }

// Sum is the offer as far as policies can choose from it.
func (o Offer) Sum() tlspolicy.Offer { return tlspolicy.OfferOf(o.Versions, o.Suites, o.Groups) }

// heardConn is a connection under a handshake, and what goes with that. It
// stays under the session.
type heardConn struct {
	*wire.Records
	turn  *turn  // nil: the handshake is over
	offer *Offer // nil: none yet, or the handshake is over
	tail  *tail  // nil: the client has sent nothing, or the handshake is over
	hello *clienthello.Collector
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
		c.collect(p[:n])
		if late := c.turn.take(); late != nil {
			return 0, late
		}
	}
	return n, err
}

// collect keeps the ClientHello, for the log of a handshake that fails.
func (c *heardConn) collect(p []byte) {
	if c.hello == nil {
		c.hello = &clienthello.Collector{}
	}
	c.hello.Add(p)
}

// end lets the connection be used without turns, and returns what was heard.
// Of a ClientHello that crypto/tls did not read, or whose version it does not
// know, that is what it says all the same.
func (c *heardConn) end() (offer Offer) {
	c.turn.give()
	if c.offer != nil {
		offer = *c.offer
	}
	if len(offer.Versions) == 0 && c.hello != nil {
		if hello, ok := c.hello.Hello(); ok {
			offer = offerOf(hello)
		}
	}
	c.turn, c.offer, c.tail, c.hello = nil, nil, nil, nil
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
		c.offer = &Offer{
			ServerName: hello.ServerName, Versions: hello.SupportedVersions, Suites: hello.CipherSuites,
			Groups: hello.SupportedCurves, Signatures: hello.SignatureSchemes, Protocols: hello.SupportedProtos,
		}
	}
}
