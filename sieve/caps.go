package sieve

import (
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

var (
	// implementation hides what the backend is and how old.
	implementation = []token{{quoted, "IMPLEMENTATION"}, {quoted, "Letterlock"}}

	// noMechanisms offers no login at all.
	noMechanisms = []token{{quoted, "SASL"}, {quoted, ""}}
)

// hidden are the backend's capabilities that the client is not shown. All that
// is not named here passes: it speaks of what is relayed unread.
var hidden = map[string]bool{
	"STARTTLS": true, // TLS is ours, and on
	"XCLIENT":  true, // Dovecot's; a client could forge its address

	// It leads back to before the login, and the relay does not let it pass: the
	// next AUTHENTICATE would be unseen, and an XCLIENT before it.
	"UNAUTHENTICATE": true,

	"IMPLEMENTATION": true, // ours is shown instead
}

// capability answers CAPABILITY live: what a backend offers may change.
func (g *Gate) capability(c command) error {
	if len(c.args) > 0 {
		return g.fail(`NO "CAPABILITY takes no argument"`)
	}
	if err := g.tell("CAPABILITY"); err != nil {
		return err
	}
	offered, end, err := g.hearCapabilities()
	switch {
	case err != nil:
		return err
	case end.status != "OK":
		return g.pass(end)
	}
	g.offered = offered
	g.list(g.shown(), end.String())
	return nil
}

func (g *Gate) shown() [][]token {
	return rewrite(g.offered, g.s.Mechanisms, g.s.AuthAllowed(g.front.TLS()))
}

// rewrite makes the client's list of capabilities from the backend's. Where no
// login is allowed, nothing invites to one.
func rewrite(offered [][]token, mechanisms *gate.Mechanisms, login bool) [][]token {
	shown := [][]token{implementation}
	for _, line := range offered {
		switch name := strings.ToUpper(line[0].text); {
		case hidden[name]:
		case name == "SASL" && !login:
			shown = append(shown, noMechanisms)
		case name == "SASL":
			passing := mechanisms.Filter(gate.Offers{SASL: valuesOf(line)})
			shown = append(shown, []token{line[0], {quoted, strings.Join(passing, " ")}})
		default:
			shown = append(shown, line)
		}
	}
	return shown
}

// mechanisms are the SASL mechanisms that the client may use.
func (g *Gate) mechanisms() []string {
	for _, line := range g.offered {
		if strings.EqualFold(line[0].text, "SASL") {
			return g.s.Mechanisms.Filter(g.offers())
		}
	}
	return nil
}

// offers are the ways to log in at the backend. ManageSieve has no command of
// its own.
func (g *Gate) offers() (o gate.Offers) {
	for _, line := range g.offered {
		if strings.EqualFold(line[0].text, "SASL") {
			o.SASL = append(o.SASL, valuesOf(line)...)
		}
	}
	return o
}

func valuesOf(line []token) (values []string) {
	for _, value := range line[1:] {
		values = append(values, strings.Fields(value.text)...)
	}
	return values
}
