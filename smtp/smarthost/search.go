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

// reach finds a server of the domain that takes mail from the sender, with the
// TLS that there must be. Where there is none, why is the reason for which the
// last one was left, or a server's permanent refusal.
func (g *Gate) reach(domain string) (s *server, why *failed, err error) {
	ctx, cancel := g.s.Search()
	defer cancel()
	why = &failed{reply: "451 4.4.4 There is no server for " + domain}
	for hop, err := range g.o.Finder.Hops(ctx, domain) {
		if err != nil {
			why = failureOf(err)
		}
		for _, address := range hop.Addresses {
			if err != nil || ctx.Err() != nil {
				break
			}
			if s, why = g.open(ctx, hop, address); why != nil {
				continue
			}
			if why = s.mail(g.mail.sender); why == nil || why.final {
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

// failureOf makes an error of the Finder a reply to the client.
func failureOf(err error) *failed {
	if f, ok := errors.AsType[*nexthop.Failure](err); ok {
		return &failed{reply: syntax.Printable(f.Reply), remedy: f.Remedy}
	}
	return &failed{reply: "451 4.3.0 " + syntax.Printable(err.Error())}
}

// failed is why a server cannot be used; what is left to be tried depends on
// how far it has come.
type failed struct {
	reply  string // for the client
	remedy string // for the administrator; empty: none is known
	tls    error  // TLS was offered and did not come about; nil: that is not the reason
	silent bool   // the server has broken the handshake off without a word
	final  bool   // the server has refused the sender for good: no other one is asked
}

// open makes a server ready. A handshake that fails is tried once more without
// the hybrid groups; and where plaintext is no worse than what was to be had,
// the server is called again in clear (RFC 7435), as Postfix does it.
func (g *Gate) open(ctx context.Context, hop nexthop.Hop, address string) (*server, *failed) {
	terms := hop.Terms
	s, why := g.try(ctx, hop.Host, address, terms)
	if why != nil && why.silent && terms.Hybrid() {
		terms.Classical = true
		if s, why = g.try(ctx, hop.Host, address, terms); why == nil {
			g.o.Finder.Spare(hop.Host)
		}
	}
	if why == nil || why.tls == nil {
		return s, why
	}
	inClear := terms.Level == outbound.May
	g.o.Watch.Unsecured(Server{hop.Host, address}, terms.Level, inClear, why.tls)
	if !inClear {
		return nil, why
	}
	terms.Level = outbound.None
	return g.try(ctx, hop.Host, address, terms)
}

// try connects to a server and brings it to where it takes mail.
func (g *Gate) try(ctx context.Context, host, address string, terms outbound.Terms) (*server, *failed) {
	s := &server{Server: Server{host, address}, terms: terms}
	config := terms.Config(&s.verdict)
	if terms.Level == outbound.None {
		config = nil
	}
	back, err := g.s.Connect(ctx, address, config)
	if err != nil {
		return nil, &failed{reply: "450 4.4.1 Connect to " + s.String() + ": " + syntax.Printable(err.Error())}
	}
	s.back = back
	if why := g.prepare(s); why != nil {
		s.quit()
		return nil, why
	}
	return s, nil
}

// prepare hears the greeting, introduces us, and turns TLS on.
func (g *Gate) prepare(s *server) *failed {
	r, err := s.readReply()
	if err != nil || r.Code != 220 {
		return s.refused("the connection", r, err)
	}
	if why := g.introduce(s); why != nil || s.terms.Level == outbound.None {
		return why
	}
	if !s.offers("STARTTLS") {
		if s.terms.Level.Required() {
			return &failed{reply: "451 4.7.4 TLS is required, but was not offered by host " + s.String()}
		}
		return nil
	}
	if why := s.startTLS(); why != nil {
		return why
	}
	g.o.Watch.Secured(Handshake{s.Server, s.terms.Level, s.back.TLS(), s.verdict, s.terms.Testing})
	return g.introduce(s)
}

// firstWord returns the name that a server gives in its reply to EHLO, in lower
// case.
func firstWord(r syntax.Reply) string {
	word, _, _ := strings.Cut(r.Lines()[0], " ")
	return strings.ToLower(word)
}

// introduce says EHLO, or to a server that is too old for it HELO. One that
// bears our own name is ourselves.
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
		return &failed{reply: "451 4.4.6 Mail loops back to myself: " + s.String() + " bears my name"}
	}
	return nil
}
