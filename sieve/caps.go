package sieve

import (
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

var (
	// implementation hides the backend's software and version.
	implementation = []token{{quoted, "IMPLEMENTATION"}, {quoted, "Letterlock"}}

	// noMechanisms offers no login.
	noMechanisms = []token{{quoted, "SASL"}, {quoted, ""}}
)

// hidden are the backend's capabilities that are not offered to the client.
// Other capabilities are: they are about the relayed session.
var hidden = map[string]bool{
	"STARTTLS": true, // TLS ends at the proxy, and has started
	"XCLIENT":  true, // Dovecot's; a client could forge its address

	// UNAUTHENTICATE returns to the state before the login. The relay blocks
	// it, because the next AUTHENTICATE would not be checked, nor an XCLIENT
	// before it.
	"UNAUTHENTICATE": true,

	"IMPLEMENTATION": true, // replaced by our own
}

// capability asks the backend each time, as its capabilities may change.
func (g *Gate) capability(c command) error {
	if len(c.args) > 0 {
		return g.fail(`NO "CAPABILITY takes no argument"`)
	}
	if err := g.send("CAPABILITY"); err != nil {
		return err
	}
	offered, end, err := g.readCapabilities()
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

// shown returns the capabilities that are offered to the client.
func (g *Gate) shown() [][]token {
	return rewrite(g.offered, g.s.Mechanisms, g.s.AuthAllowed(g.front.TLS()))
}

// rewrite returns the client's list of capabilities. If no login is allowed, it
// offers none.
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

// mechanisms returns the SASL mechanisms that the client may use.
func (g *Gate) mechanisms() []string {
	for _, line := range g.offered {
		if strings.EqualFold(line[0].text, "SASL") {
			return g.s.Mechanisms.Filter(g.offers())
		}
	}
	return nil
}

// offers returns the login methods of the backend. ManageSieve has no login
// command other than AUTHENTICATE.
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
