package importer

import (
	"strings"
	"unicode"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/yamltext"
)

const (
	reasonServer    = "it is a setting of a mail server, not of a proxy"
	reasonLogins    = "the backend checks each login itself"
	reasonProcesses = "Letterlock is one process; limits bounds its sessions"
)

// dovecotReasons say why settings of Dovecot are not carried over.
var dovecotReasons = map[string]string{
	"!include": reasonInclude + " (doveconf -n prints all files as one)", "!include_try": reasonInclude + " (doveconf -n prints all files as one)",
	"passdb": reasonLogins, "userdb": reasonServer, "auth_*": reasonLogins, "auth": reasonLogins, "mail_*": reasonServer, "mail": reasonServer, "namespace": reasonServer, "plugin": reasonServer,
	"lda_*": reasonServer, "lmtp_*": reasonServer, "imap_*": reasonCapability, "pop3_*": reasonServer, "submission_*": reasonServer, "managesieve_*": reasonCapability,
	"protocol": reasonServer, "quota_*": reasonServer, "sieve_*": reasonServer, "first_valid_*": reasonServer, "last_valid_*": reasonServer, "mmap_disable": reasonServer,
	"service": reasonProcesses, "client_limit": reasonProcesses, "process_limit": reasonProcesses, "process_min_avail": reasonProcesses, "service_count": reasonProcesses, "vsz_limit": reasonProcesses,
	"default_*": reasonProcesses, "unix_listener": reasonProcesses, "fifo_listener": reasonProcesses, "user": reasonProcesses, "group": reasonProcesses, "executable": reasonProcesses,
	"log_*": reasonLog, "syslog_facility": reasonLog, "info_log_path": reasonLog, "debug_log_path": reasonLog, "verbose_*": reasonLog, "login_log_*": reasonLog, "event_*": reasonLog, "metric": "the key status serves metrics",
	"ssl_dh*": reasonDH, "ssl_server_dh_file": reasonDH, "ssl_prefer_server_ciphers": reasonPreference, "ssl_curve_list": reasonGroups, "ssl_require_crl": reasonCRL, "ssl_server_require_crl": reasonCRL,
	"ssl_cipher_suites": reasonTLS13, "ssl_options": "Letterlock sets such options itself", "ssl_client_*": "of the way to the backend only host, port, ssl and starttls of a passdb are carried over, and ca",
	"ssl_parameters_*": reasonDH, "ssl_key_password": "keys must not be encrypted: openssl pkey removes the encryption", "login_trusted_networks": "Letterlock believes PROXY headers alone (proxy_from)",
	"base_dir": reasonProcess, "instance_name": reasonProcess, "state_dir": reasonProcess, "import_environment": reasonProcess, "local": "settings for one of the machine's addresses are not carried over",
	"remote": "settings for a network are not carried over", "doveadm_*": reasonServer, "director_*": "routes sends users to backends in place of a director", "haproxy_timeout": "timeouts.proxy_header is 5s by default",
	"login_proxy_*": "timeouts.dial is 10s by default", "dovecot_*": "it is the version of the file",
}

// dovecotListener is a port that Dovecot's login processes listen on.
type dovecotListener struct {
	service, listener string
	name              configs.Service
	protocol          string // in the setting protocols
}

var dovecotListeners = []dovecotListener{
	{"imap-login", "imap", configs.IMAP, "imap"},
	{"imap-login", "imaps", configs.IMAPS, "imap"},
	{"pop3-login", "pop3", configs.POP3, "pop3"},
	{"pop3-login", "pop3s", configs.POP3S, "pop3"},
	{"submission-login", "submission", configs.Submission, "submission"},
	{"submission-login", "submissions", configs.Submissions, "submission"},
	{"managesieve-login", "sieve", configs.Sieve, "sieve"},
}

// dovecot reads the output of doveconf -n.
func (r *reader) dovecot(files []File) error {
	r.reasons = dovecotReasons
	root := &setting{file: names(files), used: true}
	for _, f := range files {
		one, err := r.parseDovecot(f)
		if err != nil {
			return err
		}
		root.body = append(root.body, one.body...)
		if len(one.body) > 0 {
			root.line = one.body[0].line
		}
	}
	sc := scope{root}
	if h := sc.get("hostname"); h != nil {
		r.named(h.value())
	}
	way := r.dovecotWay(root)
	protocols := sc.get("protocols")
	if protocols == nil {
		r.result.Notes = append(r.result.Notes, Note{root.file, 0, "", Check, "the files do not set protocols; imap and pop3 are Dovecot's default"})
	}
	for _, l := range dovecotListeners {
		if !served(protocols, l) {
			continue
		}
		if err := r.dovecotService(root, l, protocols, way); err != nil {
			return err
		}
	}
	return nil
}

