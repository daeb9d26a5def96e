package importer

import (
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/yamltext"
	"github.com/letterlock/letterlock/tlspolicy"
)

// stunnelTLS reads the certificate, versions and suites.
func (r *reader) stunnelTLS(s *service, sc scope) error {
	if cert := sc.get("cert"); cert != nil {
		key := cert
		if k := sc.get("key"); k != nil {
			key = k
		}
		s.certs = []certificate{{beside(cert, cert.value()), beside(key, key.value())}}
	}
	if v := sc.get("sslVersion"); v != nil && !v.is("all") {
		s.tls.versions(v, v.args)
	}
	for _, o := range sc.all("options") {
		for name := range strings.FieldsFuncSeq(o.value(), func(c rune) bool { return c == ',' || c == ' ' }) {
			r.stunnelOption(s, o, name)
		}
	}
	lowest, highest := sc.get("sslVersionMin"), sc.get("sslVersionMax")
	if lowest != nil && !lowest.is("all") {
		if err := s.tls.floor(lowest, lowest.value()); err != nil {
			return err
		}
	}
	if highest != nil && !highest.is("all") {
		if err := s.tls.ceiling(highest, highest.value()); err != nil {
			return err
		}
	}
	ciphers := sc.get("ciphers")
	s.tls.ciphers(ciphers, ciphers.value())
	return nil
}

// stunnelOption reads an option of OpenSSL's. NO_ turns a version off, and
// -NO_ on.
func (r *reader) stunnelOption(s *service, at *setting, name string) {
	off, isOff := strings.CutPrefix(strings.ToUpper(name), "NO_")
	on, isOn := strings.CutPrefix(strings.ToUpper(name), "-NO_")
	if v, ok := versionOf(off); isOff && ok {
		if v != 0 && v >= s.tls.min && v < tlspolicy.VersionTLS13 {
			s.tls.from(at).min = v + 1
		}
		return
	}
	if v, ok := versionOf(on); isOn && ok {
		if v == 0 {
			s.tls.old = append(s.tls.old, on)
		}
		s.tls.from(at).min = lowest(s.tls.min, max(v, tlspolicy.VersionTLS10))
		return
	}
	if off != "TICKET" {
		r.note(at, Lost, "Letterlock sets such options itself")
		return
	}
	s.set("session_tickets", "false")
}

// stunnelRest reads the other settings of a service.
func (r *reader) stunnelRest(s *service, sc scope) {
	if s.name == configs.SMTP {
		s.set("require_tls", "true")
		s.note(r, sc[0], Check, "stunnel takes no mail without TLS (require_tls); remove that on a server that the public sends to, as many senders have none (RFC 3207, section 4)")
	}
	if t := sc.get("transparent"); t.is("source", "both", "yes") {
		s.set("handover", "tproxy")
		s.note(r, t, Check, "handover tproxy needs CAP_NET_ADMIN and the routes that stunnel needed: docs/handover.md")
	}
	if t := sc.get("protocol"); t.is("proxy") {
		s.set("handover", "proxy-v1")
	}
	r.stunnelClients(s, sc)
	if t := sc.get("TIMEOUTidle"); t != nil {
		r.note(t, Lost, "timeouts.idle is one for all services, 35m by default, as IMAP clients count on 30m")
	}
	if t := sc.get("TIMEOUTconnect"); t != nil {
		r.note(t, Lost, "timeouts.dial is one for all services, 10s by default")
	}
	if f := sc.get("failover"); f != nil {
		r.note(f, Changed, "a session goes to the server with the fewest connections (balance)")
	}
	if f := sc.get("sni"); f != nil {
		r.note(f, Changed, "certificates are chosen by the names in them: add the certificate to certificates")
	}
}

// stunnelClients reads whether clients show certificates.
func (r *reader) stunnelClients(s *service, sc scope) {
	verify, chain, peer, require := sc.get("verify"), sc.get("verifyChain"), sc.get("verifyPeer"), sc.get("requireCert")
	ca := sc.get("CAfile")
	switch {
	case peer.is("yes"), verify.is("3", "4"):
		s.note(r, sc[0], Weak, "stunnel knew each client's certificate (verifyPeer); Letterlock takes all that the authorities in client_ca have signed")
		fallthrough
	case chain.is("yes"), require.is("yes"), verify.is("2"):
		if ca == nil {
			s.note(r, sc[0], Weak, "clients had to show a certificate: write client_certificates: require, and client_ca with a PEM file")
			return
		}
		s.set("client_certificates", "require")
		s.set("client_ca", "%s", yamltext.String(beside(ca, ca.value())))
	case verify.is("1"):
		s.set("client_certificates", "request")
		if ca != nil {
			s.set("client_ca", "%s", yamltext.String(beside(ca, ca.value())))
		}
	case ca != nil:
		r.note(ca, Lost, "no client has to show a certificate")
	}
}
