package importer

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/yamltext"
)

// YAML returns the configuration. Its comments say where each listener comes
// from, and what has changed.
func (i *Import) YAML() string {
	w := &writer{}
	w.head(i)
	w.top(i)
	policies, backends := i.named()
	w.policies(policies)
	w.backends(backends)
	w.lookups(i.lookups)
	if !strings.HasSuffix(w.String(), "\n\n") {
		w.line("")
	}
	w.line("listeners:")
	for _, s := range i.services {
		w.listener(s, i.commonCertificates() == nil)
	}
	return w.String()
}

// writer writes lines of YAML.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) {
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// comment writes a text as a comment.
func (w *writer) comment(indent, text string) { fmt.Fprint(w, yamltext.Comment(indent, text)) }

// head writes where the file comes from, and the notes that do not belong to a
// listener.
func (w *writer) head(i *Import) {
	w.comment("", "Written by letterlock import from a configuration of "+i.From.title()+".")
	w.comment("", "Check it with: letterlock config check --config FILE")
	var listed []Note
	for _, s := range i.services {
		listed = append(listed, s.notes...)
	}
	first := true
	for _, n := range i.Notes {
		if slices.Contains(listed, n) {
			continue
		}
		if first {
			w.line("#")
			first = false
		}
		w.comment("", n.String())
	}
}

// top writes the keys that hold for all listeners.
func (w *writer) top(i *Import) {
	w.line("")
	if i.hostname != "" {
		w.line("hostname: %s", yamltext.String(i.hostname))
	}
	if i.plaintextToPublic() || i.lookupsToPublic() {
		w.line("allow_public_plaintext_backend: true")
	}
	if certs := i.commonCertificates(); len(certs) > 0 {
		w.line("certificates:")
		w.certificates("  ", certs)
	}
	for _, group := range []string{"limits", "timeouts"} {
		first := true
		for _, v := range i.limits {
			key, ok := strings.CutPrefix(v.key, group+".")
			if !ok {
				continue
			}
			if first {
				w.line("%s:", group)
				first = false
			}
			w.line("  %s: %s", key, v.text)
		}
	}
}

func (w *writer) certificates(indent string, certs []certificate) {
	for _, c := range certs {
		w.line("%s- {cert: %s, key: %s}", indent, yamltext.String(c.cert), yamltext.String(c.key))
	}
}

// plaintextToPublic reports whether a backend is reached in plaintext at a public
// address.
func (i *Import) plaintextToPublic() bool {
	return slices.ContainsFunc(i.services, func(s *service) bool {
		return (s.backend.tls == "" || s.backend.unverified) && slices.ContainsFunc(s.backend.addresses, func(a string) bool {
			host, _ := hostPort(a)
			return configs.PublicHost(host)
		})
	})
}

// commonCertificates returns the certificates that all listeners have; nil if
// they differ.
func (i *Import) commonCertificates() []certificate {
	first := i.services[0].certs
	for _, s := range i.services {
		if !slices.Equal(s.certs, first) {
			return nil
		}
	}
	return append([]certificate{}, first...)
}

// named gives names to the policies and backends that need one.
func (i *Import) named() (policies []policy, backends []backend) {
	for _, s := range i.services {
		if s.policy.base != "" {
			at := slices.IndexFunc(policies, s.policy.equal)
			if at < 0 {
				s.policy.name = "imported-" + strconv.Itoa(len(policies)+1)
				policies = append(policies, s.policy)
			} else {
				s.policy.name = policies[at].name
			}
		}
		b := s.backend
		if b.tls == "" && len(b.addresses) == 1 {
			s.backendKey = b.addresses[0]
			continue
		}
		at := slices.IndexFunc(backends, b.equal)
		if at < 0 {
			b.name = freeName(b.name, backends)
			at, backends = len(backends), append(backends, b)
		}
		s.backendKey = backends[at].name
	}
	return policies, backends
}

// equal reports whether two backends are the same, whatever their names.
func (b backend) equal(o backend) bool {
	return slices.Equal(b.addresses, o.addresses) && b.tls == o.tls && b.unverified == o.unverified && b.serverName == o.serverName &&
		b.ca == o.ca && b.min == o.min && b.byClient == o.byClient
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// freeName makes a name for a backend of the one in the file.
func freeName(name string, taken []backend) string {
	name = strings.Trim(notInNames.ReplaceAllString(name, "-"), "-")
	if name == "" || name == "reject" {
		name = "backend"
	}
	free := name
	for n := 2; slices.ContainsFunc(taken, func(b backend) bool { return b.name == free }); n++ {
		free = name + "-" + strconv.Itoa(n)
	}
	return free
}

func (w *writer) policies(all []policy) {
	if len(all) > 0 {
		w.line("policies:")
	}
	for _, p := range all {
		w.line("  - name: %s", p.name)
		w.line("    base: %s", p.base)
		if p.min != 0 {
			w.line("    min_version: %s", short(p.min.String()))
		}
		if p.suites != nil {
			names := make([]string, len(p.suites))
			for i, s := range p.suites {
				names[i] = s.String()
			}
			w.line("    suites: [%s]", strings.Join(names, ", "))
		}
	}
}

// short is a version as configurations write it: 1.2.
func short(version string) string {
	if version == "TLSv1" {
		return "1.0"
	}
	return strings.TrimPrefix(version, "TLSv")
}

func (w *writer) backends(all []backend) {
	if len(all) > 0 {
		w.line("backends:")
	}
	for _, b := range all {
		w.line("  - name: %s", yamltext.String(b.name))
		w.line("    addresses: %s", yamltext.Strings(b.addresses))
		if b.byClient {
			w.line("    balance: client")
		}
		if b.tls == "" {
			continue
		}
		w.line("    tls: %s", b.tls)
		if b.unverified {
			w.line("    verify: false")
		}
		if b.serverName != "" && !b.unverified {
			w.line("    server_name: %s", yamltext.String(b.serverName))
		}
		if b.ca != "" && !b.unverified {
			w.line("    ca: %s", yamltext.String(b.ca))
		}
		if b.min != 0 {
			w.line("    min_version: %s", short(b.min.String()))
		}
	}
}

// listener writes a listener below its notes.
func (w *writer) listener(s *service, ownCertificates bool) {
	w.comment("  ", fmt.Sprintf("%s:%d: %s", s.at.file, s.at.line, s.at))
	for _, n := range s.notes {
		w.comment("  ", n.String())
	}
	w.line("  - service: %s", s.name)
	if s.listen != net.JoinHostPort("", strconv.Itoa(s.name.Port())) {
		w.line("    listen: %s", yamltext.String(s.listen))
	}
	w.line("    backend: %s", yamltext.String(s.backendKey))
	if s.policy.name != s.name.DefaultPolicy() {
		w.line("    policy: %s", s.policy.name)
	}
	if ownCertificates && len(s.certs) > 0 {
		w.line("    certificates:")
		w.certificates("      ", s.certs)
	}
	if len(s.recipients) > 0 {
		w.line("    recipients: %s", yamltext.Strings(s.recipients))
	}
	for _, v := range s.extra {
		w.line("    %s: %s", v.key, v.text)
	}
}
