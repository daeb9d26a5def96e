package importer

import (
	"slices"
	"strings"
)

// haproxyServerReasons say why words of a server's line are not carried over.
var haproxyServerReasons = map[string]string{
	"crt": "no client certificate is shown to backends", "ciphers": "min_version of a backend sets the suites too", "ciphersuites": reasonTLS13,
	"ssl-max-ver": "the highest version that both have is used", "no-ssl": "TLS is set for all servers of a backend", "socks4": "a backend is reached without a SOCKS proxy",
	"namespace": "a backend is reached from the network of the process", "maxconn": "limits.connections bounds the sessions of all backends",
}

// haproxyHandovers are the words by which a server learns the client's address.
var haproxyHandovers = map[string]string{
	"usesrc": "tproxy", "send-proxy": "proxy-v1", "send-proxy-v2": "proxy-v2", "send-proxy-v2-ssl": "proxy-v2", "send-proxy-v2-ssl-cn": "proxy-v2",
}

// haproxyServers reads the lines of servers: name, address and words. The words of
// default-server hold for all of them. Own is the port of the listener.
func (r *reader) haproxyServers(s *service, back scope, servers []*setting, own int) error {
	for _, server := range servers {
		host, port := hostPort(server.arg(1))
		if host == "" {
			return server.wrong("the server has no host")
		}
		if port == 0 { // the port that the client has connected to
			port = own
		}
		s.backend.addresses = append(s.backend.addresses, joined(host, port))
		for _, block := range slices.Backward(back) {
			for _, given := range block.all("default-server") {
				r.haproxyServerWords(s, back, given, given.args)
			}
		}
		r.haproxyServerWords(s, back, server, server.args[2:])
	}
	balance := back.get("balance")
	s.backend.byClient = balance.is("source")
	for _, source := range back.all("source") {
		r.haproxyServerWords(s, back, source, source.args)
	}
	return nil
}

// haproxyServerWords reads the words of a line that holds for a server.
func (r *reader) haproxyServerWords(s *service, back scope, line *setting, words []string) {
	for i, word := range words {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		if word == "ca-file" {
			next = below(back.get("ca-base"), line, next)
		}
		r.haproxyServerWord(s, line, word, next)
		if h := haproxyHandovers[word]; h != "" && s.given("handover") == "" {
			s.set("handover", "%s", h)
		}
	}
}

// haproxyServerWord reads one word.
func (r *reader) haproxyServerWord(s *service, line *setting, word, next string) {
	switch word {
	case "ssl":
		s.backend.tls = "tls"
	case "verify":
		s.backend.unverified = next == "none"
	case "ca-file":
		s.backend.ca = next
	case "verifyhost", "sni":
		if !strings.Contains(next, "(") {
			s.backend.serverName = strings.TrimPrefix(next, "str:")
		}
	case "ssl-min-ver":
		s.backend.min, _ = versionOf(next)
	case "backup":
		s.note(r, line, Changed, "a backend has no spare servers: this server gets sessions as the others do")
	case "weight":
		s.note(r, line, Changed, "servers have no weights: the server with the fewest connections gets a session")
	case "disabled":
		s.note(r, line, Check, "the server is disabled there: remove its address if that is meant to stay")
	case "crl-file":
		s.note(r, line, Weak, reasonCRL)
	default:
		if reason, ok := haproxyServerReasons[word]; ok {
			s.note(r, line, Lost, "%s: %s", word, reason)
		}
	}
}
