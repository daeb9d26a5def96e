package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/app"
	"github.com/letterlock/letterlock/internal/probe"
	"github.com/letterlock/letterlock/internal/survey"
	"github.com/letterlock/letterlock/internal/yamltext"
	"github.com/letterlock/letterlock/tlspolicy"
)

// draft is a configuration that init writes, with its reasons as comments.
type draft struct {
	call      *initCall
	seen      []survey.Seen
	probed    []app.Probed
	listeners int

	strings.Builder
}

func (d *draft) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *draft) comment(indent, format string, args ...any) {
	fmt.Fprint(d, yamltext.Comment(indent, fmt.Sprintf(format, args...)))
}

// text writes the configuration.
func (d *draft) text() string {
	d.Reset()
	d.listeners = 0
	d.comment("", "Written by letterlock init for the mail server %s.", d.call.backend)
	d.comment("", "letterlock config reference prints all keys; letterlock config check --probe FILE checks this file.")
	for _, s := range d.seen {
		if s.Err != nil {
			d.comment("", "Not offered: %s, which does not answer on %s: %v", s.Name, s.Address, s.Err)
		}
	}
	d.line("\nhostname: %s\n", yamltext.String(d.call.hostname))
	d.certificates()
	d.backends()
	d.line("\nlisteners:")
	for _, s := range d.seen {
		if s.Err == nil || len(d.call.services) > 0 {
			d.service(s)
		}
	}
	return d.String()
}

// certificates writes where certificates come from.
func (d *draft) certificates() {
	switch {
	case d.call.email != "":
		d.comment("", "Writing acme accepts the terms of service of Let's Encrypt. It must reach port 80 of this machine, under the hostname.")
		d.line("acme:\n  email: %s", yamltext.String(d.call.email))
	case d.call.cert.Cert != "":
		d.line("certificates:\n  - {cert: %s, key: %s}", yamltext.String(d.call.cert.Cert), yamltext.String(d.call.cert.Key))
	default:
		d.comment("", "Without certificates or acme a self-signed certificate is made and kept: mail programs warn of it.")
	}
}

// backends writes the backends that are reached by TLS.
func (d *draft) backends() {
	first := true
	for _, s := range d.seen {
		if s.TLS == "" || s.Err != nil {
			continue
		}
		if first {
			d.line("\nbackends:")
			first = false
		}
		reason := "it accepts no login in plaintext"
		if s.TLS == "tls" {
			reason = "only the port with TLS answers"
		}
		d.comment("  ", "%s: TLS to the server, as %s. It speaks %s.", s.Name, reason, s.Version)
		d.line("  - name: %s-tls\n    addresses: [%s]\n    tls: %s", s.Name, yamltext.String(s.Address), s.TLS)
		if !s.Verified {
			d.comment("    ", "This machine does not trust its certificate. Only the key that it has presented is accepted.")
			d.line("    pin: [%s]", yamltext.String(s.Pin.String()))
		}
		if s.Version < tlspolicy.VersionTLS12 {
			d.line("    min_version: %s", map[tlspolicy.Version]string{tlspolicy.VersionTLS10: "1.0", tlspolicy.VersionTLS11: "1.1"}[s.Version])
		}
	}
}

// offers lists the listeners for a service of the server.
func (d *draft) offers(s survey.Seen) (all []configs.Service) {
	for _, name := range []configs.Service{configs.Service(s.Name), configs.Service(s.Name + "s")} {
		wanted := len(d.call.services) == 0 || slices.Contains(d.call.services, string(name))
		if wanted && slices.Contains(configs.Inbound(), name) {
			all = append(all, name)
		}
	}
	return all
}

// service writes the listeners for a service of the server, below comments with
// the server's answers.
func (d *draft) service(s survey.Seen) {
	offers := d.offers(s)
	if len(offers) == 0 {
		return
	}
	d.comment("  ", "%s: %s", s.Name, answers(s))
	handover := handoverOf(s)
	if handover != "" {
		d.comment("  ", "It accepts the client's address from this machine: %s.", handover)
	} else if s.Err == nil {
		d.comment("  ", "It sees this machine's address in place of the client's, unless handover is set: docs/handover.md.")
	}
	d.findings(s, offers)
	for _, name := range offers {
		d.listeners++
		d.line("  - service: %s\n    backend: %s", name, yamltext.String(d.backendOf(s)))
		if name == configs.SMTP {
			d.line("    recipients: %s", yamltext.Strings(d.domains()))
		}
		if handover != "" {
			d.line("    handover: %s", handover)
		}
	}
}

func (d *draft) domains() []string {
	if len(d.call.domains) > 0 {
		return d.call.domains
	}
	return configs.OwnDomains(d.call.hostname)
}

// backendOf returns the name of the backend with TLS, or the address of the
// server without the service's default port.
func (d *draft) backendOf(s survey.Seen) string {
	if s.TLS != "" && s.Err == nil {
		return s.Name + "-tls"
	}
	if host, port, err := net.SplitHostPort(s.Address); err == nil && port == strconv.Itoa(configs.Service(s.Name).BackendPort()) && !strings.Contains(host, ":") {
		return host
	}
	return s.Address
}

// findings writes what the probe has found for one of the services.
func (d *draft) findings(s survey.Seen, offers []configs.Service) {
	written := map[string]bool{}
	for _, p := range d.probed {
		if !slices.Contains(offers, configs.Service(p.Service)) {
			continue
		}
		for _, f := range p.Findings {
			words := map[probe.Severity]string{probe.Danger: "DANGER: ", probe.Warning: "Warning: ", probe.Unknown: "To check: "}[f.Severity]
			if text := words + f.Text + "; " + f.Remedy; !written[text] {
				written[text] = true
				d.comment("  ", "%s", text)
			}
		}
		if p.Err != nil && s.Err == nil {
			d.comment("  ", "To check: the probe was cut short: %v", p.Err)
		}
	}
}

// answers describes the answers of a service.
func answers(s survey.Seen) string {
	if s.Err != nil {
		return fmt.Sprintf("does not answer on %s: %v", s.Address, s.Err)
	}
	text := fmt.Sprintf("%s greets with %.100q", s.Address, s.Greeting)
	switch logins := logins(s); {
	case !s.Login:
	case logins == "":
		text += ", and offers no login in plaintext"
	default:
		text += ", and offers " + logins
	}
	if s.Offered.StartTLS && s.TLS == "" {
		text += "; it has STARTTLS too, which is not needed"
	}
	return text
}

// logins lists the ways to log in.
func logins(s survey.Seen) string {
	all := slices.Clone(s.Offered.Mechanisms)
	if s.Offered.Command {
		all = append(all, map[string]string{"imap": "the command LOGIN", "pop3": "the command USER"}[s.Protocol])
	}
	return strings.Join(all, ", ")
}

// handoverOf returns the handover that the server accepts from this machine:
// servers offer XCLIENT only to addresses that they trust.
func handoverOf(s survey.Seen) string {
	switch {
	case s.Err != nil:
		return ""
	case s.Protocol == "pop3" && strings.Contains(s.Greeting, "[XCLIENT]"):
		return "pop3-xclient"
	case s.Protocol == "smtp" && slices.Contains(s.Offered.Words["XCLIENT"], "ADDR"), s.Protocol == "sieve" && s.Offered.Has("XCLIENT"):
		return "xclient"
	}
	return ""
}
