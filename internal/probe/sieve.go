package probe

import (
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// sieve looks for a login that nobody or anybody can have.
func (v *visit) sieve() error {
	offers, status, err := v.capabilities()
	if err != nil {
		return err
	}
	if status != "OK" {
		return errGreeting
	}
	if v.clear != nil {
		if err := v.secure("STARTTLS", "OK"); err != nil {
			return err
		}
		if offers, _, err = v.capabilities(); err != nil {
			return err
		}
	}
	if offers, err = v.spokenForSieve(offers); err != nil || offers == nil {
		return err
	}
	if !v.sieveTakesLogins(strings.Fields(strings.ToUpper(offers["SASL"]))) {
		return nil
	}
	user, password := nobody()
	reply, err := v.ask(`AUTHENTICATE "PLAIN" "%s"`, token(user, password))
	if err != nil {
		return err
	}
	if strings.HasPrefix(strings.ToUpper(reply), "OK") {
		v.anyPassword(user)
	}
	return v.PrintfLine("LOGOUT")
}

// spokenForSieve hands a stranger's address over, and returns what is offered
// then. There is nothing, and a finding, if the server does not take it.
func (v *visit) spokenForSieve(offers map[string]string) (map[string]string, error) {
	switch v.Spoken {
	case gate.XCLIENT:
		if _, ok := offers["XCLIENT"]; !ok {
			v.noHandover("XCLIENT is not offered")
			return nil, nil
		}
		reply, err := v.ask("XCLIENT ADDR=%s PORT=%d", Stranger.Addr(), Stranger.Port())
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(strings.ToUpper(reply), "OK") {
			v.noHandover("XCLIENT is answered with " + reply)
			return nil, nil
		}
	case gate.PROXYHeader:
	default:
		return offers, nil
	}
	if err := v.PrintfLine("CAPABILITY"); err != nil {
		return nil, err
	}
	offers, status, err := v.capabilities()
	if v.Spoken == gate.PROXYHeader && (err != nil || status != "OK") {
		v.noHandover(gate.ErrHeader.Error())
		return nil, nil
	}
	return offers, err
}

// sieveTakesLogins reports whether a made-up password can be tried, and finds
// why not where that is a fault.
func (v *visit) sieveTakesLogins(mechanisms []string) bool {
	switch {
	case len(mechanisms) == 0:
		v.noLogin("there are no SASL mechanisms")
		return false
	case v.lacks(mechanisms):
		return false
	case !v.needsSASL() && !forPasswords(mechanisms):
		v.noLogin("only " + strings.Join(mechanisms, ", "))
		return false
	}
	return slices.Contains(mechanisms, "PLAIN")
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
