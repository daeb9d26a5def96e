package configs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Warning is a setting that is allowed but may be a mistake. Its fields are
// those of an Error.
type Warning Error

// Place returns the position of the warning, like Error.Place.
func (w Warning) Place() string { return (*Error)(&w).Place() }

// String returns the position, the key and the problem, then the remedy on a
// separate line.
func (w Warning) String() string {
	var parts []string
	for _, part := range []string{w.Place(), w.Key, w.Problem} {
		if part != "" && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	text := strings.Join(parts, ": ")
	if w.Remedy != "" {
		text += "\n  " + w.Remedy
	}
	return text
}

// Warnings lists what the administrator should know before the configuration is
// used. The configuration must have been checked.
func Warnings(c *Config) []Warning {
	var all []Warning
	advise := func(key, remedy, text string) { all = append(all, Warning(*c.Wrong(key, text, remedy))) }
	warn := func(key, format string, args ...any) { advise(key, "", fmt.Sprintf(format, args...)) }
	if !strings.Contains(c.Hostname, ".") {
		warn("hostname", "%s has no domain; other servers may treat the proxy as a home computer", c.Hostname)
	}
	if all := c.Served(); len(all) > 0 && all[0].SelfSigned() {
		advise("certificates", c.origin.either("write certificates: or acme:", "set LETTERLOCK_CERT and LETTERLOCK_KEY, or give --acme-hosts"), "no certificates are configured; a self-signed one is used: other mail servers accept it, mail programs warn or refuse it")
	}
	warnMTASTS(c, warn)
	warnAutoconfig(c, warn)
	if c.Timeouts.Idle < 30*time.Minute {
		warn("timeouts.idle", "%s is shorter than the 30m that IMAP clients may count on (RFC 9051 §5.4)", short(c.Timeouts.Idle))
	}
	for i, b := range c.Backends {
		warnBackend(b, func(name, text string) { warn(fmt.Sprintf("backends[%d].%s", i, name), "%s", text) })
	}
	for i, l := range c.Listeners {
		c.warnHostName(i, l, advise)
		c.warnListener(l, func(name, text string) { warn(fmt.Sprintf("listeners[%d].%s", i, name), "%s", text) })
	}
	c.warnDevices(time.Now(), warn)
	c.warnStateDir(advise)
	c.warnModes(advise)
	return all
}

// warnListener looks at one listener.
func (c *Config) warnListener(l Listener, warn func(key, text string)) {
	if p, err := c.PolicyOf(l); err == nil {
		warnPolicy(l, p, func(text string) { warn("policy", text) })
	}
	warnSMTP(l, warn)
	warnClients(l, warn)
	for i, exception := range l.Exceptions {
		c.warnException(l, exception, time.Now(), func(name, text string) { warn(fmt.Sprintf("exceptions[%d].%s", i, name), text) })
	}
}

// warnMTASTS warns of settings that keep mail from senders that follow the
// policy.
func warnMTASTS(c *Config, warn func(key, format string, args ...any)) {
	m := c.MTASTS
	if m == nil {
		return
	}
	if m.Mode == "enforce" && m.MaxAge < 24*time.Hour {
		warn("mta_sts.max_age", "%s is short: senders that cannot fetch the policy for that long no longer require TLS (RFC 8461 §3.2 expects weeks)", short(m.MaxAge))
	}
	for _, mx := range m.MX {
		if m.Mode != "none" && !c.fromFiles(SMTP) && !certified(c.MailHosts(), mx) && !strings.HasPrefix(mx, "*.") {
			warn("mta_sts.mx", "no certificate is for %s, and senders that enforce the policy refuse any other: add it to acme.hosts", mx)
		}
	}
}

// fromFiles reports whether a service has certificates from files, whose names
// are unknown here.
func (c *Config) fromFiles(s Service) bool {
	return len(c.Certificates) > 0 || slices.ContainsFunc(c.Listeners, func(l Listener) bool { return l.Service == s && len(l.Certificates) > 0 })
}

// warnBackend warns of TLS that protects less than it may seem to.
func warnBackend(b Backend, warn func(key, text string)) {
	if b.Encrypted() && !b.Verified() {
		warn("verify", "an attacker between the proxy and "+b.Name+" can read passwords and mail: pin its key instead")
	}
	if b.Encrypted() && b.floor() < tlspolicy.VersionTLS12 {
		warn("min_version", fmt.Sprintf("%s to the backend %s is weak: raise min_version once the backend supports more", b.floor(), b.Name))
	}
}

// warnPolicy compares what a policy permits with what that is useful for.
func warnPolicy(l Listener, p tlspolicy.Policy, warn func(string)) {
	switch {
	case l.Service == SMTP && tighterThanOpportunistic(p):
		warn(p.Name + " is stricter than opportunistic: servers that do not support it send their mail in plaintext instead")
	case l.Service != SMTP && p.Min < tlspolicy.VersionTLS12:
		warn(fmt.Sprintf("%s accepts %s, but no login is accepted below TLSv1.2: such clients fail after the handshake", p.Name, p.Min))
	}
}

// tighterThanOpportunistic reports whether some server that can use TLS with
// opportunistic cannot do so with p.
func tighterThanOpportunistic(p tlspolicy.Policy) bool {
	wide, err := tlspolicy.Named("opportunistic")
	if err != nil {
		return false
	}
	absent := func(s tlspolicy.Suite) bool { return !slices.Contains(p.Suites, s) }
	return p.Min > wide.Min || slices.ContainsFunc(wide.Suites, absent)
}

// warnSMTP warns of settings that are legal and seldom intended.
func warnSMTP(l Listener, warn func(key, text string)) {
	if l.RequireTLS.All {
		warn("require_tls", "a server that receives mail from the public must not require TLS (RFC 3207 §4): mail from servers without TLS is lost")
	}
	if l.AllowOpenRelay {
		warn("allow_open_relay", "the backend decides about relaying, and it sees the proxy's address in place of the client's")
	}
	if len(l.Recipients) > 0 && !slices.ContainsFunc(l.Recipients, func(r string) bool { return strings.Contains(r, ".") }) {
		warn("recipients", "mail is accepted only for "+strings.Join(l.Recipients, ", ")+", which is not a domain of the Internet: name your own (--recipients)")
	}
	if l.Service.Protocol() == "smtp" && !l.ReceivedOn() {
		warn("received", "without the header the mail does not show its origin, and loops are found later (RFC 5321 §4.4, §6.3)")
	}
}
