package smarthost

import (
	"context"
	"errors"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/nexthop"
	"github.com/letterlock/letterlock/smtp/syntax"
	"github.com/letterlock/letterlock/tlspolicy/outbound"
)

// reach finds a server of the domain that accepts the sender over the required
// TLS. If there is none, it returns the failure of the last server that was
// tried, or the permanent refusal of a server.
func (g *Gate) reach(domain string, bound gate.Bound) (s *server, why *failed, err error) {
	ctx, cancel := g.s.Backends.Search(bound)
	defer cancel()
	why, g.mail.unmet = &failed{reply: "451 4.4.4 There is no server for " + domain}, false
	for hop, err := range g.finder().Hops(ctx, foldDomain(g.mail.sender.Address), domain) {
		if err != nil {
			why = g.failureOf(err)
		} else if g.mail.requireTLS && !hop.Authentic {
			why, hop.Addresses = withoutProof(hop), nil
		}
		for _, address := range hop.Addresses {
			if err != nil || ctx.Err() != nil {
				break
			}
			if why = paused(ctx, hop); why != nil {
				break
			}
			if s = g.resume(ctx, hop, address); s != nil {
				return s, nil, nil
			}
			if s, why = g.open(ctx, hop, address); why != nil {
				g.mail.unmet = g.mail.unmet || hop.Published && why.withoutTLS()
				continue
			}
			if why = s.beginMail(g.mail); why == nil || why.final {
				return s, why, nil
			}
			s.quit()
		}
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return nil, nil, gate.Because(gate.Shutdown, nil)
		case ctx.Err() != nil:
			return nil, &failed{reply: "451 4.4.1 No server of " + domain + " could be reached in time"}, nil
		}
	}
	return nil, why, nil
}

// paused returns the failure of a relay at which no login can be tried now.
func paused(ctx context.Context, hop nexthop.Hop) *failed {
	if hop.Account == nil {
		return nil
	}
	if err := hop.Account.Check(ctx); err != nil {
		return notLoggedIn(hop.Host, err)
	}
	return nil
}

// beginMail sends the server the sender. With REQUIRETLS it first checks that the
// server promises the same (RFC 8689 §4.2.1).
func (s *server) beginMail(m *transaction) *failed {
	if m.requireTLS && !s.offers("REQUIRETLS") {
		return &failed{reply: "550 5.7.30 REQUIRETLS is required, but was not offered by host " + s.String()}
	}
	return s.mail(m.sender)
}

// withoutProof returns the failure of a server that gets no message with REQUIRETLS.
func withoutProof(hop nexthop.Hop) *failed {
	return &failed{
		reply:  "550 5.7.30 REQUIRETLS is required, but neither DANE, MTA-STS nor the configuration authenticates host " + hop.Host,
		remedy: "if the server has a certificate for its domain, write a destination with level: secure",
	}
}

// finder returns the finder of the present message's servers.
func (g *Gate) finder() Finder {
	if g.mail.relaxed {
		return g.o.Lenient
	}
	return g.o.Finder
}

// failureOf turns an error of the Finder into a failure.
func (g *Gate) failureOf(err error) *failed {
	g.reportUnmet(err)
	if f, ok := errors.AsType[*nexthop.Failure](err); ok {
		g.mail.unmet = g.mail.unmet || f.Published
		return &failed{reply: syntax.Printable(f.Reply), remedy: f.Remedy}
	}
	return &failed{reply: "451 4.3.0 " + syntax.Printable(err.Error())}
}

// failed is the reason why a server cannot be used. Its fields decide what is
// tried next.
type failed struct {
	reply    string // for the client
	remedy   string // for the administrator; empty: none is known
	tls      error  // why the handshake failed; nil: TLS is not the reason
	local    string // our address of the connection
	noTLS    bool   // the server does not offer STARTTLS, which is required
	brokeOff bool   // the server has ended the handshake without an alert
	final    bool   // a permanent refusal of the sender: no other server is tried
}

// withoutTLS reports whether the server was reached, and TLS is what failed.
func (f *failed) withoutTLS() bool { return f.noTLS || f.tls != nil }

