package importer

import "strings"

// nginxAuth holds the answers of the authentication server, if that is a location
// of the same nginx with fixed headers.
type nginxAuth struct {
	server *setting
	port   *setting
	ports  map[string]string // by protocol
}

// nginxAuth finds the headers Auth-Server and Auth-Port in the blocks http.
func (r *reader) nginxAuth(roots []*setting) *nginxAuth {
	a := &nginxAuth{ports: map[string]string{}}
	for _, root := range roots {
		for _, s := range root.body {
			if s.name == "http" {
				a.search(s, s)
			}
		}
	}
	return a
}

// search walks through a block.
func (a *nginxAuth) search(block, http *setting) {
	for _, s := range block.body {
		switch {
		case s.name == "add_header" && strings.EqualFold(s.arg(0), "Auth-Server"):
			a.server = s
		case s.name == "add_header" && strings.EqualFold(s.arg(0), "Auth-Port"):
			a.port = s
			if strings.HasPrefix(s.arg(1), "$") {
				a.variable(http, "", strings.Trim(s.arg(1), "${}"))
			}
		}
		a.search(s, http)
	}
}

// variable finds the values of a variable: by a map of the protocol, or by set
// within an if.
func (a *nginxAuth) variable(block *setting, protocol, name string) {
	for _, s := range block.body {
		switch {
		case s.name == "map" && s.arg(0) == "$http_auth_protocol" && s.arg(1) == "$"+name:
			for _, entry := range s.body {
				a.ports[entry.name] = entry.arg(0)
			}
		case s.name == "set" && s.arg(0) == "$"+name:
			if protocol == "" {
				protocol = "default"
			}
			a.ports[protocol] = s.arg(1)
		case s.name == "if":
			a.variable(s, protocolIn(s), name)
		default:
			a.variable(s, protocol, name)
		}
	}
}

// protocolIn returns the protocol that a condition is about.
func protocolIn(condition *setting) string {
	text := strings.Trim(condition.value(), "()")
	if !strings.Contains(text, "$http_auth_protocol") {
		return "?"
	}
	for _, p := range []string{"smtp", "imap", "pop3"} {
		if strings.Contains(text, p) {
			return p
		}
	}
	return "?"
}

// backend returns the mail server for a protocol. Without a fixed answer it has no
// address.
func (a *nginxAuth) backend(protocol string) backend {
	if a.server == nil || strings.HasPrefix(a.server.arg(1), "$") {
		return backend{}
	}
	port := ""
	switch {
	case len(a.ports) > 0:
		if port = a.ports[protocol]; port == "" {
			port = a.ports["default"]
		}
	case a.port != nil:
		port = a.port.arg(1)
	}
	if number := portOf(port); number != 0 {
		return backend{addresses: []string{joined(a.server.arg(1), number)}}
	}
	return backend{addresses: []string{a.server.arg(1)}}
}
