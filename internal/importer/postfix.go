package importer

import (
	"net/netip"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/yamltext"
)

const reasonMTA = "it stays in Postfix, behind Letterlock"

// postfixReasons say why parameters of Postfix are not carried over.
var postfixReasons = map[string]string{
	"smtpd_tls_dh*": reasonDH, "smtpd_tls_eecdh_grade": reasonGroups, "tls_eecdh_*": reasonGroups, "tls_preempt_cipherlist": reasonPreference, "tls_ssl_options": "Letterlock sets such options itself",
	"smtpd_tls_session_cache_*": reasonCache, "smtpd_tls_loglevel": reasonLog, "smtpd_tls_received_header": "the Received header always has the TLS of the session (received)",
	"smtpd_tls_ccert_verifydepth": "the depth of chains is not limited", "smtpd_tls_capath": "a folder of authorities is not read: write client_ca with one PEM file", "tls_random_*": "the system's random numbers are used",
	"smtpd_tls_cafile": "no client is asked for a certificate; the chain of the own one belongs into its file", "smtpd_use_tls": "smtpd_tls_security_level replaces it", "smtpd_enforce_tls": "smtpd_tls_security_level replaces it", "tls_*_cipherlist": "it is used where a grade names it",
	"smtp_tls_security_level": "outgoing mail stays with Postfix; the service smarthost can send it, with the same word as its level (docs/smarthost.md)",
	"smtp_tls_*":              "outgoing mail stays with Postfix; the service smarthost can send it (docs/smarthost.md)", "relayhost": "outgoing mail stays with Postfix; the service smarthost can send it (docs/smarthost.md)",
	"mynetworks": "it stays in Postfix; the address of the proxy must not be in it, or Postfix relays for every client",
	"lmtp_tls_*": reasonMTA, "smtpd_tls_*": "Letterlock has no such setting", "*": reasonMTA,
}

// postfix reads main.cf, or postconf -n, and master.cf.
func (r *reader) postfix(files []File) error {
	r.reasons = postfixReasons
	main := &setting{file: names(files), used: true}
	var services []*postfixService
	masters := 0
	for _, f := range files {
		root, err := r.parsePostfix(f)
		if err != nil {
			return err
		}
		for _, s := range root.body {
			if !isMaster(s) {
				main.body = append(main.body, s)
				continue
			}
			masters++
			s.used = true // what is not for mail from the network stays Postfix's
			if p := master(s); p != nil {
				services = append(services, p)
			}
		}
	}
	if masters == 0 && len(main.body) > 0 {
		at := main.body[0]
		services = []*postfixService{{at: &setting{file: at.file, line: at.line, name: "smtp"}, port: 25, options: &setting{}}}
		r.result.Notes = append(r.result.Notes, Note{at.file, 0, "", Check, "without master.cf only port 25 is imported: name master.cf too for submission"})
	}
	sc := scope{main}
	r.named(sc.expand(sc.get("myhostname").value()))
	for _, p := range services {
		if err := r.postfixService(p, main); err != nil {
			return err
		}
	}
	return nil
}

// postfixService makes the service of a line of master.cf.
func (r *reader) postfixService(p *postfixService, main *setting) error {
	r.roots = append(r.roots, p.options)
	p.options.used = true
	sc := scope{p.options, main}
	s := &service{at: p.at}
	protocol := ports[p.port]
	wrapped := sc.get("smtpd_tls_wrappermode").yes()
	loopback, _ := netip.ParseAddr(p.host)
	if protocol != "smtp" && protocol != "submission" && !wrapped || loopback.IsLoopback() || p.host == "localhost" {
		p.options.use()
		r.note(p.at, Lost, "it does not take mail from other hosts on port 25, 465 or 587; %s", reasonMTA)
		return nil
	}
	switch {
	case wrapped:
		s.name = configs.Submissions
	default:
		s.name = plain[protocol]
	}
	s.listen = r.listens(s, p.at, p.host, p.port)
	s.backend = postfixBackend(r.Backend, s.name)
	login := sc.get("smtpd_sasl_auth_enable").yes()
	s.auth = s.name == configs.SMTP && login
	r.postfixLevel(s, sc, wrapped)
	r.postfixTLS(s, sc)
	r.postfixClients(s, sc)
	if sc.get("smtpd_upstream_proxy_protocol").is("haproxy") || sc.get("postscreen_upstream_proxy_protocol").is("haproxy") {
		s.note(r, p.at, Check, "a load balancer sends a PROXY header: write its address in proxy_from")
	}
	if s.name == configs.SMTP {
		r.postfixRecipients(s, sc)
	}
	r.result.services = append(r.result.services, s)
	return nil
}

// postfixBackend returns the address of Postfix behind Letterlock, which has other
// ports if both run on one machine.
func postfixBackend(host string, name configs.Service) backend {
	if host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1" {
		return backend{addresses: []string{joined(host, 10000+name.BackendPort())}}
	}
	return backend{}
}

// postfixLevel reads whether TLS is required, and reports logins that passed
// before it.
func (r *reader) postfixLevel(s *service, sc scope, wrapped bool) {
	level, authOnly := postfixTLSLevel(sc), sc.get("smtpd_tls_auth_only")
	at := level
	if at == nil {
		at = s.at
	}
	switch {
	case wrapped:
	case s.name != configs.SMTP:
		if !level.is("encrypt") {
			s.note(r, at, Changed, "mail and logins before STARTTLS were possible; submission takes none")
		}
		return
	case level.is("encrypt"):
		s.set("require_tls", "true")
	case level == nil || level.is("none"):
		s.note(r, at, Changed, "TLS was not offered; Letterlock offers STARTTLS, and does not require it")
	}
	if s.auth && !authOnly.yes() && !wrapped {
		s.note(r, s.at, Changed, "a login before STARTTLS was accepted; Letterlock accepts none")
	}
}