// open connects to a server and negotiates TLS. After a failed handshake it
// tries again without hybrid key exchange. If the terms allow plaintext, it
// then connects again without TLS (RFC 7435), as Postfix does.
func (g *Gate) open(ctx context.Context, hop nexthop.Hop, address string) (*server, *failed) {
	terms := hop.Terms
	s, why := g.tryServer(ctx, hop, address, terms)
	if why != nil && why.brokeOff && terms.Hybrid() {
		terms.Classical = true
		if s, why = g.tryServer(ctx, hop, address, terms); why == nil {
			g.finder().Spare(hop.Host)
		}
	}
	g.reportTLS(hop, address, s, why)
	if why == nil || why.tls == nil {
		return s, why
	}
	inPlaintext := terms.Level == outbound.May
	g.o.Observer.Unsecured(Server{hop.Host, address}, terms.Level, inPlaintext, why.tls)
	if !inPlaintext {
		return nil, why
	}
	terms.Level = outbound.None
	return g.tryServer(ctx, hop, address, terms)
}

// tryServer connects to a server under the given terms and prepares it for
// MAIL.
func (g *Gate) tryServer(ctx context.Context, hop nexthop.Hop, address string, terms outbound.Terms) (*server, *failed) {
	s := &server{Server: Server{hop.Host, address}, account: hop.Account, rewrite: hop.Rewrite, terms: terms, implicit: hop.Implicit}
	config := terms.Config(&s.verdict)
	if terms.Level == outbound.None {
		config = nil
	}
	back, err := g.s.Backends.Connect(ctx, address, config)
	if err != nil {
		return nil, &failed{reply: "450 4.4.1 Connect to " + s.String() + ": " + syntax.Printable(err.Error())}
	}
	s.back = back
	why := g.negotiate(s, hop.Implicit)
	if why == nil && s.account != nil {
		why = s.logIn(ctx)
	}
	if why != nil {
		why.local = back.LocalIP()
		s.quit()
		return nil, why
	}
	return s, nil
}

// negotiate reads the greeting, sends EHLO and starts TLS, unless the connection
// begins with it.
func (g *Gate) negotiate(s *server, implicit bool) *failed {
	if implicit {
		if why := s.handshake(); why != nil {
			return why
		}
		g.secured(s)
	}
	r, err := s.readReply()
	if err != nil || r.Code != 220 {
		return s.refused("the connection", r, err)
	}
	if why := g.introduce(s); why != nil || implicit || s.terms.Level == outbound.None {
		return why
	}
	if !s.offers("STARTTLS") {
		if s.terms.Level.Required() {
			return &failed{noTLS: true, reply: "451 4.7.4 TLS is required, but was not offered by host " + s.String()}
		}
		return nil
	}
	if why := s.startTLS(); why != nil {
		return why
	}
	g.secured(s)
	return g.introduce(s)
}

func (g *Gate) secured(s *server) {
	g.o.Observer.Secured(Handshake{s.Server, s.terms.Level, s.back.TLS(), s.verdict, s.terms.Testing})
}

// firstWord returns the name that a server gives in its reply to EHLO, in lower
// case.
func firstWord(r syntax.Reply) string {
	word, _, _ := strings.Cut(r.Lines()[0], " ")
	return strings.ToLower(word)
}

// introduce sends EHLO, or HELO to a server that does not know EHLO. A server
// with our own name is this proxy: the mail would loop.
func (g *Gate) introduce(s *server) *failed {
	s.extensions = nil
	r, err := s.exchange("EHLO " + g.o.Name)
	if err == nil && r.Code/100 == 5 {
		r, err = s.exchange("HELO " + g.o.Name)
	} else if err == nil && r.OK() {
		s.extensions = r.Lines()[1:]
	}
	if err != nil || !r.OK() {
		return s.refused("our name", r, err)
	}
	if name := firstWord(r); name == g.s.Hostname || name == g.o.Name {
		return &failed{reply: "451 4.4.6 Mail loops back to myself: " + s.String() + " has my name"}
	}
	return nil
}
