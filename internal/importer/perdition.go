package importer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/yamltext"
)

// perditionReasons say why options of Perdition are not carried over.
var perditionReasons = map[string]string{
	"map_library": "tables of users in databases are not read: write routes; the importer makes one of a text file", "map_library_opt": "name the popmap as one more file, and --routes",
	"query_key": "routes are found by the whole name of the user, or its domain", "add_domain": "names of users pass as the client writes them", "strip_domain": "names of users pass as the client writes them",
	"lower_case": "names of users pass as the client writes them", "username_from_database": "names of users pass as the client writes them", "explicit_domain": "names of users pass as the client writes them",
	"domain_delimiter": "the domain of a user follows the @", "client_server_specification": "a client cannot choose the backend", "authenticate_in": "the backend checks each login itself",
	"username": reasonProcess, "group": reasonProcess, "pid_file": reasonProcess, "no_daemon": reasonProcess, "inetd_mode": reasonProcess,
	"log_facility": reasonLog, "debug": reasonLog, "quiet": reasonLog, "connection_logging": reasonLog, "connect_relog": reasonLog, "log_passwd": "passwords are never logged",
	"imap_capability": reasonCapability, "pop_capability": reasonCapability, "managesieve_capability": reasonCapability, "capability": reasonCapability,
	"ok_line": "the backend's own words always reach the client", "server_resp_line": "the backend's own words always reach the client", "server_ok_line": "the backend's own words always reach the client",
	"no_bind_banner": "the greeting has the hostname", "ssl_dh_params_file": reasonDH, "ssl_cert_verify_depth": "the depth of chains is not limited", "ssl_ca_path": "a folder of authorities is not read: write ca of the backend with one PEM file",
	"ssl_listen_compression": "TLS compression is never used (CVE-2012-4929)", "ssl_outgoing_compression": "TLS compression is never used (CVE-2012-4929)", "ssl_no_cipher_server_preference": reasonPreference,
	"ssl_outgoing_ciphers": "min_version of the backend sets the suites too", "ssl_outgoing_max_proto_version": "the highest version that both have is used",
	"ssl_no_client_cert_verify": "no client is asked for a certificate",
}

// perditionShort has the long names of options.
var perditionShort = map[string]string{
	"A": "add_domain", "a": "authenticate_in", "B": "no_bind_banner", "b": "bind_address", "C": "connection_logging", "c": "client_server_specification", "D": "domain_delimiter",
	"d": "debug", "F": "log_facility", "g": "group", "i": "inetd_mode", "L": "connection_limit", "l": "listen_port", "M": "map_library", "m": "map_library_opt", "n": "no_lookup",
	"O": "ok_line", "o": "server_resp_line", "P": "protocol", "p": "outgoing_port", "s": "outgoing_server", "S": "strip_domain", "t": "timeout", "u": "username", "U": "username_from_database", "q": "quiet",
}

// perditionProtocols are the services that Perdition has.
var perditionProtocols = map[string]configs.Service{
	"POP3": configs.POP3, "POP3S": configs.POP3S, "IMAP4": configs.IMAP, "IMAP4S": configs.IMAPS, "MANAGESIEVE": configs.Sieve,
}

// perdition reads perdition.conf, one for each service, and a popmap.
func (r *reader) perdition(files []File) error {
	r.reasons = perditionReasons
	var popmaps []File
	for _, f := range files {
		if _, ok := recognizeOne(f); !ok && len(files) > 1 {
			popmaps = append(popmaps, f)
			continue
		}
		root, err := r.parsePerdition(f)
		if err != nil {
			return err
		}
		if err := r.perditionService(root); err != nil {
			return err
		}
	}
	for _, f := range popmaps {
		if err := r.popmap(f); err != nil {
			return err
		}
	}
	if r.result.Routes != "" {
		for _, s := range r.result.services {
			s.set("routes", "%s", yamltext.String(r.Options.Routes))
		}
	}
	return nil
}