// postfixTLSLevel returns the level. Before Postfix 2.3 two switches set it.
func postfixTLSLevel(sc scope) *setting {
	if level := sc.get("smtpd_tls_security_level"); level.value() != "" {
		return level
	}
	for _, old := range [][2]string{{"smtpd_enforce_tls", "encrypt"}, {"smtpd_use_tls", "may"}} {
		if s := sc.get(old[0]); s.yes() {
			return &setting{file: s.file, line: s.line, name: "smtpd_tls_security_level", args: []string{old[1]}}
		}
	}
	return nil
}

// postfixTLS reads certificates, versions and suites.
func (r *reader) postfixTLS(s *service, sc scope) {
	if chain := sc.get("smtpd_tls_chain_files"); chain.value() != "" {
		for word := range strings.FieldsFuncSeq(chain.value(), func(c rune) bool { return c == ',' || c == ' ' }) {
			s.certs = append(s.certs, certificate{word, word})
		}
		if len(s.certs) > 1 {
			s.note(r, chain, Check, "each file is taken for a certificate with its key: join a key and its certificate if they are apart")
		}
	}
	for _, kind := range []string{"", "ec", "d"} {
		cert := sc.get("smtpd_tls_" + kind + "cert_file")
		key := sc.get("smtpd_tls_" + kind + "key_file")
		switch name := sc.expand(cert.value()); {
		case name == "" || name == "none" || len(s.certs) > 0 && kind == "":
		case key == nil || key.value() == "":
			s.certs = append(s.certs, certificate{name, name})
		default:
			keyName := sc.expand(key.value())
			if strings.Contains(key.value(), "_cert_file") || keyName == "" {
				keyName = name
			}
			s.certs = append(s.certs, certificate{name, keyName})
		}
	}
	mandatory := s.name != configs.SMTP || s.given("require_tls") != ""
	protocols, ciphers, exclude := sc.get("smtpd_tls_protocols"), sc.get("smtpd_tls_ciphers"), sc.get("smtpd_tls_exclude_ciphers")
	strict := [3]*setting{sc.get("smtpd_tls_mandatory_protocols"), sc.get("smtpd_tls_mandatory_ciphers"), sc.get("smtpd_tls_mandatory_exclude_ciphers")}
	if mandatory {
		protocols, ciphers = strict[0], strict[1]
	}
	if protocols != nil {
		s.tls.list(protocols)
	}
	list := postfixGrade(sc, ciphers.value())
	for _, e := range []*setting{exclude, strict[2]} {
		for word := range strings.FieldsFuncSeq(e.value(), func(c rune) bool { return c == ',' || c == ' ' || c == ':' }) {
			list += ":!" + word
			ciphers = e
		}
	}
	if ciphers != nil {
		s.tls.ciphers(ciphers, list)
	}
}

// postfixGrade returns the cipher list of a grade. The default is medium.
func postfixGrade(sc scope, grade string) string {
	if grade == "" {
		grade = "medium"
	}
	if own := sc.get("tls_" + grade + "_cipherlist"); own != nil {
		return own.value()
	}
	if grade == "high" {
		return "HIGH"
	}
	return "HIGH:MEDIUM"
}

// postfixClients reads whether clients are asked for a certificate.
func (r *reader) postfixClients(s *service, sc scope) {
	ca := sc.get("smtpd_tls_CAfile")
	asks, requires := sc.get("smtpd_tls_ask_ccert"), sc.get("smtpd_tls_req_ccert")
	switch {
	case requires.yes() && ca != nil:
		s.set("client_certificates", "require")
	case requires.yes():
		s.note(r, requires, Weak, "clients had to show a certificate: write client_certificates: require, and client_ca")
		return
	case asks.yes():
		s.set("client_certificates", "request")
	default:
		return
	}
	if ca != nil {
		s.set("client_ca", "%s", yamltext.String(sc.expand(ca.value())))
	}
}

// postfixRecipients collects the domains that Postfix receives mail for.
func (r *reader) postfixRecipients(s *service, sc scope) {
	lists := map[string]string{"mydestination": "$myhostname, localhost", "relay_domains": "", "virtual_mailbox_domains": "", "virtual_alias_domains": ""}
	seen := map[string]bool{}
	for _, name := range []string{"mydestination", "virtual_mailbox_domains", "virtual_alias_domains", "relay_domains"} {
		from := sc.get(name)
		text := lists[name]
		if from != nil {
			text = from.value()
		}
		text = sc.expand(text)
		if strings.ContainsAny(text, "{}") {
			s.note(r, from, Check, "the expression is not evaluated: add its domains to recipients, or write recipients_file")
			continue
		}
		for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == ',' || c == ' ' }) {
			switch {
			case strings.ContainsAny(word, ":/$"):
				s.note(r, from, Check, "the domains in %s are not read: add them to recipients, or write recipients_file", word)
				continue
			case strings.HasPrefix(word, "localhost") || !strings.Contains(word, ".") || seen[word]:
				continue
			}
			seen[word] = true
			s.recipients = append(s.recipients, strings.TrimPrefix(word, "."))
			if name == "relay_domains" && !strings.HasPrefix(word, ".") {
				s.recipients = append(s.recipients, "."+word)
			}
		}
	}
}
