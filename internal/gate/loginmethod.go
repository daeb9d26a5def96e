package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// LoginMethod selects the command or mechanism by which the proxy logs in at a
// backend with a client's name and password.
type LoginMethod string

// The login methods. All but Same convert the login of a modern client to one
// that an old server supports.
const (
	Same      LoginMethod = ""     // the client's method
	Auto      LoginMethod = "AUTO" // the client's method if the backend offers it, or else PLAIN, LOGIN or the command
	ByPlain   LoginMethod = "PLAIN"
	ByLogin   LoginMethod = "LOGIN"
	ByCRAM    LoginMethod = "CRAM-MD5"
	ByCommand LoginMethod = "USER" // the protocol's own command: POP3's USER and PASS, IMAP's LOGIN
)

// fixed reports whether all logins with a password use the same mechanism.
func (m LoginMethod) fixed() bool { return m != Same && m != Auto }

// Offers are the login methods that a backend advertises.
type Offers struct {
	SASL    []string // its SASL mechanisms, in upper or lower case
	Unknown bool     // it cannot list mechanisms, like a POP3 server without CAPA
	Command bool     // it accepts the protocol's own command
}

func (o Offers) lists(mechanism string) bool {
	return slices.ContainsFunc(o.SASL, func(offered string) bool { return strings.EqualFold(offered, mechanism) })
}

// Carrier returns the method that sends a user name and a password to the backend if
// the backend does not accept the client's own method. It is not ok if the backend
// accepts no password. CRAM-MD5 is never chosen: some servers offer it although they
// cannot check it.
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

// Adds reports whether PLAIN is offered to clients although the backend does not
// list it: the backend accepts passwords only by the protocol's own command, and
// clients that use only SASL could not log in.
func (o Offers) Adds() bool { return o.Command && !o.lists("PLAIN") && !o.lists("LOGIN") }

var errNoCarrier = errors.New("the backend offers neither a command nor a mechanism for passwords")

// loginMethodFor chooses the method for one login at a backend with these offers.
func (m *Mechanisms) loginMethodFor(l *Login, o Offers) (LoginMethod, error) {
	method := m.loginMethod()
	switch {
	case method != Auto:
		return method, nil
	case l.command && o.Command, !l.command && (o.lists(l.Mechanism) || !mechanisms[l.Mechanism].password):
		return Same, nil
	}
	carrier, ok := o.Carrier()
	if !ok && l.command { // the backend may accept a command that it does not offer
		return Same, nil
	}
	if !ok {
		return "", Because(BackendLogin, errNoCarrier)
	}
	return carrier, nil
}

// Collects reports whether a login with a SASL mechanism must be collected before it
// is sent to a backend with these offers; see Login.
func (m *Mechanisms) Collects(mechanism string, o Offers) bool {
	return m.collectsAll() || m.loginMethod() == Auto && !o.lists(mechanism)
}

// CollectsCommand is Collects for a login with the protocol's own command.
func (m *Mechanisms) CollectsCommand(o Offers) bool {
	_, carried := o.Carrier()
	return m.collectsAll() || m.loginMethod() == Auto && !o.Command && carried
}

// TakesPasswords reports whether a client with a user name and a password can log in
// at a backend with these offers, with the protocol's own command or with PLAIN.
func (m *Mechanisms) TakesPasswords(o Offers) bool {
	_, carried := o.Carrier()
	return m.loginMethod() != Auto || carried
}

// Unoffered returns the error that ends a session because backend_login names a
// mechanism that the backend does not offer. Only the administrator can repair that.
func Unoffered(mechanism string) error {
	return Because(BackendLogin, fmt.Errorf("the backend does not offer %s, which backend_login names", mechanism))
}