// parsePerdition reads lines of an option and its value. A line that ends with a
// backslash goes on in the next.
func (r *reader) parsePerdition(f File) (*setting, error) {
	root := r.root(f)
	logical, begin := "", 0
	for number, line := range lines(f.Text) {
		if begin == 0 {
			begin = number
		}
		if before, more := strings.CutSuffix(line, `\`); more {
			logical += before
			continue
		}
		s := &setting{file: f.Name, line: begin}
		fields, err := fieldsOf(s, logical+line)
		if err != nil {
			return nil, err
		}
		logical, begin = "", 0
		if len(fields) == 0 {
			continue
		}
		s.name, s.args = strings.TrimSuffix(strings.TrimLeft(fields[0], "-"), ":"), fields[1:]
		if long, ok := perditionShort[s.name]; ok {
			s.name = long
		}
		if err := r.add(root, s, 1); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// perditionService makes the service of a file.
func (r *reader) perditionService(root *setting) error {
	sc := scope{root}
	protocol := sc.get("protocol")
	at := protocol
	if at == nil {
		at = &setting{file: root.file, line: 1, name: "protocol POP3"}
	}
	s := &service{at: at}
	name := strings.ToUpper(protocol.value())
	if name == "" {
		name = "POP3"
	}
	if s.name = perditionProtocols[name]; s.name == "" {
		return at.wrong("Perdition has no protocol %q", name)
	}
	modes := strings.FieldsFunc(sc.get("ssl_mode").value(), func(c rune) bool { return c == ',' || c == ' ' })
	if slices.Contains(modes, "ssl_listen") || slices.Contains(modes, "ssl_all") {
		s.name = implicit[s.name.Protocol()]
	}
	r.perditionListen(s, sc)
	if err := r.perditionTLS(s, sc, modes); err != nil {
		return err
	}
	for word := range strings.FieldsFuncSeq(sc.get("outgoing_server").value(), func(c rune) bool { return c == ',' || c == ' ' }) {
		host, port := hostPort(word)
		if port == 0 {
			port = portOf(sc.get("outgoing_port").value())
		}
		address := host
		if port != 0 {
			address = joined(host, port)
		}
		s.backend.addresses = append(s.backend.addresses, address)
	}
	sc.get("no_lookup")
	sc.get("outgoing_port")
	r.perditionLimits(sc)
	r.result.services = append(r.result.services, s)
	return nil
}

// perditionListen reads the address.
func (r *reader) perditionListen(s *service, sc scope) {
	port := portOf(sc.get("listen_port").value())
	if port == 0 {
		port = s.name.Port()
	}
	bind := sc.get("bind_address")
	first, more, _ := strings.Cut(bind.value(), ",")
	host, own := hostPort(first)
	if own != 0 {
		port = own
	}
	at := bind
	if at == nil {
		at = s.at
	}
	if more != "" {
		s.note(r, at, Check, "it listens on %s too: copy the listener", more)
	}
	s.listen = r.listens(s, at, host, port)
}

// perditionTLS reads certificates, versions and suites, and TLS on the way to the
// servers.
func (r *reader) perditionTLS(s *service, sc scope, modes []string) error {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(modes, w) })
	}
	if !s.name.Implicit() && !has("tls_listen_force", "tls_all_force") {
		s.note(r, s.at, Changed, "a login before TLS was accepted; Letterlock accepts none (as tls_listen_force)")
	}
	if cert := sc.get("ssl_cert_file"); cert != nil {
		key := cert
		if k := sc.get("ssl_key_file"); k != nil {
			key = k
		}
		s.certs = []certificate{{cert.value(), key.value()}}
	}
	ciphers := sc.get("ssl_listen_ciphers")
	s.tls.ciphers(ciphers, ciphers.value())
	if v := sc.get("ssl_listen_min_proto_version"); v != nil {
		if err := s.tls.floor(v, v.value()); err != nil {
			return err
		}
	}
	if v := sc.get("ssl_listen_max_proto_version"); v != nil && v.value() != "" {
		if err := s.tls.ceiling(v, v.value()); err != nil {
			return err
		}
	}
	switch {
	case has("ssl_outgoing", "ssl_all"):
		s.backend.tls = "tls"
	case has("tls_outgoing", "tls_all", "tls_outgoing_force", "tls_all_force"):
		s.backend.tls = "starttls"
	default:
		return nil
	}
	s.backend.name = "perdition"
	noChain, noName := sc.get("ssl_no_cert_verify"), sc.get("ssl_no_cn_verify")
	s.backend.unverified = noChain != nil || noName != nil || sc.get("ssl_cert_accept_self_signed") != nil || sc.get("ssl_ca_accept_self_signed") != nil
	if ca := sc.get("ssl_ca_file"); ca != nil {
		s.backend.ca = ca.value()
	}
	if v := sc.get("ssl_outgoing_min_proto_version"); v != nil {
		s.backend.min, _ = versionOf(v.value())
	}
	return nil
}

// perditionLimits reads settings that Letterlock has once for all services.
func (r *reader) perditionLimits(sc scope) {
	if t := sc.get("timeout"); t != nil {
		if n, err := strconv.Atoi(t.value()); err == nil && n >= 1 && n <= 86400 && r.result.limit("timeouts.idle", strconv.Itoa(n)+"s") {
			r.note(t, Changed, "timeouts.idle is %ds for all services", n)
		}
	}
	if l := sc.get("connection_limit"); l != nil {
		if n, err := strconv.Atoi(l.value()); err == nil && n >= 1 && n <= 1000000 && r.result.limit("limits.connections", strconv.Itoa(n)) {
			r.note(l, Changed, "limits.connections is %d for all services together", n)
		}
	}
}

// popmap reads a table of users, by name or by regular expression, as routes.
func (r *reader) popmap(f File) error {
	if r.Options.Routes == "" {
		return (&setting{file: f.Name, line: 1}).wrong("this is a table of users: name the file to write it to with --routes FILE")
	}
	var b strings.Builder
	for number, line := range lines(f.Text) {
		at := &setting{file: f.Name, line: number}
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		user, server, ok := strings.Cut(line, ":")
		if !ok {
			return at.wrong("the line has no : between the user and the server: %.60q", strings.TrimSpace(line))
		}
		at.name, at.args = strings.TrimSpace(user), strings.Fields(server)
		if len(at.args) != 1 || strings.ContainsAny(at.name, " \t") {
			return at.wrong("the line is not USER:SERVER: %.60q", strings.TrimSpace(line))
		}
		target := at.args[0]
		switch {
		case strings.Contains(target, "$"):
			r.note(at, Lost, "the server depends on the name of the user")
			continue
		case strings.Contains(target, "@"):
			at.used = true
			_, target, _ = strings.Cut(target, "@")
			r.note(at, Changed, "the user logs in with the own name")
		}
		if strings.ContainsAny(at.name, `^$*.()[]|+?\`) && !strings.Contains(at.name, "@") || strings.ContainsAny(at.name, `^$*()[]|+?\`) {
			at.name = "/" + at.name + "/"
		}
		b.WriteString(at.name + " " + target + "\n")
	}
	r.result.Routes = b.String()
	return nil
}
