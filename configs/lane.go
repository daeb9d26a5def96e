package configs

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/letterlock/letterlock/tlspolicy"
)

// Lane gives some client networks another TLS policy for a while: the scanners
// that nobody can update may use TLS 1.0 until they are replaced.
type Lane struct {
	Networks  []Network `yaml:"networks"`
	Policy    string    `yaml:"policy"`
	Until     Date      `yaml:"until"`
	WeakLogin bool      `yaml:"weak_login"` // a login passes over whatever TLS the policy allows
}

// Date is a day, written 2027-03-31.
type Date struct{ time.Time }

// UnmarshalText reads a day of the calendar.
func (d *Date) UnmarshalText(text []byte) error {
	day, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is no day; write it as 2027-03-31", text)
	}
	d.Time = day
	return nil
}

func (d Date) String() string { return d.Format(time.DateOnly) }

// End is the moment when the day is over, by UTC.
func (d Date) End() time.Time { return d.AddDate(0, 0, 1) }

// Name tells lanes apart in log and metrics.
func (l Lane) Name() string {
	if len(l.Networks) == 1 {
		return l.Networks[0].String()
	}
	return fmt.Sprintf("%s and %d more", l.Networks[0], len(l.Networks)-1)
}

// Prefixes are the lane's networks.
func (l Lane) Prefixes() []netip.Prefix {
	prefixes := make([]netip.Prefix, len(l.Networks))
	for i, n := range l.Networks {
		prefixes[i] = n.Prefix
	}
	return prefixes
}

// checkLanes: a lane that has ended is refused, lest the file say what is not
// so; the proxy that has loaded it before closes it by itself.
func checkLanes(c *Config, m Machine, r report) {
	for i, listener := range c.Listeners {
		for j, lane := range listener.Lanes {
			at := r.in("listeners", i).in("lanes", j)
			checkLane(c, lane, at)
			if m.Now != nil && !lane.Until.IsZero() && !m.Now().Before(lane.Until.End()) {
				at.in("until").wrong("remove the lane, or move its end if it is still needed", "the lane has ended with %s", lane.Until)
			}
		}
	}
}

func checkLane(c *Config, lane Lane, r report) {
	if len(lane.Networks) == 0 {
		r.in("networks").wrong("write networks: [10.1.0.0/16] with those it is for", "the lane has no networks")
	}
	for i, n := range lane.Networks {
		if n.Bits() == 0 {
			r.in("networks", i).wrong("write policy: on the listener itself", "%s is everybody", n)
		}
	}
	switch {
	case lane.Policy == "":
		r.in("policy").wrong("write policy: and one of "+strings.Join(c.policyNames(), ", "), "the lane has no policy")
	default:
		r.in("policy").oneOf("TLS policy", lane.Policy, c.policyNames())
	}
	if lane.Until.IsZero() {
		r.in("until").wrong("write until: and its last day, such as 2027-03-31", "the lane has no end")
	}
}

// laneWords tell what a lane gives and for how long.
func (c *Config) laneWords(l Listener, lane Lane) string {
	p, err := c.NamedPolicy(lane.Policy)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%s until the end of %s (UTC): policy %s, %s", joined(lane.Networks), lane.Until, p.Name, versionWords(p))
	switch {
	case l.Service == SMTP && !l.Auth:
	case lane.WeakLogin:
		text += ", login after any of them"
	default:
		text += ", login " + loginWords(Listener{Service: IMAPS}, p)
	}
	return text
}

// laneNotice is how long before its end a lane is warned of.
const laneNotice = 30 * 24 * time.Hour

// warnLane finds lanes that end soon, and those that let clients in for
// nothing.
func (c *Config) warnLane(l Listener, lane Lane, now time.Time, warn func(key, text string)) {
	if left := lane.Until.End().Sub(now); left > 0 && left < laneNotice {
		warn("until", fmt.Sprintf("the lane of %s ends with %s; a configuration that still has it then is refused", lane.Name(), lane.Until))
	}
	p, err := c.NamedPolicy(lane.Policy)
	login := l.Service != SMTP || l.Auth
	if err == nil && login && !lane.WeakLogin && p.Min < tlspolicy.VersionTLS12 {
		warn("policy", fmt.Sprintf("%s lets %s in, but no login passes below TLSv1.2: such clients will fail after the handshake, unless the lane has weak_login: true", p.Name, p.Min))
	}
}
