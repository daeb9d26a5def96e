package configs

import (
	"fmt"
	"slices"
	"strings"
)

// Describe describes a checked configuration in sentences: the listeners, in
// groups that differ in their addresses only; the TLS policies that they use;
// then the settings for all.
func Describe(c *Config) string {
	var b strings.Builder
	c.describeListeners(&b)
	c.describePolicies(&b)
	fmt.Fprintf(&b, "hostname %s, state in %s, log as %s from level %s\n", c.Hostname, c.StateDir, formatWords(c.Log), c.Log.Level)
	if c.User != "" {
		fmt.Fprintf(&b, "user: %s, if root starts the program\n", c.User)
	}
	if c.Status.Listen != "" {
		b.WriteString(c.Status.describe())
	}
	if in := c.Inventory; in.Keep {
		fmt.Fprintf(&b, "inventory: the TLS of each client, up to %d entries for %d days, in %s\n", in.Entries, int(in.Age.Hours()/24), c.InventoryFile())
	}
	if c.TicketSecret != "" {
		fmt.Fprintf(&b, "session tickets: keys derived from %s and the time\n", c.TicketSecret)
	}
	describeCluster(&b, c)
	fmt.Fprintf(&b, "limits: %s\n", limitWords(c))
	if all := c.Served(); len(all) > 0 && all[0].SelfSigned() {
		b.WriteString("certificate: self-signed, created at the first start\n")
	}
	for _, cert := range c.Certificates {
		fmt.Fprintf(&b, "certificate: %s with key %s\n", cert.Cert, cert.Key)
	}
	describeACME(&b, c)
	return b.String()
}

// formatWords describes the header of log lines, for a format that may have
// one.
func formatWords(l Log) string {
	switch {
	case l.Format != "postfix" || l.Header == "always":
		return l.Format
	case l.Header == "never":
		return "postfix without header"
	}
	return "postfix, without header under systemd's journal,"
}

// limitWords describes the limits that honest clients may reach.
func limitWords(c *Config) string {
	l := c.Limits
	text := fmt.Sprintf("%d sessions, %d for each address, %d for each network, %d without a login",
		l.Connections, l.ConnectionsPerClient, l.ConnectionsPerNetwork, l.Unauthenticated)
	failures := func(n int, whose string) {
		if n > 0 {
			text += fmt.Sprintf("; %d failed logins for each %s in %s", n, whose, short(c.Timeouts.LoginForget))
		}
	}
	failures(l.LoginFailuresPerClient, "address")
	failures(l.LoginFailuresPerUser, "user")
	return text
}

// describe describes the settings in force, including defaults: settings that
// are not in the file surprise later.
func (c *Config) describe(l Listener, add func(what, text string)) {
	p, err := c.PolicyOf(l)
	if err != nil {
		add("policy", err.Error())
		return
	}
	add("policy", p.Name)
	c.describeTLS(l, add)
	if l.Service == SMTP {
		add("plaintext", plaintextWords(l))
	}
	add("login", loginWords(l, p))
	if l.Service == SMTP {
		add("greeting", greetingWords(l))
		add("recipients", recipientWords(l))
	}
	if l.Service.Protocol() == "smtp" {
		add("mail", mailWords(l))
	}
	if len(l.ProxyFrom) > 0 {
		add("PROXY from", joined(l.ProxyFrom)+", load balancers whose headers name the client")
	}
	add("handover", handoverWords(l))
	if l.Routes != "" {
		add("routes", l.Routes+", and this backend for users that it does not list")
	}
	if k, ok := c.LookupOf(l); ok {
		add("lookup", lookupWords(k))
	}
	if words := loginMethodWords[l.LoginMethod()]; words != "" {
		add("backend login", words)
	}
	if backend, named := c.backendNamed(l.Backend); named {
		add("backend", backendWords(backend))
		add("backend TLS", backendTLSWords(backend))
	}
}

// greetingWords describes what happens to clients that do not wait for the
// greeting.
func greetingWords(l Listener) string {
	if l.GreetPause() == 0 {
		return "at once"
	}
	return fmt.Sprintf("after %s, and clients that send before it are refused", short(l.GreetPause()))
}

// recipientWords describes what prevents relaying.
func recipientWords(l Listener) string {
	switch {
	case l.AllowOpenRelay:
		return "all that the backend accepts"
	case !l.KnowsRecipients():
		return "all that the backend accepts from the client's address"
	case l.RecipientsFile != "":
		return strings.Join(append(slices.Clone(l.Recipients), "those in "+l.RecipientsFile), ", ")
	default:
		return strings.Join(l.Recipients, ", ")
	}
}

func mailWords(l Listener) string {
	text := "no Received header is added"
	if l.ReceivedOn() {
		text = "a Received header is added"
	}
	if l.ReceivedOn() && l.HideClient {
		text += " that hides the client"
	}
	if l.BareNewline == "reject" {
		text += ", bare newlines are refused"
	} else {
		text += ", bare newlines become CRLF"
	}
	if l.VRFYDisabled() {
		text += ", VRFY and EXPN are refused"
	}
	return text
}

func handoverWords(l Listener) string {
	switch {
	case l.Handover == "" || l.Handover == "none":
		return "none, the backend sees the proxy's address"
	case judgedByClient(l.Handover):
		return l.Handover + ", the backend treats the client's address as that of the connection"
	default:
		return l.Handover + ", for the backend's log alone: its rules apply to the proxy's address"
	}
}

// loginMethodWords describe a login method that differs from the client's own.
var loginMethodWords = map[string]string{
	"":         "by the client's own mechanism alone",
	"PLAIN":    "by PLAIN, from a name and a password",
	"LOGIN":    "by LOGIN, from a name and a password",
	"CRAM-MD5": "by CRAM-MD5, from a name and a password",
	"USER":     "by the protocol's own command, from a name and a password",
}

// backendWords describes how the server for a session is chosen.
func backendWords(b Backend) string {
	rule := "the server with the fewest sessions"
	if b.ByClient() {
		rule = "the same server for the same client"
	}
	if len(b.Addresses) < 2 {
		return b.Name + ", one server"
	}
	return fmt.Sprintf("%s, %s, each checked every %s", b.Name, rule, short(b.HealthInterval()))
}

// backendTLSWords describes the protection of the connection to the backend.
func backendTLSWords(b Backend) string {
	if !b.Encrypted() {
		return "plaintext"
	}
	text := "TLS from the first byte"
	if b.StartTLS() {
		text = "STARTTLS required"
	}
	text += fmt.Sprintf(", %s or later", b.floor())
	switch {
	case !b.Verified():
		return text + ", with any certificate, not verified"
	case b.CA != "":
		text += ", verified by " + b.CA
	case len(b.Pin) == 0:
		text += ", verified by the system's authorities"
	}
	if len(b.Pin) > 0 {
		text += fmt.Sprintf(", with one of %d pinned keys", len(b.Pin))
	}
	return text
}

func joined[T fmt.Stringer](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}
