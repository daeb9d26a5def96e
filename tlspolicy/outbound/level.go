package outbound

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Level is a TLS security level, by Postfix's name for it.
type Level int

// The levels. For a server without usable TLSA records, the caller replaces
// DANE by another level.
const (
	None        Level = iota // plaintext
	May                      // TLS where the server offers it, with any certificate
	Encrypt                  // TLS required, with any certificate
	DANE                     // as the TLSA records demand; as May without any (RFC 7672)
	DANEOnly                 // as the TLSA records demand; no mail without any
	Fingerprint              // a certificate or key that is configured
	Verify                   // a certificate for the server's name
	Secure                   // a certificate for the domain's name, which forged MX records cannot change
)

var levelNames = []string{"none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure"}

// Levels returns the names of the levels, the weakest first.
func Levels() []string { return slices.Clone(levelNames) }

// String returns the level's name.
func (l Level) String() string { return levelNames[l] }

// UnmarshalText reads a level's name.
func (l *Level) UnmarshalText(text []byte) error {
	i := slices.Index(levelNames, string(text))
	if i < 0 {
		return fmt.Errorf("%q is not a level; write one of %s", text, strings.Join(levelNames, ", "))
	}
	*l = Level(i)
	return nil
}

// Required reports whether mail must not be sent in plaintext.
func (l Level) Required() bool { return l >= Encrypt }

// Proven reports whether the server has to be authenticated.
func (l Level) Proven() bool { return l >= DANE }

// Policy returns the TLS policy of a level. It is wider where the alternative
// is plaintext.
func (l Level) Policy() tlspolicy.Policy {
	name := "strict"
	switch l {
	case None, May:
		name = "opportunistic"
	case Encrypt:
		name = "compat"
	}
	p, _ := tlspolicy.Named(name) // a built-in policy
	return p
}

// Match returns the default patterns for the names in a certificate; see
// Names.
func (l Level) Match() []string {
	if l == Verify {
		return []string{"hostname"}
	}
	return []string{"nexthop", "dot-nexthop"}
}

// Names replaces the patterns hostname (the server's name, from the MX record),
// nexthop (the domain of the mail) and dot-nexthop (all names below it). Any
// other pattern is a name, or with a leading dot all names below it.
func Names(match []string, hostname, nexthop string) []string {
	names := make([]string, len(match))
	for i, word := range match {
		switch word {
		case "hostname":
			names[i] = hostname
		case "nexthop":
			names[i] = nexthop
		case "dot-nexthop":
			names[i] = "." + nexthop
		default:
			names[i] = word
		}
	}
	return names
}
