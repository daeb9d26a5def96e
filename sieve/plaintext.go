package sieve

// plaintextCommands are the commands before TLS. Other commands are refused
// with NO, and their literals are discarded.
var plaintextCommands = table{
	"CAPABILITY":   (*Gate).plaintextCapability,
	"NOOP":         (*Gate).noop,
	"STARTTLS":     (*Gate).startTLS,
	"LOGOUT":       (*Gate).logout,
	"AUTHENTICATE": (*Gate).needsTLS,
}

// plaintextCapabilities has an empty SASL, which RFC 5804 §1.7 allows only
// together with STARTTLS, and no capability of the backend.
var plaintextCapabilities = [][]token{
	implementation,
	{{quoted, "SIEVE"}, {quoted, ""}},
	{{quoted, "VERSION"}, {quoted, "1.0"}},
	noMechanisms,
	{{quoted, "STARTTLS"}},
}

func (g *Gate) plaintextCapability(command) error {
	g.list(plaintextCapabilities, `OK "Capability completed"`)
	return nil
}

// needsTLS refuses a login before TLS (RFC 5804 §1.3) without a challenge,
// which would ask for the secret.
func (g *Gate) needsTLS(c command) error {
	g.s.Observer.Refused(c.name)
	return g.fail(`NO (ENCRYPT-NEEDED) "TLS is required before authentication"`)
}
