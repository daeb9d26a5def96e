package probe

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

var errGreeting = errors.New("it does not greet as its protocol demands")

// smtp looks for a relay, and for a login that anybody can have.
func (v *visit) smtp() error {
	code, text, err := v.ReadResponse(0)
	if err != nil {
		return err
	}
	if code != 220 {
		return fmt.Errorf("%w: %d %.80q", errGreeting, code, text)
	}
	offers, err := v.ehlo()
	if err != nil || offers == nil {
		return err
	}
	if v.clear != nil {
		if err := v.secure("STARTTLS", "220 "); err != nil {
			return err
		}
		if offers, err = v.ehlo(); err != nil || offers == nil {
			return err
		}
	}
	if v.Spoken == gate.XCLIENT {
		if offers, err = v.xclientSMTP(offers); err != nil || offers == nil {
			return err
		}
	}
	if _, ok := offers["XFORWARD"]; !ok && v.Spoken == gate.XFORWARD {
		v.noHandover("XFORWARD is not offered")
	}
	if err := v.relays(); err != nil {
		return err
	}
	if err := v.loginSMTP(offers); err != nil {
		return err
	}
	_, _, err = v.command("QUIT")
	return err
}

// command sends a line and reads the reply.
func (v *visit) command(format string, args ...any) (code int, text string, err error) {
	if err := v.PrintfLine(format, args...); err != nil {
		return 0, "", err
	}
	return v.ReadResponse(0)
}

// ehlo returns what the backend offers, by keyword; nil is the end.
func (v *visit) ehlo() (map[string][]string, error) {
	code, text, err := v.command("EHLO %s", v.Hostname)
	if err != nil {
		return nil, err
	}
	offers := map[string][]string{}
	if code/100 != 2 && v.Spoken == gate.PROXYHeader {
		v.noHandover(gate.ErrHeader.Error())
		return nil, nil
	}
	if code/100 != 2 { // too old for extensions
		_, _, err = v.command("HELO %s", v.Hostname)
		return offers, err
	}
	_, extensions, _ := strings.Cut(text, "\n")
	for line := range strings.Lines(strings.ToUpper(extensions)) {
		if words := strings.Fields(line); len(words) > 0 {
			offers[words[0]] = words[1:]
		}
	}
	return offers, nil
}

// xclientSMTP makes us a stranger; nil offers are the end.
func (v *visit) xclientSMTP(offers map[string][]string) (map[string][]string, error) {
	if !slices.Contains(offers["XCLIENT"], "ADDR") {
		v.noHandover("XCLIENT is not offered")
		return nil, nil
	}
	line := "XCLIENT ADDR=" + Stranger.Addr().String()
	for _, fact := range [][2]string{{"PORT", fmt.Sprint(Stranger.Port())}, {"NAME", "[UNAVAILABLE]"}, {"REVERSE_NAME", "[UNAVAILABLE]"}} {
		if slices.Contains(offers["XCLIENT"], fact[0]) {
			line += " " + fact[0] + "=" + fact[1]
		}
	}
	code, text, err := v.command("%s", line)
	switch {
	case err != nil:
		return nil, err
	case code/100 != 2:
		v.noHandover(fmt.Sprintf("XCLIENT is answered with %d %.80q", code, text))
		return nil, nil
	}
	return v.ehlo()
}

// elsewhere are addresses that no backend has a reason to accept: at a name
// that cannot exist (RFC 2606), for those that look no names up, and at one
// that does, and takes no mail (RFC 7505).
var elsewhere = []string{"relay-test@relay-test.invalid", "relay-test@example.net"}

// routes are ways to write such an address so that it looks like one of ours
// (RFC 5321 appendix C, the percent hack of RFC 1123 §5.2.16, UUCP).
var routes = []string{"relay-test%%example.net@%s", `"relay-test@example.net"@%s`, "example.net!relay-test@%s", "@%s:relay-test@example.net"}

// relays tries to write to strangers.
func (v *visit) relays() error {
	for _, address := range elsewhere {
		taken, err := v.takes(address)
		if err != nil {
			return err
		}
		if taken {
			v.relay(address)
			return nil
		}
	}
	if v.Guarded || v.Submission {
		return nil
	}
	unknown, _ := nobody()
	if all, err := v.takes(unknown + "@" + v.Hostname); err != nil || all {
		return err // it takes whatever looks like its own: nothing can be told
	}
	for _, route := range routes {
		address := fmt.Sprintf(route, v.Hostname)
		taken, err := v.takes(address)
		if err != nil {
			return err
		}
		if taken {
			v.find(Warning, "see what the backend makes of addresses with a route in them (Sendmail FEATURE(`loose_relay_check'), Postfix allow_untrusted_routing)",
				"it takes mail to <%s>, and may send it on to example.net", address)
		}
	}
	return nil
}

// relay says what it means that mail to a stranger was taken.
func (v *visit) relay(address string) {
	const remedy = "take the proxy's address out of what the backend trusts (Postfix mynetworks, Exim relay_from_hosts, Sendmail's access map)"
	switch {
	case v.Submission:
		v.find(Warning, remedy, "it relays for the proxy without a login (<%s>); only that the proxy demands one keeps it closed", address)
	case v.Guarded:
		v.find(Warning, remedy, "it relays for the proxy (<%s>); only that the proxy knows the recipients keeps it closed", address)
	case v.Allowed:
		v.find(Warning, remedy, "it is an OPEN RELAY behind this proxy (<%s>), as allow_open_relay: true allows", address)
	case v.Unjudged:
		v.find(Warning, remedy, "it relays for the proxy's own address (<%s>); whether for strangers too, this handover does not let us try", address)
	default:
		v.find(Danger, remedy+", or name recipients: on the listener; allow_open_relay: true starts all the same",
			"it is an OPEN RELAY behind this proxy: it takes mail from %s to <%s>", Stranger.Addr(), address)
	}
}

// takes reports whether the backend would take mail to an address. It takes
// none: the transaction ends here.
func (v *visit) takes(address string) (bool, error) {
	code, text, err := v.command("MAIL FROM:<probe@%s>", v.Hostname)
	if err != nil || code/100 != 2 {
		return false, because(err, code, text)
	}
	taken, text, err := v.command("RCPT TO:<%s>", address)
	if err != nil || taken == 421 {
		return false, because(err, taken, text)
	}
	code, text, err = v.command("RSET")
	if err != nil || code == 421 {
		return false, because(err, code, text)
	}
	return taken/100 == 2, nil
}

// because turns a reply that ends the visit into an error. Who is refused
// already at MAIL has found no relay.
func because(err error, code int, text string) error {
	if err == nil && code == 421 {
		return fmt.Errorf("it ends the visit with %d %.80q", code, text)
	}
	return err
}

func (v *visit) loginSMTP(offers map[string][]string) error {
	mechanisms := append(offers["AUTH"], withPrefix("AUTH=", slices.Collect(maps.Keys(offers)))...)
	switch {
	case len(mechanisms) == 0:
		v.noLogin("AUTH is not offered")
		return nil
	case v.lacks(mechanisms):
		return nil
	case !v.needsSASL() && !forPasswords(mechanisms):
		v.noLogin("only " + strings.Join(mechanisms, ", "))
		return nil
	case !slices.Contains(mechanisms, "PLAIN"):
		return nil
	}
	user, password := nobody()
	code, _, err := v.command("AUTH PLAIN %s", token(user, password))
	if err == nil && code == 235 {
		v.anyPassword(user)
	}
	return err
}

// token is that of SASL PLAIN (RFC 4616).
func token(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
}
