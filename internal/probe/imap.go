package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// imap asks for a login that nobody or anybody can have.
func (v *visit) imap() error {
	greeting, err := v.ReadLine()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(strings.ToUpper(greeting), "* OK") {
		return fmt.Errorf("%w: %.80q", errGreeting, greeting)
	}
	if err := v.secure("s STARTTLS", "S OK"); err != nil {
		return err
	}
	if taken, err := v.handoverIMAP(); err != nil || !taken {
		return err
	}
	v.question = aboutLogin
	_, capabilities, err := v.tagged("b", "CAPABILITY")
	if err != nil {
		return err
	}
	mechanisms := withPrefix("AUTH=", capabilities)
	disabled := slices.Contains(capabilities, "LOGINDISABLED")
	bySASL := v.decides(gate.Offers{SASL: mechanisms, Command: !disabled}, "LOGIN")
	switch {
	case v.lacks(mechanisms):
		return nil
	case v.needsSASL(), bySASL:
		return v.loginIMAP(v.login(mechanisms))
	case disabled:
		v.noLogin("LOGINDISABLED")
		return nil
	}
	return v.loginIMAP(nil)
}

// loginIMAP asks for a login with a made-up password, with the LOGIN command if
// there is no SASL login.
func (v *visit) loginIMAP(sasl *login) error {
	user, password := nobody()
	command, line := "LOGIN", fmt.Sprintf("LOGIN %s %s", user, password)
	if sasl != nil {
		user, command = sasl.user, "AUTHENTICATE"
		line = "AUTHENTICATE " + sasl.mechanism
	}
	verdict, _, err := v.converse("c", line, sasl)
	switch saw := answered(command, verdict); {
	case err != nil:
		return err
	case strings.HasPrefix(verdict, "OK"):
		v.anyPassword(user)
	case strings.Contains(verdict, "[PRIVACYREQUIRED"):
		v.noLogin(saw)
	case isTemporary(verdict), !strings.HasPrefix(verdict, "NO"):
		v.unknown(later, "%s", saw)
	}
	return v.PrintfLine("d LOGOUT")
}

// tagged sends a command, and returns its verdict and the capabilities that
// came before it, in upper case.
func (v *visit) tagged(tag, format string, args ...any) (verdict string, capabilities []string, err error) {
	return v.converse(tag, fmt.Sprintf(format, args...), nil)
}

// converse is tagged for a command whose continuations a login answers.
func (v *visit) converse(tag, line string, sasl *login) (verdict string, capabilities []string, err error) {
	if err := v.PrintfLine("%s %s", tag, line); err != nil {
		return "", nil, err
	}
	for {
		line, err := v.ReadLine()
		if err != nil {
			return "", nil, err
		}
		if verdict, ok := strings.CutPrefix(line, tag+" "); ok {
			return strings.ToUpper(verdict), capabilities, nil
		}
		if challenge, asks := strings.CutPrefix(line, "+"); asks && sasl != nil && !sasl.cancelled() {
			if err := v.PrintfLine("%s", sasl.respond(strings.TrimSpace(challenge))); err != nil {
				return "", nil, err
			}
			continue
		}
		words := strings.Fields(strings.ToUpper(line))
		if len(words) < 2 {
			continue
		}
		switch words[1] {
		case "BAD": // to a line that we have not sent
			return "BAD", nil, nil
		case "BYE":
			return "", nil, fmt.Errorf("%w with %.80q", errEnds, line)
		case "CAPABILITY":
			capabilities = words[2:]
		}
	}
}
