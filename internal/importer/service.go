package importer

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/letterlock/letterlock/configs"
	"github.com/letterlock/letterlock/tlspolicy"
)

// service is a listener, and the server behind it.
type service struct {
	at      *setting // where it begins
	name    configs.Service
	listen  string // host:port
	backend backend
	tls     tlsFacts
	certs   []certificate
	extra   []value // further keys of the listener
	auth    bool    // smtp: clients may log in
	notes   []Note

	recipients []string
	policy     policy
	backendKey string // the address, or the name of the backend
}

type certificate struct{ cert, key string }

// backend is a group of servers, and the way to them.
type backend struct {
	name       string // as the file calls it
	addresses  []string
	tls        string // none if empty, starttls or tls
	unverified bool
	serverName string
	ca         string
	min        tlspolicy.Version // 0: the default
	byClient   bool
}

// named sets the proxy's name, unless the command line has set it.
func (r *reader) named(hostname string) {
	if r.Hostname == "" && strings.Contains(hostname, ".") {
		r.result.hostname = strings.TrimSuffix(hostname, ".")
	}
}

// set adds a key to the listener.
func (s *service) set(key, format string, args ...any) {
	s.extra = append(s.extra, value{key, fmt.Sprintf(format, args...)})
}

// given returns a key of the listener; empty if it is not set.
func (s *service) given(key string) string {
	for _, v := range s.extra {
		if v.key == key {
			return v.text
		}
	}
	return ""
}

// note reports a setting of the service.
func (s *service) note(r *reader, at *setting, k Kind, format string, args ...any) {
	r.note(at, k, format, args...)
	s.notes = append(s.notes, r.result.Notes[len(r.result.Notes)-1])
}

// login reports whether clients log in.
func (s *service) login() bool { return s.name != configs.SMTP || s.auth }

// implicit are the services whose TLS begins with the first byte, and plain those
// with STARTTLS, by protocol. Mail that is submitted has a name of its own.
var (
	implicit = map[string]configs.Service{"smtp": configs.Submissions, "submission": configs.Submissions, "imap": configs.IMAPS, "pop3": configs.POP3S}
	plain    = map[string]configs.Service{"smtp": configs.SMTP, "submission": configs.Submission, "imap": configs.IMAP, "pop3": configs.POP3, "sieve": configs.Sieve}
)

// ports maps the ports of mail to their services.
var ports = map[int]string{
	25: "smtp", 2525: "smtp", 587: "submission", 465: "submission", 143: "imap", 993: "imap", 110: "pop3", 995: "pop3", 4190: "sieve", 2000: "sieve",
	1025: "smtp", 1587: "submission", 1143: "imap", 1110: "pop3", 14190: "sieve",
}

// portNames are the names of these ports in /etc/services.
var portNames = map[string]int{
	"smtp": 25, "mail": 25, "submission": 587, "submissions": 465, "smtps": 465, "ssmtp": 465, "urd": 465,
	"imap": 143, "imap2": 143, "imap4": 143, "imaps": 993, "imap4s": 993, "pop3": 110, "pop-3": 110, "pop3s": 995, "spop3": 995, "sieve": 4190,
}

