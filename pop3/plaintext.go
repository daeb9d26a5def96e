package pop3

// plaintextCommands are the commands before TLS. The codes of refusals follow
// RFC 3206 §4 and §5: a login that policy forbids gets AUTH, but USER never
// does, because that would reveal which names exist.
var plaintextCommands = table{
	"CAPA": func(g *Gate, _ command) error { return g.list("+OK Capability list follows", plaintextCapabilities) },
	"STLS": (*Gate).stls,
	"QUIT": (*Gate).quit,

	"USER": needsTLS("[SYS/PERM]"),
	"PASS": needsTLS("[AUTH]"),
	"APOP": needsTLS("[AUTH]"),
	"AUTH": needsTLS("[AUTH]"),

	"DELE": notAuthenticated, "LANG": notAuthenticated, "LIST": notAuthenticated, "NOOP": notAuthenticated, "RETR": notAuthenticated,
	"RSET": notAuthenticated, "STAT": notAuthenticated, "TOP": notAuthenticated, "UIDL": notAuthenticated, "UTF8": notAuthenticated,
}

// plaintextCapabilities has neither USER nor SASL: there is no login before
// TLS. PIPELINING is missing because nothing may follow STLS.
var plaintextCapabilities = []string{"STLS", "RESP-CODES", "AUTH-RESP-CODE", implementation}

// needsTLS refuses a login before TLS at once, so that no challenge asks for
// the secret. A secret that is on the line already is discarded.
func needsTLS(code string) handler {
	return func(g *Gate, c command) error {
		g.s.Observer.Refused(c.name)
		return g.fail("-ERR " + code + " Issue STLS first, cleartext login is disabled")
	}
}

// notAuthenticated refuses the commands of the transaction state.
func notAuthenticated(g *Gate, _ command) error { return g.fail("-ERR Not authenticated") }

func refuse(text string) handler {
	return func(g *Gate, _ command) error { return g.fail(text) }
}
