package probe

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/gate"
)

// The questions, as findings and errors name them.
const (
	aboutHandover = "whether it takes the client's address"
	aboutRelaying = "whether it relays"
	aboutRoutes   = "whether it relays by addresses with a route in them"
	aboutLogin    = "whether it accepts any password"
)

func (v *visit) find(s Severity, remedy, format string, args ...any) {
	v.findings = append(v.findings, Finding{s, fmt.Sprintf(format, args...), remedy})
}

// unknown finds that the question that is being asked is left open.
func (v *visit) unknown(remedy, format string, args ...any) {
	v.find(Unknown, remedy, "%s is not known: "+format, append([]any{v.question}, args...)...)
}

// later is the remedy where the backend may decide at another time.
const later = "ask again with `letterlock config check --probe` when the backend's log shows why"

// answered says how a backend has answered a command; the words are bounded
// and printable.
func answered(command, reply string) string {
	reply = reply[:min(len(reply), 200)]
	return fmt.Sprintf("%s is answered with %q", command, reply)
}

// nobody is a user and a password that no server knows.
func nobody() (user, password string) {
	return "letterlock-probe-" + rand.Text()[:8], rand.Text()
}

func (v *visit) anyPassword(user string) {
	v.find(Danger, "see how the backend checks passwords; it may trust whoever comes from the proxy's address",
		"it takes any password: %s has logged in with one made up just now", user)
}

func (v *visit) noLogin(saw string) {
	if v.Login {
		v.find(Warning, plaintextLogins[v.Protocol], "it takes no login from the proxy, which speaks plaintext to it (%s)", saw)
	}
}

// untriedPassword finds that no password could be tried, where clients log in
// with one.
func (v *visit) untriedPassword(mechanisms []string) {
	if v.Login {
		v.unknown("see in the backend's log that a wrong password is refused", "the probe knows none of its mechanisms (%s)", strings.Join(mechanisms, ", "))
	}
}

// lacks reports whether we log in by a SASL mechanism that is none of those, and
// says so.
func (v *visit) lacks(mechanisms []string) bool {
	lacking := v.Login && v.needsSASL() && !slices.Contains(mechanisms, string(v.Means))
	if lacking {
		v.find(Warning, gate.BackendLogin.Remedy(), "it does not offer the login that backend_login names (%s), so every login will fail", v.Means)
	}
	return lacking
}

// forPasswords reports whether mechanisms are there that clients of today have
// for passwords. Few know the others that servers offer on a plaintext
// connection.
func forPasswords(mechanisms []string) bool {
	return slices.ContainsFunc(mechanisms, func(m string) bool {
		return m == "PLAIN" || m == "LOGIN" || strings.HasPrefix(m, "SCRAM-")
	})
}

func (v *visit) needsSASL() bool {
	return v.Means != gate.Same && v.Means != gate.Auto && v.Means != gate.ByCommand
}

// decides tells what backend_login: auto makes of a backend whose own command for
// logins is named, where that is not plain from what it offers. It reports whether
// every login goes by SASL.
func (v *visit) decides(o gate.Offers, command string) (bySASL bool) {
	if !v.Login || v.Means != gate.Auto {
		return false
	}
	const remedy = "nothing has to be done; backend_login: same leaves all as the backend offers it"
	carrier, ok := o.Carrier()
	switch {
	case o.Adds():
		v.find(Note, remedy, "it lists no SASL mechanism for passwords, but takes %[1]s: clients are offered PLAIN as well, and are logged in by %[1]s (backend_login: auto)", command)
	case !o.Command && ok:
		v.find(Note, remedy, "it does not take %s, but %[2]s: clients are logged in by %[2]s (backend_login: auto)", command, carrier)
		return true
	}
	return false
}

func (v *visit) noHandover(saw string) {
	v.find(Warning, v.Spoken.Remedy(), "it does not take the client's address as configured (%s), so every session will fail", saw)
}

// withPrefix lists the rest of those words that have a prefix.
func withPrefix(prefix string, words []string) (rest []string) {
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, prefix); ok {
			rest = append(rest, name)
		}
	}
	return rest
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
