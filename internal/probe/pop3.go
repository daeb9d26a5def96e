package probe

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// pop3 asks for a login that nobody or anybody can have.
func (v *visit) pop3() error {
	greeting, err := v.ReadLine()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(greeting, "+OK") {
		return fmt.Errorf("%w: %.80q", errGreeting, greeting)
	}
	if err := v.secure("STLS", "+OK"); err != nil {
		return err
	}
	if taken, err := v.handoverPOP3(greeting); err != nil || !taken {
		return err
	}
	v.question = aboutLogin
	if err := v.loginsPOP3(); err != nil {
		return err
	}
	return v.PrintfLine("QUIT")
}

// loginsPOP3 asks for a login in the way in which clients are logged in.
func (v *visit) loginsPOP3() error {
	if !v.Login || v.Means == gate.Same || v.Means == gate.ByCommand {
		return v.loginPOP3()
	}
	offers, err := v.offersPOP3()
	if err != nil {
		return err
	}
	if bySASL := v.decides(offers, "USER"); bySASL || v.needsSASL() {
		return v.saslPOP3(offers)
	}
	return v.loginPOP3()
}

// loginPOP3 asks for a login with a made-up password.
func (v *visit) loginPOP3() error {
	user, password := nobody()
	reply, err := v.exchange("USER %s", user)
	switch {
	case err != nil:
		return err
	case isTemporary(reply):
		v.unknown(later, "%s", answered("USER", reply))
		return nil
	case !strings.HasPrefix(reply, "+OK"):
		v.noLogin(answered("USER", reply))
		return nil
	}
	reply, err = v.exchange("PASS %s", password)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(reply, "+OK"):
		v.anyPassword(user)
	case isTemporary(reply), !strings.HasPrefix(reply, "-ERR"):
		v.unknown(later, "%s", answered("PASS", reply))
	}
	return nil
}

// saslPOP3 asks for a login by SASL. Of a server without CAPA nobody knows its
// mechanisms, so that of backend_login is tried.
func (v *visit) saslPOP3(offers gate.Offers) error {
	switch {
	case offers.Unknown:
		offers.SASL = []string{string(v.Means)}
	case v.lacks(offers.SASL):
		return nil
	}
	l := v.login(offers.SASL)
	reply, err := v.exchange("AUTH %s", l.mechanism)
	for err == nil && strings.HasPrefix(reply, "+ ") && !l.cancelled() {
		reply, err = v.exchange("%s", l.respond(reply[2:]))
	}
	switch saw := answered("AUTH "+l.mechanism, reply); {
	case err != nil:
		return err
	case strings.HasPrefix(reply, "+OK"):
		v.anyPassword(l.user)
	case isTemporary(reply), !strings.HasPrefix(reply, "-ERR"):
		v.unknown(later, "%s", saw)
	}
	return nil
}

// offersPOP3 asks a server for its ways to log in. One without CAPA takes USER.
func (v *visit) offersPOP3() (offers gate.Offers, err error) {
	reply, err := v.exchange("CAPA")
	if err != nil || !strings.HasPrefix(reply, "+OK") {
		return gate.Offers{Unknown: true, Command: true}, err
	}
	lines, err := v.ReadDotLines()
	for _, line := range lines {
		words := strings.Fields(strings.ToUpper(line))
		switch {
		case len(words) == 0:
		case words[0] == "SASL":
			offers.SASL = words[1:]
		case words[0] == "USER":
			offers.Command = true
		}
	}
	return offers, err
}
