package autoconfig

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/letterlock/letterlock/internal/idn"
)

// Settings hold the answers to mail programs.
type Settings struct {
	Domains   []string // of the users' addresses, in the form of package idn
	Name      string   // of the service, as programs show it; empty: the domain
	LocalPart bool     // users log in with the local part of their address, not the address
	Servers   []Server // the preferred first
}

// Server is a server that users log in at. It accepts no login before TLS.
type Server struct {
	Protocol  string // imap, pop3 or smtp
	Host      string
	Port      int
	Implicit  bool // TLS begins with the connection, not by STARTTLS
	Challenge bool // passwords are accepted by CRAM-MD5 only
}

// The bounds of an address (RFC 5321 §4.5.3.1).
const (
	maxAddress = 254
	maxLocal   = 64
)

// account is the user of a request. The local part is empty if the request has only a
// domain.
type account struct{ local, domain string }

// parseAccount parses an address. It refuses characters that are not printed.
func parseAccount(address string) (a account, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at > maxLocal || len(address) > maxAddress || !utf8.ValidString(address) {
		return account{}, false
	}
	if strings.ContainsFunc(address, func(r rune) bool { return r == ' ' || r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return account{}, false
	}
	domain, ok := idn.Exact(address[at+1:])
	return account{address[:at], domain}, ok
}

// address returns the address; empty if it is not known.
func (a account) address() string {
	if a.local == "" {
		return ""
	}
	return a.local + "@" + a.domain
}

// login returns the name that a user logs in with; empty if it is not known.
func (s Settings) login(a account) string {
	if s.LocalPart {
		return a.local
	}
	return a.address()
}

func (s Settings) serves(domain string) bool { return slices.Contains(s.Domains, domain) }

// name returns the name of the service.
func (s Settings) name(a account) string {
	if s.Name == "" {
		return a.domain
	}
	return s.Name
}

// first returns the preferred server of the first protocol that has one.
func (s Settings) first(protocols ...string) (Server, bool) {
	for _, protocol := range protocols {
		if i := slices.IndexFunc(s.Servers, func(server Server) bool { return server.Protocol == protocol }); i >= 0 {
			return s.Servers[i], true
		}
	}
	return Server{}, false
}
