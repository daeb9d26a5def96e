package probe

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// The questions of a probe, as findings and errors name them.
const (
	aboutHandover = "whether it takes the client's address"
	aboutRelaying = "whether it relays"
	aboutRoutes   = "whether it relays to addresses with a route in them"
	aboutLogin    = "whether it accepts any password"
)

// find adds a finding.
func (p *prober) find(s Severity, remedy, format string, args ...any) {
	p.findings = append(p.findings, Finding{s, fmt.Sprintf(format, args...), remedy})
}

// unknown adds the finding that the backend leaves the current question open.
func (p *prober) unknown(remedy, format string, args ...any) {
	p.find(Unknown, remedy, "%s is not known: "+format, append([]any{p.question}, args...)...)
}

// later is the remedy for a backend that may answer differently later.
const later = "ask again with `letterlock config check --probe` when the backend's log shows why"

// answered describes the reply to a command, in a bounded number of printable
// characters.
func answered(command, reply string) string {
	reply = reply[:min(len(reply), 200)]
	return fmt.Sprintf("%s is answered with %q", command, reply)
}

// nobody returns a made-up user and password.
func nobody() (user, password string) {
	return "letterlock-probe-" + rand.Text()[:8], rand.Text()
}

// anyPassword adds the finding that the backend accepts any password.
func (p *prober) anyPassword(user string) {
	p.find(Danger, "see how the backend checks passwords; it may trust every client at the proxy's address",
		"it accepts any password: the made-up user %s has logged in with a random one", user)
}

// noLogin adds the finding that the backend accepts no login in plaintext.
func (p *prober) noLogin(saw string) {
	if p.Login {
		p.find(Warning, plaintextLogins[p.Protocol], "it accepts no login from the proxy, which speaks plaintext to it (%s)", saw)
	}
}

// untriedPassword adds the finding that no password could be tried, if clients
// log in with one.
func (p *prober) untriedPassword(mechanisms []string) {
	if p.Login {
		p.unknown("check in the backend's log that a wrong password is refused", "the probe implements none of its mechanisms (%s)", strings.Join(mechanisms, ", "))
	}
}

// lacks reports whether the SASL mechanism of backend_login is missing among
// those that the backend offers, and adds the finding.
func (p *prober) lacks(mechanisms []string) bool {
	lacking := p.Login && p.needsSASL() && !slices.Contains(mechanisms, string(p.Method))
	if lacking {
		p.find(Warning, gate.BackendLogin.Remedy(), "it does not offer the login that backend_login names (%s), so every login will fail", p.Method)
	}
	return lacking
}

// forPasswords reports whether there is a password mechanism that today's
// clients implement. Few of them implement the others that servers offer on a
// plaintext connection.
func forPasswords(mechanisms []string) bool {
	return slices.ContainsFunc(mechanisms, func(m string) bool {
		return m == "PLAIN" || m == "LOGIN" || strings.HasPrefix(m, "SCRAM-")
	})
}

// needsSASL reports whether backend_login names a SASL mechanism.
func (p *prober) needsSASL() bool {
	return p.Method != gate.Same && p.Method != gate.Auto && p.Method != gate.ByCommand
}

// decides adds a finding about how backend_login: auto logs clients in, if that
// does not follow from what the backend offers. The command is the protocol's
// own for logins. decides reports whether every login uses SASL.
func (p *prober) decides(o gate.Offers, command string) (bySASL bool) {
	if !p.Login || p.Method != gate.Auto {
		return false
	}
	const remedy = "nothing has to be done; backend_login: same leaves all as the backend offers it"
	carrier, ok := o.Carrier()
	switch {
	case o.Adds():
		p.find(Note, remedy, "it lists no SASL mechanism for passwords, but accepts %[1]s: clients are offered PLAIN as well, and are logged in by %[1]s (backend_login: auto)", command)
	case !o.Command && ok:
		p.find(Note, remedy, "it does not accept %s, but %[2]s: clients are logged in by %[2]s (backend_login: auto)", command, carrier)
		return true
	}
	return false
}

// noHandover adds the finding that the backend does not accept the handover.
func (p *prober) noHandover(saw string) {
	p.find(Warning, p.Handover.Remedy(), "it does not accept the client's address as configured (%s), so every session will fail", saw)
}

// dovecotLogins are Dovecot's settings for plaintext logins.
const dovecotLogins = "Dovecot disable_plaintext_auth = no (2.4: auth_allow_cleartext = yes) and ssl not required, or login_trusted_networks, or handover: proxy-v2, which says that the client has TLS"

// plaintextLogins are the settings that allow plaintext logins.
var plaintextLogins = map[string]string{
	"smtp":  "allow plaintext logins from the proxy's address: Postfix smtpd_sasl_auth_enable = yes and smtpd_tls_auth_only = no; Exim auth_advertise_hosts; Sendmail without p in AuthOptions; Dovecot disable_plaintext_auth = no (2.4: auth_allow_cleartext = yes)",
	"imap":  "allow plaintext logins from the proxy's address: " + dovecotLogins + "; Cyrus allowplaintext: yes; Courier IMAP_TLS_REQUIRED=0",
	"pop3":  "allow plaintext logins from the proxy's address: " + dovecotLogins + "; Cyrus allowplaintext: yes; Courier POP3_TLS_REQUIRED=0",
	"sieve": "allow plaintext logins from the proxy's address: " + dovecotLogins + "; Cyrus allowplaintext: yes",
}
