package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/letterlock/letterlock/internal/gate"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/observe/history"
	"github.com/letterlock/letterlock/tlspolicy"
)

// refusal describes what was refused in a session, why, and what to do about it.
func (f Facts) refusal(s session, r history.Refusal) Finding {
	text, remedy := f.words(s, r)
	return Finding{At: r.At, Session: s.id, Text: s.where + ": " + text, Remedy: remedy}
}

func (f Facts) words(s session, r history.Refusal) (text, remedy string) {
	switch r.Kind {
	case history.Handshake:
		return f.handshakeWords(s, r), f.handshakeRemedy(r, s)
	case history.BeforeTLS:
		return fmt.Sprintf("the client sent %q without TLS, which was refused", r.Class),
			"set the client to SSL/TLS, or to STARTTLS, on the port of that setting"
	case history.Login:
		return loginWords(r)
	case history.Denied:
		return fmt.Sprintf("the proxy refused the login%s: %s", ofUser(r), r.Text), deniedRemedy(r)
	case history.Address:
		return fmt.Sprintf("%s was refused with %q", r.Class, r.Text), "read the reply: recipients of the listener, or the backend's own log"
	}
	return fmt.Sprintf("a message was %s: %q", r.Class, r.Text), "see the backend's own log"
}

// ofUser names the user of a login, as far as it is known.
func ofUser(r history.Refusal) string {
	text := ""
	if r.User != "" {
		text += fmt.Sprintf(" of %q", r.User)
	}
	if r.Mechanism != "" {
		text += fmt.Sprintf(" by %q", r.Mechanism)
	}
	return text
}

func loginWords(r history.Refusal) (text, remedy string) {
	text = fmt.Sprintf("the backend refused the login%s", ofUser(r))
	switch r.Class {
	case gate.Answer{Outcome: gate.WrongPassword}.String():
		return text + fmt.Sprintf(" for a wrong password (%q)", r.Text), "correct the user name and the password in the device with the client's address"
	case gate.Answer{Outcome: gate.Unavailable}.String():
		return text + fmt.Sprintf(" because it could not check the password (%q)", r.Text), "see the backend's own log"
	}
	return text + fmt.Sprintf(" for another reason than the password (%q)", r.Text), "see the backend's own log"
}

// deniedRemedy is the remedy for a login that the proxy has refused.
func deniedRemedy(r history.Refusal) string {
	switch {
	case r.Text == gate.ErrWeakTLS.Error():
		return "update the client, or add weak_login: true to the policy exception that admits it"
	case r.Text == gate.ErrMechanism.Error():
		return "let the client log in by another mechanism; hide_mechanisms and unnamed_mechanisms of the listener decide which are offered"
	case r.Text == gate.ErrNowhere.Error():
		return "add the user to the listener's routes"
	case strings.HasPrefix(r.Text, gate.ErrByLookup.Error()):
		return "see the log of the server that lookups name for why it refuses the user"
	case strings.HasPrefix(r.Text, gate.ErrLookup.Error()):
		return "see that the server that lookups name runs, and answers with a backend in its networks"
	case strings.Contains(r.Text, "too many failed logins"):
		return "find the device with the old password, then: letterlock failures forget, with --user or --client"
	}
	return ""
}

func (f Facts) handshakeWords(s session, r history.Refusal) string {
	text := "the TLS handshake failed: " + observe.AboutFailure(r.Class)
	if r.Text != "" {
		text += fmt.Sprintf(" (%q)", r.Text)
	}
	if !observe.FailedByPolicy(r.Class) {
		return text
	}
	text += "; the client offered " + offerWords(r.Offered)
	if p, err := f.Policy(s.policy); err == nil {
		text += fmt.Sprintf("; the policy %s allows %s to %s", p.Name, p.Min, p.Max)
	}
	return text
}

// handshakeRemedies are the remedies for failures that no other policy would prevent.
var handshakeRemedies = map[string]string{
	"alpn":               "set the client to the port of its protocol: it asked for another one",
	"name":               "set the client's server name to a name of the certificate, or add the name to certificates or acme.hosts",
	"unknown-ca":         "use a certificate of an authority that the client knows (acme), or install the authority in the client",
	"certificate":        "compare the server name in the client with the names of the certificate, and the client's clock with its dates: letterlock check",
	"client-certificate": "give the client a certificate of an authority in client_ca, or set client_certificates: request",
	"not-tls":            "set the client to STARTTLS, or to the port of implicit TLS",
}

// handshakeRemedy returns the remedy for a failed handshake: the strictest policy that
// would admit the client, if there is one.
func (f Facts) handshakeRemedy(r history.Refusal, s session) string {
	if !observe.FailedByPolicy(r.Class) {
		remedy := handshakeRemedies[r.Class]
		if r.Class == "name" && r.ServerName != "" {
			remedy += fmt.Sprintf(" (it asked for %q)", r.ServerName)
		}
		return remedy
	}
	for _, name := range tlspolicy.Names() {
		p, err := tlspolicy.Named(name)
		if err != nil {
			continue
		}
		agreed, why := p.Agree(r.Offered, tlspolicy.BothKeys)
		if why != "" {
			continue
		}
		if name == s.policy {
			return "add an RSA certificate beside the ECDSA one, or the other way round: the policy admits the client, and the certificate does not"
		}
		weak := ""
		if !p.AuthAllowed(&agreed) {
			weak = ", weak_login: true"
		}
		return fmt.Sprintf("update the client; until then, on the listener: exceptions: [{networks: [%q], policy: %s, until: %s%s}]",
			s.client, name, f.Now.AddDate(0, 3, 0).Format(time.DateOnly), weak)
	}
	return "update the client: no policy admits it"
}
