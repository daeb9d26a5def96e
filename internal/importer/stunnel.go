package importer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/configs"
)

// systemCAs is the folder of the authorities that the system trusts, which are the
// default for backends.
const systemCAs = "/etc/ssl/certs"

// stunnelReasons say why options of stunnel are not carried over.
var stunnelReasons = map[string]string{
	"include": reasonInclude, "setuid": reasonProcess, "setgid": reasonProcess, "chroot": reasonProcess, "pid": reasonProcess, "foreground": reasonProcess,
	"debug": reasonLog, "output": reasonLog, "syslog": reasonLog, "log": reasonLog, "logid": reasonLog,
	"dh": reasonDH, "curve": reasonGroups, "curves": reasonGroups, "ciphersuites": reasonTLS13,
	"sessioncachesize": reasonCache, "sessioncachetimeout": reasonCache, "session": reasonCache, "sessiond": reasonCache, "sessionresume": reasonCache,
	"ticketkeysecret": reasonTicketKey, "ticketmacsecret": reasonTicketKey, "socket": reasonSocket,
	"crlfile": reasonCRL, "crlpath": reasonCRL, "ocsp*": reasonCRL,
	"timeoutclose": "the end of a session is bounded by timeouts.idle", "timeoutbusy": "timeouts.greeting and timeouts.command bound these waits",
	"verify": "it concerns client certificates; see client_ca", "capath": "a folder of authorities is not read: write client_ca, or ca of the backend, with one PEM file",
	"compression": "TLS compression is never used (CVE-2012-4929)", "renegotiation": "clients cannot renegotiate", "reset": reasonSocket,
	"engine*": "keys are read from PEM files", "fips": "build Letterlock with GOFIPS140 for that", "libwrap": "use the firewall in place of hosts.allow",
	"psk*": "keys that are shared beforehand are not implemented", "exec": "no program is run", "execargs": "no program is run", "pty": "no program is run",
	"delay": "names of backends are looked up with each connection", "retry": "no program is run", "securitylevel": "the policies choose the suites",
}

// stunnel reads stunnel.conf(5).
func (r *reader) stunnel(files []File) error {
	r.reasons = stunnelReasons
	var sections []scope
	for _, f := range files {
		root, err := r.parseStunnel(f)
		if err != nil {
			return err
		}
		for _, s := range root.body {
			if strings.HasPrefix(s.name, "[") {
				s.used = true
				sections = append(sections, scope{s, root})
			}
		}
	}
	clients := slices.DeleteFunc(slices.Clone(sections), func(sc scope) bool { return !sc.get("client").is("yes") })
	for _, sc := range clients {
		r.stunnelClient(sc, sections)
	}
	for _, sc := range sections {
		if err := r.stunnelSection(sc, clients); err != nil {
			return err
		}
	}
	return nil
}

