package app

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/internal/test/loopback"
)

// imapSession is an open IMAP session.
type imapSession struct {
	*tls.Conn
	*bufio.Reader
	t *testing.T
}

func (w *world) login(i int) imapSession {
	w.Helper()
	conn, err := w.dial(i, nil)
	if err != nil {
		w.Fatal(err)
	}
	s := imapSession{conn, bufio.NewReader(conn), w.T}
	s.ask("a LOGIN demo demo", "a OK")
	return s
}

// ask sends a command and waits for a line with a prefix.
func (s imapSession) ask(command, want string) {
	s.t.Helper()
	if _, err := io.WriteString(s.Conn, command+"\r\n"); err != nil {
		s.t.Fatal(err)
	}
	for {
		line, err := s.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if strings.HasPrefix(line, want) {
			return
		}
	}
}

// wantLog checks for texts in the log since the last call.
func (w *world) wantLog(from int, words ...string) {
	w.Helper()
	for _, want := range words {
		if log := w.log.String()[from:]; !strings.Contains(log, want) {
			w.Errorf("no %q in the log:\n%s", want, log)
		}
	}
}

const twoServices = `
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
limits: {connections_per_client: 100}
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
  - {service: pop3s, listen: "{host}:0", backend: "{pop3}"}
`

// All of a configuration is taken over, and no session ends by it.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoServices)
	session, imaps := w.login(0), w.Addresses()[0].String()
	pool := w.now.Load().Listeners[0].Backend
	old := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	if _, err := w.dial(0, old); err != nil {
		t.Fatal(err)
	}
	said := len(w.log.String())
	w.configure(`
hostname: mx.example.com
certificates: [{cert: cert.pem, key: key.pem}]
limits: {connections_per_client: 1}
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}", policy: modern}
  - {service: smtp, listen: "{host}:0", backend: "{smtp}", recipients: [example.com]}
`)
	w.Reload()
	w.wantLog(said, "msg=reloaded listeners=2 files=1", "msg=listening service=smtp", `msg="no longer listening" listener="pop3s on `+loopback.Host()+`:0"`,
		"no certificate is for the hostname mx.example.com")
	session.ask("b NOOP", "b OK")
	if w.Addresses()[0].String() != imaps {
		t.Error("the socket was replaced")
	}
	if _, err := w.dial(0, old); err == nil {
		t.Error("the old policy is in force")
	}
	conn, err := w.dial(0, nil)
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	if err == nil {
		t.Error("the earlier session is not counted")
	}
	if w.now.Load().Listeners[0].Backend == pool {
		t.Error("the checks use the old hostname")
	}
	w.configure(twoServices)
	w.Reload()
	pool = w.now.Load().Listeners[0].Backend
	w.Reload()
	if w.now.Load().Listeners[0].Backend != pool {
		t.Error("the state of the backend was lost")
	}
	if n := pool.State()[0].Sessions; n != 0 {
		t.Errorf("%d sessions at the backend", n)
	}
	session.ask("c NOOP", "c OK")
}

// A message goes on to its end, though its listener is no more, by the rules
// that it began with.
func TestMessageOutlivesItsListener(t *testing.T) {
	t.Parallel()
	const smtp = `
hostname: mail.example.com
certificates: [{cert: cert.pem, key: key.pem}]
listeners:
  - {service: smtp, listen: "{host}:0", backend: "{smtp}", recipients: [example.com]}
`
	w := newWorld(t, smtp)
	address := w.Addresses()[0].String()
	client := w.smtp(0)
	client.pass("EHLO client.example.net", "MAIL FROM:<a@example.net>", "RCPT TO:<you@example.com>", "DATA")
	if _, err := io.WriteString(client.Conn, "Subject: a long story\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	w.configure(strings.Replace(imaps, "{host}:0", "127.0.0.2:0", 1))
	w.Reload()
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the listener is still there")
	}
	for _, command := range []string{"its end\r\n.", "MAIL FROM:<a@example.net>", "RCPT TO:<you@example.com>"} {
		if got := client.write(command); got[0] != '2' {
			t.Errorf("%s: %s", command, got)
		}
	}
	if got := client.write("RCPT TO:<you@elsewhere.example>"); !strings.HasPrefix(got, "550 5.7.1") {
		t.Error(got)
	}
}

