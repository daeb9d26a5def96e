package smarthost

import (
	"errors"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/devices"
	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/smtp/syntax"
)

// mechanisms are the SASL mechanisms for devices. Others would need passwords that
// are not hashed.
var mechanisms = []string{"PLAIN", "LOGIN"}

// mayAuth reports whether the client can log in now: the listener has devices with a
// login, and the TLS session is good enough for a password.
func (g *Gate) mayAuth() bool {
	return g.o.Devices != nil && g.front.TLS() != nil && g.s.AuthAllowed(g.front.TLS())
}

// auth collects the login of a device (RFC 4954) and checks it. Before TLS it refuses
// the command at once, before a challenge could ask for the password.
func (g *Gate) auth(cmd syntax.Line) error {
	fields := strings.Fields(cmd.Args)
	switch {
	case g.o.Devices == nil:
		return g.fault(notImplemented)
	case g.front.TLS() == nil:
		g.s.Observer.Refused("AUTH")
		return g.fault("538 5.7.11 Encryption required for requested authentication mechanism")
	case !g.mayAuth():
		g.deny(fields, gate.ErrWeakTLS)
		return g.fault("538 5.7.11 Stronger encryption required")
	case g.authed:
		return g.fault("503 5.5.1 Already authenticated")
	case g.mail != nil:
		return g.fault("503 5.5.1 Not within a message")
	case len(fields) == 0 || len(fields) > 2:
		return g.fault("501 5.5.4 Syntax: AUTH mechanism [initial-response]")
	case !slices.Contains(mechanisms, strings.ToUpper(fields[0])):
		g.deny(fields, gate.ErrMechanism)
		return g.fault("504 5.5.4 Unrecognized authentication type")
	}
	return g.s.Collect(&login{g: g}, strings.ToUpper(fields[0]), fields[1:])
}

// deny reports an AUTH that is refused because of its mechanism or the TLS session.
func (g *Gate) deny(fields []string, why error) {
	fields = append(fields, "", "")
	g.s.Deny(strings.ToUpper(fields[0]), fields[1], why)
}

// login is the login of a device. It makes the gate a gate.Collector.
type login struct {
	g         *Gate
	complaint string // about the last response; empty: the client has sent "*"
}

// Ask sends a challenge to the client and reads the response.
func (l *login) Ask(x *gate.Exchange, challenge string) (response string, ok bool, err error) {
	l.g.front.Print("334 ", challenge, "\r\n")
	response, l.complaint, err = syntax.ReadResponse(l.g.front, x)
	return response, l.complaint == "" && response != "*", err
}

// Admit asks whether the device may try to log in.
func (l *login) Admit(user string) error { return l.g.s.Admit(user) }

// Reached does nothing: the gate itself checks the login.
func (l *login) Reached() error { return nil }

// Offers returns the mechanisms of the gate.
func (l *login) Offers() gate.Offers { return gate.Offers{SASL: mechanisms} }

// Fail refuses the login.
func (l *login) Fail(why gate.Fault) error {
	switch {
	case why == gate.Undecodable:
		return l.g.fault("501 5.5.2 Cannot decode the initial response")
	case l.complaint != "":
		return l.g.fault(l.complaint)
	}
	return l.g.fault("501 5.7.0 Authentication cancelled")
}

// Refuse is not called: a smarthost has no lookup of backends.
func (l *login) Refuse(*gate.Refusal) error {
	return l.g.fault("454 4.7.0 Temporary authentication failure")
}

// Send checks the password, and answers the client.
func (l *login) Send(collected *gate.Login, _ string) error {
	g := l.g
	device, err := g.deviceOf(collected)
	answer, reply := gate.Answer{Outcome: gate.Accepted, Code: "235"}, "235 2.7.0 Authentication successful"
	switch {
	case errors.Is(err, devices.ErrLogin):
		answer, reply = gate.Answer{Outcome: gate.WrongPassword, Code: "535"}, "535 5.7.8 Authentication credentials invalid"
	case err != nil:
		answer, reply = gate.Answer{Outcome: gate.Unavailable, Code: "454"}, "454 4.7.0 Temporary authentication failure"
	case device.Ended():
		answer, reply = gate.Answer{Outcome: gate.Rejected, Code: "525"}, "525 5.7.13 The permission of this device has ended"
	}
	if err := g.s.Answered(collected.User(), collected.Mechanism, true, answer); err != nil {
		return err
	}
	if !answer.OK() {
		return g.fault(reply)
	}
	g.device, g.authed, g.permitted = device, true, true
	g.answer(reply)
	return g.s.EnterStep(gate.LoggedIn)
}

// deviceOf returns the device whose name and password a login has. A device acts for
// no other identity.
func (g *Gate) deviceOf(l *gate.Login) (*devices.Device, error) {
	identity, name, password, ok := l.Credentials()
	if !ok || identity != "" && identity != name {
		return nil, devices.ErrLogin
	}
	ctx, cancel := g.s.Backends.Search(gate.SearchTime)
	defer cancel()
	return g.o.Devices.LogIn(ctx, g.s.Client.Addr(), name, password)
}

// permit returns the reply that refuses mail from a sender; empty: the client may
// send it.
func (g *Gate) permit(sender string) (refusal string) {
	switch {
	case !g.permitted && g.front.TLS() == nil:
		g.s.Observer.Refused("MAIL")
		return "530 5.7.0 Must issue a STARTTLS command first"
	case !g.permitted:
		return "530 5.7.0 Authentication required"
	case g.device == nil:
		return ""
	}
	switch err := g.device.Permit(sender); {
	case errors.Is(err, devices.ErrSender):
		return "550 5.7.1 " + g.device.Name + " may not use the sender <" + syntax.Printable(sender) + ">"
	case errors.Is(err, devices.ErrRate):
		return "451 4.7.1 " + g.device.Name + " has sent as many messages as it may in an hour; try again later"
	case err != nil:
		return "550 5.7.1 The permission of " + g.device.Name + " to send mail has ended"
	}
	return ""
}
