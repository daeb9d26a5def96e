package page

import (
	"crypto/tls"
	"slices"
	"strings"
	"unicode"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Values outside of a vocabulary are counted as other, so that no client can
// add labels. A session without TLS has the version none.
const (
	none  = "none"
	other = "other"
)

// mechanisms are the registered SASL mechanisms in use, and the protocols' own
// logins: LOGIN of IMAP, USER and APOP of POP3.
var mechanisms = []string{
	"PLAIN", "LOGIN", "USER", "APOP", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512",
	"GSSAPI", "GS2-KRB5", "NTLM", "OAUTHBEARER", "XOAUTH2", "ANONYMOUS", "OTP",
}

// commands are the commands that clients and attackers try before TLS.
var commands = []string{
	"AUTH", "LOGIN", "AUTHENTICATE", "USER", "PASS", "APOP",
	"MAIL", "RCPT", "DATA", "VRFY", "EXPN", "ETRN", "SELECT", "EXAMINE", "STAT", "LIST", "RETR", "PUTSCRIPT", "LISTSCRIPTS",
}

// groups are the groups that crypto/tls supports.
var groups = []tls.CurveID{
	tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
}

func oneOf(vocabulary []string, word string) string {
	if i := slices.Index(vocabulary, strings.ToUpper(word)); i >= 0 {
		return vocabulary[i]
	}
	return other
}

// parameters are the negotiated parameters of a handshake, in OpenSSL's words.
type parameters struct{ version, suite, group string }

func parametersOf(state *tls.ConnectionState) parameters {
	if state == nil {
		return parameters{version: none}
	}
	return parameters{versionName(state.Version), suiteName(state.CipherSuite), groupName(state.CurveID)}
}

func versionName(version uint16) string {
	if version < tls.VersionTLS10 || version > tls.VersionTLS13 {
		return other
	}
	return tlspolicy.Version(version).String()
}

func suiteName(suite uint16) string {
	if s := tlspolicy.Suite(suite); s.Bits() > 0 {
		return s.String()
	}
	return other
}

// groupName returns the group of a session; a session without a group used RSA
// key exchange.
func groupName(group tls.CurveID) string {
	switch {
	case group == 0:
		return "RSA"
	case slices.Contains(groups, group):
		return tlspolicy.Group(group).String()
	}
	return other
}

// Maximum lengths of values from outside, in runes.
const (
	maxName  = 64 // a user name
	maxError = 200
)

// clean makes a value of a client or a backend safe to be kept and shown:
// short, and without runes that could hide or reorder the text beside them.
func clean(word string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range word {
		switch n++; {
		case n > limit:
			b.WriteRune('…')
			return b.String()
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteRune(unicode.ReplacementChar)
		}
	}
	return b.String()
}
