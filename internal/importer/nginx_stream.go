package importer

import (
	"strings"

	"github.com/letterlock/letterlock/configs"
)

// nginxStream makes services of a server in the block stream, if its ports are
// those of mail.
func (r *reader) nginxStream(sc scope, upstreams []*setting) error {
	pass := sc.get("proxy_pass")
	target, serverPort := nginxTarget(pass.value(), upstreams)
	for _, listen := range sc.all("listen") {
		host, port := nginxListen(listen.arg(0))
		protocol := ports[port]
		if protocol == "" {
			protocol = ports[serverPort]
		}
		ssl := listen.has("ssl")
		s := &service{at: listen, backend: target}
		passed := !ssl && (serverPort == 993 || serverPort == 995 || serverPort == 465)
		if s.name = plain[protocol]; ssl || passed {
			s.name = implicit[protocol]
		}
		if s.name == "" || len(target.addresses) == 0 || port == 0 {
			r.note(listen, Lost, "Letterlock has no such mail service")
			sc[0].use()
			continue
		}
		s.listen = r.listens(s, listen, host, port)
		r.nginxProxySSL(s, sc)
		if !ssl {
			r.passThrough(s, listen, passed)
		}
		if err := r.nginxTLS(s, sc); err != nil {
			return err
		}
		r.nginxHandover(s, append(scope{}, sc...), listen)
		if s.given("handover") == "xclient" { // it is a setting of the block mail
			s.extra = s.extra[:len(s.extra)-1]
		}
		r.result.services = append(r.result.services, s)
	}
	r.nginxLimits(sc)
	return nil
}

// passThrough reports a port whose TLS was the backend's own.
func (r *reader) passThrough(s *service, at *setting, implicit bool) {
	if implicit {
		s.backend.tls = "tls"
		s.note(r, at, Changed, "TLS passed through to the backend; now the proxy ends it, needs a certificate, and starts TLS to the backend anew")
		return
	}
	if s.name != configs.SMTP {
		s.note(r, at, Changed, "what the backend offered passed through, with a login before TLS if it accepts one; Letterlock offers STARTTLS itself, and needs a certificate")
		return
	}
	s.note(r, at, Changed, "STARTTLS of the backend passed through; Letterlock offers it itself, and needs a certificate")
}

// nginxTarget resolves proxy_pass: an upstream, or an address.
func nginxTarget(pass string, upstreams []*setting) (b backend, port int) {
	for _, u := range upstreams {
		if u.arg(0) != pass {
			continue
		}
		b.name = pass
		for _, server := range u.all("server") {
			_, port = hostPort(server.arg(0))
			b.addresses = append(b.addresses, server.arg(0))
		}
		for _, method := range u.body {
			switch method.name {
			case "hash":
				b.byClient, method.used = strings.Contains(method.value(), "$remote_addr"), true
			case "least_conn", "zone":
				method.used = true
			}
		}
		return b, port
	}
	if pass == "" || strings.Contains(pass, "$") {
		return b, 0
	}
	_, port = hostPort(pass)
	return backend{addresses: []string{pass}}, port
}

// nginxProxySSL reads TLS on the way to the backend.
func (r *reader) nginxProxySSL(s *service, sc scope) {
	if !sc.get("proxy_ssl").is("on") {
		return
	}
	s.backend.tls = "tls"
	s.backend.unverified = !sc.get("proxy_ssl_verify").is("on")
	s.backend.ca = beside(sc[0], sc.get("proxy_ssl_trusted_certificate").value())
	if name := sc.get("proxy_ssl_name").value(); !strings.Contains(name, "$") {
		s.backend.serverName = name
	}
	if p := sc.get("proxy_ssl_protocols"); p != nil {
		var t tlsFacts
		t.versions(p, p.args)
		s.backend.min = t.min
	}
}