// A configuration with errors changes nothing, and log and page say where
// they are.
func TestReloadOfAWrongConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "status: {listen: \"{host}:0\"}\n"+twoServices)
	session := w.login(0)
	for name, c := range map[string]struct {
		text string
		log  []string
		page string
	}{
		"two errors": {
			"hostnam: x\n" + twoServices + "  - {service: imap, backend: \"{imap}\", policy: strictest}\n",
			[]string{`level=ERROR msg="configuration: unknown key \"hostnam\"" at=`, "letterlock.yaml:2:1 ", "letterlock.yaml:10:", "write one of modern, strict"},
			`letterlock.yaml:2:1: unknown key "hostnam" (and 1 error more)`,
		},
		"a file that is missing": {
			strings.Replace(twoServices, "cert.pem", "no.pem", 1), []string{"no.pem", "cannot be read"}, "cannot be read",
		},
		"a file that does not fit": {
			strings.Replace(twoServices, "key.pem", "cert.pem", 1), []string{"has no private key"}, "has no private key",
		},
		"an address that is taken": {
			twoServices + "  - {service: imap, backend: \"{imap}\", listen: \"" + w.page.Addr().String() + "\"}\n",
			[]string{"address already in use"}, "address already in use",
		},
		"an address for the page that is taken": {
			"status: {listen: \"" + w.Addresses()[0].String() + "\"}\n" + twoServices, []string{"status page: "}, "status page: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			before, said := w.now.Load(), len(w.log.String())
			w.configure(c.text)
			w.Reload()
			w.wantLog(said, append(c.log, "the configuration is refused, and the one before stays in force")...)
			if w.now.Load() != before {
				t.Error("the wrong configuration is in force")
			}
			if page := w.metric("letterlock_file_unusable"); !strings.Contains(page, "letterlock.yaml\"} 1") {
				t.Errorf("metrics: %s", page)
			}
			if shown := w.source.shown()[0]; !strings.Contains(shown.Problem, c.page) || shown.Failures == 0 {
				t.Errorf("the page shows %+v", shown)
			}
		})
	}
	w.configure("status: {listen: \"{host}:0\"}\n" + twoServices)
	w.Reload()
	if page := w.metric("letterlock_file_unusable"); !strings.Contains(page, "letterlock.yaml\"} 0") {
		t.Errorf("metrics: %s", page)
	}
	session.ask("b NOOP", "b OK")
}

// metric returns the value of a metric.
func (w *world) metric(name string) string {
	w.Helper()
	res, err := http.Get("http://" + w.page.Addr().String() + "/metrics")
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, name) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// An open relay keeps a configuration from coming into force, and is reported
// when it has become one.
func TestReloadRefusesAnOpenRelay(t *testing.T) {
	t.Parallel()
	relay := newRelay(t)
	listener := func(keys string) string {
		return "certificates: [{cert: cert.pem, key: key.pem}]\nlisteners:\n  - {service: smtp, listen: \"{host}:0\", backend: \"" + relay.Addr().String() + "\", " + keys + "}\n"
	}
	w := newWorld(t, listener("recipients: [example.com]"))
	before, said := w.now.Load(), len(w.log.String())
	w.configure(listener("handover: proxy-v1"))
	w.Reload()
	if w.now.Load() != before {
		t.Error("the dangerous configuration is in force")
	}
	w.wantLog(said, "OPEN RELAY", "a backend failed its probe", "stays in force")
	w.configure(listener("handover: proxy-v1, allow_open_relay: true"))
	w.Reload()
	w.wantLog(said, "msg=reloaded")
}
