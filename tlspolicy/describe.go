package tlspolicy

import (
	"crypto/tls"
	"strconv"
)

// Describe returns a session's version, suite and cipher strength in Postfix's
// words, such as "TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits)".
func Describe(cs *tls.ConnectionState) string {
	suite := Suite(cs.CipherSuite)
	text := Version(cs.Version).String() + " with cipher " + suite.String()
	if bits := suite.Bits(); bits > 0 {
		n := strconv.Itoa(bits)
		text += " (" + n + "/" + n + " bits)"
	}
	return text
}

// KeyExchange returns the name of a session's key exchange group, or "RSA" for
// a session without a group, whose key was encrypted with RSA.
func KeyExchange(cs *tls.ConnectionState) string {
	if cs.CurveID == 0 {
		return "RSA"
	}
	return Group(cs.CurveID).String()
}