// parseStunnel reads the options, those before the first section into the root.
func (r *reader) parseStunnel(f File) (*setting, error) {
	root := r.root(f)
	block := root
	for number, line := range lines(f.Text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' || line[0] == '#' {
			continue
		}
		s := &setting{file: f.Name, line: number, name: line}
		if line[0] == '[' {
			if !strings.HasSuffix(line, "]") {
				return nil, s.wrong("the name of a section has no ]: %.60q", line)
			}
			if err := r.add(root, s, 1); err != nil {
				return nil, err
			}
			block = s
			continue
		}
		name, text, ok := strings.Cut(line, "=")
		if !ok {
			return nil, s.wrong("this is neither an option with = nor a section: %.60q", line)
		}
		s.name, s.args = strings.TrimSpace(name), []string{strings.TrimSpace(text)}
		if err := r.add(block, s, 1); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// stunnelSection makes a service of a section that takes connections with TLS.
func (r *reader) stunnelSection(sc scope, clients []scope) error {
	s := &service{at: sc[0]}
	accept := sc.get("accept")
	if sc.get("client").is("yes") {
		return nil
	}
	host, port := hostPort(accept.value())
	connects := sc.all("connect")
	protocol := sc.get("protocol")
	if accept == nil || len(connects) == 0 || port == 0 {
		sc[0].use()
		r.note(sc[0], Lost, "a service needs accept with a port, and connect")
		return nil
	}
	if s.name = stunnelService(sc[0].name, protocol.value(), port, connects[0].value()); s.name == "" {
		sc[0].use()
		r.note(sc[0], Lost, "Letterlock has no such mail service")
		return nil
	}
	if ports[port] == "" {
		s.note(r, accept, Check, "the port is not one of mail; it is taken for %s by protocol, connect or the name of the section", s.name)
	}
	s.listen = r.listens(s, accept, host, port)
	s.backend = backend{name: strings.Trim(sc[0].name, "[]"), byClient: false}
	for _, c := range connects {
		s.backend.addresses = append(s.backend.addresses, stunnelConnect(c.value()))
	}
	r.stunnelChain(s, clients)
	if err := r.stunnelTLS(s, sc); err != nil {
		return err
	}
	r.stunnelRest(s, sc)
	r.result.services = append(r.result.services, s)
	return nil
}

// stunnelClient reports a section that adds TLS on the way to a server. It may be
// the way to a backend of another section.
func (r *reader) stunnelClient(sc scope, all []scope) {
	accept := sc.get("accept")
	host, port := hostPort(accept.value())
	sc[0].used = true
	for _, other := range all {
		for _, c := range other[0].body {
			if h, p := hostPort(c.value()); strings.EqualFold(c.name, "connect") && p == port && local(h) && local(host) {
				return // stunnelChain joins the two
			}
		}
	}
	sc[0].use()
	r.note(sc[0], Lost, "it adds TLS for clients of this machine (client = yes); for outgoing mail see the service smarthost, which logs in at a relay (docs/smarthost.md)")
}

func local(host string) bool {
	return host == "" || host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}

// stunnelChain replaces a backend that is the client side of another section by
// the server behind that, with TLS.
func (r *reader) stunnelChain(s *service, clients []scope) {
	for _, sc := range clients {
		if len(s.backend.addresses) != 1 {
			continue
		}
		ownHost, ownPort := hostPort(s.backend.addresses[0])
		host, port := hostPort(sc.get("accept").value())
		target := sc.get("connect")
		if port == 0 || port != ownPort || !local(host) || !local(ownHost) || target == nil {
			continue
		}
		s.backend.addresses = []string{stunnelConnect(target.value())}
		s.backend.tls = "tls"
		if sc.get("protocol") != nil {
			s.backend.tls = "starttls"
		}
		s.backend.serverName, s.backend.ca = sc.get("checkHost").value(), beside(sc[0], sc.get("CAfile").value())
		verified := sc.get("verifyChain").is("yes") || sc.get("verifyPeer").is("yes") || strings.ContainsAny(sc.get("verify").value(), "234")
		s.backend.unverified = !verified
		if path := sc.get("CApath"); path != nil && (s.backend.ca != "" || !path.is(systemCAs)) {
			r.note(path, Lost, "%s", stunnelReasons["capath"])
		}
		return
	}
}

// stunnelConnect writes the address of a backend. A port alone is one of this
// machine.
func stunnelConnect(text string) string {
	if strings.HasPrefix(text, "/") {
		return "unix:" + text
	}
	host, port := hostPort(text)
	if host == "" {
		host = "127.0.0.1"
	}
	return joined(host, port)
}

// stunnelService finds out what a section serves: by its protocol if it has one,
// by the ports, or by its name.
func stunnelService(section, protocol string, accept int, connect string) configs.Service {
	_, port := hostPort(connect)
	own := ports[portNames[strings.ToLower(strings.Trim(section, "[]"))]]
	spoken := cmp.Or(ports[accept], ports[port], own)
	switch protocol {
	case "", "proxy": // a PROXY header for the backend
		return implicit[spoken]
	case "imap", "pop3":
		return plain[protocol]
	case "smtp":
		if spoken == "submission" {
			return configs.Submission
		}
		return configs.SMTP
	}
	return ""
}