// portOf reads a port or the name of one; 0: it is neither.
func portOf(text string) int {
	if n, ok := portNames[strings.ToLower(text)]; ok {
		return n
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// hostPort splits an address at its last colon. A text without a colon is a port
// if it looks like one, else a host. Brackets are taken off.
func hostPort(text string) (host string, port int) {
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		if port = portOf(text[i+1:]); port != 0 {
			return strings.Trim(text[:i], "[]"), port
		}
	}
	if port = portOf(text); port != 0 {
		return "", port
	}
	return strings.Trim(text, "[]"), 0
}

// joined writes a host and a port; no host stands for every address.
func joined(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// listens returns the address of a listener. Letterlock takes no names, as a name
// may stand for several addresses.
func (r *reader) listens(s *service, at *setting, host string, port int) string {
	switch ip, err := netip.ParseAddr(host); {
	case host == "" || host == "*" || host == "::" || host == "0.0.0.0":
		return joined("", port)
	case err == nil:
		return joined(ip.String(), port)
	case strings.EqualFold(host, "localhost"):
		return joined("127.0.0.1", port)
	}
	s.note(r, at, Changed, "it listens on every address, as a listener takes no name: write the address of %s", host)
	return joined("", port)
}

// complete fills in what the files leave open.
func (r *reader) complete(s *service) error {
	if r.Backend != "" {
		r.replaceBackend(s)
	}
	if len(s.backend.addresses) == 0 {
		return s.at.wrong("%v: name the mail server with --backend HOST", ErrNoBackend)
	}
	r.completeFiles(s)
	s.policy = r.choose(s)
	r.completeSMTP(s)
	if s.name == configs.SMTP && s.auth {
		s.set("auth", "true")
	}
	if s.name == configs.Submissions && slices.ContainsFunc(s.backend.addresses, func(a string) bool { return strings.HasSuffix(a, ":25") }) {
		s.note(r, s.at, Check, "a client must log in before it sends mail: the backend has to offer AUTH on port 25, or name its port 587")
	}
	if s.backend.tls != "" && s.backend.unverified {
		s.note(r, s.at, Weak, "the certificate of the backend is not verified, as before: an attacker between the two can read everything")
	}
	for _, a := range s.backend.addresses {
		if host, _ := hostPort(a); s.backend.tls == "" && configs.PublicHost(host) {
			s.note(r, s.at, Weak, "%s is a public address, and mail and passwords go there in plaintext, as before", host)
		}
	}
	return nil
}

// completeFiles drops certificates that are not in a PEM file, such as those of a
// token, and those whose file depends on the client.
func (r *reader) completeFiles(s *service) {
	s.certs = slices.DeleteFunc(s.certs, func(c certificate) bool {
		inFile := !strings.ContainsAny(c.cert+c.key, ":$")
		if !inFile {
			s.note(r, s.at, Lost, "the certificate %s: certificates and keys are read from PEM files", withoutSecret(c.cert))
		}
		return !inFile
	})
}

// beside returns the path of a file. A path that does not begin with / is relative
// to the folder of the file that has the setting.
func beside(s *setting, name string) string {
	if name == "" || strings.HasPrefix(name, "/") || strings.ContainsAny(name, ":$") {
		return name
	}
	return filepath.Join(filepath.Dir(s.file), name)
}

// replaceBackend names the mail server of the command line. The port is that of
// the file, if the file names one server.
func (r *reader) replaceBackend(s *service) {
	old := s.backend
	s.backend = backend{addresses: []string{r.Backend}}
	if _, port := hostPort(r.Backend); port != 0 && !strings.HasSuffix(r.Backend, "]") && strings.Contains(r.Backend, ":") {
		return
	}
	if len(old.addresses) == 1 {
		if host, port := hostPort(old.addresses[0]); port != 0 {
			s.backend = old
			s.backend.addresses = []string{joined(strings.Trim(r.Backend, "[]"), port)}
			if host != "" && !strings.EqualFold(host, strings.Trim(r.Backend, "[]")) {
				s.note(r, s.at, Changed, "the backend is %s (--backend) in place of %s", r.Backend, host)
			}
		}
	}
}

// completeSMTP names the recipients of a service that takes mail from the
// public: the backend sees the proxy's address, which it may trust to send mail
// anywhere.
func (r *reader) completeSMTP(s *service) {
	if s.name != configs.SMTP {
		return
	}
	switch h := s.given("handover"); {
	case len(r.Recipients) > 0: // the command line's
		s.recipients = r.Recipients
	case len(s.recipients) > 0:
	case h == "xclient" || h == "proxy-v1" || h == "proxy-v2" || h == "tproxy":
	default:
		s.recipients = configs.OwnDomains(cmp.Or(r.result.hostname, r.Machine, "localhost"))
		s.note(r, s.at, Check, "the files do not name the domains that mail is received for; recipients is a guess by the hostname (--recipients)")
	}
}

// join drops a service that is there already: files name a port for IPv4 and once
// more for IPv6, where Letterlock listens for both.
func (r *reader) join() {
	var kept []*service
	for _, s := range r.result.services {
		i := slices.IndexFunc(kept, func(k *service) bool { return k.listen == s.listen })
		switch {
		case i < 0:
			kept = append(kept, s)
		case kept[i].name != s.name || !slices.Equal(kept[i].backend.addresses, s.backend.addresses):
			r.note(s.at, Lost, "%s is the address of another service (%s:%d)", s.listen, kept[i].at.file, kept[i].at.line)
		}
	}
	r.result.services = kept
}
