package smarthost

import (
	"context"
	"reflect"

	"github.com/letterlock/letterlock/internal/idle"
	"github.com/letterlock/letterlock/internal/nexthop"
)

// Connections keeps connections to servers for further messages.
type Connections struct{ pool *idle.Pool[*server] }

// NewConnections returns the connections within some limits; none yet.
func NewConnections(limits idle.Limits) *Connections {
	return &Connections{idle.New(limits, (*server).quit)}
}

// Close closes all connections.
func (c *Connections) Close() {
	if c != nil {
		c.pool.Close()
	}
}

// keep keeps the connection to a server that has accepted a message, and reports
// whether it has. A connection in plaintext is not kept: the next message gets its own
// chance of TLS.
func (g *Gate) keep(s *server) bool {
	if g.o.Connections == nil || s.unusable || s.back.TLS() == nil {
		return false
	}
	free, ok := g.s.Backends.Release()
	if !ok {
		return false
	}
	if s.kept == nil {
		s.kept = &idle.Entry[*server]{Address: s.Address, Conn: s.back, Value: s}
	}
	s.kept.Free = free
	s.kept.Messages++
	g.o.Connections.pool.Keep(s.kept)
	return true
}

// resume begins the message on a kept connection; nil without a usable one.
// A failure decides nothing: a new connection is made then.
func (g *Gate) resume(ctx context.Context, hop nexthop.Hop, address string) *server {
	if g.o.Connections == nil {
		return nil
	}
	entry := g.o.Connections.pool.Acquire(address, func(s *server) bool { return s.fits(hop) })
	if entry == nil {
		return nil
	}
	s := entry.Value
	s.rewrite = hop.Rewrite
	if s.proven() && (s.login == nil || s.login.Current(ctx)) && g.s.Backends.Adopt(ctx, address, s.back) && s.beginMail(g.mail) == nil {
		return s
	}
	s.quit()
	return nil
}

// fits reports whether a new connection would be made under the same conditions: to the
// same host, with the same terms and the same account. A connection under weaker terms,
// after a failed handshake, never fits.
func (s *server) fits(hop nexthop.Hop) bool {
	return s.Host == hop.Host && s.implicit == hop.Implicit && s.account == hop.Account && reflect.DeepEqual(s.terms, hop.Terms)
}

// proven verifies the server's certificate again, which may have expired.
func (s *server) proven() bool {
	s.verdict = s.terms.Judge(s.back.TLS())
	return s.verdict.Err == nil || !s.terms.Level.Proven()
}

// messages returns how many messages the connection has carried, with the present one;
// 0: no server was reached.
func (s *server) messages() int {
	switch {
	case s == nil:
		return 0
	case s.kept == nil:
		return 1
	}
	return s.kept.Messages + 1
}
