package importer

import (
	"strings"

	"github.com/letterlock/letterlock/internal/yamltext"
)

// dovecotPlaintext reports logins that passed before TLS.
func (r *reader) dovecotPlaintext(s *service, sc scope, ssl *setting) {
	switch old, now := sc.get("disable_plaintext_auth"), sc.get("auth_allow_cleartext"); {
	case s.name.Implicit():
	case ssl.is("no"):
		s.note(r, ssl, Changed, "TLS was not offered; Letterlock offers STARTTLS, and accepts no login before it")
	case old != nil && !old.yes():
		s.note(r, old, Changed, "a login before STARTTLS was accepted; Letterlock accepts none")
	case now.yes():
		s.note(r, now, Changed, "a login before STARTTLS was accepted; Letterlock accepts none")
	}
}

// dovecotTLS reads certificates, versions and suites, by the names that they have
// in Dovecot 2.2 to 2.4.
func (r *reader) dovecotTLS(s *service, sc scope, root *setting) error {
	pairs := [][2]string{{"ssl_cert", "ssl_key"}, {"ssl_alt_cert", "ssl_alt_key"}, {"ssl_server_cert_file", "ssl_server_key_file"}, {"ssl_server_alt_cert_file", "ssl_server_alt_key_file"}}
	blocks := append([]*setting{root}, root.all("local_name")...)
	for _, block := range blocks {
		for _, p := range pairs {
			cert, key := scope{block}.get(p[0]), scope{block}.get(p[1])
			if cert == nil || key == nil || cert.value() == "" {
				continue
			}
			pair := certificate{fileOf(cert), fileOf(key)}
			if key.isHidden() {
				pair.key = keyBeside(pair.cert)
				r.note(key, Check, "doveconf has hidden the file (doveconf -nP shows it); %s is a guess", pair.key)
			}
			s.certs = append(s.certs, pair)
		}
	}
	if p := sc.get("ssl_min_protocol"); p != nil && !p.is("ANY", "LATEST") {
		if err := s.tls.floor(p, p.value()); err != nil {
			return err
		}
	}
	if p := sc.get("ssl_protocols"); p != nil {
		s.tls.list(p)
	}
	ciphers := sc.get("ssl_cipher_list")
	s.tls.ciphers(ciphers, ciphers.value())
	r.dovecotClients(s, sc)
	return nil
}

// keyBeside guesses the file of a key by that of its certificate.
func keyBeside(cert string) string {
	for _, pair := range [][2]string{{"fullchain.pem", "privkey.pem"}, {"/certs/", "/private/"}, {".crt", ".key"}} {
		if strings.Contains(cert, pair[0]) {
			return strings.Replace(cert, pair[0], pair[1], 1)
		}
	}
	return cert
}

// list reads versions as Dovecot and Postfix list them: TLSv1.2, !TLSv1.1,
// >=TLSv1.2.
func (t *tlsFacts) list(s *setting) {
	var named, excluded []string
	for word := range strings.FieldsFuncSeq(s.value(), func(c rune) bool { return strings.ContainsRune(" ,:", c) }) {
		switch {
		case strings.HasPrefix(word, "!"):
			excluded = append(excluded, word[1:])
		case strings.HasPrefix(word, ">="):
			_ = t.floor(s, word[2:]) // an unknown version is newer than all
		case strings.HasPrefix(word, "<="):
			_ = t.ceiling(s, word[2:])
		default:
			named = append(named, word)
		}
	}
	if len(excluded) > 0 {
		t.without(s, excluded)
	}
	if len(named) > 0 {
		t.versions(s, named)
	}
}

// dovecotClients reads whether clients show certificates.
func (r *reader) dovecotClients(s *service, sc scope) {
	ca := sc.get("ssl_ca")
	if ca == nil {
		ca = sc.get("ssl_server_ca_file")
	}
	asks := sc.get("ssl_verify_client_cert").yes() || sc.get("ssl_server_request_client_cert").yes()
	require := sc.get("auth_ssl_require_client_cert")
	switch {
	case require.yes() && ca != nil:
		s.set("client_certificates", "require")
		s.set("client_ca", "%s", yamltext.String(fileOf(ca)))
	case require.yes():
		s.note(r, require, Weak, "clients had to show a certificate: write client_certificates: require, and client_ca")
	case asks:
		s.set("client_certificates", "request")
		if ca != nil {
			s.set("client_ca", "%s", yamltext.String(fileOf(ca)))
		}
	}
}
