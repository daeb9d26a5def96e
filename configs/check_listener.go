package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// checkListen permits addresses only. A name may resolve to several addresses,
// or to another one later, and the port would be open on an unexpected address.
func checkListen(_ *Config, l Listener, r report) {
	if _, err := parseListen(l.Listen); err != nil {
		port := l.Service.Port()
		r.in("listen").wrong(
			fmt.Sprintf(`write ":%d" for every address, or one such as "192.0.2.1:%d" or "[2001:db8::1]:%d"`, port, port, port),
			"%q %v", l.Listen, err)
	}
}

// checkPolicyName checks the policy in force, which is the service's default if
// the key is absent.
func checkPolicyName(c *Config, l Listener, r report) {
	if !l.OffersTLS() {
		return
	}
	r.in("policy").oneOf("TLS policy", l.PolicyName(), c.policyNames())
}

// checkBanner checks that the greeting fits on its line (RFC 5321 §4.2), and
// that on POP3 it does not look like an offer of APOP (RFC 1939 §7).
func checkBanner(_ *Config, l Listener, r report) {
	const longest = 200
	printable := func(c rune) bool { return c >= ' ' && c <= '~' }
	switch at := r.in("banner"); {
	case len(l.Banner) > longest:
		at.wrong(fmt.Sprintf("write at most %d", longest), "the banner has %d characters", len(l.Banner))
	case strings.ContainsFunc(l.Banner, func(c rune) bool { return !printable(c) }):
		at.wrong("write one line of printable ASCII", "the banner has characters that no greeting may have")
	case l.Service.Protocol() == "pop3" && strings.ContainsAny(l.Banner, "<>"):
		at.wrong("leave < and > out", "in a POP3 greeting, <…> would offer APOP")
	}
}

// checkBelongs reports keys that have no meaning on the service, whatever their
// value.
func checkBelongs(_ *Config, l Listener, r report) {
	for _, k := range keysOfStruct(reflect.TypeFor[Listener](), "") {
		at := r.in(k.Path)
		if k.Services == nil || slices.Contains(k.Services, l.Service) || !at.given() {
			continue
		}
		remedy := fmt.Sprintf("remove it: it belongs to %s", list(k.Services))
		if k.Path == "auth" {
			remedy = fmt.Sprintf("remove it: %s always offers a login, once TLS is on", l.Service)
		}
		at.misplaced(remedy, "%s means nothing on %s", k.Path, l.Service)
	}
}

// checkHandover: an impossible handover is an error, because the backend would
// treat every client as the proxy.
func checkHandover(_ *Config, l Listener, r report) {
	at := r.in("handover")
	i := slices.IndexFunc(handovers, func(h handoverFacts) bool { return h.name == l.Handover })
	if i < 0 {
		return
	}
	switch h := handovers[i]; {
	case h.services != nil && !slices.Contains(h.services, l.Service):
		at.wrong(suggest("", handoversOf(l.Service)), "handover %s does not exist on %s", h.name, l.Service)
	case h.name == "tproxy" && isSocket(l.Backend):
		at.wrong("name the backend by its address, or choose another handover", "handover tproxy needs a backend that is reached by TCP")
	}
}

// handoversOf returns the handovers that a service supports.
func handoversOf(s Service) []string {
	var names []string
	for _, h := range handovers {
		if h.services == nil || slices.Contains(h.services, s) {
			names = append(names, h.name)
		}
	}
	return names
}

// checkProxyFrom refuses a network of all addresses: any client could forge its
// address with a PROXY header.
func checkProxyFrom(_ *Config, l Listener, r report) {
	for i, network := range l.ProxyFrom {
		if network.IsValid() && network.Bits() == 0 {
			r.in("proxy_from", i).wrong("name the load balancers' own addresses", "%s matches every address: any client could forge its address with a PROXY header", network)
		}
	}
}

// checkMechanisms checks the form of SASL names (RFC 4422 §3.1).
func checkMechanisms(_ *Config, l Listener, r report) {
	odd := func(c rune) bool { return c != '-' && c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') }
	check := func(key string, mechanisms []string) {
		for i, name := range mechanisms {
			if name == "" || len(name) > 20 || strings.ContainsFunc(name, odd) {
				r.in(key, i).wrong("write a name such as CRAM-MD5 or NTLM", "%q is not a SASL mechanism", name)
			}
		}
	}
	check("hide_mechanisms", l.HideMechanisms)
	check("unnamed_mechanisms", l.UnnamedMechanisms)
	for i, name := range l.UnnamedMechanisms {
		if slices.Contains(l.HideMechanisms, name) {
			r.in("unnamed_mechanisms", i).wrong("remove it from one of the two", "%s is in hide_mechanisms too", name)
		}
	}
}

// checkOverlap reports listeners that cannot be bound at the same time.
func checkOverlap(c *Config, _ Machine, r report) {
	for i, later := range c.Listeners {
		for j, earlier := range c.Listeners[:i] {
			a, errA := parseListen(earlier.Listen)
			b, errB := parseListen(later.Listen)
			if errA != nil || errB != nil || !a.overlaps(b) {
				continue
			}
			r.in("listeners", i).in("listen").wrong(
				"give one of them another port, or each a separate address",
				"%s is taken by the %s listener on %s (%s)", later.Listen, earlier.Service, earlier.Listen, r.lineOf("listeners", j))
			break
		}
	}
}

// lineOf describes the position of another entry.
func (r report) lineOf(key string, index int) string {
	at := r.in(key, index)
	if p, ok := r.places[at.path]; ok {
		return "line " + strconv.Itoa(p.value.Line)
	}
	return at.path
}
