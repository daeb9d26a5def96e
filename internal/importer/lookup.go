package importer

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/internal/yamltext"
)

// lookup is a server that is asked for the backend of each user.
type lookup struct {
	url, timeout string
	certificate  bool // the client's certificate is sent
	headers      []value
}

// nginxLookup sets the lookup of a service: the server of auth_http, unless its answers
// are fixed ones in the same file.
func (r *reader) nginxLookup(s *service, sc scope, auth *nginxAuth) {
	at := sc.get("auth_http")
	if at.value() == "" {
		return
	}
	switch {
	case len(auth.backend(s.name.Protocol()).addresses) > 0:
		r.note(at, Changed, "the backend checks each login itself, in place of the authentication server")
		return
	case !s.login():
		s.note(r, at, Lost, "%s has no lookup of backends: all mail goes to the backend", s.name)
		return
	}
	l := lookup{url: at.arg(0)}
	if !strings.HasPrefix(l.url, "http://") && !strings.HasPrefix(l.url, "unix:") {
		l.url = "http://" + l.url
	}
	if strings.Contains(l.url, "$") {
		s.note(r, at, Lost, "the URL of a lookup has no variables")
		return
	}
	for _, h := range sc.all("auth_http_header") {
		l.headers = append(l.headers, value{h.arg(0), h.arg(1)})
	}
	l.certificate = sc.get("auth_http_pass_client_cert").is("on")
	if t := sc.get("auth_http_timeout"); t != nil {
		l.timeout = r.lookupTimeout(t)
	}
	r.note(at, Check, "it becomes a lookup, which receives the passwords of users as from nginx: remove send_password if it only names the servers. It may name servers in private networks: see networks")
	s.set("lookup", "%s", yamltext.String(r.result.lookupNamed(l)))
}

// longestLookup is the highest timeout of a lookup.
const longestLookup = time.Minute

func (r *reader) lookupTimeout(at *setting) string {
	text, ok := nginxTime(at.value())
	if d, err := time.ParseDuration(text); ok && err == nil && d <= longestLookup {
		return text
	}
	r.note(at, Changed, "a lookup may take at most 1m")
	return "1m"
}

// lookupNamed returns the name of a lookup. Services with equal ones share it.
func (i *Import) lookupNamed(l lookup) string {
	equal := func(o lookup) bool {
		return o.url == l.url && o.timeout == l.timeout && o.certificate == l.certificate && slices.Equal(o.headers, l.headers)
	}
	at := slices.IndexFunc(i.lookups, equal)
	if at < 0 {
		at, i.lookups = len(i.lookups), append(i.lookups, l)
	}
	return "auth-http-" + strconv.Itoa(at+1)
}

func (w *writer) lookups(all []lookup) {
	if len(all) > 0 {
		w.line("lookups:")
	}
	for n, l := range all {
		w.line("  - name: auth-http-%d", n+1)
		w.line("    url: %s", yamltext.String(l.url))
		if l.timeout != "" {
			w.line("    timeout: %s", l.timeout)
		}
		w.line("    send_password: true")
		if l.certificate {
			w.line("    send_certificate: true")
		}
		if len(l.headers) > 0 {
			w.line("    headers:")
		}
		for _, h := range l.headers {
			w.line("      - {name: %s, value: %s}", yamltext.String(h.key), yamltext.String(h.text))
		}
	}
}

// lookupsToPublic reports whether a lookup is asked in plaintext at a public address.
func (i *Import) lookupsToPublic() bool {
	return slices.ContainsFunc(i.lookups, func(l lookup) bool {
		host, _ := hostPort(strings.SplitN(strings.TrimPrefix(l.url, "http://"), "/", 2)[0])
		return !strings.HasPrefix(l.url, "unix:") && configs.PublicHost(host)
	})
}
