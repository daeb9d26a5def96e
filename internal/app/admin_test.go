package app

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letterlock/letterlock/internal/admin"
	"github.com/letterlock/letterlock/internal/observe"
	"github.com/letterlock/letterlock/internal/test/wait"
)

const administeredText = `
certificates: [{cert: cert.pem, key: key.pem}]
probe: false
listeners:
  - {service: imaps, listen: "{host}:0", backend: "{imap}"}
  - {service: smtp, listen: "{host}:0", backend: "{smtp}", recipients: [example.com], greet_delay: 0s, reverse_dns: false}
  - {service: pop3s, listen: "{host}:0", backend: "{pop3}"}
`

// mailClient is a client with a line reader.
type mailClient struct {
	*testing.T
	net.Conn
	lines *bufio.Reader
}

func (w *world) newClient(listener int, implicit bool) *mailClient {
	w.Helper()
	conn, err := net.Dial("tcp", w.Addresses()[listener].String())
	if err != nil {
		w.Fatal(err)
	}
	if implicit {
		conn = tls.Client(conn, &tls.Config{RootCAs: w.ca.Pool, ServerName: "mail.example.com"})
	}
	w.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &mailClient{w.T, conn, bufio.NewReader(conn)}
}

func (c *mailClient) ask(command, want string) {
	c.Helper()
	if command != "" {
		if _, err := io.WriteString(c.Conn, command+"\r\n"); err != nil {
			c.Fatal(err)
		}
	}
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			c.Fatalf("%s: no %q: %v", command, want, err)
		}
		if strings.HasPrefix(line, want) {
			return
		}
	}
}

// ended waits for the end of the connection, and returns what came before.
func (c *mailClient) ended() string {
	c.Helper()
	said, err := io.ReadAll(c.lines)
	if err != nil {
		c.Error(err)
	}
	return string(said)
}

func (w *world) administered() administered { return administered{w.Proxy} }

func (w *world) openSessions() (all []observe.Open) {
	w.administered().EachSession(func(o *observe.Open) { all = append(all, *o) })
	return all
}

// A session that is ended gets the goodbye of its protocol, and the others stay. The
// list shows what each does.
func TestKick(t *testing.T) {
	t.Parallel()
	w := newWorld(t, administeredText)
	alice, other := w.newClient(0, true), w.newClient(0, true)
	for _, c := range []*mailClient{alice, other} {
		c.ask("", "* OK")
	}
	alice.ask("a LOGIN demo demo", "a OK")
	pop := w.newClient(2, true)
	pop.ask("", "+OK")
	wait.Until(t, "the login is not shown", func() bool {
		for _, o := range w.openSessions() {
			if o.User == "demo" && o.TLS != nil && o.Policy == "strict" && o.Received > 0 && !o.Moved.IsZero() {
				return true
			}
		}
		return false
	})
	demo := func(o *observe.Open) bool { return o.User == "demo" }
	if n := w.administered().Kick(demo); n != 1 {
		t.Errorf("%d sessions were ended", n)
	}
	if said := alice.ended(); !strings.HasPrefix(said, "* BYE ") {
		t.Errorf("IMAP: %q", said)
	}
	wait.Until(t, "the outcome is not logged", func() bool { return strings.Contains(w.log.String(), "outcome=kicked") })
	other.ask("b NOOP", "b OK")
	if n := w.administered().Kick(func(o *observe.Open) bool { return o.Listener.Service == "pop3s" }); n != 1 {
		t.Errorf("%d sessions were ended", n)
	}
	if said := pop.ended(); !strings.HasPrefix(said, "-ERR ") {
		t.Errorf("POP3: %q", said)
	}
	wait.Until(t, "sessions that have ended are listed", func() bool { return len(w.openSessions()) == 1 })
	if n := w.administered().Kick(demo); n != 0 {
		t.Errorf("%d sessions that have ended were ended", n)
	}
}

// A message that is under way is finished, and the session ends after the backend's
// verdict.
func TestKickWaitsForTheMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, administeredText)
	c := w.newClient(1, false)
	c.ask("", "220 ")
	for _, step := range [][2]string{{"EHLO client.example.net", "250 "}, {"MAIL FROM:<a@example.net>", "250 "}, {"RCPT TO:<b@example.com>", "250 "}, {"DATA", "354 "}} {
		c.ask(step[0], step[1])
	}
	all := func(*observe.Open) bool { return true }
	wait.Until(t, "the session is not listed", func() bool { return w.administered().Kick(all) == 1 })
	c.ask("Subject: hello\r\n\r\nhello\r\n.", "250 ")
	if said := c.ended(); !strings.HasPrefix(said, "421 4.3.2 The administrator has ended this session") {
		t.Errorf("%q", said)
	}
}

