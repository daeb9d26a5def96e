package probe

import (
	"fmt"
	"strings"
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
	if v.Login && v.needsSASL() {
		err = v.saslPOP3()
	} else {
		err = v.loginPOP3()
	}
	if err != nil {
		return err
	}
	return v.PrintfLine("QUIT")
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

// saslPOP3 asks for a login by the mechanism that backend_login names. Of a
// server without CAPA nobody knows its mechanisms, so they are tried.
func (v *visit) saslPOP3() error {
	mechanisms, known, err := v.mechanismsPOP3()
	if err != nil || known && v.lacks(mechanisms) {
		return err
	}
	if !known {
		mechanisms = []string{string(v.Means)}
	}
	l := v.login(mechanisms)
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

// mechanismsPOP3 asks a server for its mechanisms, which are known if it knows
// CAPA.
func (v *visit) mechanismsPOP3() (mechanisms []string, known bool, err error) {
	reply, err := v.exchange("CAPA")
	if err != nil || !strings.HasPrefix(reply, "+OK") {
		return nil, false, err
	}
	lines, err := v.ReadDotLines()
	for _, line := range lines {
		if words := strings.Fields(strings.ToUpper(line)); len(words) > 0 && words[0] == "SASL" {
			mechanisms = words[1:]
		}
	}
	return mechanisms, true, err
}
