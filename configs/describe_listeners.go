package configs

import (
	"fmt"
	"slices"
	"strings"
)

// fact is a line of the description of a listener.
type fact struct{ what, text string }

// describedGroup is a group of listeners with the same facts.
type describedGroup struct {
	heads []string
	facts []fact
}

// describeListeners describes listeners with the same facts once.
func (c *Config) describeListeners(b *strings.Builder) {
	var groups []describedGroup
	for _, l := range c.Listeners {
		var facts []fact
		add := func(what, text string) { facts = append(facts, fact{what, text}) }
		if l.Service.Outbound() {
			c.describeSmarthost(l, add)
		} else {
			c.describe(l, add)
		}
		i := slices.IndexFunc(groups, func(g describedGroup) bool { return slices.Equal(g.facts, facts) })
		if i < 0 {
			i = len(groups)
			groups = append(groups, describedGroup{facts: facts})
		}
		groups[i].heads = append(groups[i].heads, c.head(l))
	}
	for _, g := range groups {
		for _, head := range g.heads {
			fmt.Fprintln(b, head)
		}
		writeFacts(b, g.facts)
		fmt.Fprintln(b)
	}
}

func writeFacts(b *strings.Builder, facts []fact) {
	for _, f := range facts {
		fmt.Fprintf(b, "  %-11s %s\n", f.what+":", f.text)
	}
}

// head returns the line about a listener that is not shared: its address, its
// backend, and when TLS begins.
func (c *Config) head(l Listener) string {
	text := fmt.Sprintf("listener %s on %s → ", l.Service, l.Listen)
	if l.Service.Outbound() {
		text += "the servers of the recipients"
		if l.OffersTLS() {
			text += ", TLS " + startWords(l)
		}
		return text
	}
	return text + strings.Join(c.BackendOf(l).Addresses, ", ") + ", TLS " + startWords(l)
}

// startWords describes when TLS begins, and which commands are accepted before.
func startWords(l Listener) string {
	command := "STARTTLS"
	if l.Service.Protocol() == "pop3" {
		command = "STLS"
	}
	switch {
	case l.Service.Implicit():
		return "from the first byte"
	case l.Service == SMTP, l.Service.Outbound():
		return "after " + command
	}
	return "after " + command + ", which is required"
}

// describePolicies describes what each policy in use allows.
func (c *Config) describePolicies(b *strings.Builder) {
	var names []string
	use := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, l := range c.Listeners {
		if l.OffersTLS() {
			use(l.PolicyName())
		}
		for _, exception := range l.Exceptions {
			use(exception.Policy)
		}
	}
	for _, name := range names {
		p, err := c.NamedPolicy(name)
		if err != nil {
			continue // the description of a listener with that policy has it
		}
		fmt.Fprintf(b, "policy %s: %s\n", p.Name, p.About)
		writeFacts(b, []fact{{"versions", versionWords(p)}, {"suites", suiteWords(p)}, {"groups", joined(p.Groups)}})
		fmt.Fprintln(b)
	}
}
