package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/letterlock/letterlock/e2e/world"
)

// subject is a server that is tested, with Letterlock in front of it.
type subject struct {
	product
	*world.Backend
	w     *world.World
	proxy *world.Letterlock
	who   account // the server's only user
}

// newSubject starts the server and Letterlock. They end with the test.
func newSubject(t *testing.T, w *world.World, p product) *subject {
	t.Helper()
	backend, err := w.StartBackend(p.backend)
	if backend != nil && backend.Process != nil {
		atEnd(t, backend.Stop)
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("%s:\n%s", p.name, strings.Join(backend.Log.Since(0), "\n"))
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &subject{product: p, Backend: backend, w: w, who: account{backend.User, backend.Password}}
	secret(s.who.Name, s.who.Password)
	top := ""
	if p.loginNeedsTLS {
		top = fmt.Sprintf("backends:\n  - {name: secure, addresses: ['127.0.0.1:%d'], tls: starttls, server_name: mail.example.com, ca: %s}\n", backend.Port("submission"), shared.caFile)
	}
	s.proxy = s.serve(t, top, s.listeners()...)
	return s
}

// serve starts another instance.
func (s *subject) serve(t *testing.T, top string, listeners ...world.Listener) *world.Letterlock {
	t.Helper()
	l, err := s.w.ServeCustom("probe: false\ntimeouts: {shutdown: 5s}\n"+top, listeners...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listeners returns the listeners that fit the server's protocols.
func (s *subject) listeners() (all []world.Listener) {
	services := map[string][]string{
		"smtp": {"smtp"}, "submission": {"submission", "submissions"}, "imap": {"imap", "imaps"}, "pop3": {"pop3", "pop3s"}, "sieve": {"sieve"},
	}
	for _, protocol := range slices.Sorted(maps.Keys(s.ports)) {
		for _, service := range services[protocol] {
			l := world.Listener{Name: service, Service: service, Backend: s.Port(s.ports[protocol])}
			switch {
			case service == "smtp":
				l.Keys = []string{"recipients: [example.com]"}
			case protocol == "submission" && s.loginNeedsTLS:
				l.Backend, l.Keys = 0, []string{"backend: secure"}
			}
			all = append(all, l)
		}
	}
	return all
}

// try fills the cells. A column that is not tested gets a reason.
func (s *subject) try(t *testing.T) (cells []string) {
	for _, c := range columns {
		cell := "✗"
		t.Run(c.name, func(t *testing.T) {
			if reason := s.lacks[c.name]; reason != "" && !(c.name == handoverColumn && len(s.known()) > 0) {
				t.Logf("%s: %s", lacking, reason)
				cell = lacking
				return
			}
			if said := c.try(s, t); !t.Failed() {
				cell = said
			}
		})
		cells = append(cells, cell)
	}
	return cells
}

// known returns the ways of handing over that the server's version supports.
func (s *subject) known() []handed {
	order := []string{"", "bullseye", "bookworm", "trixie"}
	return slices.DeleteFunc(slices.Clone(s.hands), func(h handed) bool {
		return slices.Index(order, h.since) > slices.Index(order, s.w.Release)
	})
}

// loggedIn logs in at a listener, and fails the test on an error.
func (s *subject) loggedIn(t *testing.T, listener string) *client {
	t.Helper()
	c, in := s.login(t, s.proxy, listener, clientAddress, s.who)
	if !in {
		t.Fatalf("%s: the login is refused", listener)
	}
	return c
}

// login logs in at a listener from an address.
func (s *subject) login(t *testing.T, l *world.Letterlock, listener, from string, a account) (*client, bool) {
	t.Helper()
	c, _ := dialFrom(t, from, l.Address(listener))
	if login := logins[listener]; login != nil {
		return c, login(c, a)
	}
	for _, s := range switches {
		if s.listener == listener {
			c.readUntil(s.greeted)
			c.send(s.hello)
			c.readUntil(s.helloed)
			c.send(s.start)
			c.expect(s.started)
			c.startTLS()
		}
	}
	switch listener {
	case "imap":
		c.send("a LOGIN " + a.Name + " " + a.Password)
		return c, strings.Contains("\n"+c.readUntil("a "), "\na OK")
	case "pop3":
		c.send("USER " + a.Name)
		c.expect("+OK")
		c.send("PASS " + a.Password)
		return c, strings.HasPrefix(c.line(), "+OK")
	}
	c.command("250", "EHLO e2e.example")
	return c, strings.HasPrefix(c.command("", "AUTH PLAIN "+plain(a)), "235")
}
