package importer

import (
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/yamltext"
)

// nginxReasons say why directives of nginx are not carried over.
var nginxReasons = map[string]string{
	"include": reasonInclude, "user": reasonProcess, "worker_*": reasonProcess, "pid": reasonProcess, "daemon": reasonProcess, "events": reasonProcess,
	"load_module": "Letterlock has no modules", "error_log": reasonLog, "access_log": reasonLog, "log_format": reasonLog,
	"ssl_dhparam": reasonDH, "ssl_ecdh_curve": reasonGroups, "ssl_prefer_server_ciphers": reasonPreference, "ssl_session_cache": reasonCache,
	"ssl_session_timeout": "a session can be resumed for up to 24 hours", "ssl_session_ticket_key": reasonTicketKey, "ssl_crl": reasonCRL,
	"ssl_verify_depth": "the depth of chains is not limited", "ssl_trusted_certificate": "write the authorities into client_ca",
	"ssl_password_file": "keys must not be encrypted: openssl pkey removes the encryption", "ssl_conf_command": "Letterlock sets such options itself",
	"auth_http": "no service asks it", "auth_http_timeout": "no service asks the authentication server", "auth_http_header": "no service asks the authentication server",
	"auth_http_pass_client_cert": "no service asks the authentication server",
	"imap_capabilities":          reasonCapability, "pop3_capabilities": reasonCapability, "smtp_capabilities": reasonCapability,
	"imap_auth": "clients are offered the mechanisms of the backend (hide_mechanisms hides some)", "pop3_auth": "clients are offered the mechanisms of the backend (hide_mechanisms hides some)",
	"imap_client_buffer": "limits.line bounds a command", "pop3_client_buffer": "limits.line bounds a command", "smtp_client_buffer": "limits.line bounds a command",
	"proxy_buffer": "Letterlock sets its buffers itself", "proxy_buffer_size": "Letterlock sets its buffers itself", "preread_buffer_size": "Letterlock sets its buffers itself",
	"proxy_pass_error_message": "the backend's own words always reach the client", "resolver": "the backend is named in the configuration", "resolver_timeout": "the backend is named in the configuration",
	"timeout": "timeouts.command and timeouts.login bound the time until the login", "proxy_smtp_auth": "clients always log in at the backend",
	"proxy_connect_timeout": "timeouts.dial is 10s by default", "proxy": "every session goes to the backend", "ssl_ocsp*": reasonCRL, "http": "web servers are not imported", "max_fails": reasonHealth, "health_check": reasonHealth,
	"tcp_nodelay": reasonSocket, "proxy_socket_keepalive": reasonSocket, "proxy_next_upstream*": "a session goes to the next server if one cannot be reached",
	"proxy_protocol_timeout": "timeouts.proxy_header is 5s by default", "proxy_download_rate": "sessions are not slowed down", "proxy_upload_rate": "sessions are not slowed down",
	"limit_conn*": "limits.connections_per_client bounds the sessions of a client", "allow": "use the firewall for that", "deny": "use the firewall for that",
	"ssl_handshake_timeout": "timeouts.handshake is 30s by default", "proxy_ssl_ciphers": "min_version of the backend sets the suites too",
	"proxy_ssl_session_reuse": "sessions with the backend are resumed", "proxy_ssl_verify_depth": "the depth of chains is not limited",
	"proxy_ssl_certificate": "no client certificate is shown to backends", "proxy_ssl_certificate_key": "no client certificate is shown to backends",
}

// nginx reads nginx.conf: the blocks mail, and stream as far as its ports are
// those of mail.
func (r *reader) nginx(files []File) error {
	r.reasons = nginxReasons
	var roots []*setting
	for _, f := range files {
		root, err := r.parseNginx(f)
		if err != nil {
			return err
		}
		roots = append(roots, root)
	}
	auth := r.nginxAuth(roots)
	var outer *setting // the block mail that files with servers are included in
	for _, root := range roots {
		for _, mail := range root.all("mail") {
			outer = mail
			for _, server := range mail.all("server") {
				if err := r.nginxMail(scope{server, mail}, auth); err != nil {
					return err
				}
			}
		}
		for _, stream := range root.all("stream") {
			upstreams := stream.all("upstream")
			for _, server := range stream.all("server") {
				if err := r.nginxStream(scope{server, stream}, upstreams); err != nil {
					return err
				}
			}
		}
	}
	for _, root := range roots {
		for _, server := range root.all("server") { // a file that nginx.conf includes
			if err := r.nginxMail(scope{server, root, outer}, auth); err != nil {
				return err
			}
		}
	}
	return nil
}

// nginxMail makes services of a server in the block mail, one for each of its
// addresses.
func (r *reader) nginxMail(sc scope, auth *nginxAuth) error {
	if name := sc.get("server_name"); name != nil && name.arg(0) != "_" {
		r.named(name.arg(0))
	}
	login := sc.get("smtp_auth")
	for _, listen := range sc.all("listen") {
		host, port := nginxListen(listen.arg(0))
		if port == 0 {
			r.note(listen, Lost, "a listener is a TCP port")
			continue
		}
		ssl := listen.has("ssl") || sc.get("ssl").is("on")
		protocol := sc.get("protocol").value()
		if protocol == "" {
			protocol = ports[port]
		}
		s := &service{at: listen}
		if protocol == "submission" || protocol == "smtp" && !login.is("none") {
			protocol = "submission"
		}
		if s.name = plain[protocol]; ssl {
			s.name = implicit[protocol]
		}
		if s.name == "" || s.name == configs.Sieve {
			r.note(listen, Lost, "the server has no protocol that Letterlock has")
			continue
		}
		s.listen = r.listens(s, listen, host, port)
		s.backend = auth.backend(s.name.Protocol())
		r.nginxPlaintext(s, sc, ssl)
		if err := r.nginxTLS(s, sc); err != nil {
			return err
		}
		r.nginxHandover(s, sc, listen)
		r.nginxLookup(s, sc, auth)
		r.nginxSMTP(s, sc)
		r.result.services = append(r.result.services, s)
	}
	r.nginxLimits(sc)
	return nil
}

