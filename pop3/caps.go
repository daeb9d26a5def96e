package pop3

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// implementation hides the backend's software and version.
const implementation = "IMPLEMENTATION Letterlock"

// hidden are the backend's capabilities that are not offered to the client.
// Other capabilities are: they are about the transaction state, which is
// relayed without being parsed.
var hidden = map[string]bool{
	"STLS":           true, // TLS ends at the proxy, and has started
	"XCLIENT":        true, // Dovecot's; a client could forge its address
	"IMPLEMENTATION": true, // replaced by our own
}

// askCapabilities asks for the backend's capabilities. Servers without CAPA
// answer -ERR (RFC 2449 §5). A server that cannot serve now adds its reason.
func (g *Gate) askCapabilities() error {
	reply, err := g.ask("CAPA")
	code, _ := cutCode(reply)
	switch {
	case err != nil:
		return err
	case isERR(reply) && gate.HasReason(code):
		return g.refused(reply, fmt.Errorf("the backend replies to CAPA with %.80q", reply))
	case isERR(reply):
		g.offered = nil
		return nil
	}
	g.offered, err = g.lines()
	return err
}

// capa asks the backend each time, as its capabilities may change within a
// session.
func (g *Gate) capa(command) error {
	if err := g.askCapabilities(); err != nil {
		return err
	}
	shown := rewrite(g.offered, g.s.Mechanisms, g.s.AuthAllowed(g.front.TLS()))
	return g.list("+OK Capability list follows", shown)
}

// rewrite returns the client's list of capabilities. If no login is allowed, it
// offers none. A backend without CAPA is older than SASL, and is assumed to
// offer USER.
func rewrite(offered []string, mechanisms *gate.Mechanisms, login bool) []string {
	if offered == nil {
		offered = []string{"USER"}
	}
	if !slices.ContainsFunc(offered, isSASL) {
		offered = append(slices.Clone(offered), "SASL") // the proxy may log in by another mechanism than the client
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

// offersIn returns the login methods of a backend with these capabilities.
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

// offers returns the login methods of the backend. A backend without CAPA is
// older than SASL, and accepts USER.
func (g *Gate) offers() gate.Offers {
	if g.offered == nil {
		return gate.Offers{Unknown: true, Command: true}
	}
	return offersIn(g.offered)
}

// mechanisms returns the SASL mechanisms that the client may use.
func (g *Gate) mechanisms() []string { return g.s.Mechanisms.Filter(g.offers()) }

// has reports whether the backend has a capability.
func (g *Gate) has(capability string) bool {
	return slices.ContainsFunc(g.offered, func(line string) bool {
		words := strings.Fields(line)
		return len(words) > 0 && keywordOf(words) == capability
	})
}

// keywordOf returns the name of a capability, in upper case as in the tables.
func keywordOf(words []string) string { return strings.ToUpper(words[0]) }

// timestampOf returns the timestamp for APOP in a greeting (RFC 1939 §7),
// without the text around it, such as Dovecot's [XCLIENT].
func timestampOf(greeting string) string {
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

// cutBrackets returns the address within the brackets of an address literal
// (RFC 5321 §4.1.3).
func cutBrackets(domain string) (literal string, ok bool) {
	literal, opened := strings.CutPrefix(domain, "[")
	literal, closed := strings.CutSuffix(literal, "]")
	return literal, opened && closed && literal != ""
}