// A drained backend gets no new sessions and keeps those that it has, through a
// reload and an upgrade.
func TestDrainedBackend(t *testing.T) {
	t.Parallel()
	w := newWorld(t, administeredText)
	a, address := w.administered(), w.backends.IMAP()
	kept := w.newClient(0, true)
	kept.ask("", "* OK")
	kept.ask("a LOGIN demo demo", "a OK")
	if a.DrainBackend("192.0.2.1:143", true) {
		t.Error("an unknown address is drained")
	}
	if !a.DrainBackend(address, true) {
		t.Fatal("the address is not known")
	}
	w.Reload()
	b := a.Backends()[0]
	if b.Address != address || b.State != admin.Drained || b.Sessions != 1 || len(b.Services) != 1 || b.Services[0] != "imaps" {
		t.Errorf("%+v", b)
	}
	refused := w.newClient(0, true)
	if said := refused.ended(); !strings.HasPrefix(said, "* BYE [UNAVAILABLE]") {
		t.Errorf("%q", said)
	}
	kept.ask("b NOOP", "b OK")
	wait.Until(t, "the refused session has no line", func() bool { return strings.Contains(w.log.String(), "outcome=backend-drained") })
	if text := w.log.String(); strings.Contains(text, "level=ERROR") || strings.Count(text, "all addresses of a backend are drained") != 1 {
		t.Errorf("the log has an error, or not one warning:\n%s", text)
	}

	passed, err := w.State()
	if err != nil {
		t.Fatal(err)
	}
	next := newWorld(t, strings.Replace(administeredText, "{imap}", address, 1))
	if err := next.Restore(passed); err != nil {
		t.Fatal(err)
	}
	if b := next.administered().Backends()[0]; b.State != admin.Drained {
		t.Errorf("after an upgrade: %+v", b)
	}
	if !a.DrainBackend(address, false) || a.Backends()[0].State != admin.Up {
		t.Error("the address is not brought back")
	}
	back := w.newClient(0, true)
	back.ask("", "* OK")
}

// Failed logins are listed by name, and an administrator releases the user.
func TestFailuresAndForget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, administeredText+"limits: {login_failures_per_user: 2}\ntimeouts: {login_delay: 0s}\n")
	login := func(password, want string) {
		t.Helper()
		c := w.newClient(0, true)
		c.ask("", "* OK")
		c.ask("a LOGIN demo "+password, want)
	}
	login("wrong", "a NO")
	login("wrong", "a NO")
	login("demo", "a NO")
	a := w.administered()
	all := a.Failures()
	if len(all) != 2 || all[0].User+all[1].User != "demo" {
		t.Fatalf("%+v", all)
	}
	for _, f := range all {
		if f.User == "demo" && (f.State != admin.Refused || f.Why == "" || f.Until.IsZero()) {
			t.Errorf("%+v", f)
		}
	}
	if n := a.Forget(netip.Addr{}, "demo"); n != 1 {
		t.Errorf("%d were forgotten", n)
	}
	login("demo", "a OK")
}

// The socket answers requests, is that of a new configuration after a reload, and is
// gone after the end. A path that cannot be used keeps no mail from flowing.
func TestAdminSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, administeredText, func(w *world) { w.socket = true })
	at := func(name string) admin.Client { return admin.Client{Paths: []string{filepath.Join(w.folder, name)}} }
	var status struct{ Hostname string }
	body, err := at("state/admin.sock").Do(t.Context(), "GET", "/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(body).Decode(&status); err != nil || status.Hostname == "" {
		t.Errorf("%+v, %v", status, err)
	}
	_ = body.Close()
	w.configure(administeredText + "admin: {socket: other.sock}\n")
	w.Reload()
	var all admin.Sessions
	if err := at("other.sock").Get(t.Context(), "/sessions", url.Values{"service": {"imaps"}}, &all); err != nil {
		t.Error(err)
	}
	if err := at("state/admin.sock").Get(t.Context(), "/sessions", nil, &all); err == nil {
		t.Error("the socket of the previous configuration answers")
	}
	w.configure(administeredText + "admin: {socket: cert.pem/admin.sock}\n")
	w.Reload()
	if !strings.Contains(w.log.String(), "cannot reach this process") {
		t.Errorf("no warning in the log:\n%s", w.log)
	}
	c := w.newClient(0, true)
	c.ask("", "* OK")
}