// nginxListen splits the argument of listen. A unix socket has no port.
func nginxListen(text string) (host string, port int) {
	if strings.HasPrefix(text, "unix:") {
		return "", 0
	}
	return hostPort(text)
}

// nginxPlaintext reports logins that passed before TLS.
func (r *reader) nginxPlaintext(s *service, sc scope, ssl bool) {
	switch t := sc.get("starttls"); {
	case s.name == configs.SMTP && t.is("only"):
		s.set("require_tls", "true")
	case ssl || t.is("only"), s.name == configs.SMTP:
	case t.is("on"):
		s.note(r, t, Changed, "a login before STARTTLS was accepted; Letterlock accepts none (as starttls only)")
	default:
		s.note(r, s.at, Changed, "TLS was not offered; Letterlock offers STARTTLS, and accepts no login before it")
	}
}

// nginxTLS reads certificates, versions and suites.
func (r *reader) nginxTLS(s *service, sc scope) error {
	certs, keys := sc.all("ssl_certificate"), sc.all("ssl_certificate_key")
	for i, cert := range certs {
		if i >= len(keys) {
			return cert.wrong("the certificate has no ssl_certificate_key")
		}
		s.certs = append(s.certs, certificate{beside(cert, cert.value()), beside(cert, keys[i].value())})
	}
	if p := sc.get("ssl_protocols"); p != nil {
		s.tls.versions(p, p.args)
	}
	ciphers := sc.get("ssl_ciphers")
	s.tls.ciphers(ciphers, ciphers.value())
	if t := sc.get("ssl_session_tickets"); t.is("off") {
		s.set("session_tickets", "false")
	}
	ca := sc.get("ssl_client_certificate")
	switch verify := sc.get("ssl_verify_client"); {
	case verify.is("on") && ca != nil:
		s.set("client_certificates", "require")
		s.set("client_ca", "%s", yamltext.String(beside(ca, ca.value())))
	case verify.is("on"):
		s.note(r, verify, Weak, "clients had to show a certificate: write client_certificates: require, and client_ca")
	case verify.is("optional", "optional_no_ca"):
		s.set("client_certificates", "request")
		if ca != nil {
			s.set("client_ca", "%s", yamltext.String(beside(ca, ca.value())))
		}
	}
	return nil
}

// nginxHandover reads how the client's address comes in, and how it is passed on.
func (r *reader) nginxHandover(s *service, sc scope, listen *setting) {
	if listen.has("proxy_protocol") {
		var networks []string
		for _, from := range sc.all("set_real_ip_from") {
			networks = append(networks, from.value())
		}
		if len(networks) > 0 {
			s.set("proxy_from", "%s", yamltext.Strings(networks))
		} else {
			s.note(r, listen, Check, "the load balancer sends a PROXY header: write its address in proxy_from")
		}
	}
	x := sc.get("xclient")
	switch {
	case sc.get("proxy_protocol").is("on"):
		s.set("handover", "proxy-v1")
	case s.name.Protocol() == "smtp" && !x.is("off"):
		s.set("handover", "xclient")
	}
}

// nginxSMTP reads the settings of SMTP.
func (r *reader) nginxSMTP(s *service, sc scope) {
	if s.name.Protocol() != "smtp" {
		return
	}
	switch {
	case s.name == configs.SMTP:
	case sc.get("smtp_auth").is("none"):
		s.note(r, s.at, Changed, "no login was needed; %s requires one before mail", s.name)
	default:
		s.note(r, s.at, Changed, "nginx checked logins by its authentication server; now the backend must offer AUTH to the proxy in plaintext")
	}
	if d := sc.get("smtp_greeting_delay"); d != nil && s.name == configs.SMTP {
		if t, ok := nginxTime(d.value()); ok {
			s.set("greet_delay", "%s", t)
		}
	}
}

// nginxLimits reads settings that Letterlock has once for all services.
func (r *reader) nginxLimits(sc scope) {
	if t := sc.get("proxy_timeout"); t != nil {
		if text, ok := nginxTime(t.value()); ok && r.result.limit("timeouts.idle", text) {
			r.note(t, Changed, "timeouts.idle is %s for all services", text)
		}
	}
	if m := sc.get("max_errors"); m != nil {
		if n, err := strconv.Atoi(m.value()); err == nil && n >= 1 && n <= 1000 {
			r.result.limit("limits.errors", strconv.Itoa(n))
		}
	}
}

// limit sets a key that holds for all services, and reports whether it was not
// set before.
func (i *Import) limit(key, text string) bool {
	for _, v := range i.limits {
		if v.key == key {
			return false
		}
	}
	i.limits = append(i.limits, value{key, text})
	return true
}

// nginxTime reads a time such as 90, 30m or 1d, of at most a day.
func nginxTime(text string) (string, bool) {
	digits := strings.TrimRight(text, "smhd")
	n, err := strconv.Atoi(digits)
	unit := text[len(digits):]
	if unit == "" {
		unit = "s"
	}
	if unit == "d" {
		n, unit = n*24, "h"
	}
	seconds := map[string]int{"s": 1, "m": 60, "h": 3600}[unit]
	if err != nil || n < 1 || seconds == 0 || n > 86400/seconds {
		return "", false
	}
	return strconv.Itoa(n) + unit, true
}
