package probe

import (
	"fmt"
	"strings"
)

// sieve asks for a login that nobody or anybody can have.
func (v *visit) sieve() error {
	offers, status, err := v.capabilities()
	if err != nil {
		return err
	}
	if status != "OK" {
		return fmt.Errorf("%w: %.80q", errGreeting, status)
	}
	if v.clear != nil {
		if err := v.secure("STARTTLS", "OK"); err != nil {
			return err
		}
		if offers, _, err = v.capabilities(); err != nil {
			return err
		}
	}
	if offers, err = v.handoverSieve(offers); err != nil || offers == nil {
		return err
	}
	v.question = aboutLogin
	if err := v.loginSieve(strings.Fields(strings.ToUpper(offers["SASL"]))); err != nil {
		return err
	}
	return v.PrintfLine("LOGOUT")
}

// loginSieve asks for a login with a made-up password.
func (v *visit) loginSieve(mechanisms []string) error {
	switch {
	case len(mechanisms) == 0:
		v.noLogin("there are no SASL mechanisms")
		return nil
	case v.lacks(mechanisms):
		return nil
	case !v.needsSASL() && !forPasswords(mechanisms):
		v.noLogin("only " + strings.Join(mechanisms, ", "))
		return nil
	}
	l := v.login(mechanisms)
	if l == nil {
		return nil
	}
	reply, err := v.authenticateSieve(l)
	switch saw, upper := answered("AUTHENTICATE", reply), strings.ToUpper(reply); {
	case err != nil:
		return err
	case strings.HasPrefix(upper, "OK"):
		v.anyPassword(l.user)
	case strings.Contains(upper, "(ENCRYPT-NEEDED"), strings.Contains(upper, "(AUTH-TOO-WEAK"):
		v.noLogin(saw)
	case isTemporary(reply), !strings.HasPrefix(upper, "NO"):
		v.unknown(later, "%s", saw)
	}
	return nil
}

// authenticateSieve answers the server's challenges, which are strings in quotes
// or literals (RFC 5804 §2.1), up to its verdict.
func (v *visit) authenticateSieve(l *login) (string, error) {
	initial := strings.TrimSpace(l.initial())
	if initial != "" {
		initial = ` "` + initial + `"`
	}
	reply, err := v.exchange(`AUTHENTICATE "%s"%s`, l.mechanism, initial)
	for err == nil && !l.cancelled() {
		switch {
		case strings.HasPrefix(reply, "{"):
			reply, err = v.ReadLine()
		case strings.HasPrefix(reply, `"`):
			reply = strings.Trim(reply, `"`)
		default:
			return reply, nil
		}
		if err == nil {
			reply, err = v.exchange(`"%s"`, l.respond(reply))
		}
	}
	return reply, err
}

// capabilities reads lines of quoted strings up to the response behind them
// (RFC 5804 §1.7).
func (v *visit) capabilities() (offers map[string]string, status string, err error) {
	offers = map[string]string{}
	for {
		line, err := v.ReadLine()
		if err != nil {
			return nil, "", err
		}
		if !strings.HasPrefix(line, `"`) {
			status, _, _ := strings.Cut(strings.ToUpper(line), " ")
			return offers, status, nil
		}
		name, value, _ := strings.Cut(line[1:], `"`)
		offers[strings.ToUpper(name)] = strings.Trim(strings.TrimSpace(value), `"`)
	}
}
