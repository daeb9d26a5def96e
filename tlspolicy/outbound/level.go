package outbound

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Level is how much TLS there must be, by the name that Postfix gives it.
type Level int

// The levels. DANE and DANEOnly depend on what DNS holds for a server: where
// it holds nothing that can be used, another one is in force there.
const (
	None        Level = iota // plaintext
	May                      // TLS where it is offered, with anybody
	Encrypt                  // TLS or nothing, with anybody
	DANE                     // what the TLSA records say; without any as May (RFC 7672)
	DANEOnly                 // what the TLSA records say, or nothing
	Fingerprint              // a certificate or key that is known beforehand
	Verify                   // a certificate for the server's name
	Secure                   // a certificate for the domain's name, which no forged MX record can change
)

var levelNames = []string{"none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure"}

// Levels lists the names, the weakest first.
func Levels() []string { return slices.Clone(levelNames) }

// String is the level's name.
func (l Level) String() string { return levelNames[l] }

// UnmarshalText reads a level's name.
func (l *Level) UnmarshalText(text []byte) error {
	i := slices.Index(levelNames, string(text))
	if i < 0 {
		return fmt.Errorf("%q is no level; write one of %s", text, strings.Join(levelNames, ", "))
	}
	*l = Level(i)
	return nil
}

// Required reports whether mail must not go in clear.
func (l Level) Required() bool { return l >= Encrypt }

// Proven reports whether the server has to prove who it is.
func (l Level) Proven() bool { return l >= DANE }

// Policy names the TLS policy of a level: the wider, the more the alternative
// is plaintext.
func (l Level) Policy() tlspolicy.Policy {
	name := "strict"
	switch l {
	case None, May:
		name = "opportunistic"
	case Encrypt:
		name = "compat"
	}
	p, _ := tlspolicy.Named(name) // built in
	return p
}

// Match returns the words for the names that a certificate must have, where
// none are configured: see Names.
func (l Level) Match() []string {
	if l == Verify {
		return []string{"hostname"}
	}
	return []string{"nexthop", "dot-nexthop"}
}

// Names puts names in place of the words hostname (the server's name, as MX
// says), nexthop (the domain of the mail) and dot-nexthop (all beneath that).
// What is no such word is a name, or with a dot in front all beneath it.
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