// served reports whether a protocol is on. Dovecot's own default is imap, pop3
// and lmtp.
func served(protocols *setting, l dovecotListener) bool {
	if protocols == nil {
		return l.protocol == "imap" || l.protocol == "pop3"
	}
	for word := range strings.FieldsSeq(strings.ReplaceAll(protocols.value(), ",", " ")) {
		if word == l.protocol || l.protocol == "sieve" && word == "managesieve" {
			return true
		}
	}
	for _, s := range protocols.body {
		s.used = true
		if s.name == l.protocol && s.yes() {
			return true
		}
	}
	return false
}

// dovecotService makes the service of one listener: each has a default, which
// doveconf -n does not print.
func (r *reader) dovecotService(root *setting, l dovecotListener, protocols *setting, way backend) error {
	sc := scope{root}
	at, listener := protocols, (*setting)(nil)
	for _, service := range root.all("service") {
		if service.arg(0) != l.service {
			continue
		}
		for _, found := range service.all("inet_listener") {
			if found.arg(0) == l.listener {
				listener, at = found, found
			}
		}
	}
	if at == nil {
		at = &setting{file: root.file, line: root.line, name: l.listener}
	}
	port := l.name.Port()
	in := scope{listener}
	if p := in.get("port"); p != nil {
		if port = portOf(p.value()); port == 0 {
			return nil
		}
	}
	ssl := sc.get("ssl")
	if listener == nil && l.name == configs.Submissions || l.name.Implicit() && ssl.is("no") {
		return nil // it is not among the defaults, or has no TLS
	}
	in.get("ssl")
	s := &service{at: at, name: l.name, backend: way}
	if err := r.dovecotAddresses(s, scope{listener}, sc, port); err != nil {
		return err
	}
	r.dovecotPlaintext(s, sc, ssl)
	if err := r.dovecotTLS(s, sc, root); err != nil {
		return err
	}
	r.dovecotRest(s, sc, in)
	return nil
}

// dovecotAddresses adds the service for each address that it listens on.
func (r *reader) dovecotAddresses(s *service, in, sc scope, port int) error {
	addresses := in.get("address")
	for _, from := range []*setting{in.get("listen"), sc.get("listen")} {
		if addresses == nil {
			addresses = from
		}
	}
	text := strings.ReplaceAll(addresses.value(), ",", " ")
	if text == "" {
		text = "*"
	}
	at := addresses
	if at == nil {
		at = s.at
	}
	seen := map[string]bool{}
	for host := range strings.FieldsSeq(text) {
		s.listen = r.listens(s, at, strings.Trim(host, "[]"), port)
		if seen[s.listen] {
			continue
		}
		seen[s.listen] = true
		if len(seen) > 1 {
			s.note(r, at, Check, "it listens on %s too: copy the listener", s.listen)
			continue
		}
		r.result.services = append(r.result.services, s)
	}
	return nil
}

// dovecotRest reads the other settings of a service.
func (r *reader) dovecotRest(s *service, sc, in scope) {
	if h := in.get("haproxy"); h.yes() {
		if networks := sc.get("haproxy_trusted_networks"); networks != nil {
			s.set("proxy_from", "%s", yamltext.Strings(strings.Fields(strings.ReplaceAll(networks.value(), ",", " "))))
		} else {
			s.note(r, h, Check, "a load balancer sends a PROXY header: write its address in proxy_from")
		}
	}
	if g := sc.get("login_greeting"); g != nil {
		odd := func(c rune) bool { return c < ' ' || c > unicode.MaxASCII || c == '<' || c == '>' }
		if text := g.value(); len(text) <= 200 && !strings.ContainsFunc(text, odd) && text != "" {
			s.set("banner", "%s", yamltext.String(text))
		}
	}
	if m := sc.get("auth_master_user_separator"); len(m.value()) == 1 {
		s.set("master_separator", "%s", yamltext.String(m.value()))
	}
	r.dovecotHandover(s)
}

// dovecotHandover reports how the backend learns the client's address. Without a
// passdb for a proxy, Dovecot itself becomes the backend.
func (r *reader) dovecotHandover(s *service) {
	handover := map[string]string{"imap": "imap-id", "pop3": "pop3-xclient", "sieve": "xclient", "smtp": "xclient"}[s.name.Protocol()]
	if len(s.backend.addresses) == 0 {
		s.note(r, s.at, Check, "Dovecot sees the proxy's address as that of every client; with handover: %s it learns the client's address, if login_trusted_networks contains the proxy's address", handover)
		return
	}
	s.note(r, s.at, Check, "Dovecot forwards the client's address if the backend accepts it; handover: %s does so too, and fails unless the backend trusts the proxy", handover)
}
