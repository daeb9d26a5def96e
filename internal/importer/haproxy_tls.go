package importer

import (
	"path"
	"slices"
	"strings"

	"github.com/letterlock/letterlock/internal/yamltext"
)

// haproxyTLS reads the words of bind, and the defaults for them.
func (r *reader) haproxyTLS(s *service, global, bind *setting, ssl bool) error {
	if !ssl {
		return nil
	}
	base := scope{global}.get("crt-base")
	options := scope{global}.get("ssl-default-bind-options")
	ciphers := scope{global}.get("ssl-default-bind-ciphers")
	cipherList := ciphers.value()
	for _, from := range []*setting{options, bind} {
		if from == nil {
			continue
		}
		for i, word := range from.args {
			next := from.arg(i + 1)
			if word == "crt" {
				next = below(base, from, next)
			}
			if err := r.haproxyTLSWord(s, from, word, next); err != nil {
				return err
			}
			if word == "ciphers" {
				ciphers, cipherList = bind, next
			}
		}
	}
	s.tls.ciphers(ciphers, cipherList)
	r.haproxyClients(s, global, bind)
	return nil
}

func (r *reader) haproxyTLSWord(s *service, at *setting, word, next string) error {
	switch word {
	case "ssl-min-ver":
		return s.tls.floor(at, next)
	case "ssl-max-ver":
		return s.tls.ceiling(at, next)
	case "no-sslv3":
	case "no-tlsv10", "no-tlsv11", "no-tlsv12":
		if v, _ := versionOf(strings.TrimPrefix(word, "no-")); v >= s.tls.min {
			s.tls.from(at).min = v + 1
		}
	case "force-tlsv10", "force-tlsv11", "force-tlsv12", "force-tlsv13":
		v, _ := versionOf(strings.TrimPrefix(word, "force-"))
		s.tls.from(at).min, s.tls.max = v, v
	case "no-tls-tickets":
		if s.given("session_tickets") == "" {
			s.set("session_tickets", "false")
		}
	case "crt":
		if path.Ext(next) == "" || strings.HasSuffix(next, "/") {
			s.note(r, at, Lost, "a folder of certificates is not read: name each file of %s in certificates", next)
			return nil
		}
		s.certs = append(s.certs, certificate{next, next})
	case "crt-list":
		s.note(r, at, Lost, "a list of certificates is not read: name each file of %s in certificates", next)
	case "crl-file":
		s.note(r, at, Weak, reasonCRL)
	}
	return nil
}

// haproxyClients reads whether clients show certificates.
func (r *reader) haproxyClients(s *service, global, bind *setting) {
	word := func(name string) string {
		if i := slices.Index(bind.args, name); i >= 0 {
			return bind.arg(i + 1)
		}
		return ""
	}
	mode := map[string]string{"required": "require", "optional": "request"}[word("verify")]
	if mode == "" {
		return
	}
	s.set("client_certificates", "%s", mode)
	if ca := below(scope{global}.get("ca-base"), bind, word("ca-file")); ca != "" {
		s.set("client_ca", "%s", yamltext.String(ca))
	}
}

// below returns the path of a file. A path that does not begin with / is relative to
// the base that the file sets, or else to the folder of the file. The authorities of the
// system, @system-ca, have no path.
func below(base, at *setting, name string) string {
	switch {
	case name == "@system-ca":
		return ""
	case base == nil || name == "" || strings.HasPrefix(name, "/"):
		return beside(at, name)
	}
	return path.Join(base.value(), name)
}
