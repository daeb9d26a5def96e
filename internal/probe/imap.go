package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// imap looks for a login that nobody or anybody can have.
func (v *visit) imap() error {
	greeting, err := v.ReadLine()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(greeting, "* OK") {
		return fmt.Errorf("%w: %.80q", errGreeting, greeting)
	}
	if err := v.secure("s STARTTLS", "S OK"); err != nil {
		return err
	}
	if taken, err := v.spokenForIMAP(); err != nil || !taken {
		return err
	}
	_, capabilities, err := v.tagged("b", "CAPABILITY")
	if err != nil {
		return err
	}
	switch {
	case v.lacks(withPrefix("AUTH=", capabilities)):
		return nil
	case slices.Contains(capabilities, "LOGINDISABLED"):
		if !v.needsSASL() {
			v.noLogin("LOGINDISABLED")
		}
		return nil
	}
	user, password := nobody()
	verdict, _, err := v.tagged("c", "LOGIN %s %s", user, password)
	if err != nil {
		return err
	}
	if strings.HasPrefix(verdict, "OK") {
		v.anyPassword(user)
	}
	return v.PrintfLine("d LOGOUT")
}

// spokenForIMAP hands a stranger's address over, and reports whether the server
// takes it; that it does not is a finding.
func (v *visit) spokenForIMAP() (bool, error) {
	switch v.Spoken {
	case gate.IMAPID:
		verdict, _, err := v.tagged("a", `ID ("x-originating-ip" "%s" "x-originating-port" "%d" "x-client-transport" "TLS")`, Stranger.Addr(), Stranger.Port())
		if err != nil {
			return false, err
		}
		if !strings.HasPrefix(verdict, "OK") {
			v.noHandover("ID is answered with " + verdict)
			return false, nil
		}
	case gate.PROXYHeader:
		verdict, _, err := v.tagged("a", "NOOP")
		if err != nil || !strings.HasPrefix(verdict, "OK") {
			v.noHandover(gate.ErrHeader.Error())
			return false, nil
		}
	}
	return true, nil
}

// tagged sends a command, and returns its verdict and the capabilities that
// were told before it, in upper case.
func (v *visit) tagged(tag, format string, args ...any) (verdict string, capabilities []string, err error) {
	if err := v.PrintfLine(tag+" "+format, args...); err != nil {
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
		if _, verdict, _ := strings.Cut(line, " "); strings.HasPrefix(verdict, "BAD") {
			return verdict, nil, nil // to something that we have not said
		}
		if words := strings.Fields(strings.ToUpper(line)); len(words) > 1 && words[1] == "CAPABILITY" {
			capabilities = words[2:]
		}
	}
}
