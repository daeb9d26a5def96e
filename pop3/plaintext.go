package pop3

// inClear is what may be said before TLS, with the answers of RFC 3206 §4 and
// §5 for what may not. A policy that forbids a login counts as AUTH, but USER
// never gets that code: it would tell names apart.
var inClear = table{
	"CAPA": func(g *Gate, _ command) error { return g.list("+OK Capability list follows", clearCapabilities) },
	"STLS": (*Gate).stls,
	"QUIT": (*Gate).quit,

	"USER": needsTLS("[SYS/PERM]"),
	"PASS": needsTLS("[AUTH]"),
	"APOP": needsTLS("[AUTH]"),
	"AUTH": needsTLS("[AUTH]"),

	"DELE": early, "LANG": early, "LIST": early, "NOOP": early, "RETR": early,
	"RSET": early, "STAT": early, "TOP": early, "UIDL": early, "UTF8": early,
}

// clearCapabilities has neither USER nor SASL: no login before TLS. PIPELINING
// is missing because nothing may follow STLS.
var clearCapabilities = []string{"STLS", "RESP-CODES", "AUTH-RESP-CODE", implementation}

// needsTLS refuses a login in clear at once, so that no challenge asks for the
// secret; one that is on the line already is dropped unread.
func needsTLS(code string) handler {
	return func(g *Gate, c command) error {
		g.s.Observer.Refused(c.name)
		return g.fail("-ERR " + code + " Issue STLS first, cleartext login is disabled")
	}
}

// early answers the commands of the transaction state.
func early(g *Gate, _ command) error { return g.fail("-ERR Not authenticated") }

func refuse(text string) handler {
	return func(g *Gate, _ command) error { return g.fail(text) }
}
