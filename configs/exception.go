package configs

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Exception gives some client networks another TLS policy for a limited time:
// for example, scanners that cannot be updated may use TLS 1.0 until they are
// replaced.
type Exception struct {
	// The networks that the exception is for.
	Networks []Network `yaml:"networks" required:"true" min:"1" example:"[10.1.0.0/16, '2001:db8::/32']"`

	// A built-in TLS policy or one of policies.
	Policy string `yaml:"policy" required:"true" suggest:"{policies}" example:"opportunistic"`

	// Its last day, in UTC.
	Until Date `yaml:"until" required:"true" example:"2027-03-31"`

	// Allow a login over any TLS that this policy allows. Without it a login
	// needs TLS 1.2 with ECDHE and AEAD (with compat, ECDHE), and logins of old
	// clients are refused after the handshake.
	WeakLogin bool `yaml:"weak_login" default:"false"`
}

// Date is a day, written 2027-03-31.
type Date struct{ time.Time }

// UnmarshalText parses a day of the calendar.
func (d *Date) UnmarshalText(text []byte) error {
	day, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is not a day; write it as 2027-03-31", text)
	}
	d.Time = day
	return nil
}

func (d Date) String() string { return d.Format(time.DateOnly) }

// NextDay returns the moment when the day ends, in UTC.
func (d Date) NextDay() time.Time { return d.AddDate(0, 0, 1) }

// Name returns the name of the exception in the log and the metrics.
func (l Exception) Name() string {
	if len(l.Networks) == 1 {
		return l.Networks[0].String()
	}
	return fmt.Sprintf("%s and %d more", l.Networks[0], len(l.Networks)-1)
}

// Prefixes returns the exception's networks.
func (l Exception) Prefixes() []netip.Prefix {
	prefixes := make([]netip.Prefix, len(l.Networks))
	for i, n := range l.Networks {
		prefixes[i] = n.Prefix
	}
	return prefixes
}

// checkExceptions: a file with an exception that has ended is refused, because
// the exception has no effect any more. A proxy that loaded the file earlier
// stops using the exception by itself.
func checkExceptions(c *Config, m Machine, r report) {
	for i, listener := range c.Listeners {
		for j, exception := range listener.Exceptions {
			at := r.in("listeners", i).in("exceptions", j)
			checkException(c, exception, at)
			if m.Now != nil && !exception.Until.IsZero() && !m.Now().Before(exception.Until.NextDay()) {
				at.in("until").wrong("remove the exception, or move its end if it is still needed", "the exception ended with %s", exception.Until)
			}
		}
	}
}

func checkException(c *Config, exception Exception, r report) {
	if len(exception.Networks) == 0 {
		r.in("networks").wrong("write networks: [10.1.0.0/16] with those it is for", "the exception has no networks")
	}
	for i, n := range exception.Networks {
		if n.Bits() == 0 {
			r.in("networks", i).wrong("write policy: on the listener itself", "%s matches every address", n)
		}
	}
	switch {
	case exception.Policy == "":
		r.in("policy").wrong("write policy: and one of "+strings.Join(c.policyNames(), ", "), "the exception has no policy")
	default:
		r.in("policy").oneOf("TLS policy", exception.Policy, c.policyNames())
	}
	if exception.Until.IsZero() {
		r.in("until").wrong("write until: and its last day, such as 2027-03-31", "the exception has no end")
	}
}

// exceptionWords describes what an exception permits and for how long.
func (c *Config) exceptionWords(l Listener, exception Exception) string {
	p, err := c.NamedPolicy(exception.Policy)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%s until the end of %s (UTC): policy %s, %s", joined(exception.Networks), exception.Until, p.Name, versionWords(p))
	switch {
	case l.Service == SMTP && !l.Auth:
	case exception.WeakLogin:
		text += ", login after any of them"
	default:
		text += ", login " + loginWords(Listener{Service: IMAPS}, p)
	}
	return text
}

// exceptionNotice is the time before an exception's end from which on there is
// a warning.
const exceptionNotice = 30 * 24 * time.Hour

// warnException warns of exceptions that end soon, and of those whose clients
// cannot log in.
func (c *Config) warnException(l Listener, exception Exception, now time.Time, warn func(key, text string)) {
	if left := exception.Until.NextDay().Sub(now); left > 0 && left < exceptionNotice {
		warn("until", fmt.Sprintf("the exception of %s ends with %s; a configuration that still has it is refused from then on", exception.Name(), exception.Until))
	}
	p, err := c.NamedPolicy(exception.Policy)
	login := l.Service != SMTP || l.Auth
	if err == nil && login && !exception.WeakLogin && p.Min < tlspolicy.VersionTLS12 {
		warn("policy", fmt.Sprintf("%s accepts %s, but no login is accepted below TLSv1.2: such clients fail after the handshake, unless the exception has weak_login: true", p.Name, p.Min))
	}
}
