package probe

import (
	"fmt"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// pop3 looks for a login that nobody or anybody can have.
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
	if taken, err := v.spokenForPOP3(greeting); err != nil || !taken {
		return err
	}
	if v.Login && v.needsSASL() {
		if lacks, err := v.lacksPOP3(); err != nil || lacks {
			return err
		}
	}
	user, password := nobody()
	reply, err := v.ask("USER %s", user)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(reply, "+OK") {
		if !v.needsSASL() {
			v.noLogin("USER is answered with " + reply)
		}
		return nil
	}
	if reply, err = v.ask("PASS %s", password); err != nil {
		return err
	}
	if strings.HasPrefix(reply, "+OK") {
		v.anyPassword(user)
	}
	return v.PrintfLine("QUIT")
}

// spokenForPOP3 hands a stranger's address over, and reports whether the server
// takes it; that it does not is a finding.
func (v *visit) spokenForPOP3(greeting string) (bool, error) {
	switch v.Spoken {
	case gate.XCLIENT:
		if !strings.Contains(greeting, "[XCLIENT]") {
			v.noHandover("[XCLIENT] is not in the greeting")
			return false, nil
		}
		reply, err := v.ask("XCLIENT ADDR=%s PORT=%d", Stranger.Addr(), Stranger.Port())
		if err != nil {
			return false, err
		}
		if !strings.HasPrefix(reply, "+OK") {
			v.noHandover("XCLIENT is answered with " + reply)
			return false, nil
		}
	case gate.PROXYHeader:
		reply, err := v.ask("CAPA")
		if err != nil || !strings.HasPrefix(reply, "+OK") {
			v.noHandover(gate.ErrHeader.Error())
			return false, nil
		}
		if _, err := v.ReadDotLines(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// lacksPOP3 is lacks of a server that knows CAPA; of others nothing is known.
func (v *visit) lacksPOP3() (bool, error) {
	reply, err := v.ask("CAPA")
	if err != nil || !strings.HasPrefix(reply, "+OK") {
		return false, err
	}
	lines, err := v.ReadDotLines()
	if err != nil {
		return false, err
	}
	var mechanisms []string
	for _, line := range lines {
		if words := strings.Fields(strings.ToUpper(line)); len(words) > 0 && words[0] == "SASL" {
			mechanisms = words[1:]
		}
	}
	return v.lacks(mechanisms), nil
}
