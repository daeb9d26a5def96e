package sieve

// inClear is what may be said before TLS. All else is answered with NO, and its
// literals are swallowed.
var inClear = table{
	"CAPABILITY":   (*Gate).clearCapability,
	"NOOP":         (*Gate).noop,
	"STARTTLS":     (*Gate).startTLS,
	"LOGOUT":       (*Gate).logout,
	"AUTHENTICATE": (*Gate).needsTLS,
}

// clearCapabilities have an empty SASL, which RFC 5804 §1.7 allows next to
// STARTTLS alone. Nothing of the backend's is in them.
var clearCapabilities = [][]token{
	implementation,
	{{quoted, "SIEVE"}, {quoted, ""}},
	{{quoted, "VERSION"}, {quoted, "1.0"}},
	noMechanisms,
	{{quoted, "STARTTLS"}},
}

func (g *Gate) clearCapability(command) error {
	g.list(clearCapabilities, `OK "Capability completed"`)
	return nil
}

// needsTLS refuses a login in clear (RFC 5804 §1.3) without a challenge, which
// would ask for the secret.
func (g *Gate) needsTLS(c command) error {
	g.s.Observer.Refused(c.name)
	return g.fail(`NO (ENCRYPT-NEEDED) "TLS is required before authentication"`)
}
