package importer

import (
	"slices"
	"strings"
)

const (
	reasonHAProxyRule  = "Letterlock has no rules for connections; limits, exceptions and hide_starttls apply to networks"
	reasonHAProxyCheck = reasonHealth
	reasonHAProxyTime  = "timeouts has a key for each wait"
)

// haproxyReasons say why keywords of HAProxy are not carried over.
var haproxyReasons = map[string]string{
	"chroot": reasonProcess, "user": reasonProcess, "group": reasonProcess, "uid": reasonProcess, "gid": reasonProcess, "daemon": reasonProcess, "pidfile": reasonProcess,
	"nbproc": reasonProcess, "nbthread": reasonProcess, "cpu-map": reasonProcess, "stats": "the key status serves a page and metrics", "log": reasonLog, "log-*": reasonLog,
	"maxconn": "limits.connections bounds the sessions, 10000 by default", "option": "it is an option of HAProxy itself", "no": "it is an option of HAProxy itself", "retries": "a session goes to the next server if one cannot be reached",
	"tune.*":      "Letterlock sets its buffers itself",
	"tcp-request": reasonHAProxyRule, "tcp-response": reasonHAProxyRule, "acl": reasonHAProxyRule, "stick-table": reasonHAProxyRule, "stick": reasonHAProxyRule,
	"use_backend": "a session goes to one backend; routes sends users to others", "tcp-check": reasonHAProxyCheck, "default-server": reasonHAProxyCheck,
	"timeout": reasonHAProxyTime, "errorfile": "replies are those of the protocols", "compression": "TLS compression is never used (CVE-2012-4929)",
	"ssl-default-server-*": "min_version of a backend sets the suites too", "ssl-dh-param-file": reasonDH, "ssl-default-bind-ciphersuites": reasonTLS13, "ssl-default-bind-curves": reasonGroups,
	"mode": "the section is not for mail", "peers": "instances share no state", "resolvers": "names of backends are looked up with each connection", "fullconn": "limits bounds the sessions",
}

// haproxySections are the words that begin a section.
var haproxySections = []string{"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "userlist", "mailers", "program", "cache", "http-errors", "ring", "log-forward", "fcgi-app", "crt-store", "traces", "acme"}

// haproxyFile is a configuration: its sections in their order.
type haproxyFile struct {
	global   *setting
	defaults map[*setting]*setting // those that hold for a section
	sections []*setting
}

// haproxy reads haproxy.cfg.
func (r *reader) haproxy(files []File) error {
	r.reasons = haproxyReasons
	for _, f := range files {
		all, err := r.parseHAProxy(f)
		if err != nil {
			return err
		}
		for _, s := range all.sections {
			if s.name != "frontend" && s.name != "listen" {
				continue
			}
			if err := r.haproxyFront(all, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// haproxyFront makes a service of each address of a section that takes
// connections.
func (r *reader) haproxyFront(all *haproxyFile, front *setting) error {
	sc := scope{front}
	if d := all.defaults[front]; d != nil {
		sc = append(sc, d)
	}
	back, err := r.haproxyBack(all, sc)
	if err != nil {
		return err
	}
	made := false
	binds := front.all("bind")
	if _, port := hostPort(front.arg(1)); port != 0 { // listen NAME ADDRESS:PORT, of old versions
		binds = append(binds, &setting{file: front.file, line: front.line, name: front.name, args: []string{front.arg(1)}})
	}
	for _, bind := range binds {
		for address := range strings.SplitSeq(bind.arg(0), ",") {
			s, err := r.haproxyBind(all, sc, bind, address, back)
			if err != nil {
				return err
			}
			if s != nil {
				made = true
				r.result.services = append(r.result.services, s)
			}
		}
	}
	if !made {
		front.use()
		return nil
	}
	front.used = true
	for _, name := range []string{"default_backend", "mode", "balance", "server"} {
		sc.all(name)
	}
	if back != nil {
		back.used = true
		scope{back, all.defaults[back]}.all("mode")
	}
	return nil
}

// haproxyBack returns the section with the servers of a frontend: itself, or its
// default_backend.
func (r *reader) haproxyBack(all *haproxyFile, sc scope) (*setting, error) {
	if sc[0].name == "listen" {
		return sc[0], nil
	}
	name := sc.get("default_backend")
	if name == nil {
		return nil, nil
	}
	for _, s := range all.sections {
		if s.name == "backend" && s.arg(0) == name.arg(0) {
			return s, nil
		}
	}
	return nil, name.wrong("the backend %q does not exist", name.arg(0))
}

// haproxyBind makes the service of one address. It is nil if that is not for
// mail.
func (r *reader) haproxyBind(all *haproxyFile, sc scope, bind *setting, address string, back *setting) (*service, error) {
	host, port := hostPort(strings.TrimPrefix(strings.TrimPrefix(address, "ipv4@"), "ipv6@"))
	s := &service{at: bind, backend: backend{name: back.arg(0)}}
	servers := back.all("server")
	protocol, serverPort := ports[port], 0
	if len(servers) > 0 {
		_, serverPort = hostPort(servers[0].arg(1))
	}
	if protocol == "" {
		protocol = ports[serverPort]
	}
	ssl := bind.has("ssl")
	passed := !ssl && slices.Contains([]int{993, 995, 465}, port)
	if s.name = plain[protocol]; ssl || passed {
		s.name = implicit[protocol]
	}
	switch web := sc.get("mode").is("http"); {
	case s.name == "" || web:
		bind.used = true
		r.note(bind, Lost, "Letterlock has no such mail service")
		return nil, nil
	case len(servers) == 0:
		r.note(bind, Lost, "it leads to no server (server, default_backend)")
		return nil, nil
	}
	s.listen = r.listens(s, bind, host, port)
	if err := r.haproxyServers(s, scope{back, all.defaults[back], all.global}, servers, port); err != nil {
		return nil, err
	}
	if !ssl {
		r.passThrough(s, bind, passed)
	}
	if bind.has("accept-proxy") {
		s.note(r, bind, Check, "a load balancer sends a PROXY header: write its address in proxy_from")
	}
	return s, r.haproxyTLS(s, all.global, bind, ssl)
}
