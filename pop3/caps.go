package pop3

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// implementation hides what the backend is and how old.
const implementation = "IMPLEMENTATION Letterlock"

// hidden are the backend's capabilities that the client is not shown. All that
// is not named here passes: it speaks of the transaction state, which is
// relayed unread.
var hidden = map[string]bool{
	"STLS":           true, // TLS is ours, and on
	"XCLIENT":        true, // Dovecot's; a client could forge its address
	"IMPLEMENTATION": true, // ours is shown instead
}

// askCapabilities learns what the backend can do now. Servers without CAPA
// answer -ERR (RFC 2449 §5).
func (g *Gate) askCapabilities() error {
	reply, err := g.ask("CAPA")
	switch {
	case err != nil:
		return err
	case isERR(reply):
		g.offered = nil
		return nil
	}
	g.offered, err = g.lines()
	return err
}

// capa answers CAPA live: what a backend offers may change within a session.
func (g *Gate) capa(command) error {
	if err := g.askCapabilities(); err != nil {
		return err
	}
	shown := rewrite(g.offered, g.s.Mechanisms, g.s.AuthAllowed(g.front.TLS()))
	return g.list("+OK Capability list follows", shown)
}

// rewrite makes the client's list of capabilities from the backend's. Where no
// login is allowed, nothing invites to one. Of a backend without CAPA all that
// is known is that it is older than any other login than USER.
func rewrite(offered []string, mechanisms *gate.Mechanisms, login bool) []string {
	if offered == nil {
		offered = []string{"USER"}
	}
	if !slices.ContainsFunc(offered, isSASL) {
		offered = append(slices.Clone(offered), "SASL") // what we log in by may be another
	}
	passing := mechanisms.Filter(offersIn(offered))
	var shown []string
	for _, line := range offered {
		words := strings.Fields(line)
		if len(words) == 0 || !printable(line) {
			continue
		}
		switch name := keywordOf(words); {
		case hidden[name]:
		case (name == "USER" || name == "SASL") && !login:
		case name == "SASL":
			if len(passing) > 0 {
				shown = append(shown, "SASL "+strings.Join(passing, " "))
			}
		default:
			shown = append(shown, line)
		}
	}
	return append(shown, implementation)
}

func isSASL(line string) bool {
	words := strings.Fields(line)
	return len(words) > 0 && keywordOf(words) == "SASL"
}

// offersIn are the ways to log in of a backend with these capabilities.
func offersIn(offered []string) (o gate.Offers) {
	for _, line := range offered {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch keywordOf(words) {
		case "USER":
			o.Command = true
		case "SASL":
			o.SASL = words[1:]
		}
	}
	return o
}

// offers are the ways to log in at the backend. One without CAPA is older than
// SASL, and takes USER.
func (g *Gate) offers() gate.Offers {
	if g.offered == nil {
		return gate.Offers{Unknown: true, Command: true}
	}
	return offersIn(g.offered)
}

// mechanisms are the SASL mechanisms that the client may use.
func (g *Gate) mechanisms() []string { return g.s.Mechanisms.Filter(g.offers()) }

// has reports whether the backend has a capability.
func (g *Gate) has(capability string) bool {
	return slices.ContainsFunc(g.offered, func(line string) bool {
		words := strings.Fields(line)
		return len(words) > 0 && keywordOf(words) == capability
	})
}

// keywordOf is the name of a capability. Case must not let one slip through the
// table.
func keywordOf(words []string) string { return strings.ToUpper(words[0]) }

// stampOf returns the challenge for APOP in a greeting (RFC 1939 §7), without
// the words around it, such as Dovecot's [XCLIENT].
func stampOf(greeting string) string {
	start, end := strings.LastIndexByte(greeting, '<'), strings.LastIndexByte(greeting, '>')
	if start < 0 || end < start {
		return ""
	}
	stamp := greeting[start : end+1]
	local, domain, found := strings.Cut(stamp[1:len(stamp)-1], "@")
	if literal, isLiteral := cutBrackets(domain); isLiteral { // <1@[192.0.2.1]>, of a server without a name
		domain = literal
	}
	if !found || strings.ContainsAny(local+domain, " @[]") || !printable(stamp) {
		return ""
	}
	return stamp
}

// cutBrackets returns what the brackets around an address literal hold (RFC 5321
// §4.1.3).
func cutBrackets(domain string) (literal string, ok bool) {
	literal, opened := strings.CutPrefix(domain, "[")
	literal, closed := strings.CutSuffix(literal, "]")
	return literal, opened && closed && literal != ""
}
