package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// LoginMethod is how we log in at a backend with a client's name and password.
type LoginMethod string

// The login methods. All but Same convert the login of a current client into one
// that an old server understands.
const (
	Same      LoginMethod = ""     // as the client does
	Auto      LoginMethod = "AUTO" // as the client does where the backend takes that, and else by PLAIN, LOGIN or the command
	ByPlain   LoginMethod = "PLAIN"
	ByLogin   LoginMethod = "LOGIN"
	ByCRAM    LoginMethod = "CRAM-MD5"
	ByCommand LoginMethod = "USER" // the protocol's own: POP3's USER and PASS, IMAP's LOGIN
)

// fixed reports whether all logins with a password go by one mechanism.
func (m LoginMethod) fixed() bool { return m != Same && m != Auto }

// Offers are the ways in which a backend takes logins, as it says itself.
type Offers struct {
	SASL    []string // the mechanisms that it lists, in any case
	Unknown bool     // it cannot list any, as a POP3 server without CAPA
	Command bool     // it takes the protocol's own command
}

func (o Offers) lists(mechanism string) bool {
	return slices.ContainsFunc(o.SASL, func(offered string) bool { return strings.EqualFold(offered, mechanism) })
}

// Carrier is how a name and a password are told to the backend where the client's
// own way is none of it. Not ok is a backend that takes no password at all;
// CRAM-MD5 is no carrier, as servers offer it that cannot check it.
func (o Offers) Carrier() (method LoginMethod, ok bool) {
	switch {
	case o.lists("PLAIN"):
		return ByPlain, true
	case o.lists("LOGIN"):
		return ByLogin, true
	case o.Command:
		return ByCommand, true
	}
	return Same, false
}

// Adds reports whether clients are offered PLAIN although the backend does not
// list it: it takes passwords by its own command alone, and clients that want
// SASL would find no way in.
func (o Offers) Adds() bool { return o.Command && !o.lists("PLAIN") && !o.lists("LOGIN") }

var errNoCarrier = errors.New("the backend takes no password, by no command and no mechanism")

// loginMethodFor settles how a login is said to a backend.
func (m *Mechanisms) loginMethodFor(l *Login, o Offers) (LoginMethod, error) {
	method := m.loginMethod()
	switch {
	case method != Auto:
		return method, nil
	case l.command && o.Command, !l.command && (o.lists(l.Mechanism) || !mechanisms[l.Mechanism].password):
		return Same, nil
	}
	carrier, ok := o.Carrier()
	if !ok && l.command { // it may take what it does not offer
		return Same, nil
	}
	if !ok {
		return "", Because(BackendLogin, errNoCarrier)
	}
	return carrier, nil
}

// Collects reports whether a login by a SASL mechanism must be heard out before a
// backend with these offers hears of it; see Login.
func (m *Mechanisms) Collects(mechanism string, o Offers) bool {
	return m.ahead() || m.loginMethod() == Auto && !o.lists(mechanism)
}

// CollectsCommand is Collects for a login by the protocol's own command.
func (m *Mechanisms) CollectsCommand(o Offers) bool {
	_, carried := o.Carrier()
	return m.ahead() || m.loginMethod() == Auto && !o.Command && carried
}

// TakesPasswords reports whether a client that has a name and a password can log
// in at a backend with these offers, by its own command or by PLAIN.
func (m *Mechanisms) TakesPasswords(o Offers) bool {
	_, carried := o.Carrier()
	return m.loginMethod() != Auto || carried
}

// Unoffered ends the session of a login that was turned into a mechanism which
// the backend does not offer: no client can do anything about it.
func Unoffered(mechanism string) error {
	return Because(BackendLogin, fmt.Errorf("the backend does not offer %s, which backend_login names", mechanism))
}
